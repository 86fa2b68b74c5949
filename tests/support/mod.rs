//! What the tests share: the real binary, and modules that it built from source.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the host is in the repository").to_owned()
}

/// The binary under test, without the settings of whoever runs the tests.
pub fn wasmstream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmstream"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WASMSTREAM_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

/// Where the guests' crates are compiled: beside what the host is compiled to.
pub fn jobs_target() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_wasmstream"));
    let target = binary.ancestors().nth(2).expect("the binary is in TARGET/PROFILE");
    target.join("jobs-build")
}

/// A module that the real binary built from the sources in the repository, once a test process.
pub fn module(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let source = ["example-jobs", "tests/jobs"].map(|folder| root().join(folder).join(name));
    let source = source.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| panic!("there is no job {name}"));
    let folder = jobs_target().join("modules");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.wasm"));
    let mut build = wasmstream();
    build.arg("build").arg(&source).arg("-o").arg(&path).env("CARGO_TARGET_DIR", jobs_target());
    let output = build.output().unwrap();
    assert!(output.status.success(), "cannot build {name}: {}", String::from_utf8_lossy(&output.stderr));
    built.insert(name.to_owned(), path.clone());
    path
}

/// What a finished command said.
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    /// The run summary: the last line of the standard output.
    pub fn summary(&self) -> serde_json::Value {
        let last = self.out.lines().last().unwrap_or_else(|| panic!("no output; stderr: {}", self.err));
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {last}; stderr: {}", self.err))
    }

    /// Fails unless the command failed with exit code `code` and says all of `parts`.
    #[track_caller]
    pub fn fails_with(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "exit code; stderr: {}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is missing in: {}", self.err);
        }
        self.is_calm();
    }

    /// Fails unless the command succeeded.
    #[track_caller]
    pub fn succeeds(self) -> Said {
        assert_eq!(self.code, 0, "stderr: {}", self.err);
        self.is_calm();
        self
    }

    /// Fails if the host panicked. (A guest's panic is the guest's: its message has the guest's file.)
    #[track_caller]
    pub fn is_calm(&self) {
        for sign in ["panicked at host/", "RUST_BACKTRACE", "thread 'main'"] {
            assert!(!self.err.contains(sign), "the host panicked: {}", self.err);
        }
    }
}

/// Runs the binary to its end.
pub fn say(args: &[&str]) -> Said {
    wasmstream().args(args).output().unwrap().into()
}

/// Runs a module that is built from the sources in the repository, to its end; the summary is on the last line.
pub fn run(job: &str, args: &[&str]) -> Said {
    let module = module(job);
    wasmstream().arg("run").arg(module).args(["--output", "json"]).args(args).output().unwrap().into()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// Waits until `found` gives something, for a minute at most.
#[track_caller]
pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(thing) = found() {
            return thing;
        }
        assert!(Instant::now() < deadline, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The output files of a folder by name.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let shown = entries.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    shown.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())).collect()
}

/// All files of a folder in the order of their names, one after another.
pub fn contents(folder: &Path) -> String {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}
