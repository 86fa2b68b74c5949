//! Declared aggregates, run by the host: one look-up a row, no guest.
//!
//! Invariant: rows whose order matters are taken in the order of their packets, not of their arrival.

use wasmstream_model::batch::{ColumnBuilder, Rows, key_hash};
use wasmstream_model::graph::Node;
use wasmstream_model::schema::Value;
use wasmstream_model::semantics::aggregate::{Accumulator, AggregateError, Function};

use super::counters::Phase;
use super::fault::Fault;
use super::operator::{BatchInfo, Emit, Env, Operator};
use super::packet::{BLOCK, Packet};
use super::state::{KeyIndex, SlotId};
use super::touched::{self, Touched};

/// The bytes at which a packet of results is closed.
const PACKET_BYTES: usize = 1 << 20;

#[derive(Default)]
struct Kept {
    acc: Accumulator,
    /// The key's group.
    group: u32,
    /// The stamp of the batch that last touched the key; 0 for none, so that a new key is known by it.
    touched: u32,
}

/// An aggregate on a worker.
pub struct AggregateOperator {
    env: Env,
    id: String,
    function: Function,
    outputs: usize,
    index: KeyIndex<Kept>,
    touched: Vec<Touched>,
    waiting: Vec<(usize, Packet)>,
    /// Bytes that wait.
    held: u64,
}

impl AggregateOperator {
    /// The aggregate `id` of the job's graph.
    pub fn new(env: Env, id: &str) -> Self {
        let (_, spec) = env.graph.operator(id).expect("the graph names its operators");
        let value = spec.value.as_ref().expect("a keyed operator has a value type");
        let function = Function::new(spec.kind, value).expect("a valid graph has valid aggregates");
        let outputs = env.graph.edges_out_of(&Node::Operator(id.to_owned())).count();
        AggregateOperator {
            env,
            id: id.to_owned(),
            function,
            outputs,
            index: KeyIndex::default(),
            touched: Vec::new(),
            waiting: Vec::new(),
            held: 0,
        }
    }

    fn apply(&mut self, batch: &BatchInfo, packet: &Packet) -> Result<(), (SlotId, AggregateError)> {
        let Some(keys) = &packet.rows.keys else { return Ok(()) };
        let stamp = touched::stamp(batch.id);
        let counts = self.function.is_count();
        let (mut new_keys, mut new_bytes) = (0, 0);
        let mut slots = [0; BLOCK];
        let result = packet.each_block(|block| {
            self.index.slots_of(&keys.data, block, &mut slots);
            for (span, slot) in block.iter().zip(slots) {
                let kept = self.index.payload_mut(slot);
                let new = kept.touched == 0;
                if new {
                    kept.group =
                        self.env.partitioning.group(key_hash(&keys.data[span.start as usize..span.end as usize]));
                    new_keys += 1;
                    new_bytes += i64::from(span.end - span.start) + size_of::<Accumulator>() as i64;
                }
                if kept.touched != stamp {
                    kept.touched = stamp;
                    self.touched.push((kept.group, slot));
                }
                if counts {
                    kept.acc.count_more(1);
                } else if new {
                    kept.acc =
                        self.function.first(packet.rows.value(span.row as usize)).map_err(|error| (slot, error))?;
                } else {
                    self.function
                        .add(&mut kept.acc, packet.rows.value(span.row as usize))
                        .map_err(|error| (slot, error))?;
                }
            }
            Ok(())
        });
        self.env.counters.state_changed(new_keys, new_bytes);
        result
    }

    fn fault(&self, batch: &BatchInfo, slot: SlotId, error: AggregateError) -> Fault {
        let mut cell = Vec::new();
        self.index.append_key(slot, &mut cell);
        let schema = self.env.graph.operator(&self.id).and_then(|(_, spec)| spec.key.clone());
        let key = schema.and_then(|s| Some(Value::read_cell(&s, &cell).ok()?.to_json(&s).to_string()));
        Fault::Aggregate { batch: batch.id, operator: self.id.clone(), key: key.unwrap_or_default(), error }
    }

    fn results(&mut self, batch: &BatchInfo, emit: &mut Emit<'_>) -> Result<(), Fault> {
        touched::sort(&mut self.touched, &self.index);
        for (part, start, end) in touched::parts(&self.touched, self.env.partitioning) {
            let (mut keys, mut values, mut sub) = (ColumnBuilder::default(), ColumnBuilder::default(), 0);
            for at in start..end {
                let (_, slot) = self.touched[at];
                self.index.append_key(slot, keys.open_cell());
                keys.end_cell();
                let acc = self.index.payload(slot).acc;
                let written = self.function.write_output(acc, values.open_cell());
                written.map_err(|error| self.fault(batch, slot, error))?;
                values.end_cell();
                if at + 1 == end || keys.bytes() + values.bytes() > PACKET_BYTES {
                    let rows = Rows { keys: Some(keys.take()), values: Some(values.take()), times: None };
                    let packet = Packet { chunk: part, sub, rows: rows.into(), ..Packet::default() };
                    (0..self.outputs).for_each(|out| emit(out, packet.clone()));
                    sub += 1;
                }
            }
        }
        self.touched.clear();
        Ok(())
    }
}

impl Operator for AggregateOperator {
    fn take(&mut self, batch: &BatchInfo, input: usize, packet: Packet, _emit: &mut Emit<'_>) -> Result<(), Fault> {
        if self.function.is_ordered() {
            let bytes = packet.rows.bytes();
            self.env.hold(batch, || format!("operator `{}`", self.id), bytes)?;
            self.held += bytes as u64;
            self.waiting.push((input, packet));
            return Ok(());
        }
        let env = self.env.clone();
        let applied = env.timed(Phase::State, || self.apply(batch, &packet));
        applied.map_err(|(slot, error)| self.fault(batch, slot, error))
    }

    fn finish(&mut self, batch: &BatchInfo, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let env = self.env.clone();
        env.timed(Phase::State, || {
            let mut waiting = std::mem::take(&mut self.waiting);
            waiting.sort_by_key(|(input, packet)| (*input, packet.order()));
            for (_, packet) in waiting {
                self.apply(batch, &packet).map_err(|(slot, error)| self.fault(batch, slot, error))?;
            }
            env.held.give(std::mem::take(&mut self.held));
            self.results(batch, emit)
        })
    }

    fn waits(&self) -> bool {
        true
    }
}
