//! The progress line on the standard error, where that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::counters::Counters;

/// How often the line changes.
pub const REFRESH: Duration = Duration::from_millis(200);

/// A line that shows how a run is doing; nothing where there is no terminal.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// A line on the standard error, unless `quiet`.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Progress { bar, started: Instant::now() }
    }

    /// Whether anybody sees it.
    pub fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Shows where the run is.
    pub fn update(&self, batches: u64, counters: &Counters) {
        let (records, seconds) = (counters.records_in(), self.started.elapsed().as_secs_f64());
        self.bar.set_message(format!(
            "batch {batches} · {} records · {}/s · {} keys · {:.0} s",
            HumanCount(records),
            HumanCount((records as f64 / seconds.max(0.001)) as u64),
            HumanCount(counters.state_keys()),
            seconds
        ));
        self.bar.tick();
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
