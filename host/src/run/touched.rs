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

/// Sorts by key group, then by key.
pub fn sort<P>(touched: &mut [Touched], index: &KeyIndex<P>) {
    let mut sortable: Vec<(u32, u64, SlotId)> =
        touched.iter().map(|(group, slot)| (*group, index.prefix(*slot), *slot)).collect();
    sortable.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| index.compare(a.2, b.2)));
    for (place, (group, _, slot)) in touched.iter_mut().zip(sortable) {
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
