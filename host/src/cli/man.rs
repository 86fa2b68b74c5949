//! `wasmstream man`: the manual pages, made from the same definitions as `--help`.

use std::path::PathBuf;

use super::failure::Failure;
use super::output::print;
use crate::explain::Code;

/// Print the manual page, or write one for each verb to a folder
#[derive(clap::Args, Debug)]
pub(super) struct ManArgs {
    /// Write the pages to this folder, which is made where there is none
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, command: clap::Command) -> Result<(), Failure> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| Failure::new(Code("INTERNAL"), format!("the page cannot be made: {error}")))?;
        return print(String::from_utf8_lossy(&page).trim_end());
    };
    let failed = |error| Failure::new(Code("OUTPUT_IO"), format!("cannot write to {}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(command, dir).map_err(failed)?;
    print(&format!("Wrote the manual pages to {0}; read one with `man {0}/wasmstream.1`", dir.display()))
}
