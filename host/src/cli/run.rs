//! `wasmstream run`: a job in the foreground.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use wasmstream_model::batch::Partitioning;

use super::failure::Failure;
use super::output::Output;
use crate::explain::Code;
use crate::guest::{GuestLimits, LogLevel, Module, Runtime};
use crate::run::{Cutting, OnFailure, RunOptions};
use crate::sink::{self, SinkUrl};

/// Run a job in the foreground
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The module
    module: PathBuf,
    /// Connect a source: NAME=URL
    #[arg(long, value_name = "NAME=URL")]
    source: Vec<String>,
    /// Connect a sink: NAME=URL
    #[arg(long, value_name = "NAME=URL")]
    sink: Vec<String>,
    /// Worker threads [default: cores]
    #[arg(long)]
    workers: Option<usize>,
    #[arg(long)]
    batch_bytes: Option<usize>,
    #[arg(long)]
    chunk_bytes: Option<usize>,
    /// The most records in a batch
    #[arg(long)]
    batch_max_rows: Option<u64>,
    /// The form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &RunArgs, started: Instant) -> Result<(), Failure> {
    let module = Module::read(&args.module, 64 << 20)?;
    let runtime = Runtime::new(GuestLimits::default())?;
    let guest = runtime.prepare(&module)?;
    let spec = guest.graph().spec().clone();
    let limits = crate::source::ChunkLimits { bytes: args.chunk_bytes.unwrap_or(1 << 20), rows: 65536, record_bytes: 1 << 20 };
    let mut sources = Vec::new();
    for s in &spec.sources {
        let url = args.source.iter().find_map(|x| x.strip_prefix(&format!("{}=file:", s.name))).ok_or_else(|| Failure::new(Code("SOURCE_MISSING"), s.name.clone()))?;
        sources.push(Box::new(crate::source::scratch::Scratch::new(url, limits)) as Box<dyn crate::source::Source>);
    }
    let mut sinks = BTreeMap::new();
    for s in &spec.sinks {
        let url = args.sink.iter().find_map(|x| x.strip_prefix(&format!("{}=", s.name))).ok_or_else(|| Failure::new(Code("SINK_MISSING"), s.name.clone()))?;
        let url = SinkUrl::parse(&s.name, url).map_err(|e| Failure::new(e.code(), e.to_string()))?;
        sinks.insert(s.name.clone(), sink::open(s, &url).map_err(|e| Failure::new(e.code(), e.to_string()))?);
    }
    let options = RunOptions {
        job: spec.name.clone(),
        workers: args.workers.unwrap_or(2),
        cutting: Cutting { interval: Duration::from_millis(500), max_bytes: args.batch_bytes.unwrap_or(32 << 20), max_rows: args.batch_max_rows.unwrap_or(u64::MAX), in_flight: 2 },
        partitioning: Partitioning::default(),
        settings: vec![],
        on_failure: OnFailure::Stop,
        log_level: LogLevel::Info,
        quiet: false,
        clock: crate::run::system_clock,
    };
    let (_tx, rx) = crossbeam_channel::bounded(1);
    let summary = crate::run::run(options, guest, sources, sinks, &rx, started)?;
    println!("{}", serde_json::to_string_pretty(&summary).expect("plain data"));
    Ok(())
}
