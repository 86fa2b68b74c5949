//! The command line: one file per verb. Errors become messages and exit codes here and nowhere else.
//!
//! Invariant: results go to stdout, everything else to stderr.

mod build;
mod completions;
pub mod config;
mod explain;
pub mod failure;
mod inspect;
mod launch;
mod man;
mod new;
pub mod output;
mod run;
mod test;

use std::process::ExitCode;
use std::time::Instant;

use clap::{CommandFactory, Parser, Subcommand};

/// Stream and batch jobs whose logic is a WebAssembly component.
#[derive(Parser, Debug)]
#[command(name = "wasmstream", version, propagate_version = true)]
#[command(after_help = "Every error has a code: `wasmstream explain CODE` says what it means and what to do.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    New(new::NewArgs),
    Build(build::BuildArgs),
    Inspect(inspect::InspectArgs),
    Run(run::RunArgs),
    Test(test::TestArgs),
    Config(config::ConfigCommand),
    Explain(explain::ExplainArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return output::usage_error(&error).report(output::asked_for(std::env::args_os())),
    };
    let result = match &cli.command {
        Command::New(args) => new::run(args),
        Command::Build(args) => build::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Run(args) => run::run(args, started),
        Command::Test(args) => test::run(args),
        Command::Config(args) => config::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Completions(args) => completions::run(args, Cli::command()),
        Command::Man(args) => man::run(args, Cli::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(output::asked_for(std::env::args_os())),
    }
}
