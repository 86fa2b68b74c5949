//! Operators as the engine runs them: plain values that take packets and emit packets.
//!
//! Invariant: an operator knows nothing of threads or of the dataflow engine; it sees one batch at a time, in order.

use std::sync::Arc;
use std::time::Instant;

use wasmstream_model::batch::Partitioning;
use wasmstream_model::graph::Graph;
use wasmstream_model::semantics::call::Context;
use wasmstream_model::words::{BatchId, Millis};

use super::counters::{Counters, Phase};
use super::fault::Fault;
use super::held::Held;
use super::joblog::JobLog;
use super::packet::Packet;
use super::staging::Staging;
use crate::guest::{CallReport, Guest};

/// What a batch runs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInfo {
    /// Its number.
    pub id: BatchId,
    /// Its time.
    pub time: Millis,
    /// Its watermark.
    pub watermark: Option<Millis>,
}

/// Takes what an operator emits: on which of its output edges (by place), and the packet.
pub type Emit<'a> = dyn FnMut(usize, Packet) + 'a;

/// An operator.
pub trait Operator {
    /// Takes a packet that came in on input number `input`.
    fn take(&mut self, batch: &BatchInfo, input: usize, packet: Packet, emit: &mut Emit<'_>) -> Result<(), Fault>;

    /// All packets of the batch have been taken. Called for every batch where [`Operator::waits`] is true, else never.
    fn finish(&mut self, _batch: &BatchInfo, _emit: &mut Emit<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether the operator has something to do at the end of a batch; it then sees one batch after the other.
    fn waits(&self) -> bool {
        false
    }
}

/// What all operators of a run share.
#[derive(Clone)]
pub struct Env {
    /// The module.
    pub guest: Guest,
    /// The job's graph.
    pub graph: Arc<Graph>,
    /// How keys are spread.
    pub partitioning: Partitioning,
    /// Settings by name.
    pub settings: Arc<Vec<(String, String)>>,
    /// Where output waits for its batch to be complete.
    pub staging: Arc<Staging>,
    /// What unfinished batches hold between their operators.
    pub held: Arc<Held>,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// Where guests' log lines go.
    pub log: Arc<JobLog>,
}

impl Env {
    /// The context of a call.
    pub fn context(&self, batch: &BatchInfo) -> Context {
        let mut ctx = Context::new(batch.id, batch.time);
        ctx.watermark = batch.watermark;
        ctx.settings.clone_from(&self.settings);
        ctx
    }

    /// Takes room for rows that wait at `place` for their batch to be complete.
    pub fn hold(&self, batch: &BatchInfo, place: impl FnOnce() -> String, bytes: usize) -> Result<(), Fault> {
        let taken = self.held.take(bytes as u64);
        taken.map_err(|error| Fault::TooLarge { batch: batch.id, place: place(), error })
    }

    /// Accounts for a call: its time, and what it logged.
    pub fn called(&self, batch: &BatchInfo, report: CallReport) {
        self.counters.guest_calls(1, report.time);
        self.log.write(batch.id, report);
    }

    /// Runs `f` and counts its time.
    pub fn timed<R>(&self, phase: Phase, f: impl FnOnce() -> R) -> R {
        let started = Instant::now();
        let result = f();
        self.counters.add_time(phase, started.elapsed());
        result
    }
}
