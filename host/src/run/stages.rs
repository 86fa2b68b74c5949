//! Stages: chunks go through the guest's stateless operators, one call a chunk.
//!
//! Invariant: the rows that leave a stage for a chunk depend on the chunk alone.

use wasmstream_model::graph::Node;
use wasmstream_model::semantics::call::{CSV_HEADER, Failure};
use wasmstream_model::words::limits;

use super::fault::Fault;
use super::operator::{BatchInfo, Emit, Env, Operator};
use super::packet::Packet;
use super::staging::FailedRecord;
use crate::guest::{CallReport, RowsRef};

/// The longest piece of a failed record that is shown.
const SHOWN: usize = 512;
/// Where a record fails that is not what its source's format says.
const PARSING: &str = "parsing";

/// A stage on a worker.
pub struct StageOperator {
    env: Env,
    stage: u32,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    name: String,
    stop_on_failure: bool,
}

impl StageOperator {
    /// Stage number `stage`, with its edges in and out.
    pub fn new(env: Env, stage: u32, inputs: Vec<u32>, outputs: Vec<u32>, stop_on_failure: bool) -> Self {
        let operators = &env.graph.spec().stages[stage as usize].operators;
        let name = match operators.as_slice() {
            [] => format!("stage {stage} (parsing)"),
            [id] => format!("operator `{id}`"),
            many => format!("operators `{}`", many.join("` + `")),
        };
        StageOperator { env, stage, inputs, outputs, name, stop_on_failure }
    }

    fn failed(&self, batch: &BatchInfo, edge: u32, packet: &Packet, start: usize, failure: Failure) -> FailedRecord {
        let row = start + failure.row as usize;
        let spec = self.env.graph.spec();
        let operators = &spec.operators;
        let source = spec.edges.get(edge as usize).and_then(|edge| match &edge.from {
            Node::Source(name) => Some(name.clone()),
            _ => None,
        });
        let operator = failure.operator.and_then(|n| operators.get(n as usize)).map(|o| o.id.clone());
        FailedRecord {
            batch: batch.id.0,
            chunk: packet.chunk,
            row: row as u64,
            operator: operator.unwrap_or_else(|| PARSING.to_owned()),
            source,
            message: failure.message,
            record: shown(packet.rows.value(row)),
        }
    }
}

/// A record as text, shortened.
pub(super) fn shown(record: &[u8]) -> String {
    let cut = &record[..record.len().min(SHOWN)];
    let text = String::from_utf8_lossy(cut.trim_ascii_end()).into_owned();
    if record.len() > SHOWN { text + "…" } else { text }
}

impl Operator for StageOperator {
    fn take(&mut self, batch: &BatchInfo, input: usize, packet: Packet, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let edge = self.inputs[input];
        let mut ctx = self.env.context(batch);
        if let Some(header) = &packet.header {
            ctx.extra.push((CSV_HEADER.to_owned(), header.to_vec()));
        }
        let (mut start, mut calls) = (0, 0);
        while start < packet.rows.len() {
            let end = packet.rows.end_within(start, limits::CALL_INPUT_BYTES);
            let rest = (start > 0 || end < packet.rows.len()).then(|| packet.rows.slice(start, end));
            let rows = RowsRef::of(rest.as_ref().unwrap_or(&*packet.rows));
            let mut report = CallReport::default();
            let result = self.env.guest.run_stage(self.stage, &ctx, edge, rows, &mut report);
            self.env.called(batch, report);
            let result = result.map_err(|error| Fault::Call { batch: batch.id, place: self.name.clone(), error })?;
            let failures = result.failures.into_iter();
            let failures: Vec<_> = failures.map(|failure| self.failed(batch, edge, &packet, start, failure)).collect();
            report_failures(&self.env, batch, failures, self.stop_on_failure)?;
            for output in result.outputs {
                let out = self.outputs.iter().position(|e| *e == output.edge);
                let out = out.expect("an answer that was checked names edges of the stage");
                let sub = (packet.sub << 32) | calls;
                let (via, chunk) = (edge, packet.chunk);
                emit(out, Packet { via, chunk, sub, rows: output.rows.into(), ..Packet::default() });
            }
            start += result.consumed as usize;
            calls += 1;
        }
        Ok(())
    }
}

/// Counts and stages failed records, or stops at the first.
pub(super) fn report_failures(
    env: &Env,
    batch: &BatchInfo,
    failures: Vec<FailedRecord>,
    stop: bool,
) -> Result<(), Fault> {
    env.counters.add_records_failed(failures.len() as u64);
    match failures.first() {
        Some(failure) if stop => Err(Fault::Record {
            batch: batch.id,
            place: match &failure.source {
                Some(source) if failure.operator == PARSING => format!("{PARSING} source `{source}`"),
                Some(source) => format!("operator `{}`, source `{source}`", failure.operator),
                None => format!("operator `{}`", failure.operator),
            },
            message: failure.message.clone(),
            record: failure.record.clone(),
        }),
        Some(_) => {
            env.staging.add_failures(batch.id, failures);
            Ok(())
        }
        None => Ok(()),
    }
}
