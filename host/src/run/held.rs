//! The bound on what batches in flight hold between their operators: a job can make a thousand rows of one.
//!
//! Invariant: what was taken is given back when its batch is done with it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are held, and the most that may be.
#[derive(Debug)]
pub struct Held {
    bytes: AtomicU64,
    limit: u64,
}

/// There is no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows between its operators take more than {} MiB (batch.max-intermediate)", limit >> 20)]
pub struct TooMuch {
    /// The bound in bytes.
    pub limit: u64,
}

impl Held {
    /// Room for `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Held { bytes: AtomicU64::new(0), limit }
    }

    /// Takes room for `bytes` more.
    pub fn take(&self, bytes: u64) -> Result<(), TooMuch> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit { Err(TooMuch { limit: self.limit }) } else { Ok(()) }
    }

    /// Gives room back.
    pub fn give(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
