//! The shuffle: rows go to the worker that owns their key's part.
//!
//! Rows are looked at twice: first to find where each goes and how much goes there, then to copy it, so that nothing is
//! copied a third time because a buffer has to grow.
//!
//! Invariant: every row arrives once, and rows of one key keep their order.

use std::sync::Arc;

use wasmstream_model::batch::{Column, ColumnBuilder, Partitioning, Rows, key_hash};

use super::counters::{Counters, Phase};
use super::packet::Packet;

/// Splits packets by the owners of their keys.
pub struct Splitter {
    partitioning: Partitioning,
    workers: usize,
    counters: Arc<Counters>,
    /// Per row of the packet at hand, the worker that it goes to.
    owners: Vec<u16>,
}

/// How much goes to one worker.
#[derive(Clone, Copy, Default)]
struct Share {
    rows: usize,
    key_bytes: usize,
    value_bytes: usize,
}

impl Splitter {
    /// A splitter for this many workers.
    pub fn new(partitioning: Partitioning, workers: usize, counters: Arc<Counters>) -> Self {
        Splitter { partitioning, workers, counters, owners: Vec::new() }
    }

    /// Gives each worker that owns some of the rows a packet of them.
    pub fn split(&mut self, packet: Packet, mut send: impl FnMut(usize, Packet)) {
        if self.workers == 1 {
            return send(0, packet);
        }
        let started = std::time::Instant::now();
        let Packet { via, chunk, sub, rows, header } = packet;
        let Some(keys) = &rows.keys else { return };
        let shares = self.find_owners(keys, rows.values.as_ref());
        let room = |share: &Share| {
            let keys = ColumnBuilder::with_capacity(share.rows, share.key_bytes);
            (keys, ColumnBuilder::with_capacity(share.rows, share.value_bytes))
        };
        let mut outs: Vec<(ColumnBuilder, ColumnBuilder)> = shares.iter().map(room).collect();
        for (key, owner) in keys.iter().zip(&self.owners) {
            outs[usize::from(*owner)].0.push(key);
        }
        for (value, owner) in rows.values.iter().flat_map(Column::iter).zip(&self.owners) {
            outs[usize::from(*owner)].1.push(value);
        }
        self.counters.add_time(Phase::Shuffle, started.elapsed());
        for (worker, (keys, values)) in outs.into_iter().enumerate().filter(|(_, (keys, _))| keys.rows() > 0) {
            let values = rows.values.is_some().then(|| values.finish());
            let rows = Rows { keys: Some(keys.finish()), values, times: None };
            send(worker, Packet { via, chunk, sub, rows, header: header.clone() });
        }
    }

    fn find_owners(&mut self, keys: &Column, values: Option<&Column>) -> Vec<Share> {
        let mut shares = vec![Share::default(); self.workers];
        self.owners.clear();
        self.owners.reserve(keys.rows as usize);
        for key in keys.iter() {
            let part = self.partitioning.part(self.partitioning.group(key_hash(key)));
            let owner = self.partitioning.owner(part, self.workers);
            shares[owner].rows += 1;
            shares[owner].key_bytes += key.len();
            // There are at most as many owners as parts.
            self.owners.push(owner as u16);
        }
        for (value, owner) in values.into_iter().flat_map(Column::iter).zip(&self.owners) {
            shares[usize::from(*owner)].value_bytes += value.len();
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_row_arrives_once_in_order_and_with_its_value() {
        let mut keys = ColumnBuilder::default();
        let mut values = ColumnBuilder::default();
        for n in 0..10_000_u32 {
            keys.push(format!("key {}", n % 77).as_bytes());
            values.push(&n.to_le_bytes()[..1 + (n % 4) as usize]);
        }
        let rows = Rows { keys: Some(keys.finish()), values: Some(values.finish()), times: None };
        let by_key = |rows: &Rows, all: &mut BTreeMap<Vec<u8>, Vec<Vec<u8>>>| {
            (0..rows.len()).for_each(|i| all.entry(rows.key(i).to_vec()).or_default().push(rows.value(i).to_vec()));
        };
        let (mut expected, mut got) = (BTreeMap::new(), BTreeMap::new());
        by_key(&rows, &mut expected);
        let mut splitter = Splitter::new(Partitioning::default(), 3, Arc::default());
        let mut workers = Vec::new();
        splitter.split(Packet { chunk: 9, rows, ..Packet::default() }, |worker, packet| {
            assert_eq!((packet.chunk, packet.rows.check()), (9, Ok(())));
            workers.push(worker);
            by_key(&packet.rows, &mut got);
        });
        assert_eq!(got, expected);
        assert_eq!(workers, [0, 1, 2]);
    }
}
