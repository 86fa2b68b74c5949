//! `wasmstream new`: what it makes builds, passes its own tests and lints, and nothing half-made is left behind.

mod command;

use std::path::{Path, PathBuf};
use std::process::Command;

use command::{Ran, finish, run_in};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// What is in a folder, hidden files included, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn cargo(project: &Path, args: &str) -> Ran {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    // What is common to the projects is built once for all of them.
    command.args(args.split_whitespace()).current_dir(project).env("CARGO_TARGET_DIR", target());
    finish(command.env_remove("RUSTFLAGS").env("CARGO_TERM_COLOR", "never"))
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-jobs")
}

/// Makes a project and lets cargo build it, test it and find fault with it.
fn check_template(template: &str, source_file: &str) {
    let folder = folder();
    let name = format!("made-from-{template}");
    run_in(folder.path(), ["new", &name, "--template", template]).exits(0);
    let project = folder.path().join(&name);
    assert!(project.join("testdata").join(source_file).is_file(), "{source_file}");
    // The versions that the SDK itself is tested with; cargo drops what the project does not need.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    std::fs::copy(lock, project.join("Cargo.lock")).expect("a copy");

    let tested = cargo(&project, "test -j1").exits(0);
    let first = tested.stdout.lines().find(|line| line.starts_with("running ")).unwrap_or_default();
    assert!(first != "running 0 tests" && tested.stdout.contains("test result: ok."), "{tested:?}");
    assert!(!tested.stderr.contains("warning"), "{}", tested.stderr);
    cargo(&project, "build -j1 --release --target wasm32-unknown-unknown").exits(0);
    let module = target().join("wasm32-unknown-unknown/release").join(name.replace('-', "_") + ".wasm");
    assert!(std::fs::read(module).expect("a module").starts_with(b"\0asm"));
    cargo(&project, "clippy -j1 --all-targets -- -D warnings").exits(0);
    cargo(&project, "fmt --check").exits(0);
}

#[test]
fn the_wordcount_template_builds_and_passes_its_tests() {
    check_template("wordcount", "lines.txt");
}

#[test]
fn the_sessions_template_builds_and_passes_its_tests() {
    check_template("sessions", "events.jsonl");
}

#[test]
fn the_csv_template_builds_and_passes_its_tests() {
    check_template("csv", "orders.csv");
}

#[test]
fn a_project_has_its_files_and_says_what_comes_next() {
    let folder = folder();
    let ran = run_in(folder.path(), ["new", "hits"]).exits(0);
    let expected = "     Created job `hits` from the template wordcount\n        Next: cd hits && wasmstream build\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (expected, ""));
    assert_eq!(names(folder.path()), ["hits"]);
    let project = folder.path().join("hits");
    assert_eq!(names(&project), [".gitignore", "Cargo.toml", "README.md", "src", "testdata", "vendor"]);
    assert_eq!(names(&project.join("vendor/wasmstream")), ["guest-sdk", "host"]);
    let manifest = std::fs::read_to_string(project.join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("name = \"hits\"") && manifest.contains("\n[workspace]\n"), "{manifest}");
    for line in ["opt-level = 3", "lto = true", "codegen-units = 1", "panic = \"abort\"", "strip = true"] {
        assert!(manifest.contains(line), "{line}");
    }
    let readme = std::fs::read_to_string(project.join("README.md")).expect("a readme");
    assert!(readme.starts_with("# hits\n") && readme.contains("\nwasmstream build "), "{readme}");
}

#[test]
fn json_names_the_files_and_the_next_commands() {
    let folder = folder();
    let args = ["new", "hits", "--template", "csv", "--path", "jobs/my hits", "--output", "json"];
    let made = run_in(folder.path(), args).exits(0).json();
    assert_eq!(
        (&made["job"], &made["template"], &made["path"]),
        (&"hits".into(), &"csv".into(), &"jobs/my hits".into())
    );
    assert_eq!(made["next"], serde_json::json!(["cd 'jobs/my hits'", "wasmstream build"]));
    let files = made["files"].as_array().expect("files");
    assert!(files.iter().all(|file| folder.path().join("jobs/my hits").join(file.as_str().expect("a path")).is_file()));
    assert!(files.contains(&"testdata/orders.csv".into()));
}

#[test]
fn templates_are_listed_and_a_wrong_one_is_refused() {
    let folder = folder();
    let listed = run_in(folder.path(), ["new", "--list"]).exits(0).stdout;
    let listed: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, ["wordcount", "sessions", "csv"]);
    let listed = run_in(folder.path(), ["new", "--list", "--output", "json"]).exits(0).json();
    assert_eq!(listed["templates"][1]["name"], "sessions");
    let refused = run_in(folder.path(), ["new", "hits", "--template", "session"]).exits(2).stderr;
    assert!(refused.contains("sessions"), "{refused}");
    run_in(folder.path(), ["new"]).exits(2);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_bad_name_is_refused_and_nothing_is_made() {
    let folder = folder();
    for name in ["Hits", "page_hits", "../up", "2nd", "fn", "test", "serde", "", "-x"] {
        let refused = run_in(folder.path(), ["new", "--", name]).exits(2).stderr;
        assert!(refused.starts_with(&format!("error[JOB_NAME]: `{name}` cannot name a job: ")), "{refused}");
        assert!(refused.contains("\n  = help: "), "{refused}");
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_folder_in_use_is_left_as_it_is() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("hits")).expect("a folder");
    std::fs::write(folder.path().join("hits/notes.txt"), "mine").expect("a file");
    let refused = run_in(folder.path(), ["new", "hits"]).exits(1).stderr;
    assert!(refused.starts_with("error[NEW_FOLDER]: hits already has files in it\n  = help: "), "{refused}");
    assert_eq!(names(&folder.path().join("hits")), ["notes.txt"]);
    let refused = run_in(folder.path(), ["new", "hits", "--path", "hits/notes.txt"]).exits(1).stderr;
    assert!(refused.starts_with("error[NEW_FOLDER]: hits/notes.txt is not a folder\n"), "{refused}");
    assert_eq!(names(folder.path()), ["hits"]);
}

#[test]
fn an_empty_folder_is_filled_even_when_one_is_in_it() {
    let folder = folder();
    run_in(folder.path(), ["new", "hits", "--path", "."]).exits(0);
    assert_eq!(names(folder.path()), [".gitignore", "Cargo.toml", "README.md", "src", "testdata", "vendor"]);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "").expect("a file");
    let refused = run_in(folder.path(), ["new", "hits", "--path", "file/below/hits"]).exits(1).stderr;
    assert!(refused.starts_with("error[NEW_IO]: cannot create file/below/hits: "), "{refused}");
    assert_eq!(names(folder.path()), ["file"]);
    let long = "x".repeat(300);
    let refused = run_in(folder.path(), ["new", "hits", "--path", &format!("made/by/us/{long}")]).exits(1).stderr;
    assert!(refused.starts_with("error[NEW_IO]: "), "{refused}");
    assert_eq!(names(folder.path()), ["file"]);
}

#[cfg(unix)]
#[test]
fn a_project_has_the_permissions_that_any_folder_gets() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    run_in(folder.path(), ["new", "hits"]).exits(0);
    std::fs::create_dir(folder.path().join("plain")).expect("a folder");
    let mode = |name| folder.path().join(name).metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode("hits"), mode("plain"));
}
