//! The map-side combiner: the values of a key within one call become one before they are shuffled.
//!
//! Invariant: keys leave in the order in which they were first seen, so the output does not depend on a hash.

use hashbrown::HashTable;
use wasmstream_model::batch::{RowsBuilder, key_hash};

/// Keys of one call with their values so far, both encoded.
#[derive(Default)]
pub(crate) struct Combiner {
    index: HashTable<u32>,
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Combiner {
    /// Adds a value to a key: `merge` gets the value so far, or nothing, and replaces it.
    pub(crate) fn add(&mut self, key: &[u8], merge: impl FnOnce(&mut Option<Vec<u8>>)) {
        let Combiner { index, rows, bytes } = self;
        let hash = key_hash(key);
        let mut value;
        if let Some(place) = index.find(hash, |i| rows[*i as usize].0 == key) {
            let slot = &mut rows[*place as usize].1;
            value = Some(std::mem::take(slot));
            merge(&mut value);
            *slot = value.unwrap_or_default();
        } else {
            value = None;
            merge(&mut value);
            let value = value.unwrap_or_default();
            *bytes += key.len() + value.len();
            let place = rows.len() as u32;
            rows.push((key.to_vec(), value));
            index.insert_unique(hash, place, |i| key_hash(&rows[*i as usize].0));
        }
    }

    /// The bytes of keys and values, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends all keys with their values.
    pub(crate) fn into_rows(self, out: &mut RowsBuilder) {
        for (key, value) in self.rows {
            out.push(&key, &value);
        }
    }
}
