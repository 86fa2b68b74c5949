//! From a configuration to something that can run: the module compiled, its settings checked, its sources and sinks open.
//!
//! Invariant: whatever can be refused is refused here, before a record is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wasmstream_model::batch::Partitioning;
use wasmstream_model::graph::{JobSpec, SettingSpec};
use wasmstream_model::schema::Schema;
use wasmstream_model::words::is_job_name;

use super::failure::Failure;
use crate::config::{Config, OnBad, OnFailure as FailurePolicy};
use crate::explain::{Code, nearest};
use crate::guest::{Guest, GuestLimits, LogLevel, Module, Runtime};
use crate::run::{Cutting, OnFailure, OpenSink, RunOptions, system_clock};
use crate::sink::{self, SinkUrl};
use crate::source::{self, BadRecords, ChunkLimits, Source, SourceUrl};

/// How many worker threads there are where nobody says.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The module at `path`, ready to be called by `workers` threads.
pub(super) fn guest(path: &Path, config: &Config, workers: usize) -> Result<Guest, Failure> {
    let module = Module::read(path, config.guest_module_max())?;
    let calls = u32::try_from(workers).unwrap_or(u32::MAX).saturating_add(1);
    let limits =
        GuestLimits { memory: config.guest_memory(), stack: config.guest_stack(), time: config.guest_time(), calls };
    Ok(Runtime::new(limits)?.prepare(&module)?)
}

/// How the job is run, by configuration.
pub(super) fn options(spec: &JobSpec, config: &Config, workers: usize) -> Result<RunOptions, Failure> {
    let job = config.job_name().unwrap_or(&spec.name).to_owned();
    if !is_job_name(&job) {
        return Err(Failure::new(Code("JOB_NAME"), format!("`{job}` cannot name a job"))
            .help("a job's name is lower-case letters, digits and `-`, at most 63; give another with --job"));
    }
    let on_failure = match (config.records_on_failure(), config.records_dead_letter()) {
        (FailurePolicy::DeadLetter, Some(folder)) => OnFailure::DeadLetter(folder.to_owned()),
        _ => OnFailure::Stop,
    };
    let cutting = Cutting {
        interval: config.batch_interval(),
        max_bytes: usize::try_from(config.batch_max_bytes()).unwrap_or(usize::MAX),
        max_rows: config.batch_max_rows().unwrap_or(u64::MAX),
        in_flight: config.batch_in_flight(),
        whole_input: false,
    };
    let groups = config.state_key_groups();
    Ok(RunOptions {
        job,
        workers,
        cutting,
        partitioning: Partitioning { groups, parts: Partitioning::default().parts.min(groups) },
        max_intermediate: config.batch_max_intermediate(),
        settings: settings(spec, config)?,
        on_failure,
        log_level: match config.log_level() {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "debug" => LogLevel::Debug,
            _ => LogLevel::Info,
        },
        quiet: false,
        clock: system_clock,
    })
}

/// The job's settings: those that are given, checked against what the job declares.
fn settings(spec: &JobSpec, config: &Config) -> Result<Vec<(String, String)>, Failure> {
    let names = spec.settings.iter().map(|setting| setting.name.as_str());
    for (name, value) in config.settings() {
        let Some(setting) = spec.settings.iter().find(|setting| setting.name == name) else {
            return Err(unknown("CONFIG_UNKNOWN_KEY", "setting", name, names, &spec.name));
        };
        if !fits(setting, value) {
            let message = format!("the job's setting `{name}` is of type {}, not `{value}`", setting.schema);
            return Err(Failure::new(Code("CONFIG_TYPE"), message));
        }
    }
    Ok(config.settings().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn fits(setting: &SettingSpec, value: &str) -> bool {
    match setting.schema {
        Schema::Bool => value.parse::<bool>().is_ok(),
        Schema::U64 => value.parse::<u64>().is_ok(),
        Schema::S64 => value.parse::<i64>().is_ok(),
        Schema::F64 => value.parse::<f64>().is_ok(),
        _ => true,
    }
}

fn unknown<'a>(code: &'static str, what: &str, name: &str, known: impl Iterator<Item = &'a str>, job: &str) -> Failure {
    let known: Vec<&str> = known.collect();
    let failure = Failure::new(Code(code), format!("job `{job}` has no {what} `{name}`"));
    match (nearest(name, known.iter().copied()), known.is_empty()) {
        (Some(near), _) => failure.help(format!("did you mean `{near}`?")),
        (None, true) => failure.help(format!("the job has no {what}s")),
        (None, false) => failure.help(format!("its {what}s are: {}", known.join(", "))),
    }
}

/// The bounds of chunks, by configuration.
pub(super) fn chunk_limits(config: &Config) -> ChunkLimits {
    let rows = config.batch_max_rows().map_or(usize::MAX, |rows| usize::try_from(rows).unwrap_or(usize::MAX));
    ChunkLimits {
        bytes: config.chunk_bytes(),
        rows: config.chunk_rows().min(rows),
        record_bytes: config.record_max_bytes(),
    }
}

/// Opens the job's sources, in the order of its spec.
pub(super) fn sources(spec: &JobSpec, config: &Config, limits: ChunkLimits) -> Result<Vec<Box<dyn Source>>, Failure> {
    let bad = match config.records_on_bad() {
        OnBad::Fail => BadRecords::Fail,
        OnBad::Skip => BadRecords::Skip,
        OnBad::Replace => BadRecords::Replace,
    };
    let names = || spec.sources.iter().map(|source| source.name.as_str());
    if let Some((name, _)) = config.sources().find(|(name, _)| !names().any(|known| known == *name)) {
        return Err(unknown("SOURCE_MISSING", "source", name, names(), &spec.name));
    }
    let open = spec.sources.iter().map(|source| {
        let url = config.sources().find(|(name, _)| *name == source.name).map(|(_, url)| url);
        let url = url.ok_or_else(|| {
            Failure::new(
                Code("SOURCE_MISSING"),
                format!("source `{}` of job `{}` is not connected", source.name, spec.name),
            )
            .help(format!("add --source {}=URL, for example --source {0}=file:data/", source.name))
        })?;
        let opened = SourceUrl::parse(&source.name, url)
            .and_then(|url| source::open(&source.name, &url, &source.format, limits, bad));
        opened.map_err(|error| Failure::new(error.code(), error.to_string()))
    });
    open.collect()
}

/// Opens the job's sinks.
pub(super) fn sinks(spec: &JobSpec, config: &Config) -> Result<BTreeMap<String, OpenSink>, Failure> {
    let names = || spec.sinks.iter().map(|sink| sink.name.as_str());
    if let Some((name, _)) = config.sinks().find(|(name, _)| !names().any(|known| known == *name)) {
        return Err(unknown("SINK_MISSING", "sink", name, names(), &spec.name));
    }
    let mut urls = Vec::new();
    let mut folders = BTreeSet::new();
    for sink in &spec.sinks {
        let url = config.sinks().find(|(name, _)| *name == sink.name).map(|(_, url)| url);
        let url = url.ok_or_else(|| {
            Failure::new(Code("SINK_MISSING"), format!("sink `{}` of job `{}` is not connected", sink.name, spec.name))
                .help(format!("add --sink {}=URL, for example --sink {0}=file:out/ or --sink {0}=stdout:", sink.name))
        })?;
        let failed = |error: sink::SinkError| Failure::new(error.code(), error.to_string());
        let url = SinkUrl::parse(&sink.name, url).map_err(failed)?;
        if let SinkUrl::File(options) = &url
            && !folders.insert(std::path::absolute(&options.folder).unwrap_or_else(|_| options.folder.clone()))
        {
            let message = format!("sink `{}`: {} is another sink's folder", sink.name, options.folder.display());
            return Err(Failure::new(Code("SINK_NOT_EMPTY"), message).help("give each sink a folder of its own"));
        }
        urls.push((sink, url));
    }
    let open = urls.into_iter().map(|(spec, url)| {
        let opened = sink::open(spec, &url).map_err(|error| {
            let failure = Failure::new(error.code(), error.to_string());
            match error {
                sink::SinkError::NotEmpty { .. } => {
                    failure.help("choose another folder, or add `?overwrite=true` to remove the output that is there")
                }
                _ => failure,
            }
        })?;
        Ok((spec.name.clone(), opened))
    });
    open.collect()
}
