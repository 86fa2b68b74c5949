//! `wasmstream completions`: scripts that let a shell complete verbs and options.

use clap_complete::Shell;

use super::failure::Failure;
use super::output::print;

/// Print a script that lets your shell complete verbs and options
#[derive(clap::Args, Debug)]
#[command(after_help = "For bash: source <(wasmstream completions bash), in ~/.bashrc")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, mut command: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "wasmstream", &mut script);
    print(String::from_utf8_lossy(&script).trim_end())
}
