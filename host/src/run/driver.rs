//! The driver: the thread that reads the clock, plans batches of what sources read, and publishes complete ones.
//!
//! Invariant: batches are published one after another, whole, in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, never, select};
use wasmstream_model::batch::{Column, Rows};
use wasmstream_model::words::{BatchId, Millis};
use xxhash_rust::xxh3::Xxh3;

use super::counters::Phase;
use super::fault::Fault;
use super::operator::{BatchInfo, Env};
use super::packet::Packet;
use super::progress::{Progress, REFRESH};
use super::scheduler::{Action, Event, Scheduler};
use super::shared::{Report, Shared};
use super::summary::{self, Summary};
use super::{FromSource, RunOptions};
use crate::sink::Sink;
use crate::source::SourceChunk;

/// The batches whose latencies are kept for the summary.
const LATENCIES: usize = 100_000;
/// How long workers get to end after a fault.
const LAST_ORDERS: Duration = Duration::from_secs(10);

/// The thread that plans and publishes.
pub(super) struct Driver {
    options: RunOptions,
    env: Env,
    shared: Arc<Shared>,
    scheduler: Scheduler,
    sinks: BTreeMap<String, Box<dyn Sink>>,
    digests: BTreeMap<String, Xxh3>,
    progress: Progress,
    /// Chunks of the open batch: source and rows.
    open: Vec<(usize, SourceChunk)>,
    planned: u64,
    /// All batches before this one are complete.
    complete: u64,
    published: u64,
    last_time: Millis,
    plan_times: BTreeMap<u64, Instant>,
    /// Of the last batches, at most [`LATENCIES`].
    latencies: VecDeque<Duration>,
    clock: Instant,
    first_plan: Option<Instant>,
    last_publication: Option<Instant>,
    first_result: Option<Duration>,
    started: Instant,
    stopped: bool,
}

impl Driver {
    /// A driver of a run that has not begun.
    pub(super) fn new(
        options: RunOptions,
        env: Env,
        shared: Arc<Shared>,
        sinks: BTreeMap<String, Box<dyn Sink>>,
        started: Instant,
    ) -> Driver {
        Driver {
            scheduler: Scheduler::new(options.cutting.clone(), env.graph.spec().sources.len()),
            progress: Progress::new(options.quiet),
            digests: sinks.keys().map(|name| (name.clone(), Xxh3::new())).collect(),
            sinks,
            options,
            env,
            shared,
            open: Vec::new(),
            planned: 0,
            complete: 0,
            published: 0,
            last_time: Millis::MIN,
            plan_times: BTreeMap::new(),
            latencies: VecDeque::new(),
            clock: Instant::now(),
            first_plan: None,
            last_publication: None,
            first_result: None,
            started,
            stopped: false,
        }
    }

    /// Runs until everything is done or something fails.
    pub(super) fn drive(
        &mut self,
        chunks: &Receiver<FromSource>,
        reports: &Receiver<Report>,
        stop: &Receiver<()>,
    ) -> Result<(), Fault> {
        let mut event = Event::Tick;
        loop {
            match self.scheduler.step(self.clock.elapsed(), event) {
                Action::Finish => return Ok(()),
                Action::Plan { hold } => {
                    self.plan(hold);
                    event = Event::Tick;
                }
                Action::Wait { take, at_most } => event = self.wait(take, at_most, chunks, reports, stop)?,
            }
        }
    }

    fn wait(
        &mut self,
        take: bool,
        at_most: Option<Duration>,
        chunks: &Receiver<FromSource>,
        reports: &Receiver<Report>,
        stop: &Receiver<()>,
    ) -> Result<Event, Fault> {
        if self.published < self.complete {
            self.publish(BatchId(self.published))?;
            return Ok(Event::BatchDone);
        }
        if self.progress.is_shown() {
            self.progress.update(self.published, &self.env.counters);
        }
        let refresh = self.progress.is_shown().then_some(REFRESH);
        let timeout = match (at_most, refresh) {
            (None, None) => crossbeam_channel::never(),
            (a, b) => crossbeam_channel::after(a.into_iter().chain(b).min().unwrap_or(REFRESH)),
        };
        let no_chunks = never();
        let chunks = if take { chunks } else { &no_chunks };
        let no_stop = never();
        let stop = if self.stopped { &no_stop } else { stop };
        select! {
            recv(reports) -> report => match report {
                Ok(Report::CompleteBefore(batch)) => {
                    self.complete = batch;
                    Ok(Event::Tick)
                }
                Ok(Report::Failed) | Err(_) => Err(self.take_fault()),
            },
            recv(chunks) -> message => match message {
                Ok((_, Err(error))) => Err(error.into()),
                Ok((_, Ok(None))) | Err(_) => Ok(Event::SourceEnded),
                Ok((source, Ok(Some(chunk)))) => Ok(self.open_chunk(source, chunk)),
            },
            recv(stop) -> _ => {
                self.stopped = true;
                Ok(Event::Stop)
            },
            recv(timeout) -> _ => Ok(Event::Tick),
        }
    }

    fn take_fault(&self) -> Fault {
        self.shared.take_fault().unwrap_or_else(|| Fault::Worker("it left no message".into()))
    }

    fn open_chunk(&mut self, source: usize, chunk: SourceChunk) -> Event {
        self.env.counters.add_records_skipped(chunk.skipped);
        let event = Event::Chunk { rows: u64::from(chunk.rows), bytes: chunk.data.len() + 4 * chunk.offsets.len() };
        self.open.push((source, chunk));
        event
    }

    fn plan(&mut self, hold: usize) {
        let held = self.open.split_off(self.open.len() - hold);
        let chunks = std::mem::replace(&mut self.open, held);
        let id = BatchId(self.planned);
        self.last_time = (self.options.clock)().max(self.last_time.saturating_add(1));
        let info = BatchInfo { id, time: self.last_time, watermark: None };
        let packets = (0..).zip(chunks).map(|(number, (source, chunk))| {
            self.env.counters.add_records_in(u64::from(chunk.rows));
            self.env.counters.add_bytes_in(chunk.data.len() as u64);
            let column = Column { rows: chunk.rows, offsets: chunk.offsets, data: chunk.data };
            let rows = Rows::of_values(column);
            (source, Packet { chunk: number, rows: rows.into(), header: chunk.header, ..Packet::default() })
        });
        self.shared.plan(info, packets.collect::<Vec<_>>());
        let now = Instant::now();
        self.first_plan.get_or_insert(now);
        self.plan_times.insert(id.0, now);
        self.planned += 1;
    }

    fn publish(&mut self, batch: BatchId) -> Result<(), Fault> {
        let started = Instant::now();
        let mut staged = self.env.staging.take(batch);
        self.options.on_failure.keep(batch, &staged.failures)?;
        for (name, sink) in &mut self.sinks {
            let parts = staged.sinks.remove(name).unwrap_or_default();
            let digest = self.digests.get_mut(name).expect("one for each sink");
            digest.update(&batch.0.to_le_bytes());
            let mut pieces = Vec::with_capacity(parts.len());
            for part in parts {
                digest.update(&part.bytes);
                self.env.counters.add_records_out(part.rows);
                self.env.counters.add_bytes_out(part.bytes.len() as u64);
                self.env.held.give(part.bytes.len() as u64);
                pieces.push(part.bytes);
            }
            sink.publish(batch, &pieces)?;
        }
        let now = Instant::now();
        self.env.counters.add_time(Phase::Sink, now - started);
        if let Some(planned) = self.plan_times.remove(&batch.0) {
            if self.latencies.len() == LATENCIES {
                self.latencies.pop_front();
            }
            self.latencies.push_back(now - planned);
        }
        self.first_result.get_or_insert_with(|| self.started.elapsed());
        self.last_publication = Some(now);
        self.published += 1;
        Ok(())
    }

    /// Ends the workers; gives the fault that stopped the run, if any did.
    pub(super) fn end(&mut self, result: Result<(), Fault>, engine: &Receiver<Result<(), String>>) -> Option<Fault> {
        self.progress.clear();
        let fault = match result {
            Ok(()) => {
                self.shared.close();
                None
            }
            Err(fault) => {
                self.shared.fail(Fault::Worker("the run was given up".into()));
                Some(fault)
            }
        };
        let ended = match &fault {
            Some(_) => engine.recv_timeout(LAST_ORDERS).map_err(|error| error.to_string()),
            None => engine.recv().map_err(|error| error.to_string()),
        };
        match (fault, ended) {
            (Some(fault), _) => Some(fault),
            (None, Ok(Ok(()))) => self.shared.take_fault(),
            (None, Ok(Err(message))) => Some(Fault::Worker(message)),
            (None, Err(message)) => Some(Fault::Worker(message)),
        }
    }

    /// What the run did.
    pub(super) fn summary(&mut self) -> Summary {
        let counters = &self.env.counters;
        let wall = self.started.elapsed().as_secs_f64();
        let steady = match (self.first_plan, self.last_publication) {
            (Some(first), Some(last)) => (last - first).as_secs_f64(),
            _ => 0.0,
        };
        let per_second = |seconds: f64| if seconds > 0.0 { counters.records_in() as f64 / seconds } else { 0.0 };
        let mut all = Xxh3::new();
        for (name, digest) in &self.digests {
            all.update(name.as_bytes());
            all.update(&digest.digest128().to_le_bytes());
        }
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let latencies = self.latencies.make_contiguous();
        let (p50, p99) = (summary::percentile(latencies, 50), summary::percentile(latencies, 99));
        Summary {
            job: self.options.job.clone(),
            exit: if self.stopped { "stopped" } else { "completed" },
            records_in: counters.records_in(),
            bytes_in: counters.bytes_in(),
            records_out: counters.records_out(),
            bytes_out: counters.bytes_out(),
            records_skipped: counters.records_skipped(),
            records_failed: counters.records_failed(),
            batches: self.published,
            workers: self.options.workers,
            wall_s: wall,
            records_per_s: per_second(wall),
            steady_records_per_s: per_second(steady),
            batch_p50_ms: millis(p50),
            batch_p99_ms: millis(p99),
            first_result_s: self.first_result.unwrap_or_default().as_secs_f64(),
            peak_rss_bytes: summary::peak_rss(),
            state_keys: counters.state_keys(),
            state_bytes: counters.state_bytes(),
            guest_calls: counters.calls(),
            time: summary::PhaseTimes::of(counters),
            output_digest: format!("{:032x}", all.digest128()),
        }
    }
}
