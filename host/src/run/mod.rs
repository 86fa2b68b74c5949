//! Running a job: the scheduler plans batches of what sources read, workers run them, and complete batches are published.
//!
//! One thread (this module) reads the clock, plans and publishes; a thread a source reads; worker threads do the rest.
//!
//! Invariant: batches are published one after another, whole, in order.

mod aggregate;
mod counters;
mod dataflow;
mod dead_letter;
mod driver;
mod fault;
mod grouping;
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

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use wasmstream_model::batch::Partitioning;
use wasmstream_model::graph::Node;
use wasmstream_model::words::Millis;

use crate::guest::{Guest, LogLevel};
use crate::sink::{Encoder, Sink};
use crate::source::{Read, Source, SourceChunk, SourceError};
use aggregate::AggregateOperator;
use counters::Phase;
use driver::Driver;
use held::Held;
use operator::{Env, Operator};
use shared::Shared;
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
    let mut driver = Driver::new(options, env, shared, sinks, started);
    let result = driver.drive(&chunks, &reports, stop);
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
