//! The shuffle: rows go to the worker that owns their key's part.
//!
//! Invariant: every row arrives once, and rows of one key keep their order.

use wasmstream_model::batch::{Column, ColumnBuilder, Partitioning, Rows, key_hash};

use super::packet::Packet;

/// Splits packets by the owners of their keys.
pub struct Splitter {
    partitioning: Partitioning,
    outs: Vec<Split>,
}

#[derive(Default)]
struct Split {
    keys: ColumnBuilder,
    values: ColumnBuilder,
}

impl Splitter {
    /// A splitter for this many workers.
    pub fn new(partitioning: Partitioning, workers: usize) -> Self {
        Splitter { partitioning, outs: (0..workers).map(|_| Split::default()).collect() }
    }

    /// Gives each worker that owns some of the rows a packet of them.
    pub fn split(&mut self, packet: Packet, mut send: impl FnMut(usize, Packet)) {
        let workers = self.outs.len();
        if workers == 1 {
            return send(0, packet);
        }
        let Packet { via, chunk, sub, rows, header, .. } = packet;
        let (Some(keys), values) = (&rows.keys, &rows.values) else { return };
        let none = Column::default();
        let mut values_iter = values.as_ref().unwrap_or(&none).iter();
        for key in keys.iter() {
            let hash = key_hash(key);
            let part = self.partitioning.part(self.partitioning.group(hash));
            let out = &mut self.outs[self.partitioning.owner(part, workers)];
            out.keys.push(key);
            if let Some(value) = values_iter.next() {
                out.values.push(value);
            }
        }
        for (worker, out) in self.outs.iter_mut().enumerate() {
            if out.keys.rows() == 0 {
                continue;
            }
            let split =
                Rows { keys: Some(out.keys.take()), values: values.is_some().then(|| out.values.take()), times: None };
            send(worker, Packet { via, chunk, sub, rows: split, header: header.clone() });
        }
    }
}
