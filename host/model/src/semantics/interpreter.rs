//! The reference interpreter: runs a job batch by batch on one thread, in the plainest way that is right.
//!
//! The native test runner of the SDK is this interpreter with the author's closures under it; the engine is held
//! against it in tests. It is written to be read, not to be fast.
//!
//! Order, which the engine must keep: rows reach a keyed operator by (edge, chunk, index); its keys are updated by (key
//! group, encoded key), data first; timers that still stand and are due follow by (part, time, key group, key); what it
//! emits goes on in that order.

use std::collections::BTreeMap;

use super::aggregate::{Accumulator, AggregateError, Function};
use super::call::{Action, Breach, Context, Failure, Grouped, GuestFailed, KeySet, Output, StageResult, Updates};
use crate::batch::{Column, ColumnBuilder, Partitioning, Rows, RowsBuilder, key_hash};
use crate::graph::{Graph, Kind, Layout, Node};
use crate::words::{BatchId, Millis};

/// The guest's side of the contract.
pub trait Logic {
    /// Runs a stage over rows that came in on `edge`.
    fn run_stage(&mut self, stage: u32, ctx: &Context, edge: u32, rows: &Rows) -> Result<StageResult, GuestFailed>;
    /// Updates keys of an operator.
    fn update_state(&mut self, operator: u32, ctx: &Context, work: &KeySet) -> Result<Updates, GuestFailed>;
}

/// Why a batch could not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterpreterError {
    /// The guest gave up.
    #[error("{place}: {error}")]
    Guest {
        /// The stage or operator.
        place: Node,
        /// What it said.
        error: GuestFailed,
    },
    /// The guest broke the contract.
    #[error("{place} broke the contract: {breach}")]
    Breach {
        /// The stage or operator.
        place: Node,
        /// How.
        breach: Breach,
    },
    /// An aggregate has no result.
    #[error("operator:{operator}: {error}")]
    Aggregate {
        /// The operator.
        operator: String,
        /// Why.
        error: AggregateError,
    },
}

/// What a batch gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOutput {
    /// Rows by sink, in order.
    pub sinks: BTreeMap<String, Vec<Rows>>,
    /// Records that failed.
    pub failures: Vec<Failure>,
}

/// A key's state in guest bytes, and its timer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    state: Option<Vec<u8>>,
    timer: Option<Millis>,
}

/// A running job: its graph, its logic, and all of its state.
pub struct Interpreter<L> {
    graph: Graph,
    logic: L,
    partitioning: Partitioning,
    settings: Vec<(String, String)>,
    next_batch: u64,
    /// Per operator: (key group, key) to state.
    keyed: BTreeMap<String, BTreeMap<(u32, Vec<u8>), Entry>>,
}

impl<L: Logic> Interpreter<L> {
    /// A job without state.
    pub fn new(graph: Graph, logic: L, settings: Vec<(String, String)>) -> Self {
        let partitioning = Partitioning::default();
        Interpreter { graph, logic, partitioning, settings, next_batch: 0, keyed: BTreeMap::new() }
    }

    /// The job's graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The state of an operator, by encoded key.
    pub fn state(&self, operator: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let entries = self.keyed.get(operator).into_iter().flatten();
        entries.filter_map(|((_, key), entry)| Some((key.clone(), entry.state.clone()?))).collect()
    }

    /// Runs a batch over chunks of rows, each of a source.
    pub fn batch(&mut self, time: Millis, input: &[(String, Rows)]) -> Result<BatchOutput, InterpreterError> {
        let mut ctx = Context::new(BatchId(self.next_batch), time);
        ctx.settings.clone_from(&self.settings);
        self.next_batch += 1;
        let mut flow: BTreeMap<u32, Vec<Rows>> = BTreeMap::new();
        let mut output = BatchOutput::default();
        for node in self.graph.order().to_vec() {
            match &node {
                Node::Source(name) => {
                    for (edge, _) in self.graph.edges_out_of(&node) {
                        let chunks = input.iter().filter(|(source, _)| source == name);
                        flow.entry(edge).or_default().extend(chunks.map(|(_, rows)| rows.clone()));
                    }
                }
                Node::Stage(stage) => self.run_stage(*stage, &node, &ctx, &mut flow, &mut output.failures)?,
                Node::Operator(id) => self.run_keyed(id, &node, &ctx, &mut flow, &mut output.failures)?,
                Node::Sink(name) => {
                    let rows = self.graph.edges_into(&node).filter_map(|(edge, _)| flow.remove(&edge)).flatten();
                    output.sinks.insert(name.clone(), rows.collect());
                }
            }
        }
        Ok(output)
    }

    fn run_stage(
        &mut self,
        stage: u32,
        node: &Node,
        ctx: &Context,
        flow: &mut BTreeMap<u32, Vec<Rows>>,
        failures: &mut Vec<Failure>,
    ) -> Result<(), InterpreterError> {
        let edges: Vec<u32> = self.graph.edges_into(node).map(|(edge, _)| edge).collect();
        for edge in edges {
            for rows in flow.remove(&edge).unwrap_or_default() {
                let mut start = 0;
                while start < rows.len() {
                    let rest = rows.slice(start, rows.len());
                    let given = rest.len() as u32;
                    let result = self.logic.run_stage(stage, ctx, edge, &rest);
                    let result = result.map_err(|error| InterpreterError::Guest { place: node.clone(), error })?;
                    let checked = result.check(&self.graph, stage, given);
                    checked.map_err(|breach| InterpreterError::Breach { place: node.clone(), breach })?;
                    start += result.consumed as usize;
                    failures.extend(result.failures);
                    send(result.outputs, flow);
                }
            }
        }
        Ok(())
    }

    fn run_keyed(
        &mut self,
        id: &str,
        node: &Node,
        ctx: &Context,
        flow: &mut BTreeMap<u32, Vec<Rows>>,
        failures: &mut Vec<Failure>,
    ) -> Result<(), InterpreterError> {
        let arrived = self.gather(node, flow);
        let (number, spec) = self.graph.operator(id).expect("the order names known operators");
        let kind = spec.kind;
        if kind.is_native() {
            let value = spec.value.clone().expect("a valid keyed operator has a value type");
            let function = Function::new(kind, &value).expect("a valid aggregate");
            let rows = self.aggregate(id, &function, arrived);
            let rows = rows.map_err(|error| InterpreterError::Aggregate { operator: id.into(), error })?;
            let edges: Vec<u32> = self.graph.edges_out_of(node).map(|(edge, _)| edge).collect();
            edges.into_iter().for_each(|edge| flow.entry(edge).or_default().push(rows.clone()));
            return Ok(());
        }
        for (key, values) in &arrived {
            let work = self.key_set(id, key, values, None);
            self.update(id, number, node, ctx, key, work, flow, failures)?;
        }
        if kind == Kind::MapWithState {
            for (time, key) in self.due_timers(id, ctx.batch_time) {
                let work = self.key_set(id, &key, &BTreeMap::new(), Some(time));
                self.update(id, number, node, ctx, &key, work, flow, failures)?;
            }
        }
        Ok(())
    }

    /// The values that arrived, per (group, key) and edge, in order.
    #[expect(clippy::type_complexity, reason = "used twice, right here")]
    fn gather(
        &self,
        node: &Node,
        flow: &mut BTreeMap<u32, Vec<Rows>>,
    ) -> BTreeMap<(u32, Vec<u8>), BTreeMap<u32, Vec<Vec<u8>>>> {
        let mut arrived: BTreeMap<(u32, Vec<u8>), BTreeMap<u32, Vec<Vec<u8>>>> = BTreeMap::new();
        for (edge, _) in self.graph.edges_into(node) {
            for rows in flow.remove(&edge).unwrap_or_default() {
                for i in 0..rows.len() {
                    let key = rows.key(i);
                    let group = self.partitioning.group(key_hash(key));
                    let values = arrived.entry((group, key.to_vec())).or_default();
                    values.entry(edge).or_default().push(rows.value(i).to_vec());
                }
            }
        }
        arrived
    }

    #[expect(clippy::type_complexity, reason = "what `gather` gives")]
    fn aggregate(
        &mut self,
        id: &str,
        function: &Function,
        arrived: BTreeMap<(u32, Vec<u8>), BTreeMap<u32, Vec<Vec<u8>>>>,
    ) -> Result<Rows, AggregateError> {
        let entries = self.keyed.entry(id.into()).or_default();
        let mut rows = RowsBuilder::default();
        for (key, values) in arrived {
            let entry = entries.entry(key.clone()).or_default();
            let mut acc: Option<Accumulator> = entry.state.as_deref().map(|s| function.read_state(s)).transpose()?;
            for value in values.values().flatten() {
                match &mut acc {
                    Some(acc) => function.add(acc, value)?,
                    None => acc = Some(function.first(value)?),
                }
            }
            let acc = acc.expect("a key that arrived has a value");
            let (mut state, mut output) = (Vec::new(), Vec::new());
            function.write_state(acc, &mut state)?;
            function.write_output(acc, &mut output)?;
            entry.state = Some(state);
            rows.push(&key.1, &output);
        }
        Ok(Rows { keys: Some(rows.keys.finish()), values: Some(rows.values.finish()), times: None })
    }

    fn due_timers(&self, id: &str, now: Millis) -> Vec<(Millis, (u32, Vec<u8>))> {
        let entries = self.keyed.get(id).into_iter().flatten();
        let due = entries.filter_map(|(key, entry)| Some((entry.timer.filter(|time| *time <= now)?, key.clone())));
        let mut due: Vec<_> = due.collect();
        let parts = self.partitioning;
        due.sort_by(|(t1, k1), (t2, k2)| (parts.part(k1.0), t1, k1).cmp(&(parts.part(k2.0), t2, k2)));
        due
    }

    fn key_set(
        &self,
        id: &str,
        key: &(u32, Vec<u8>),
        values: &BTreeMap<u32, Vec<Vec<u8>>>,
        timer: Option<Millis>,
    ) -> KeySet {
        let entry = self.keyed.get(id).and_then(|entries| entries.get(key)).cloned().unwrap_or_default();
        let inputs = values.iter().map(|(edge, values)| Grouped {
            edge: *edge,
            starts: vec![0, values.len() as u32],
            rows: self.grouped_rows(*edge, values),
        });
        KeySet {
            keys: Column::of([key.1.as_slice()]),
            present: vec![u8::from(entry.state.is_some())],
            inputs: inputs.collect(),
            states: Column::of([entry.state.unwrap_or_default().as_slice()]),
            timers: timer.map(|time| (0, time)).into_iter().collect(),
            continues: false,
        }
    }

    fn grouped_rows(&self, edge: u32, values: &[Vec<u8>]) -> Rows {
        if self.graph.spec().edges[edge as usize].layout == Layout::Keys {
            return Rows::of_values(Column { rows: values.len() as u32, ..Column::default() });
        }
        let mut column = ColumnBuilder::default();
        values.iter().for_each(|value| column.push(value));
        Rows::of_values(column.finish())
    }

    #[expect(clippy::too_many_arguments, reason = "one call of the contract with all that belongs to it")]
    fn update(
        &mut self,
        id: &str,
        number: u32,
        node: &Node,
        ctx: &Context,
        key: &(u32, Vec<u8>),
        work: KeySet,
        flow: &mut BTreeMap<u32, Vec<Rows>>,
        failures: &mut Vec<Failure>,
    ) -> Result<(), InterpreterError> {
        let updates = self.logic.update_state(number, ctx, &work);
        let updates = updates.map_err(|error| InterpreterError::Guest { place: node.clone(), error })?;
        let checked = updates.check(&self.graph, number, 1);
        checked.map_err(|breach| InterpreterError::Breach { place: node.clone(), breach })?;
        let entry = self.keyed.entry(id.into()).or_default().entry(key.clone()).or_default();
        if !work.timers.is_empty() {
            entry.timer = None;
        }
        match updates.actions.first() {
            Some(action) if *action == Action::Put as u8 => entry.state = Some(updates.states.cell(0).to_vec()),
            Some(action) if *action == Action::Remove as u8 => *entry = Entry::default(),
            _ => {}
        }
        if let Some((_, timer)) = updates.timers.last() {
            entry.timer = *timer;
        }
        failures.extend(updates.failures);
        send(updates.outputs, flow);
        Ok(())
    }
}

fn send(outputs: Vec<Output>, flow: &mut BTreeMap<u32, Vec<Rows>>) {
    for output in outputs {
        flow.entry(output.edge).or_default().push(output.rows);
    }
}
