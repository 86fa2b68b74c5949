//! Running a job: the scheduler plans batches of what sources read, workers run them, and complete batches are published.
//!
//! One thread (this module) reads the clock, plans and publishes; a thread a source reads; worker threads do the rest.
//!
//! Invariant: batches are published one after another, whole, in order.

mod aggregate;
mod counters;
mod dataflow;
mod dead_letter;
mod fault;
mod held;
mod joblog;
mod operator;
mod packet;
mod progress;
mod scheduler;
mod shared;
mod shuffle;
mod sinks;
mod stages;
mod staging;
mod state;
mod summary;
mod touched;
mod update;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};
use wasmstream_model::batch::{Column, Partitioning, Rows};
use wasmstream_model::graph::Node;
use wasmstream_model::words::{BatchId, Millis};
use xxhash_rust::xxh3::Xxh3;

use crate::guest::{Guest, LogLevel};
use crate::sink::{Encoder, Sink};
use crate::source::{Read, Source, SourceChunk, SourceError};
use aggregate::AggregateOperator;
use counters::Phase;
use held::Held;
use operator::{BatchInfo, Env, Operator};
use progress::{Progress, REFRESH};
use scheduler::{Action, Event, Scheduler};
use shared::{Report, Shared};
use sinks::SinkOperator;
use stages::StageOperator;
use update::UpdateOperator;

pub use counters::Counters;
pub use dead_letter::OnFailure;
pub use fault::Fault;
pub use packet::{BLOCK, KeySpan, Packet};
pub use scheduler::Cutting;
pub use shuffle::Splitter;
pub use state::{KeyIndex, SlotId};
pub use summary::Summary;

/// How long a source waits for more before it gives what it has.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long workers get to end after a fault.
const LAST_ORDERS: Duration = Duration::from_secs(10);

/// How a job is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The job's name.
    pub job: String,
    /// Worker threads.
    pub workers: usize,
    /// When batches are cut.
    pub cutting: Cutting,
    /// How keys are spread.
    pub partitioning: Partitioning,
    /// The most bytes that unfinished batches may hold between their operators.
    pub max_intermediate: u64,
    /// Settings by name.
    pub settings: Vec<(String, String)>,
    /// What is done with records that fail.
    pub on_failure: OnFailure,
    /// Which lines of the job's log are shown.
    pub log_level: LogLevel,
    /// Whether no progress line is wanted.
    pub quiet: bool,
    /// The time of day, in milliseconds since 1970.
    pub clock: fn() -> Millis,
}

/// The time of day of this machine.
pub fn system_clock() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// A sink with the encoder for its rows.
pub type OpenSink = (Box<dyn Sink>, Encoder);

/// Runs a job until its sources end, somebody sends to `stop`, or a fault stops it. `sources` stand in the order of the
/// job spec, `sinks` go by name; `started` is when the program was started, for the summary.
pub fn run(
    options: RunOptions,
    guest: Guest,
    sources: Vec<Box<dyn Source>>,
    sinks: BTreeMap<String, OpenSink>,
    stop: &Receiver<()>,
    started: Instant,
) -> Result<Summary, Fault> {
    let (reports_in, reports) = unbounded();
    let shared = Arc::new(Shared::new(reports_in));
    let env = Env {
        graph: Arc::clone(guest.graph()),
        guest,
        partitioning: options.partitioning,
        settings: Arc::new(options.settings.clone()),
        staging: Arc::default(),
        held: Arc::new(Held::new(options.max_intermediate)),
        counters: Arc::default(),
        log: Arc::new(joblog::JobLog::new(options.log_level)),
    };
    let (encoders, sinks): (BTreeMap<_, _>, BTreeMap<_, _>) =
        sinks.into_iter().map(|(name, (sink, encoder))| ((name.clone(), encoder), (name, sink))).unzip();
    let engine = start_engine(&options, &env, encoders, &shared)?;
    let chunks = start_sources(sources, &env.counters)?;
    let mut driver = Driver {
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
        latencies: Vec::new(),
        clock: Instant::now(),
        first_plan: None,
        last_publication: None,
        first_result: None,
        started,
        stopped: false,
    };
    let result = driver.drive(&chunks, &reports, stop);
    driver.progress.clear();
    let fault = driver.end(result, &engine);
    match fault {
        None => Ok(driver.summary()),
        Some(fault) => Err(fault),
    }
}

/// Starts the worker threads; the channel says when they have ended.
fn start_engine(
    options: &RunOptions,
    env: &Env,
    encoders: BTreeMap<String, Encoder>,
    shared: &Arc<Shared>,
) -> Result<Receiver<Result<(), String>>, Fault> {
    let (ended_in, ended) = bounded(1);
    let (workers, partitioning) = (options.workers, options.partitioning);
    let stop_on_failure = options.on_failure == OnFailure::Stop;
    let counters = Arc::clone(&env.counters);
    let (graph, for_engine, for_operators) = (Arc::clone(&env.graph), Arc::clone(shared), env.clone());
    let run = move || {
        let operators = move |node: &Node| make_operator(&for_operators, node, &encoders, stop_on_failure);
        let splitter = move |peers| Splitter::new(partitioning, peers, Arc::clone(&counters));
        // The receiver is gone only when the run was given up.
        let _ = ended_in.send(dataflow::run(workers, &graph, &for_engine, operators, splitter));
    };
    let spawned = std::thread::Builder::new().name("engine".into()).spawn(run);
    spawned.map(|_| ended).map_err(|error| Fault::Worker(format!("cannot start a thread: {error}")))
}

fn make_operator(
    env: &Env,
    node: &Node,
    encoders: &BTreeMap<String, Encoder>,
    stop_on_failure: bool,
) -> Box<dyn Operator> {
    match node {
        Node::Stage(stage) => {
            let inputs = env.graph.edges_into(node).map(|(edge, _)| edge).collect();
            let outputs = env.graph.edges_out_of(node).map(|(edge, _)| edge).collect();
            Box::new(StageOperator::new(env.clone(), *stage, inputs, outputs, stop_on_failure))
        }
        Node::Operator(id) => match env.graph.operator(id) {
            Some((_, spec)) if spec.kind.is_native() => Box::new(AggregateOperator::new(env.clone(), id)),
            _ => Box::new(UpdateOperator::new(env.clone(), id, stop_on_failure)),
        },
        Node::Sink(name) => Box::new(SinkOperator::new(env.clone(), name, encoders[name].clone())),
        Node::Source(_) => unreachable!("sources are inputs of the dataflow"),
    }
}

/// What a source thread has to say.
type FromSource = (usize, Result<Option<SourceChunk>, SourceError>);

fn start_sources(sources: Vec<Box<dyn Source>>, counters: &Arc<Counters>) -> Result<Receiver<FromSource>, Fault> {
    let (sender, chunks) = bounded(2 * sources.len());
    for (number, source) in sources.into_iter().enumerate() {
        let (sender, counters) = (sender.clone(), Arc::clone(counters));
        let thread = std::thread::Builder::new().name(format!("source-{number}"));
        let spawned = thread.spawn(move || read_source(number, source, &sender, &counters));
        spawned.map_err(|error| Fault::Worker(format!("cannot start a thread: {error}")))?;
    }
    Ok(chunks)
}

/// Reads a source until it ends or nobody listens any more.
fn read_source(number: usize, mut source: Box<dyn Source>, sender: &Sender<FromSource>, counters: &Counters) {
    loop {
        let started = Instant::now();
        let read = source.next(PATIENCE);
        let (message, ends) = match read {
            Ok(Read::Idle) => continue,
            Ok(Read::Chunk(chunk)) => {
                counters.add_time(Phase::Source, started.elapsed());
                (Ok(Some(chunk)), false)
            }
            Ok(Read::End) => (Ok(None), true),
            Err(error) => (Err(error), true),
        };
        if sender.send((number, message)).is_err() || ends {
            return;
        }
    }
}

/// The thread that plans and publishes.
struct Driver {
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
    latencies: Vec<Duration>,
    clock: Instant,
    first_plan: Option<Instant>,
    last_publication: Option<Instant>,
    first_result: Option<Duration>,
    started: Instant,
    stopped: bool,
}

impl Driver {
    fn drive(
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
            self.env.counters.add_bytes_in(chunk.pieces.iter().map(|piece| piece.end - piece.start).sum());
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
            self.latencies.push(now - planned);
        }
        self.first_result.get_or_insert_with(|| self.started.elapsed());
        self.last_publication = Some(now);
        self.published += 1;
        Ok(())
    }

    /// Ends the workers; gives the fault that stopped the run, if any did.
    fn end(&mut self, result: Result<(), Fault>, engine: &Receiver<Result<(), String>>) -> Option<Fault> {
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

    fn summary(&mut self) -> Summary {
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
        let (p50, p99) = (summary::percentile(&mut self.latencies, 50), summary::percentile(&mut self.latencies, 99));
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
