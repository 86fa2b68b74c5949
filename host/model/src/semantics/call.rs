//! Calls between host and guest, as plain types: what the WIT package says, without an engine.
//!
//! Invariant: what a guest returns is checked ([`StageResult::check`], [`Updates::check`]) before anything of it is used.

use crate::batch::{Column, ColumnError, Rows};
use crate::graph::{Graph, Layout, Node};
use crate::words::{BatchId, Millis, limits};

/// Everything that a call may know beside its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The micro-batch.
    pub batch: BatchId,
    /// The batch's time.
    pub batch_time: Millis,
    /// No event older than this is expected any more.
    pub watermark: Option<Millis>,
    /// Where the guest stops producing output.
    pub max_output_bytes: u32,
    /// Settings by name.
    pub settings: Vec<(String, String)>,
    /// What else this call may know; unknown names are ignored.
    pub extra: Vec<(String, Vec<u8>)>,
}

impl Context {
    /// The context of a batch, without settings.
    pub fn new(batch: BatchId, batch_time: Millis) -> Context {
        Context {
            batch,
            batch_time,
            watermark: None,
            max_output_bytes: limits::CALL_OUTPUT_BYTES,
            settings: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// The name in [`Context::extra`] of the header record of the CSV rows in a call.
pub const CSV_HEADER: &str = "csv-header";

/// Rows that leave a call on one edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The edge.
    pub edge: u32,
    /// The rows.
    pub rows: Rows,
    /// The row or key of the call's input that each came from, ascending; or empty where the guest does not say.
    pub origins: Vec<u32>,
}

/// A record that could not be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The row or key of the call's input.
    pub row: u32,
    /// The operator that failed; none where the record could not be parsed.
    pub operator: Option<u32>,
    /// Why.
    pub message: String,
}

/// What a stage made of its input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageResult {
    /// How many rows were processed; fewer than given where the output is full.
    pub consumed: u32,
    /// Rows by edge.
    pub outputs: Vec<Output>,
    /// Records that failed.
    pub failures: Vec<Failure>,
}

/// The values of a call's keys that came over one edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouped {
    /// The edge.
    pub edge: u32,
    /// The values of key `i` are rows `starts[i]..starts[i + 1]`.
    pub starts: Vec<u32>,
    /// The rows; their keys are those of the call, so they have none of their own.
    pub rows: Rows,
}

/// Keys to update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    /// The keys.
    pub keys: Column,
    /// Per key: 1 where it has state. (No state is not the same as empty state.)
    pub present: Vec<u8>,
    /// Per key its state; an empty cell where there is none.
    pub states: Column,
    /// New values, by edge.
    pub inputs: Vec<Grouped>,
    /// Timers that expired: key, and the time for which it was set.
    pub timers: Vec<(u32, Millis)>,
    /// Whether more values of the last key come in a further call.
    pub continues: bool,
}

/// What to do with a key's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// Leave it.
    Keep = 0,
    /// Replace it by the next row of the returned states.
    Put = 1,
    /// Remove it.
    Remove = 2,
}

/// What became of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updates {
    /// How many keys were processed; fewer than given where the output is full.
    pub consumed: u32,
    /// Per processed key an [`Action`].
    pub actions: Vec<u8>,
    /// A row for each [`Action::Put`], in order.
    pub states: Column,
    /// Rows by edge.
    pub outputs: Vec<Output>,
    /// Timers: key, and the time to set it to, or none to clear it.
    pub timers: Vec<(u32, Option<Millis>)>,
    /// Keys that failed.
    pub failures: Vec<Failure>,
}

/// A guest that says that it cannot do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct GuestFailed {
    /// A stable code.
    pub code: String,
    /// What happened.
    pub message: String,
}

/// Why a guest's answer breaks the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// More consumed than given, or nothing.
    #[error("it says that it consumed {consumed} of {given} rows")]
    Consumed {
        /// What it says.
        consumed: u32,
        /// What it was given.
        given: u32,
    },
    /// An output for an edge that does not leave this place.
    #[error("it returned rows for edge {edge}, which does not start here")]
    Edge {
        /// The edge.
        edge: u32,
    },
    /// Two outputs for one edge.
    #[error("it returned rows for edge {edge} twice")]
    EdgeTwice {
        /// The edge.
        edge: u32,
    },
    /// Columns that are damaged.
    #[error("the rows for edge {edge} are damaged: {error}")]
    Rows {
        /// The edge.
        edge: u32,
        /// How.
        error: ColumnError,
    },
    /// Columns missing or too many.
    #[error("the rows for edge {edge} must have {expected} columns")]
    Layout {
        /// The edge.
        edge: u32,
        /// What they must have.
        expected: &'static str,
    },
    /// Origins that do not match their rows.
    #[error("the origins for edge {edge} do not match its rows")]
    Origins {
        /// The edge.
        edge: u32,
    },
    /// A failure, action or timer of a row or key that was not given.
    #[error("it names row {row} of {given}")]
    Row {
        /// The row.
        row: u32,
        /// How many were given.
        given: u32,
    },
    /// The number of actions or of states is wrong.
    #[error("it returned {got} {what} where {expected} belong")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many came.
        got: usize,
        /// How many belong.
        expected: usize,
    },
    /// An action that does not exist.
    #[error("action {0} does not exist")]
    Action(u8),
    /// The state column is damaged.
    #[error("the states are damaged: {0}")]
    States(ColumnError),
}

impl StageResult {
    /// Checks what stage `stage` returned for `given` rows.
    pub fn check(&self, graph: &Graph, stage: u32, given: u32) -> Result<(), Breach> {
        check_consumed(self.consumed, given)?;
        check_outputs(&self.outputs, graph, &Node::Stage(stage), given)?;
        check_failures(&self.failures, given)
    }
}

impl Updates {
    /// Checks what keyed operator `operator` returned for `given` keys.
    pub fn check(&self, graph: &Graph, operator: u32, given: u32) -> Result<(), Breach> {
        check_consumed(self.consumed, given)?;
        let count = |what, got, expected| {
            if got == expected { Ok(()) } else { Err(Breach::Count { what, got, expected }) }
        };
        count("actions", self.actions.len(), self.consumed as usize)?;
        if let Some(action) = self.actions.iter().find(|action| **action > Action::Remove as u8) {
            return Err(Breach::Action(*action));
        }
        let puts = self.actions.iter().filter(|action| **action == Action::Put as u8).count();
        count("states", self.states.rows as usize, puts)?;
        self.states.check().and_then(|()| self.states.check_cells()).map_err(Breach::States)?;
        let id = graph.spec().operators[operator as usize].id.clone();
        check_outputs(&self.outputs, graph, &Node::Operator(id), given)?;
        check_failures(&self.failures, given)?;
        match self.timers.iter().find(|(key, _)| *key >= given) {
            Some((row, _)) => Err(Breach::Row { row: *row, given }),
            None => Ok(()),
        }
    }
}

fn check_consumed(consumed: u32, given: u32) -> Result<(), Breach> {
    let progress = consumed > 0 || given == 0;
    if consumed <= given && progress { Ok(()) } else { Err(Breach::Consumed { consumed, given }) }
}

fn check_failures(failures: &[Failure], given: u32) -> Result<(), Breach> {
    match failures.iter().find(|failure| failure.row >= given) {
        Some(failure) => Err(Breach::Row { row: failure.row, given }),
        None => Ok(()),
    }
}

fn check_outputs(outputs: &[Output], graph: &Graph, from: &Node, given: u32) -> Result<(), Breach> {
    for (n, output) in outputs.iter().enumerate() {
        let edge = output.edge;
        let spec = graph.spec().edges.get(edge as usize).filter(|spec| spec.from == *from);
        let spec = spec.ok_or(Breach::Edge { edge })?;
        if outputs[..n].iter().any(|other| other.edge == edge) {
            return Err(Breach::EdgeTwice { edge });
        }
        let columns = || output.rows.keys.iter().chain(&output.rows.values);
        let checked = output.rows.check().and_then(|()| columns().try_for_each(Column::check_cells));
        checked.map_err(|error| Breach::Rows { edge, error })?;
        let (keys, values) = (output.rows.keys.is_some(), output.rows.values.is_some());
        if (keys, values) != (spec.layout.has_keys(), spec.layout.has_values()) {
            let expected = match spec.layout {
                Layout::Values => "value",
                Layout::Pairs => "key and value",
                Layout::Keys => "key",
            };
            return Err(Breach::Layout { edge, expected });
        }
        let origins = &output.origins;
        let Some(last) = origins.last() else { continue };
        if origins.len() != output.rows.len() || !origins.is_sorted() || *last >= given {
            return Err(Breach::Origins { edge });
        }
    }
    Ok(())
}
