//! The command line: one file per verb. Errors become messages and exit codes here and nowhere else.
//!
//! Invariant: results go to stdout, everything else to stderr.

mod build;
mod failure;
mod inspect;
mod output;
mod run;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

/// Stream and batch jobs whose logic is a WebAssembly component.
#[derive(Parser, Debug)]
#[command(name = "wasmstream", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Build(build::BuildArgs),
    Inspect(inspect::InspectArgs),
    Run(run::RunArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Build(args) => build::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Run(args) => run::run(args, started),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(output::Output::Text),
    }
}
