//! How verbs speak: `--output`, what goes to stdout, and what an error looks like.
//!
//! Invariant: with `--output json`, stdout has JSON alone, and an error is one JSON object on stderr.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::failure::Failure;
use crate::explain::Code;

/// What a verb's answer looks like. A verb has it as `#[arg(long, value_enum, default_value_t)] output: Output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs. The shape is stable.
    Json,
}

/// Prints a result to stdout, with a line end. A reader that has seen enough (`| head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Code("OUTPUT_IO"), format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a result to stdout as JSON, indented.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    print(&text.map_err(|error| Failure::new(Code("INTERNAL"), format!("the answer is no JSON: {error}")))?)
}

/// Prints a warning to stderr.
pub fn warn(output: Output, message: &str) {
    let text = match output {
        Output::Text => format!("warning: {message}"),
        Output::Json => serde_json::json!({ "warning": { "message": message } }).to_string(),
    };
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What clap has to say about a command line, in the form that all errors have.
pub(super) fn usage_error(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let text = text.trim().trim_start_matches("error: ");
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let lines = rest.lines().map(str::trim).filter(|line| !line.is_empty());
    let fix = lines.map(|line| line.trim_start_matches("tip: ")).collect::<Vec<_>>().join("; ");
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let failure = Failure::new(Code("USAGE"), message);
    if fix.is_empty() { failure } else { failure.help(fix) }
}

/// The form that a command line asks for, also where it cannot be parsed as a whole: a program that asks for JSON gets
/// its errors as JSON.
pub(super) fn asked_for(args: impl Iterator<Item = OsString>) -> Output {
    let args: Vec<OsString> = args.collect();
    let json = args.iter().any(|arg| arg == "--output=json") || args.windows(2).any(|two| two == ["--output", "json"]);
    if json { Output::Json } else { Output::Text }
}
