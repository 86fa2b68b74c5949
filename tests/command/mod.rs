//! Runs the real binary, for the tests beside this folder.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// What the binary has said and done.
#[derive(Debug)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub exit: i32,
}

/// The binary in a folder, with none of the caller's own settings.
pub fn wasmstream_in(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmstream"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WASMSTREAM_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().expect("the program can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { stdout: text(stdout), stderr: text(stderr), exit: status.code().unwrap_or(-1) }
}

/// Runs the binary in a folder.
pub fn run_in<A: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = A>) -> Ran {
    finish(wasmstream_in(folder).args(args))
}

impl Ran {
    /// Panics with everything that was said unless the exit code is as expected.
    #[track_caller]
    pub fn exits(self, expected: i32) -> Ran {
        assert_eq!(self.exit, expected, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// What went to stdout, as JSON.
    #[track_caller]
    #[allow(dead_code, reason = "not every test reads JSON")]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}
