//! `wasmstream run`: a job in the foreground, from its sources to their end or to Ctrl-C.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use crossbeam_channel::{Receiver, bounded};
use indicatif::{HumanBytes, HumanCount};

use super::config::ConfigArgs;
use super::failure::Failure;
use super::launch;
use super::output::{Output, print, warn};
use crate::explain::Code;
use crate::run::Summary;

/// Run a job in the foreground
///
/// Sources: `file:PATH` (a file, a folder or a glob; `?follow=true` goes on as files grow and appear), `stdin:`,
/// `tcp://HOST:PORT`, `rate:rows=N,per-second=M`. Sinks: `file:DIR` (`?format=csv|json|text`, `&header=true`,
/// `&overwrite=true`), `stdout:`, `null:`.
///
/// A bounded input ends the run. Ctrl-C finishes the batches in flight and ends it; a second Ctrl-C ends it at once.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The module, as `wasmstream build` makes it
    module: PathBuf,
    /// Connect a source of the job
    #[arg(long, value_name = "NAME=URL")]
    source: Vec<String>,
    /// Connect a sink of the job
    #[arg(long, value_name = "NAME=URL")]
    sink: Vec<String>,
    /// Give a setting of the job a value
    #[arg(long, value_name = "NAME=VALUE")]
    setting: Vec<String>,
    /// Worker threads [default: cores]
    #[arg(long, value_name = "N")]
    workers: Option<u64>,
    /// The time from one batch to the next, where the input comes slowly [default: 500ms]
    #[arg(long, value_name = "DURATION")]
    batch_interval: Option<String>,
    /// The most records in a batch [default: no bound]
    #[arg(long, value_name = "N")]
    batch_max_rows: Option<u64>,
    /// The job's name [default: the module's]
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    /// Where checkpoints go
    #[arg(long, value_name = "DIR")]
    checkpoint_dir: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    /// No progress line and no summary
    #[arg(short, long)]
    quiet: bool,
    /// The form of the result: with `json`, the last line of stdout is the summary as one object
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl RunArgs {
    /// The flags that are settings.
    fn flags(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut flags = Vec::new();
        for (table, entries) in [("sources", &self.source), ("sinks", &self.sink), ("settings", &self.setting)] {
            for entry in entries {
                let (name, value) = entry.split_once('=').ok_or_else(|| {
                    let flag = table.trim_end_matches('s');
                    Failure::new(Code("USAGE"), format!("--{flag} takes NAME=VALUE, not `{entry}`"))
                })?;
                flags.push((format!("{table}.{name}"), value.to_owned()));
            }
        }
        let mut add = |key: &str, value: Option<String>| flags.extend(value.map(|value| (key.to_owned(), value)));
        add("engine.workers", self.workers.map(|n| n.to_string()));
        add("batch.interval", self.batch_interval.clone());
        add("batch.max-rows", self.batch_max_rows.map(|n| n.to_string()));
        add("job.name", self.job.clone());
        add("checkpoint.url", self.checkpoint_dir.as_ref().map(|dir| format!("file:{}", dir.display())));
        Ok(flags)
    }
}

pub(super) fn run(args: &RunArgs, started: Instant) -> Result<(), Failure> {
    let flags = args.flags()?;
    let flags: Vec<(&str, String)> = flags.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let config = args.config.load(&flags, args.output)?;
    let workers = config.engine_workers().unwrap_or_else(launch::cores);
    let guest = launch::guest(&args.module, &config, workers)?;
    let spec = guest.graph().spec();
    let mut options = launch::options(spec, &config, workers)?;
    options.quiet = args.quiet || args.output == Output::Json;
    if config.checkpoint_url().is_some() {
        warn(
            args.output,
            "this version does not write checkpoints yet: a run that is stopped starts from the beginning",
        );
    }
    let sources = launch::sources(spec, &config, launch::chunk_limits(&config))?;
    let sinks = launch::sinks(spec, &config)?;
    let places: Vec<String> = sinks.iter().map(|(name, (sink, _))| format!("{name} in {}", sink.place())).collect();
    let job = options.job.clone();
    let summary = crate::run::run(options, guest, sources, sinks, &on_interrupt()?, started)
        .map_err(|fault| Failure::from(fault).in_job(&job))?;
    match args.output {
        Output::Json => print(&serde_json::to_string(&summary).expect("a summary is plain data"))?,
        Output::Text if args.quiet => {}
        Output::Text => eprint!("{}", for_people(&summary, &places)),
    }
    Ok(())
}

/// Says something at the first SIGINT or SIGTERM; ends the process at the second.
fn on_interrupt() -> Result<Receiver<()>, Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let (sender, receiver) = bounded(1);
    let signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]);
    let mut signals =
        signals.map_err(|error| Failure::new(Code("INTERNAL"), format!("cannot watch signals: {error}")))?;
    std::thread::spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            // A run that is over does not listen any more.
            if asked || sender.try_send(()).is_err() {
                std::process::exit(128 + signal);
            }
            asked = true;
            eprintln!("finishing what is in flight (again to end at once)");
        }
    });
    Ok(receiver)
}

fn for_people(summary: &Summary, places: &[String]) -> String {
    let rate = |per_second: f64| format!("{}/s", HumanCount(per_second as u64));
    let mut lines = vec![format!(
        "{}: {} records ({}) in {:.2} s, {} ({} once started)",
        summary.exit,
        HumanCount(summary.records_in),
        HumanBytes(summary.bytes_in),
        summary.wall_s,
        rate(summary.records_per_s),
        rate(summary.steady_records_per_s),
    )];
    lines.push(format!(
        "  batches  {}: half within {:.1} ms, 99 % within {:.1} ms; first result after {:.2} s",
        HumanCount(summary.batches),
        summary.batch_p50_ms,
        summary.batch_p99_ms,
        summary.first_result_s
    ));
    lines.push(format!(
        "  output   {} rows ({}): {}",
        HumanCount(summary.records_out),
        HumanBytes(summary.bytes_out),
        places.join(", ")
    ));
    if summary.records_skipped + summary.records_failed > 0 {
        lines.push(format!(
            "  left out {} unreadable records, {} failed ones",
            HumanCount(summary.records_skipped),
            HumanCount(summary.records_failed)
        ));
    }
    lines.push(format!("  state    {} keys, {}", HumanCount(summary.state_keys), HumanBytes(summary.state_bytes)));
    let time = &summary.time;
    lines.push(format!(
        "  time     guest {:.2} s in {} calls, state {:.2} s, shuffle {:.2} s, encode {:.2} s, sink {:.2} s, source {:.2} s",
        time.guest_s,
        HumanCount(summary.guest_calls),
        time.state_s,
        time.shuffle_s,
        time.encode_s,
        time.sink_s,
        time.source_s
    ));
    lines.push(format!(
        "  memory   {} at most; {} worker{}",
        HumanBytes(summary.peak_rss_bytes),
        summary.workers,
        if summary.workers == 1 { "" } else { "s" }
    ));
    lines.join("\n") + "\n"
}
