//! The command line: one file per verb. Errors become messages and exit codes here and nowhere else.
//!
//! Invariant: results go to stdout, everything else to stderr.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Stream and batch jobs whose logic is a WebAssembly component.
#[derive(Parser, Debug)]
#[command(name = "wasmstream", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {}
}
