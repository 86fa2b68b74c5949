//! The summary of a run, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use super::counters::{Counters, Phase};

/// What a run did. The field names are a contract: programs read them.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The job's name.
    pub job: String,
    /// `completed`, or `stopped` on request. (A run that fails has an error in place of a summary.)
    pub exit: &'static str,
    /// Records read.
    pub records_in: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Rows published.
    pub records_out: u64,
    /// Bytes published.
    pub bytes_out: u64,
    /// Records that sources left out (`records.on-bad = "skip"`).
    pub records_skipped: u64,
    /// Records that failed (`records.on-failure = "dead-letter"`).
    pub records_failed: u64,
    /// Batches published.
    pub batches: u64,
    /// Worker threads.
    pub workers: usize,
    /// Seconds from the start of the program to the end of the run.
    pub wall_s: f64,
    /// Records read per second of `wall_s`.
    pub records_per_s: f64,
    /// Records read per second from the first planned batch to the last published one.
    pub steady_records_per_s: f64,
    /// Half of the batches took at most this many milliseconds from plan to publication.
    pub batch_p50_ms: f64,
    /// 99 of 100 batches took at most this many milliseconds.
    pub batch_p99_ms: f64,
    /// Seconds from the start of the program until the first batch was published.
    pub first_result_s: f64,
    /// The most memory that was resident, in bytes.
    pub peak_rss_bytes: u64,
    /// Keys that have state at the end.
    pub state_keys: u64,
    /// Bytes of keys and state at the end.
    pub state_bytes: u64,
    /// Calls of the guest.
    pub guest_calls: u64,
    /// Seconds by phase, over all threads.
    pub time: PhaseTimes,
    /// XXH3-128 of the output of all batches, by sink.
    pub output_digest: String,
}

/// Seconds by phase, over all threads.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseTimes {
    /// Reading and cutting input.
    pub source_s: f64,
    /// Calls of the guest, the fresh instances included.
    pub guest_s: f64,
    /// Splitting rows by key.
    pub shuffle_s: f64,
    /// Grouping, look-ups, native aggregates.
    pub state_s: f64,
    /// Encoding rows for sinks.
    pub encode_s: f64,
    /// Publishing.
    pub sink_s: f64,
}

impl PhaseTimes {
    /// The times so far.
    pub fn of(counters: &Counters) -> PhaseTimes {
        let seconds = |phase| counters.time(phase).as_secs_f64();
        PhaseTimes {
            source_s: seconds(Phase::Source),
            guest_s: seconds(Phase::Guest),
            shuffle_s: seconds(Phase::Shuffle),
            state_s: seconds(Phase::State),
            encode_s: seconds(Phase::Encode),
            sink_s: seconds(Phase::Sink),
        }
    }
}

/// The time that `of` 100 took at most; zero where there are none.
pub fn percentile(times: &mut [Duration], of: usize) -> Duration {
    times.sort_unstable();
    let place = (times.len() * of).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}

/// The most memory that this process had resident, in bytes.
pub fn peak_rss() -> u64 {
    // SAFETY: getrusage fills the struct that it is given; it fails only for a wrong `who`.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024
}
