//! Calls: each on a fresh instance, with a deadline and a memory limit, and an answer that has been checked.
//!
//! Invariant: a store lives for one call.

use std::time::{Duration, Instant};

use wasmtime::{Engine, ResourceLimiter, Store, Trap};

use super::bindings::exports::wasmstream::job::guest as wit;
use super::bindings::wasmstream::job::log;
use super::bindings::wasmstream::job::types::{self, ColumnParam, ColumnResult, RowsParam};
use super::bindings::{Job, JobPre};
use super::compile::{GuestLimits, TICK};
use super::errors::{CallError, Place};
use wasmstream_model::batch::{Column, Rows};
use wasmstream_model::graph::Graph;
use wasmstream_model::semantics::call::{Context, Failure, Grouped, GuestFailed, KeySet, Output, StageResult, Updates};
use wasmstream_model::words::limits;

/// The most log lines that are kept of one call.
const LOG_LINES: usize = 64;
/// Records for which [`GuestLimits::time`] is given once.
const RECORDS_PER_TIME: u32 = 64 << 10;
/// What the SDK writes before the message of a panic.
const PANIC: &str = "panic: ";

/// A module that is ready to be called. Clones share it.
#[derive(Clone)]
pub struct Guest {
    engine: Engine,
    pre: JobPre<CallData>,
    limits: GuestLimits,
    graph: Option<std::sync::Arc<Graph>>,
}

/// How much a line of a job's log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something went wrong.
    Error,
    /// Something is odd.
    Warn,
    /// Something worth knowing.
    Info,
    /// Something for the author.
    Debug,
}

/// A line that a guest wrote to its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// Where the guest was.
    pub place: Place,
    /// What it says; control characters are taken out.
    pub message: String,
}

/// What is known of a call beside its answer.
#[derive(Debug, Default)]
pub struct CallReport {
    /// What the guest wrote to its log.
    pub log: Vec<LogLine>,
    /// Lines beyond what is kept of one call.
    pub log_dropped: u64,
    /// How long the call took, the fresh instance included.
    pub time: Duration,
}

/// What a store holds while a call runs.
pub(super) struct CallData {
    memory_limit: usize,
    denied: bool,
    log: Vec<(log::Level, Option<u32>, Option<u32>, String)>,
    log_dropped: u64,
}

impl ResourceLimiter for CallData {
    fn memory_growing(&mut self, _now: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        self.denied |= desired > self.memory_limit;
        Ok(desired <= self.memory_limit)
    }

    fn table_growing(&mut self, _now: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= 20_000)
    }
}

impl types::Host for CallData {}

impl log::Host for CallData {
    fn log(&mut self, level: log::Level, operator: Option<u32>, row: Option<u32>, message: String) {
        if self.log.len() >= LOG_LINES {
            self.log_dropped += 1;
            // The last line of a call may say why it fails.
            if level != log::Level::Error {
                return;
            }
            self.log.pop();
        }
        let clean = message.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c });
        let mut clean: String = clean.take(limits::MESSAGE_BYTES).collect();
        clean.truncate(clean.floor_char_boundary(limits::MESSAGE_BYTES));
        self.log.push((level, operator, row, clean));
    }
}

impl Guest {
    pub(super) fn new(engine: Engine, pre: JobPre<CallData>, limits: GuestLimits) -> Guest {
        Guest { engine, pre, limits, graph: None }
    }

    pub(super) fn set_graph(&mut self, graph: Graph) {
        self.graph = Some(graph.into());
    }

    /// What the module computes.
    pub fn graph(&self) -> &std::sync::Arc<Graph> {
        self.graph.as_ref().expect("set before a guest is handed out")
    }

    /// The job spec as the module answers it.
    pub(super) fn describe(&self) -> Result<String, CallError> {
        let mut report = CallReport::default();
        self.call(1, &mut report, |job, store| job.wasmstream_job_guest().call_describe(store))
    }

    /// Runs a stage over rows that came in on `edge`.
    pub fn run_stage(
        &self,
        stage: u32,
        ctx: &Context,
        edge: u32,
        rows: RowsRef<'_>,
        report: &mut CallReport,
    ) -> Result<StageResult, CallError> {
        let given = rows.len();
        let (settings, extra) = context_lists(ctx);
        let ctx = context(ctx, &settings, &extra);
        let result = self.call(given, report, |job, store| {
            job.wasmstream_job_guest().call_run_stage(store, stage, ctx, edge, rows.lower())
        })?;
        let result = result.map_err(failed)?;
        let result = StageResult {
            consumed: result.consumed,
            outputs: result.outputs.into_iter().map(output).collect(),
            failures: result.failures.into_iter().map(failure).collect(),
        };
        result.check(self.graph(), stage, given)?;
        Ok(result)
    }

    /// Updates keys of an operator.
    pub fn update_state(
        &self,
        operator: u32,
        ctx: &Context,
        work: &KeySet,
        report: &mut CallReport,
    ) -> Result<Updates, CallError> {
        let values = work.inputs.iter().map(|input| input.rows.len()).sum::<usize>();
        let records = work.keys.rows.max(u32::try_from(values).unwrap_or(u32::MAX));
        let (settings, extra) = context_lists(ctx);
        let ctx = context(ctx, &settings, &extra);
        let inputs: Vec<_> = work.inputs.iter().map(grouped).collect();
        let work_param = wit::KeySet {
            keys: column(&work.keys),
            present: &work.present,
            states: column(&work.states),
            inputs: &inputs,
            timers: &work.timers,
            continues: work.continues,
        };
        let result = self.call(records, report, |job, store| {
            job.wasmstream_job_guest().call_update_state(store, operator, ctx, work_param)
        })?;
        let updates = result.map_err(failed)?;
        let updates = Updates {
            consumed: updates.consumed,
            actions: updates.actions,
            states: column_back(updates.states),
            outputs: updates.outputs.into_iter().map(output).collect(),
            timers: updates.timers,
            failures: updates.failures.into_iter().map(failure).collect(),
        };
        updates.check(self.graph(), operator, work.keys.rows)?;
        Ok(updates)
    }

    /// Makes a fresh instance, calls it, and throws it away.
    fn call<R>(
        &self,
        records: u32,
        report: &mut CallReport,
        f: impl FnOnce(&Job, &mut Store<CallData>) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        let started = Instant::now();
        let limit = self.limits.time * records.div_ceil(RECORDS_PER_TIME).max(1);
        let data = CallData { memory_limit: self.limits.memory, denied: false, log: Vec::new(), log_dropped: 0 };
        let mut store = Store::new(&self.engine, data);
        store.limiter(|data| data);
        store.set_epoch_deadline(u64::try_from(limit.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX / 2) + 1);
        let result = self.pre.instantiate(&mut store).and_then(|job| f(&job, &mut store));
        let result = result.map_err(|error| self.explain(&error, limit, store.data()));
        let mut data = store.into_data();
        if matches!(result, Err(CallError::Panic { .. })) {
            // The error says it.
            data.log.pop();
        }
        report.time += started.elapsed();
        report.log_dropped += data.log_dropped;
        report.log.extend(data.log.into_iter().map(|(level, operator, row, message)| LogLine {
            level: match level {
                log::Level::Error => LogLevel::Error,
                log::Level::Warn => LogLevel::Warn,
                log::Level::Info => LogLevel::Info,
                log::Level::Debug => LogLevel::Debug,
            },
            place: self.place(operator, row),
            message,
        }));
        result
    }

    fn place(&self, operator: Option<u32>, row: Option<u32>) -> Place {
        let spec = |n: u32| self.graph.as_ref()?.spec().operators.get(n as usize);
        Place { operator: operator.and_then(spec).map(|operator| operator.id.clone()), row }
    }

    fn explain(&self, error: &wasmtime::Error, limit: Duration, data: &CallData) -> CallError {
        let last = data.log.last();
        let place = last.map_or_else(Place::default, |(_, operator, row, _)| self.place(*operator, *row));
        let Some(trap) = error.downcast_ref::<Trap>() else {
            return CallError::Host(format!("{error:#}"));
        };
        match trap {
            Trap::Interrupt => CallError::Deadline { place, limit },
            Trap::StackOverflow => CallError::Stack { place, limit: self.limits.stack },
            _ if data.denied => CallError::Memory { place, limit: self.limits.memory },
            _ => match last.and_then(|(_, _, _, message)| message.strip_prefix(PANIC)) {
                Some(message) => CallError::Panic { place, message: message.to_owned() },
                None => CallError::Trap { place, message: trap.to_string() },
            },
        }
    }
}

/// Rows to hand to a guest, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct RowsRef<'a> {
    /// The key column's (rows, offsets, data).
    pub keys: Option<(u32, &'a [u32], &'a [u8])>,
    /// The value column's (rows, offsets, data).
    pub values: Option<(u32, &'a [u32], &'a [u8])>,
}

impl<'a> RowsRef<'a> {
    /// A view of `rows`.
    pub fn of(rows: &'a Rows) -> RowsRef<'a> {
        let parts = |column: &'a Column| (column.rows, &*column.offsets, &*column.data);
        RowsRef { keys: rows.keys.as_ref().map(parts), values: rows.values.as_ref().map(parts) }
    }

    fn len(self) -> u32 {
        self.keys.or(self.values).map_or(0, |(rows, _, _)| rows)
    }

    fn lower(self) -> RowsParam<'a> {
        let column = |(rows, offsets, data)| ColumnParam { rows, offsets, data };
        RowsParam { keys: self.keys.map(column), values: self.values.map(column), times: None, extra: &[] }
    }
}

fn column(column: &Column) -> ColumnParam<'_> {
    ColumnParam { rows: column.rows, offsets: &column.offsets, data: &column.data }
}

fn grouped(grouped: &Grouped) -> wit::Grouped<'_> {
    wit::Grouped { edge: grouped.edge, starts: &grouped.starts, rows: RowsRef::of(&grouped.rows).lower() }
}

#[expect(clippy::type_complexity, reason = "the two lists that the context borrows")]
fn context_lists(ctx: &Context) -> (Vec<(&str, &str)>, Vec<(&str, &[u8])>) {
    let settings = ctx.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let extra = ctx.extra.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    (settings, extra)
}

fn context<'a>(
    ctx: &Context,
    settings: &'a [(&'a str, &'a str)],
    extra: &'a [(&'a str, &'a [u8])],
) -> wit::Context<'a> {
    wit::Context {
        batch: ctx.batch.0,
        batch_time: ctx.batch_time,
        watermark: ctx.watermark,
        max_output_bytes: ctx.max_output_bytes,
        settings,
        extra,
    }
}

fn column_back(column: ColumnResult) -> Column {
    Column { rows: column.rows, offsets: column.offsets, data: column.data }
}

fn output(output: wit::Output) -> Output {
    let rows = Rows {
        keys: output.rows.keys.map(column_back),
        values: output.rows.values.map(column_back),
        times: output.rows.times,
    };
    Output { edge: output.edge, rows, origins: output.origins }
}

fn failure(failure: wit::Failure) -> Failure {
    Failure { row: failure.row, operator: failure.operator, message: failure.message }
}

fn failed(failed: wit::Failed) -> CallError {
    CallError::Failed(GuestFailed { code: failed.code, message: failed.message })
}
