//! The shuffle: rows go to the worker that owns their key's part. Each worker gets the rows as they are, shared, and the
//! list of those that are its own.
//!
//! Invariant: every row arrives once, and rows of one key keep their order.

use std::sync::Arc;
use std::time::Instant;

use wasmstream_model::batch::{Partitioning, key_hash};

use super::counters::{Counters, Phase};
use super::packet::Packet;

/// Splits packets by the owners of their keys.
pub struct Splitter {
    partitioning: Partitioning,
    /// Per key group, the worker that owns it: looked up, because a division a row is dear.
    owners: Vec<u16>,
    workers: usize,
    counters: Arc<Counters>,
}

impl Splitter {
    /// A splitter for this many workers.
    pub fn new(partitioning: Partitioning, workers: usize, counters: Arc<Counters>) -> Self {
        let owner = |group| partitioning.owner(partitioning.part(group), workers) as u16;
        Splitter { partitioning, owners: (0..partitioning.groups).map(owner).collect(), workers, counters }
    }

    /// Gives each worker that owns some of the rows a packet of them.
    pub fn split(&mut self, packet: Packet, mut send: impl FnMut(usize, Packet)) {
        if self.workers == 1 {
            return send(0, packet);
        }
        let started = Instant::now();
        let Some(keys) = &packet.rows.keys else { return };
        let room = keys.rows as usize / self.workers + keys.rows as usize / 8;
        let mut selected: Vec<Vec<u32>> = (0..self.workers).map(|_| Vec::with_capacity(room)).collect();
        for (row, key) in (0..).zip(keys.iter()) {
            let group = self.partitioning.group(key_hash(key));
            selected[usize::from(self.owners[group as usize])].push(row);
        }
        self.counters.add_time(Phase::Shuffle, started.elapsed());
        for (worker, rows) in selected.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            send(worker, Packet { selected: Some(rows.into()), ..packet.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use wasmstream_model::batch::{ColumnBuilder, Rows};

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
        splitter.split(Packet { chunk: 9, rows: rows.into(), ..Packet::default() }, |worker, packet| {
            assert_eq!((packet.chunk, packet.own_rows().check()), (9, Ok(())));
            assert_eq!(packet.len(), packet.own_rows().len());
            workers.push(worker);
            by_key(&packet.own_rows(), &mut got);
        });
        assert_eq!(got, expected);
        assert_eq!(workers, [0, 1, 2]);
    }
}
