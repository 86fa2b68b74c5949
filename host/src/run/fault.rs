//! What stops a run: one error type, with the job's place in it.
//!
//! Invariant: a fault says what happened, where, and has a stable code; the first one is the one that is reported.

use wasmstream_model::schema::DecodeError;
use wasmstream_model::semantics::aggregate::AggregateError;
use wasmstream_model::words::BatchId;

use super::held::TooMuch;
use crate::explain::Code;
use crate::guest::{CallError, ModuleError};
use crate::sink::SinkError;
use crate::source::SourceError;

/// What stops a run.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A call of the guest failed.
    #[error("batch {batch}, {}", at(place, error))]
    Call {
        /// The batch.
        batch: BatchId,
        /// The stage or operator.
        place: String,
        /// Why.
        error: CallError,
    },
    /// A record failed, and the policy is to stop.
    #[error("batch {batch}, {place}: a record failed: {message}; the record: {record}")]
    Record {
        /// The batch.
        batch: BatchId,
        /// The operator, or the stage where the record could not be parsed.
        place: String,
        /// Why.
        message: String,
        /// The record, shortened.
        record: String,
    },
    /// An aggregate has no result.
    #[error("batch {batch}, operator `{operator}`, key {key}: {error}")]
    Aggregate {
        /// The batch.
        batch: BatchId,
        /// The operator.
        operator: String,
        /// The key.
        key: String,
        /// Why.
        error: AggregateError,
    },
    /// Rows for a sink cannot be read.
    #[error("batch {batch}, sink `{sink}`: a row does not fit its schema: {error}")]
    SinkRow {
        /// The batch.
        batch: BatchId,
        /// The sink.
        sink: String,
        /// Why.
        error: DecodeError,
    },
    /// A batch grew beyond its bound.
    #[error("batch {batch}, {place}: {error}")]
    TooLarge {
        /// The batch.
        batch: BatchId,
        /// Where the rows wait.
        place: String,
        /// The bound.
        error: TooMuch,
    },
    /// A source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A sink failed.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The module cannot be run.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The run was not set up right.
    #[error("{message}")]
    Setup {
        /// The code.
        code: Code,
        /// What is wrong.
        message: String,
    },
    /// A worker is gone.
    #[error("a worker thread ended unexpectedly: {0}")]
    Worker(String),
}

/// The error with its place; errors that know their operator name it themselves.
fn at(place: &str, error: &CallError) -> String {
    if error.knows_operator() { error.to_string() } else { format!("{place}: {error}") }
}

impl Fault {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Fault::Call { error, .. } => error.code(),
            Fault::Record { .. } => Code("RECORD_FAILED"),
            Fault::Aggregate { error: AggregateError::Overflow, .. } => Code("STATE_OVERFLOW"),
            Fault::Aggregate { .. } | Fault::SinkRow { .. } => Code("GUEST_BREACH"),
            Fault::TooLarge { .. } => Code("BATCH_TOO_LARGE"),
            Fault::Source(error) => error.code(),
            Fault::Sink(error) => error.code(),
            Fault::Module(error) => error.code(),
            Fault::Setup { code, .. } => *code,
            Fault::Worker(_) => Code("WORKER_LOST"),
        }
    }
}
