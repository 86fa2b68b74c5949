//! The keys that a batch touched, in the order in which they are worked off.
//!
//! Invariant: the order is that of key group and encoded key, whatever the order in which the keys came.

use wasmstream_model::batch::Partitioning;
use wasmstream_model::words::BatchId;

use super::state::{KeyIndex, SlotId};

/// A key group and a key in it.
pub type Touched = (u32, SlotId);

/// A batch's mark on the keys that it touched; never 0. Batches that are at work at the same time have different ones.
pub fn stamp(batch: BatchId) -> u32 {
    (batch.0 % u64::from(u32::MAX)) as u32 + 1
}

/// Sorts by key group, then by key: first into groups, which are few, then the keys of each group, which are few too.
pub fn sort<P>(touched: &mut [Touched], index: &KeyIndex<P>) {
    let groups = touched.iter().map(|(group, _)| *group as usize + 1).max().unwrap_or(0);
    let mut next = vec![0_usize; groups + 1];
    touched.iter().for_each(|(group, _)| next[*group as usize + 1] += 1);
    for group in 0..groups {
        next[group + 1] += next[group];
    }
    let mut sorted: Vec<(u32, u64, SlotId)> = vec![(0, 0, 0); touched.len()];
    for (group, slot) in touched.iter() {
        let place = &mut next[*group as usize];
        sorted[*place] = (*group, index.prefix(*slot), *slot);
        *place += 1;
    }
    for bucket in sorted.chunk_by_mut(|a, b| a.0 == b.0) {
        bucket.sort_unstable_by(|a, b| a.1.cmp(&b.1).then_with(|| index.compare(a.2, b.2)));
    }
    for (place, (group, _, slot)) in touched.iter_mut().zip(sorted) {
        *place = (group, slot);
    }
}

/// The runs of keys that belong to one part: (part, first, one past last).
pub fn parts(touched: &[Touched], partitioning: Partitioning) -> Vec<(u32, usize, usize)> {
    let mut runs: Vec<(u32, usize, usize)> = Vec::new();
    for (i, (group, _)) in touched.iter().enumerate() {
        let part = partitioning.part(*group);
        match runs.last_mut() {
            Some((last, _, end)) if *last == part => *end = i + 1,
            _ => runs.push((part, i, i + 1)),
        }
    }
    runs
}
