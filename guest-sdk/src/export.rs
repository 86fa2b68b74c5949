//! The exports of a job as a component: the WIT records to the model's types and back.
//!
//! Invariant: nothing is decided here; columns are moved, never copied.

use std::cell::RefCell;
use std::marker::PhantomData;

use wasmstream_model::batch;
use wasmstream_model::semantics::call;
use wasmstream_model::semantics::interpreter::Logic;
use wasmstream_model::words::BatchId;

use crate::bindings::exports::wasmstream::job::guest::{Grouped, Guest, KeySet, Migrated, StageResult, Updates};
use crate::bindings::wasmstream::job::log;
use crate::bindings::wasmstream::job::types::{Column, Context, Failed, Failure, Output, Rows};
use crate::job::Job;

/// How a crate says what its job is.
pub trait Build {
    /// The job's name.
    const NAME: &'static str;
    /// The job's version.
    const VERSION: &'static str;
    /// Builds the job's graph.
    fn build(job: &mut Job);
}

/// The exports of the job that `B` builds.
pub struct Exports<B>(PhantomData<B>);

thread_local! {
    static JOB: RefCell<Option<Job>> = const { RefCell::new(None) };
}

fn with_job<B: Build, R>(f: impl FnOnce(&mut Job) -> R) -> R {
    JOB.with_borrow_mut(|slot| {
        let job = slot.get_or_insert_with(|| {
            std::panic::set_hook(Box::new(|info| {
                let (operator, row) = crate::call::place();
                log::log(log::Level::Error, operator, row, &format!("panic: {info}"));
            }));
            let mut job = Job::new(B::NAME, B::VERSION);
            B::build(&mut job);
            job
        });
        f(job)
    })
}

impl<B: Build> Guest for Exports<B> {
    fn describe() -> String {
        with_job::<B, _>(|job| match job.spec() {
            Ok(spec) => serde_json::to_string(&spec).expect("a spec is plain data"),
            Err(error) => panic!("{error}"),
        })
    }

    fn run_stage(stage: u32, ctx: Context, input_edge: u32, input: Rows) -> Result<StageResult, Failed> {
        let result = with_job::<B, _>(|job| job.run_stage(stage, &context(ctx), input_edge, &rows_in(input)));
        let result = result.map_err(failed)?;
        Ok(StageResult {
            consumed: result.consumed,
            outputs: result.outputs.into_iter().map(output).collect(),
            failures: result.failures.into_iter().map(failure).collect(),
        })
    }

    fn update_state(operator: u32, ctx: Context, work: KeySet) -> Result<Updates, Failed> {
        let work = call::KeySet {
            keys: column_in(work.keys),
            present: work.present,
            states: column_in(work.states),
            inputs: work.inputs.into_iter().map(grouped).collect(),
            timers: work.timers,
            continues: work.continues,
        };
        let updates = with_job::<B, _>(|job| job.update_state(operator, &context(ctx), &work)).map_err(failed)?;
        Ok(Updates {
            consumed: updates.consumed,
            actions: updates.actions,
            states: column_out(updates.states),
            outputs: updates.outputs.into_iter().map(output).collect(),
            timers: updates.timers,
            failures: updates.failures.into_iter().map(failure).collect(),
        })
    }

    fn migrate_state(operator: u32, migration: u32, _keys: Column, _states: Column) -> Result<Migrated, Failed> {
        let message = format!("operator {operator} has no migration {migration}");
        Err(Failed { code: "UNKNOWN_TARGET".into(), message })
    }
}

fn column_in(column: Column) -> batch::Column {
    batch::Column { rows: column.rows, offsets: column.offsets, data: column.data }
}

fn column_out(column: batch::Column) -> Column {
    Column { rows: column.rows, offsets: column.offsets, data: column.data }
}

fn rows_in(rows: Rows) -> batch::Rows {
    batch::Rows { keys: rows.keys.map(column_in), values: rows.values.map(column_in), times: rows.times }
}

fn grouped(grouped: Grouped) -> call::Grouped {
    call::Grouped { edge: grouped.edge, starts: grouped.starts, rows: rows_in(grouped.rows) }
}

fn context(ctx: Context) -> call::Context {
    call::Context {
        batch: BatchId(ctx.batch),
        batch_time: ctx.batch_time,
        watermark: ctx.watermark,
        max_output_bytes: ctx.max_output_bytes,
        settings: ctx.settings,
        extra: ctx.extra,
    }
}

fn output(output: call::Output) -> Output {
    let rows = Rows {
        keys: output.rows.keys.map(column_out),
        values: output.rows.values.map(column_out),
        times: output.rows.times,
        extra: Vec::new(),
    };
    Output { edge: output.edge, rows, origins: output.origins }
}

fn failure(failure: call::Failure) -> Failure {
    Failure { row: failure.row, operator: failure.operator, message: failure.message }
}

fn failed(failed: call::GuestFailed) -> Failed {
    Failed { code: failed.code, message: failed.message }
}
