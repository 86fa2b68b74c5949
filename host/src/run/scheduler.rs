//! When a batch is cut: a pure function of what has arrived and what time it is.
//!
//! A batch is planned when there is room for it (at most `in_flight` at a time) and it is full, or due, or the input has
//! ended. While there is no room, or the next batch is full, sources are not read: that is the back-pressure.
//!
//! Invariant: batches are planned in order, and never more than `in_flight` are unfinished.

use std::time::Duration;

/// When batches are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cutting {
    /// The time from one batch to the next, where the input comes slowly.
    pub interval: Duration,
    /// The bytes at which a batch is full.
    pub max_bytes: usize,
    /// The most records in a batch.
    pub max_rows: u64,
    /// The most unfinished batches.
    pub in_flight: usize,
    /// All of a bounded input is one batch; only for small input.
    pub whole_input: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A chunk was read.
    Chunk {
        /// Its records.
        rows: u64,
        /// Its bytes.
        bytes: usize,
    },
    /// A source has ended.
    SourceEnded,
    /// A batch is finished.
    BatchDone,
    /// Somebody wants the run to end after what is in flight.
    Stop,
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Wait for the next event, at most this long; read sources or not.
    Wait {
        /// Whether a chunk may be taken.
        take: bool,
        /// For how long at most.
        at_most: Option<Duration>,
    },
    /// Plan a batch of the chunks that arrived, but for the last `hold` ones.
    Plan {
        /// Chunks at the end that go into the next batch.
        hold: usize,
    },
    /// Everything is done.
    Finish,
}

/// The scheduler's state.
#[derive(Clone, Debug)]
pub struct Scheduler {
    cutting: Cutting,
    open_sources: usize,
    /// Records and bytes of the chunks of the open batch.
    open: Vec<(u64, usize)>,
    unfinished: usize,
    last_cut: Option<Duration>,
    stopping: bool,
}

impl Scheduler {
    /// A scheduler for a run over so many sources.
    pub fn new(cutting: Cutting, sources: usize) -> Self {
        Scheduler { cutting, open_sources: sources, open: Vec::new(), unfinished: 0, last_cut: None, stopping: false }
    }

    /// Takes an event that happened at `now` (since the start of the run) and says what to do; called until it says to
    /// wait or to finish.
    pub fn step(&mut self, now: Duration, event: Event) -> Action {
        match event {
            Event::Chunk { rows, bytes } => self.open.push((rows, bytes)),
            Event::SourceEnded => self.open_sources = self.open_sources.saturating_sub(1),
            Event::BatchDone => self.unfinished = self.unfinished.saturating_sub(1),
            Event::Stop => self.stopping = true,
            Event::Tick => {}
        }
        self.decide(now)
    }

    fn decide(&mut self, now: Duration) -> Action {
        let ending = self.stopping || self.open_sources == 0;
        let room = self.unfinished < self.cutting.in_flight;
        let due_in = self.last_cut.map_or(Duration::ZERO, |cut| (cut + self.cutting.interval).saturating_sub(now));
        if self.open.is_empty() {
            if ending && self.unfinished == 0 {
                return Action::Finish;
            }
            return Action::Wait { take: !ending && room, at_most: None };
        }
        let hold = self.beyond_rows();
        let full = hold > 0 || self.is_full();
        let due = due_in.is_zero() && !self.cutting.whole_input;
        if room && (full || ending || due) {
            self.open.drain(..self.open.len() - hold);
            self.unfinished += 1;
            self.last_cut = Some(now);
            return Action::Plan { hold };
        }
        Action::Wait {
            take: !full && !ending && room,
            at_most: (room && !full && !self.cutting.whole_input).then_some(due_in),
        }
    }

    /// How many chunks at the end do not fit the row bound. The first always does: a batch has at least one.
    fn beyond_rows(&self) -> usize {
        let mut rows = 0_u64;
        let fits = self.open.iter().take_while(|(r, _)| {
            let first = rows == 0;
            rows = rows.saturating_add(*r);
            first || rows <= self.cutting.max_rows
        });
        self.open.len() - fits.count()
    }

    fn is_full(&self) -> bool {
        let (rows, bytes) = self.open.iter().fold((0_u64, 0), |(r, b), (rows, bytes)| (r + rows, b + bytes));
        rows >= self.cutting.max_rows || bytes >= self.cutting.max_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn scheduler() -> Scheduler {
        Scheduler::new(
            Cutting { interval: 500 * MS, max_bytes: 100, max_rows: 10, in_flight: 2, whole_input: false },
            1,
        )
    }

    fn chunk(rows: u64, bytes: usize) -> Event {
        Event::Chunk { rows, bytes }
    }

    #[test]
    fn the_first_chunk_is_a_batch_at_once_and_the_next_waits_for_the_interval() {
        let mut s = scheduler();
        assert_eq!(s.step(MS, chunk(1, 1)), Action::Plan { hold: 0 });
        assert_eq!(s.step(MS, Event::Tick), Action::Wait { take: true, at_most: None });
        assert_eq!(s.step(2 * MS, chunk(1, 1)), Action::Wait { take: true, at_most: Some(499 * MS) });
        assert_eq!(s.step(501 * MS, Event::Tick), Action::Plan { hold: 0 });
    }

    #[test]
    fn with_two_unfinished_batches_nothing_is_read() {
        let mut s = scheduler();
        assert_eq!(s.step(MS, chunk(1, 100)), Action::Plan { hold: 0 });
        assert_eq!(s.step(MS, chunk(1, 100)), Action::Plan { hold: 0 });
        assert_eq!(s.step(MS, Event::Tick), Action::Wait { take: false, at_most: None });
        assert_eq!(s.step(MS, Event::BatchDone), Action::Wait { take: true, at_most: None });
    }

    #[test]
    fn a_chunk_beyond_the_row_bound_goes_into_the_next_batch() {
        let mut s = scheduler();
        assert_eq!(s.step(MS, chunk(1, 1)), Action::Plan { hold: 0 });
        assert_eq!(s.step(MS, chunk(6, 1)), Action::Wait { take: true, at_most: Some(500 * MS) });
        assert_eq!(s.step(MS, chunk(6, 1)), Action::Plan { hold: 1 });
        assert_eq!(s.step(MS, Event::SourceEnded), Action::Wait { take: false, at_most: None });
        assert_eq!(s.step(MS, Event::BatchDone), Action::Plan { hold: 0 });
        assert_eq!(s.step(MS, Event::BatchDone), Action::Wait { take: false, at_most: None });
        assert_eq!(s.step(MS, Event::BatchDone), Action::Finish);
    }

    #[test]
    fn a_stop_finishes_what_was_read() {
        let mut s = scheduler();
        s.step(MS, chunk(1, 1));
        s.step(MS, chunk(1, 1));
        assert_eq!(s.step(MS, Event::Stop), Action::Plan { hold: 0 });
        assert_eq!(s.step(MS, Event::BatchDone), Action::Wait { take: false, at_most: None });
        assert_eq!(s.step(MS, Event::BatchDone), Action::Finish);
    }
}
