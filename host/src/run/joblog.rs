//! The log of a job: what its guests write, with batch and operator.
//!
//! Invariant: a guest that floods its log costs a bounded number of lines a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use wasmstream_model::words::BatchId;

use crate::guest::{CallReport, LogLevel};

/// The most lines in [`WINDOW`].
const LINES: u64 = 200;
const WINDOW: Duration = Duration::from_secs(1);

/// Writes lines to the standard error.
#[derive(Debug)]
pub struct JobLog {
    least: LogLevel,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    started: Instant,
    lines: u64,
    dropped: u64,
}

impl JobLog {
    /// A log of lines that matter at least this much.
    pub fn new(least: LogLevel) -> Self {
        JobLog { least, window: Mutex::new(Window { started: Instant::now(), lines: 0, dropped: 0 }) }
    }

    /// Writes what a call logged.
    pub fn write(&self, batch: BatchId, report: CallReport) {
        if report.log.is_empty() {
            return;
        }
        let Ok(mut window) = self.window.lock() else { return };
        if window.started.elapsed() > WINDOW {
            if window.dropped > 0 {
                eprintln!("[warn] {} lines of the job's log were dropped", window.dropped);
            }
            *window = Window { started: Instant::now(), lines: 0, dropped: 0 };
        }
        window.dropped += report.log_dropped;
        for line in report.log.into_iter().filter(|line| line.level <= self.least) {
            window.lines += 1;
            if window.lines > LINES {
                window.dropped += 1;
                continue;
            }
            let level = match line.level {
                LogLevel::Error => "error",
                LogLevel::Warn => "warn",
                LogLevel::Info => "info",
                LogLevel::Debug => "debug",
            };
            eprintln!("[{level}] batch {batch}, {}: {}", line.place, line.message);
        }
    }
}
