//! What is counted while a job runs. Workers add, anybody may read.
//!
//! Invariant: counting never decides anything.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading and cutting input.
    Source,
    /// Calls of the guest, the fresh instance included.
    Guest,
    /// Splitting rows by key.
    Shuffle,
    /// Grouping, look-ups, native aggregates, applying updates.
    State,
    /// Encoding rows for sinks.
    Encode,
    /// Publishing.
    Sink,
}

const PHASES: usize = 6;

/// Counters of a run.
#[derive(Debug, Default)]
pub struct Counters {
    nanos: [AtomicU64; PHASES],
    guest_calls: AtomicU64,
    records_in: AtomicU64,
    bytes_in: AtomicU64,
    records_out: AtomicU64,
    bytes_out: AtomicU64,
    records_skipped: AtomicU64,
    records_failed: AtomicU64,
    state_keys: AtomicU64,
    state_bytes: AtomicU64,
}

macro_rules! counter {
    ($($(#[$doc:meta])* $field:ident, $add:ident;)*) => { $(
        $(#[$doc])*
        pub fn $field(&self) -> u64 {
            self.$field.load(Relaxed)
        }

        /// Adds to it.
        pub fn $add(&self, n: u64) {
            self.$field.fetch_add(n, Relaxed);
        }
    )* };
}

impl Counters {
    counter! {
        /// Records read.
        records_in, add_records_in;
        /// Bytes read.
        bytes_in, add_bytes_in;
        /// Rows published.
        records_out, add_records_out;
        /// Bytes published.
        bytes_out, add_bytes_out;
        /// Records that a source left out.
        records_skipped, add_records_skipped;
        /// Records that failed.
        records_failed, add_records_failed;
    }

    /// Adds time to a phase.
    pub fn add_time(&self, phase: Phase, time: Duration) {
        self.nanos[phase as usize].fetch_add(time.as_nanos() as u64, Relaxed);
    }

    /// The time spent on a phase, over all threads.
    pub fn time(&self, phase: Phase) -> Duration {
        Duration::from_nanos(self.nanos[phase as usize].load(Relaxed))
    }

    /// Counts calls and their time.
    pub fn guest_calls(&self, calls: u64, time: Duration) {
        self.guest_calls.fetch_add(calls, Relaxed);
        self.add_time(Phase::Guest, time);
    }

    /// The number of calls.
    pub fn calls(&self) -> u64 {
        self.guest_calls.load(Relaxed)
    }

    /// State has grown or shrunk.
    pub fn state_changed(&self, keys: i64, bytes: i64) {
        // Two's complement: adding a negative number as u64 subtracts.
        self.state_keys.fetch_add(keys as u64, Relaxed);
        self.state_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Keys that have state, over all operators.
    pub fn state_keys(&self) -> u64 {
        self.state_keys.load(Relaxed)
    }

    /// Bytes of keys and state, over all operators.
    pub fn state_bytes(&self) -> u64 {
        self.state_bytes.load(Relaxed)
    }
}
