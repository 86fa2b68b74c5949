//! The dataflow: operators connected by timely. The only file that names it.
//!
//! A batch is a timestamp. Packets are timely's containers; an edge into a keyed operator exchanges them by key. A batch
//! is complete when the probe behind all sinks has passed it, on all workers everywhere.
//!
//! Invariant: an operator that waits for whole batches sees them one at a time and in order, whatever arrives early.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use timely::Accountable;
use timely::bytes::arc::Bytes;
use timely::communication::Push;
use timely::container::NoopBuilder;
use timely::dataflow::channels::pact::{DistributorPact, Pipeline};
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::channels::{ContainerBytes, Message};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::{Capability, Input, InputCapability, Probe};
use timely::dataflow::{InputHandle, ProbeHandle, Scope, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::worker::Worker;
use wasmstream_model::graph::{Graph, Node};

use super::fault::Fault;
use super::operator::Operator;
use super::packet::Packet;
use super::shared::{Chunk, Shared, Work};
use super::shuffle::Splitter;
use super::wire;

impl Accountable for Packet {
    fn record_count(&self) -> i64 {
        self.len() as i64
    }
}

impl ContainerBytes for Packet {
    fn from_bytes(bytes: Bytes) -> Self {
        // Peers are processes of the same generation that run the same binary and have shown the token.
        wire::read(&bytes).expect("a packet from a peer is whole")
    }

    fn length_in_bytes(&self) -> usize {
        wire::length(self)
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        wire::write(self, writer).expect("timely gives as much room as it was told");
    }
}

struct KeyDistributor(Splitter);

impl Distributor<Packet> for KeyDistributor {
    fn partition<T: Clone, P: Push<Message<T, Packet>>>(&mut self, packet: &mut Packet, time: &T, pushers: &mut [P]) {
        self.0.split(std::mem::take(packet), |worker, mut packet| {
            Message::push_at(&mut packet, time.clone(), &mut pushers[worker]);
        });
    }

    fn flush<T: Clone, P: Push<Message<T, Packet>>>(&mut self, _time: &T, _pushers: &mut [P]) {}
}

/// Makes the operators of a worker.
pub type Factory<'a> = dyn Fn(&Node) -> Box<dyn Operator> + 'a;
/// Makes the splitter of an edge into a keyed operator.
pub type Splitters<'a> = dyn Fn(usize) -> Splitter + 'a;

/// Runs worker threads until the shared queue is closed and all batches are complete, or a fault is noted. `operators` is
/// called on each thread.
pub fn run(
    workers: usize,
    graph: &Arc<Graph>,
    shared: &Arc<Shared>,
    operators: impl Fn(&Node) -> Box<dyn Operator> + Send + Sync + 'static,
    splitter: impl Fn(usize) -> Splitter + Send + Sync + 'static,
) -> Result<(), String> {
    let communication = match workers {
        1 => timely::CommunicationConfig::Thread,
        n => timely::CommunicationConfig::Process(n),
    };
    let config = timely::Config { communication, worker: timely::WorkerConfig::default() };
    let (graph, for_workers) = (Arc::clone(graph), Arc::clone(shared));
    let guards = timely::execute(config, move |worker| {
        for_workers.join(std::thread::current());
        let shared = &for_workers;
        let working = AssertUnwindSafe(|| work(worker, &graph, shared, &operators, &splitter));
        // A panic is a fault of ours. The others are told, so that they do not wait for this worker for ever.
        if let Err(panic) = catch_unwind(working) {
            shared.fail(Fault::Worker(panic_message(panic.as_ref())));
        }
    })?;
    guards.join().into_iter().collect()
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

fn work(worker: &mut Worker, graph: &Graph, shared: &Arc<Shared>, operators: &Factory<'_>, splitter: &Splitters<'_>) {
    let (mut inputs, probe) = build(worker, graph, shared, operators, splitter);
    let mut floor = 0;
    let mut complete = 0;
    while !shared.has_failed() {
        let mut idle = false;
        match shared.take() {
            Work::Chunk(Chunk { batch, source, mut packet }) => {
                advance(&mut inputs, &mut floor, batch);
                inputs[source].send_batch(&mut packet);
            }
            Work::Idle { floor: next } => {
                advance(&mut inputs, &mut floor, next);
                idle = true;
            }
            Work::Closed => break,
        }
        if idle {
            worker.step_or_park(None);
        } else {
            worker.step();
        }
        report(worker, shared, &probe, &mut complete, floor);
    }
    drop(inputs);
    while worker.has_dataflows() {
        worker.step_or_park(None);
    }
    if !shared.has_failed() {
        report(worker, shared, &probe, &mut complete, shared.planned());
    }
}

/// The first worker tells the scheduler how far all of them are.
fn report(worker: &Worker, shared: &Shared, probe: &ProbeHandle<u64>, complete: &mut u64, planned: u64) {
    if worker.index() != 0 {
        return;
    }
    let passed = probe.with_frontier(|frontier| frontier.first().copied().unwrap_or(planned));
    if passed > *complete {
        *complete = passed;
        shared.complete_before(passed);
    }
}

type PacketInput = InputHandle<u64, NoopBuilder<Packet>>;

fn advance(inputs: &mut [PacketInput], floor: &mut u64, to: u64) {
    if to > *floor {
        *floor = to;
        inputs.iter_mut().for_each(|input| input.advance_to(to));
    }
}

fn build(
    worker: &mut Worker,
    graph: &Graph,
    shared: &Arc<Shared>,
    operators: &Factory<'_>,
    splitter: &Splitters<'_>,
) -> (Vec<PacketInput>, ProbeHandle<u64>) {
    let probe = ProbeHandle::new();
    let peers = worker.peers();
    let sources = &graph.spec().sources;
    let mut inputs: Vec<PacketInput> = sources.iter().map(|_| InputHandle::new_with_builder()).collect();
    worker.dataflow::<u64, _, _>(|scope| {
        let mut streams: BTreeMap<u32, Stream<'_, u64, Packet>> = BTreeMap::new();
        for node in graph.order() {
            if let Node::Source(name) = node {
                let number = sources.iter().position(|source| source.name == *name).expect("the order names sources");
                let stream = scope.input_from(&mut inputs[number]);
                streams.extend(graph.edges_out_of(node).map(|(edge, _)| (edge, stream.clone())));
                continue;
            }
            let ins = graph.edges_into(node).map(|(edge, _)| streams[&edge].clone()).collect();
            let outs: Vec<u32> = graph.edges_out_of(node).map(|(edge, _)| edge).collect();
            let splitter = matches!(node, Node::Operator(_)).then_some((splitter, peers));
            let made = add_operator(&scope, node, operators(node), ins, outs.len().max(1), splitter, shared);
            if matches!(node, Node::Sink(_)) {
                made[0].clone().probe_with(&probe);
            }
            streams.extend(outs.into_iter().zip(made));
        }
    });
    (inputs, probe)
}

/// Pulls what has arrived on an input.
type Pull = Box<dyn FnMut(&mut dyn FnMut(InputCapability<u64>, Packet))>;
type Outputs = Rc<RefCell<Vec<OutputBuilder<u64, NoopBuilder<Packet>>>>>;

fn add_operator<'scope>(
    scope: &Scope<'scope, u64>,
    node: &Node,
    operator: Box<dyn Operator>,
    inputs: Vec<Stream<'scope, u64, Packet>>,
    outputs: usize,
    splitter: Option<(&Splitters<'_>, usize)>,
    shared: &Arc<Shared>,
) -> Vec<Stream<'scope, u64, Packet>> {
    let mut builder = OperatorBuilder::new(node.to_string(), *scope);
    let pulls: Vec<Pull> = inputs
        .into_iter()
        .map(|stream| match splitter {
            None => {
                let mut input = builder.new_input(stream, Pipeline);
                Box::new(move |take: &mut dyn FnMut(_, _)| {
                    input.for_each(|cap, packet| take(cap, std::mem::take(packet)));
                }) as Pull
            }
            Some((make, peers)) => {
                let splitter = make(peers);
                let mut input = builder.new_input(stream, DistributorPact(move |_| KeyDistributor(splitter)));
                Box::new(move |take: &mut dyn FnMut(_, _)| {
                    input.for_each(|cap, packet| take(cap, std::mem::take(packet)));
                })
            }
        })
        .collect();
    let (outputs, streams): (Vec<_>, Vec<_>) = (0..outputs).map(|_| builder.new_output::<Packet>()).unzip();
    let outputs: Outputs = Rc::new(RefCell::new(outputs.into_iter().map(OutputBuilder::from).collect()));
    let shared = Arc::clone(shared);
    builder.build(move |capabilities| {
        let mut node = RunningNode {
            held: if operator.waits() { capabilities } else { Vec::new() },
            operator,
            outputs,
            shared,
            current: 0,
            early: BTreeMap::new(),
        };
        let mut pulls = pulls;
        move |frontiers| node.activate(&mut pulls, frontiers)
    });
    streams
}

/// An operator in the dataflow.
struct RunningNode {
    operator: Box<dyn Operator>,
    outputs: Outputs,
    shared: Arc<Shared>,
    /// Where the operator waits for whole batches: the right to emit at `current`.
    held: Vec<Capability<u64>>,
    /// The batch that the operator is at.
    current: u64,
    /// Packets of later batches, by batch: input and packet.
    early: BTreeMap<u64, Vec<(usize, Packet)>>,
}

impl RunningNode {
    fn activate(&mut self, pulls: &mut [Pull], frontiers: &[MutableAntichain<u64>]) {
        for (input, pull) in pulls.iter_mut().enumerate() {
            pull(&mut |cap, packet| self.arrive(&cap, input, packet));
        }
        if self.shared.has_failed() {
            self.held.clear();
            self.early.clear();
            return;
        }
        if !self.operator.waits() {
            return;
        }
        let passed = frontiers.iter().filter_map(|frontier| frontier.frontier().first().copied()).min();
        let passed = passed.unwrap_or_else(|| self.shared.planned());
        while self.current < passed && !self.shared.has_failed() {
            self.finish_current();
        }
        if frontiers.iter().all(|frontier| frontier.frontier().is_empty()) {
            self.held.clear();
        }
    }

    fn arrive(&mut self, cap: &InputCapability<u64>, input: usize, packet: Packet) {
        if self.shared.has_failed() {
            return;
        }
        let batch = *cap.time();
        if self.operator.waits() {
            if batch == self.current {
                self.take_held(input, packet);
            } else {
                self.early.entry(batch).or_default().push((input, packet));
            }
            return;
        }
        let Some(info) = self.shared.batch(batch) else { return };
        let outputs = Rc::clone(&self.outputs);
        let taken = self.operator.take(&info, input, packet, &mut |out, mut packet| {
            outputs.borrow_mut()[out].activate().session_with_builder(cap).give_container(&mut packet);
        });
        if let Err(fault) = taken {
            self.shared.fail(fault);
        }
    }

    /// Takes a packet of the current batch.
    fn take_held(&mut self, input: usize, packet: Packet) {
        let Some(info) = self.shared.batch(self.current) else { return };
        let (outputs, held) = (&self.outputs, &self.held);
        let taken = self.operator.take(&info, input, packet, &mut |out, packet| emit(outputs, held, out, packet));
        if let Err(fault) = taken {
            self.shared.fail(fault);
        }
    }

    fn finish_current(&mut self) {
        if let Some(info) = self.shared.batch(self.current) {
            let (outputs, held) = (&self.outputs, &self.held);
            let finished = self.operator.finish(&info, &mut |out, packet| emit(outputs, held, out, packet));
            if let Err(fault) = finished {
                return self.shared.fail(fault);
            }
        }
        self.current += 1;
        self.held.iter_mut().for_each(|cap| cap.downgrade(&self.current));
        for (input, packet) in self.early.remove(&self.current).unwrap_or_default() {
            self.take_held(input, packet);
        }
    }
}

fn emit(outputs: &Outputs, held: &[Capability<u64>], out: usize, mut packet: Packet) {
    outputs.borrow_mut()[out].activate().session_with_builder(&held[out]).give_container(&mut packet);
}
