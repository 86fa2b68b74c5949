//! `wasmstream test`: the author's own tests, then the module itself, run several ways that must agree.
//!
//! A job's output may depend on its input and on the cuts of the plan, never on the number of workers, and never on which
//! keys share a call. So the module runs over sample input with other numbers of workers, with other parts of the key space,
//! and with other chunks; a job whose output differs would give other results after a crash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wasmstream_model::batch::Partitioning;
use wasmstream_model::graph::{JobSpec, Kind};
use wasmstream_model::words::BatchId;

use super::build::{self, BuildArgs};
use super::config::ConfigArgs;
use super::failure::Failure;
use super::launch;
use super::output::{Output, print};
use crate::config::Config;
use crate::explain::Code;
use crate::guest::Guest;
use crate::run::OpenSink;
use crate::sink::{Encoder, Format, Sink, SinkError};
use crate::source::ChunkLimits;

/// Test a job: its own tests, then the module several ways that must agree
///
/// Sample input is what `--source NAME=URL` says, else `testdata/NAME.*` in the job's folder.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// The folder of the job's crate, or a module
    #[arg(default_value = ".")]
    job: PathBuf,
    /// Sample input for a source of the job
    #[arg(long, value_name = "NAME=URL")]
    source: Vec<String>,
    /// Do not run `cargo test`
    #[arg(long)]
    no_cargo: bool,
    #[command(flatten)]
    config: ConfigArgs,
    /// The form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// A way to run the module.
struct Way {
    name: &'static str,
    workers: usize,
    parts: u32,
    /// Records in a chunk.
    rows: usize,
    /// Whether the output must be the same for every job; if not, a job that combines values within a chunk may differ.
    must_agree: bool,
}

/// The first way is what the others are held against.
const WAYS: [Way; 5] = [
    Way { name: "1 worker", workers: 1, parts: 32, rows: 1_000, must_agree: true },
    Way { name: "2 workers", workers: 2, parts: 32, rows: 1_000, must_agree: true },
    Way { name: "4 workers", workers: 4, parts: 32, rows: 1_000, must_agree: true },
    Way { name: "other keys in a call", workers: 2, parts: 7, rows: 1_000, must_agree: true },
    Way { name: "other chunks", workers: 2, parts: 32, rows: 7, must_agree: false },
];

/// Rows by sink, in order.
type Rows = BTreeMap<String, Vec<String>>;

pub(super) fn run(args: &TestArgs) -> Result<(), Failure> {
    let is_module = args.job.extension().is_some_and(|extension| extension == "wasm");
    let (module, folder) = if is_module {
        (args.job.clone(), args.job.parent().map_or_else(PathBuf::new, Path::to_owned))
    } else {
        if !args.no_cargo {
            cargo_test(&args.job)?;
        }
        (build::build(&BuildArgs::of(&args.job))?.path, args.job.clone())
    };
    let config = args.config.load(&[], args.output)?;
    let guest = launch::guest(&module, &config, 4)?;
    let config = with_samples(args, &config, guest.graph().spec(), &folder)?;
    let (expected, records) = run_way(&WAYS[0], &guest, &config)?;
    let mut agreed = vec![WAYS[0].name];
    for way in &WAYS[1..] {
        let (got, _) = run_way(way, &guest, &config)?;
        match difference(&expected, &got) {
            None => agreed.push(way.name),
            Some(difference) if way.must_agree || !may_differ_by_chunks(guest.graph().spec()) => {
                return Err(differs(way, &difference));
            }
            Some(_) => {}
        }
    }
    let rows: usize = expected.values().map(Vec::len).sum();
    match args.output {
        Output::Json => print(&json!({"records": records, "rows": rows, "agree": agreed}).to_string()),
        Output::Text => print(&format!("{records} records gave the same {rows} rows with {}", agreed.join(", "))),
    }
}

fn cargo_test(folder: &Path) -> Result<(), Failure> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let status = command.arg("test").arg("--manifest-path").arg(folder.join("Cargo.toml")).status();
    let failed = |message: String| Failure::new(Code("BUILD_CARGO"), message);
    let status = status.map_err(|error| failed(format!("cannot run cargo: {error}")))?;
    if status.success() { Ok(()) } else { Err(failed("the job's own tests failed; what they said is above".into())) }
}

/// The configuration with a sample for each source.
fn with_samples(args: &TestArgs, config: &Config, spec: &JobSpec, folder: &Path) -> Result<Config, Failure> {
    let mut flags: Vec<(String, String)> = Vec::new();
    for entry in &args.source {
        let (name, url) = entry
            .split_once('=')
            .ok_or_else(|| Failure::new(Code("USAGE"), format!("--source takes NAME=URL, not `{entry}`")))?;
        flags.push((format!("sources.{name}"), url.to_owned()));
    }
    for source in &spec.sources {
        let key = format!("sources.{}", source.name);
        if flags.iter().any(|(known, _)| *known == key) || config.sources().any(|(name, _)| name == source.name) {
            continue;
        }
        let samples = folder.join("testdata");
        let found = std::fs::read_dir(&samples).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let found = found.filter(|path| path.file_stem().is_some_and(|stem| *stem == *source.name));
        let path = found.min().ok_or_else(|| {
            Failure::new(Code("SOURCE_MISSING"), format!("there is no sample input for source `{}`", source.name))
                .help(format!("put one at {}/{}.txt, or name one with --source", samples.display(), source.name))
        })?;
        flags.push((key, format!("file:{}", path.display())));
    }
    let flags: Vec<(&str, String)> = flags.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    args.config.load(&flags, args.output)
}

/// Keeps what is published.
struct Kept {
    name: String,
    rows: Arc<Mutex<Rows>>,
}

impl Sink for Kept {
    fn publish(&mut self, _batch: BatchId, parts: &[Vec<u8>]) -> Result<(), SinkError> {
        let text = String::from_utf8_lossy(&parts.concat()).into_owned();
        let mut rows = self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        rows.entry(self.name.clone()).or_default().extend(text.lines().map(str::to_owned));
        Ok(())
    }

    fn place(&self) -> String {
        "memory".into()
    }
}

fn run_way(way: &Way, guest: &Guest, config: &Config) -> Result<(Rows, u64), Failure> {
    let spec = guest.graph().spec();
    let mut options = launch::options(spec, config, way.workers)?;
    options.partitioning = Partitioning { parts: way.parts, ..options.partitioning };
    options.quiet = true;
    // One batch, so that only the chunks differ; and one time, because output may depend on it.
    options.cutting.max_bytes = usize::MAX;
    options.cutting.max_rows = u64::MAX;
    options.cutting.whole_input = true;
    options.clock = || 0;
    let limits = ChunkLimits { rows: way.rows, ..launch::chunk_limits(config) };
    let sources = launch::sources(spec, config, limits)?;
    let rows: Arc<Mutex<Rows>> = Arc::default();
    let sinks: BTreeMap<String, OpenSink> = spec
        .sinks
        .iter()
        .map(|sink| {
            let kept: Box<dyn Sink> = Box::new(Kept { name: sink.name.clone(), rows: Arc::clone(&rows) });
            (sink.name.clone(), (kept, Encoder::new(&sink.schema, Format::Json)))
        })
        .collect();
    let (_never, stop) = crossbeam_channel::bounded(1);
    let summary = crate::run::run(options, guest.clone(), sources, sinks, &stop, Instant::now())?;
    let rows = std::mem::take(&mut *rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok((rows, summary.records_in))
}

/// Whether the job has operators whose results may depend on how the input is cut into chunks.
fn may_differ_by_chunks(spec: &JobSpec) -> bool {
    spec.operators.iter().any(|operator| operator.kind == Kind::ReduceByKey)
}

/// Where two outputs differ first: sink, row number, and both rows.
fn difference(expected: &Rows, got: &Rows) -> Option<(String, usize, String, String)> {
    let sinks = expected.keys().chain(got.keys());
    for sink in sinks {
        let none = Vec::new();
        let (a, b) = (expected.get(sink).unwrap_or(&none), got.get(sink).unwrap_or(&none));
        let row = (0..a.len().max(b.len())).find(|row| a.get(*row) != b.get(*row));
        if let Some(row) = row {
            let shown = |rows: &Vec<String>| rows.get(row).cloned().unwrap_or_else(|| "no row".into());
            return Some((sink.clone(), row, shown(a), shown(b)));
        }
    }
    None
}

fn differs(way: &Way, (sink, row, expected, got): &(String, usize, String, String)) -> Failure {
    let message = format!(
        "the output depends on how the job is run: with {}, row {row} of sink `{sink}` is {got}; with {}, it is {expected}",
        way.name, WAYS[0].name
    );
    Failure::new(Code("TEST_DIFFERS"), message).help(
        "let each record and key stand for itself: no statics, no order of a HashMap, nothing kept between records",
    )
}
