//! Staging: output waits here until its batch is complete.
//!
//! Invariant: nothing of a batch is published before all of it is here, and it is published in the order of its packets,
//! whichever worker made them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use wasmstream_model::words::BatchId;

/// What sorts the parts of a sink's output: input edge, then [`super::packet::Packet::order`].
pub type PartOrder = (u32, (u32, u32, u64));

/// A packet's rows, encoded.
#[derive(Debug)]
pub struct Part {
    /// Its place.
    pub order: PartOrder,
    /// The encoded rows.
    pub bytes: Vec<u8>,
    /// The number of rows.
    pub rows: u64,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FailedRecord {
    /// The batch.
    pub batch: u64,
    /// The chunk or part of the batch.
    pub chunk: u32,
    /// Its row there.
    pub row: u64,
    /// The operator, or the stage where the record could not be parsed.
    pub operator: String,
    /// The source that the record was read from; none for what an operator made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why.
    pub message: String,
    /// The record as text, shortened.
    pub record: String,
}

/// The output of a batch.
#[derive(Debug, Default)]
pub struct Staged {
    /// Parts by sink.
    pub sinks: BTreeMap<String, Vec<Part>>,
    /// Records that failed.
    pub failures: Vec<FailedRecord>,
}

/// Output of unfinished batches.
#[derive(Debug, Default)]
pub struct Staging {
    batches: Mutex<BTreeMap<BatchId, Staged>>,
}

impl Staging {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<BatchId, Staged>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a part to a sink's output.
    pub fn add(&self, batch: BatchId, sink: &str, part: Part) {
        let mut batches = self.lock();
        let staged = batches.entry(batch).or_default();
        match staged.sinks.get_mut(sink) {
            Some(parts) => parts.push(part),
            None => {
                staged.sinks.insert(sink.to_owned(), vec![part]);
            }
        }
    }

    /// Adds failed records.
    pub fn add_failures(&self, batch: BatchId, failures: impl IntoIterator<Item = FailedRecord>) {
        self.lock().entry(batch).or_default().failures.extend(failures);
    }

    /// Takes a complete batch's output, in order.
    pub fn take(&self, batch: BatchId) -> Staged {
        let mut staged = self.lock().remove(&batch).unwrap_or_default();
        staged.sinks.values_mut().for_each(|parts| parts.sort_by_key(|part| part.order));
        staged.failures.sort();
        staged
    }
}
