//! Bad modules, bad records, bad places and bad settings: each is refused with its code and a message that names the
//! place, and the host never panics.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Said, contents, files, jobs_target, module, root, run, text, wasmstream};
use tempfile::TempDir;
use wasmstream_host::guest::{GuestLimits, Module, Runtime};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A file in a folder that goes with it.
fn file(name: &str, bytes: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Runs a file as a module that counts words.
fn run_file(path: &Path, args: &[&str]) -> Said {
    let (_keep, lines) = file("in.txt", "a b a\n");
    let source = format!("lines=file:{}", lines.display());
    let mut command = wasmstream();
    command.arg("run").arg(path).args(["--source", &source, "--sink", "counts=stdout:"]).args(args);
    command.output().unwrap().into()
}

/// Fails unless bytes are refused as a module, with `code` and all of `parts`, by `run` and by `inspect`.
#[track_caller]
fn refused_as_module(bytes: impl AsRef<[u8]>, code: &str, parts: &[&str]) {
    let (_keep, path) = file("module.wasm", bytes);
    let parts = [&[code], parts].concat();
    run_file(&path, &[]).fails_with(1, &parts);
    Said::from(wasmstream().arg("inspect").arg(&path).output().unwrap()).fails_with(1, &parts);
}

#[test]
fn a_module_that_is_not_there_is_refused() {
    run_file(Path::new("none.wasm"), &[]).fails_with(1, &["error[MODULE_READ]", "none.wasm", "No such file"]);
    run_file(folder().path(), &[]).fails_with(1, &["error[MODULE_READ]"]);
}

#[test]
fn what_is_no_webassembly_is_refused() {
    refused_as_module("fn main() {}", "error[NOT_WASM]", &["this is not WebAssembly"]);
    refused_as_module("", "error[NOT_WASM]", &[]);
    refused_as_module("\0asm", "error[NOT_WASM]", &[]);
    refused_as_module([0x7f; 4096], "error[NOT_WASM]", &[]);
}

#[test]
fn a_core_module_is_refused() {
    let parts = ["a core WebAssembly module, not a component", "wasmstream build"];
    refused_as_module(wat::parse_str("(module)").unwrap(), "error[NOT_A_COMPONENT]", &parts);
}

#[test]
fn a_component_of_another_world_is_refused() {
    let parts = ["does not export `wasmstream:job/guest@0.1.0`"];
    refused_as_module(wat::parse_str("(component)").unwrap(), "error[WRONG_WORLD]", &parts);
    let other = r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f"))) (export "run" (func $f)))"#;
    refused_as_module(wat::parse_str(other).unwrap(), "error[WRONG_WORLD]", &[parts[0], "run"]);
}

#[test]
fn a_component_with_the_right_name_and_another_shape_is_refused() {
    let empty = r#"(component (instance $i) (export "wasmstream:job/guest@0.1.0" (instance $i)))"#;
    refused_as_module(wat::parse_str(empty).unwrap(), "error[WRONG_WORLD]", &[]);
}

#[test]
fn a_component_that_imports_what_there_is_not_is_refused_with_the_name() {
    let import = |name: &str| {
        wat::parse_str(format!(
            r#"(component (import "{name}" (instance)) (instance $i) (export "wasmstream:job/guest@0.1.0" (instance $i)))"#
        ))
    };
    let wasi = import("wasi:cli/environment@0.2.0").unwrap();
    refused_as_module(wasi, "error[UNKNOWN_IMPORT]", &["wasi:cli/environment@0.2.0", "wasm32-unknown-unknown"]);
    let other = import("acme:things/thing@1.0.0").unwrap();
    refused_as_module(other, "error[UNKNOWN_IMPORT]", &["`acme:things/thing@1.0.0`"]);
}

#[test]
fn a_module_over_the_size_limit_is_refused() {
    let said = run_file(&module("wordcount"), &["--set", "guest.module-max=10kB"]);
    said.fails_with(1, &["error[MODULE_TOO_LARGE]", "at most 10000 are allowed"]);
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

#[test]
fn a_truncated_module_is_refused_wherever_it_ends() {
    let whole = fs::read(module("wordcount")).unwrap();
    let mut random = Random(11);
    let runtime = Runtime::new(GuestLimits::default()).unwrap();
    let ends = (0..200).chain((0..300).map(|_| random.below(whole.len()))).chain(whole.len() - 100..whole.len());
    for end in ends {
        // What was cut between two of its outermost sections is a module still, but no job any more.
        let cut = Module::new(whole[..end].to_vec());
        let refused =
            cut.is_err() || cut.is_ok_and(|module| module.graph().is_none() || runtime.prepare(&module).is_err());
        assert!(refused, "cut at byte {end} of {}", whole.len());
    }
    for end in [8, 9, 1_000, whole.len() / 2, whole.len() - 1] {
        let (_keep, path) = file("cut.wasm", &whole[..end]);
        let said = run_file(&path, &[]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "cut at byte {end}: {}", said.err);
        said.is_calm();
    }
}

#[test]
fn random_bytes_are_refused() {
    let mut random = Random(5);
    for n in 0..300 {
        let mut bytes: Vec<u8> = (0..random.below(400)).map(|_| random.below(256) as u8).collect();
        // Some of them start as a component, or as a module, does.
        let start: &[u8] = [&b""[..], b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0"][n % 3];
        bytes.splice(..0, start.iter().copied());
        assert!(Module::new(bytes).is_err_and(|error| error.code().0 != "INTERNAL"), "number {n}");
    }
}

#[test]
fn a_module_with_flipped_bits_is_refused_or_runs_in_bounds() {
    let whole = fs::read(module("wordcount")).unwrap();
    let mut random = Random(23);
    let mut valid = Vec::new();
    for n in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..1 + n % 3 {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        match Module::new(bytes.clone()) {
            Ok(_) => valid.push(bytes),
            Err(error) => assert_ne!(error.code().0, "INTERNAL", "number {n}: {error}"),
        }
    }
    assert!(valid.len() > 12, "some flips leave a valid module");
    // A flipped bit in the code may make another program of it, which the module's hash shows and nothing else can. But
    // it cannot hurt the host: it ends, with an answer or with an error.
    let cache = folder();
    let (_keep, lines) = file("in.txt", "a b a\n");
    let source = format!("lines=file:{}", lines.display());
    for (n, bytes) in valid.iter().enumerate().take(12) {
        let (_keep, path) = file("flipped.wasm", bytes);
        let mut command = wasmstream();
        command.arg("run").arg(&path).args([
            "--source",
            &source,
            "--sink",
            "counts=stdout:",
            "--set",
            "guest.time=200ms",
        ]);
        let said = Said::from(command.env("XDG_CACHE_HOME", cache.path()).output().unwrap());
        said.is_calm();
        assert!(matches!(said.code, 0..=2), "number {n}: exit code {}; {}", said.code, said.err);
        assert_eq!(said.code != 0, said.err.contains("error["), "number {n}: {}", said.err);
    }
}

/// Builds a job from the text of its `lib.rs`. Each has a name of its own, for they share a folder of cargo's.
fn build(name: &str, lib: &str) -> Said {
    let folder = folder();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), lib).unwrap();
    let sdk = root().join("guest-sdk");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\
         [dependencies]\nwasmstream = {{ path = \"{}\" }}\n[workspace]\n",
        sdk.display()
    );
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::copy(root().join("tests/jobs/Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let mut command = wasmstream();
    command.arg("build").arg(folder.path()).env("CARGO_TARGET_DIR", jobs_target().join("bad"));
    let said = Said::from(command.output().unwrap());
    assert!(!folder.path().join(format!("{name}.wasm")).exists() || said.code == 0, "a failed build leaves no module");
    said
}

#[test]
fn two_operators_with_one_id_are_refused_with_both_places() {
    let said = build(
        "twice",
        "//! Two operators with one id.\nuse wasmstream::prelude::*;\n#[wasmstream::job]\npub fn job(j: &mut Job) {\n    \
         j.source(\"lines\").text()\n        .map::<String>(\"twice\", |line| line.to_owned())\n        \
         .map::<String>(\"twice\", |line| line.to_owned())\n        .sink(\"out\");\n}\n",
    );
    said.fails_with(1, &["two operators have the id `twice`", "src/lib.rs:6:10", "src/lib.rs:7:10"]);
}

#[test]
fn an_operator_without_an_id_does_not_compile() {
    let said = build(
        "no-id",
        "//! An operator without an id.\nuse wasmstream::prelude::*;\n#[wasmstream::job]\npub fn job(j: &mut Job) {\n    \
         j.source(\"lines\").text().map::<String>(|line: &str| line.to_owned()).sink(\"out\");\n}\n",
    );
    said.fails_with(1, &["error[BUILD_CARGO]", "this method takes 2 arguments but 1 argument was supplied"]);
    let said = build(
        "empty-id",
        "//! An operator with an empty id.\nuse wasmstream::prelude::*;\n#[wasmstream::job]\npub fn job(j: &mut Job) {\n    \
         j.source(\"lines\").text().map::<String>(\"\", |line| line.to_owned()).sink(\"out\");\n}\n",
    );
    said.fails_with(1, &["`` cannot name an operator"]);
}

#[test]
fn a_type_that_is_not_data_does_not_compile() {
    let said = build(
        "not-data",
        "//! usize is not data.\nuse wasmstream::prelude::*;\n#[wasmstream::job]\npub fn job(j: &mut Job) {\n    \
         j.source(\"lines\").text().map::<usize>(\"len\", |line| line.len()).sink(\"out\");\n}\n",
    );
    said.fails_with(1, &["`usize` cannot be stored or sent: it has no schema", "choose a type whose size"]);
}

#[test]
fn a_crate_without_a_job_is_refused() {
    let said = build("no-job", "//! No job.\n#[unsafe(no_mangle)]\npub extern \"C\" fn f() {}\n");
    said.fails_with(1, &["error[BUILD_NOT_A_JOB]", "#[wasmstream::job]"]);
}

/// Gives lines to a job whose sink is `out`.
fn order(job: &str, lines: &str, args: &[&str]) -> Said {
    let (_keep, path) = file("in.txt", lines);
    let mut command = wasmstream();
    command.arg("run").arg(module(job)).args(["--source", &format!("lines=file:{}", path.display())]);
    command.args(["--sink", "out=stdout:"]).args(args).output().unwrap().into()
}

#[test]
fn a_guest_that_loops_for_ever_is_stopped() {
    let limit = ["--set", "guest.time=50ms"];
    order("hostile", "fine\nloop\n", &limit)
        .fails_with(1, &["error[GUEST_DEADLINE]", "job `hostile`", "batch 0", "operator `stage`", "guest.time"]);
    order("hostile", "state:loop\n", &limit)
        .fails_with(1, &["error[GUEST_DEADLINE]", "job `hostile`", "batch 0", "operator `update`", "guest.time"]);
}

#[test]
fn a_guest_that_recurses_without_end_is_stopped() {
    order("hostile", "recurse\n", &[]).fails_with(
        1,
        &["error[GUEST_STACK]", "job `hostile`", "batch 0", "operator `stage`", "1024 KiB (guest.stack)"],
    );
    order("hostile", "state:recurse\n", &["--set", "guest.stack=256KiB"])
        .fails_with(1, &["error[GUEST_STACK]", "operator `update`", "256 KiB (guest.stack)"]);
}

#[test]
fn a_guest_that_allocates_without_end_is_stopped() {
    order("hostile", "allocate\n", &[]).fails_with(
        1,
        &["error[GUEST_MEMORY]", "job `hostile`", "batch 0", "operator `stage`", "128 MiB (guest.memory)"],
    );
    order("hostile", "state:allocate\n", &["--set", "guest.memory=16MiB"])
        .fails_with(1, &["error[GUEST_MEMORY]", "operator `update`", "16 MiB (guest.memory)"]);
}

#[test]
fn a_guest_that_panics_is_reported_with_its_own_words_and_the_record() {
    for (lines, operator, message) in [
        ("fine\nfine\npanic\n", "operator `stage`, row 2 of the call", "told to panic"),
        ("index\n", "operator `stage`, row 0 of the call", "the len is 0 but the index is 3"),
        ("divide\n", "operator `stage`, row 0 of the call", "attempt to divide by zero"),
        ("state:panic\n", "operator `update`", "told to panic"),
        ("state:index\n", "operator `update`", "the len is 0 but the index is 3"),
        ("state:divide\n", "operator `update`", "attempt to divide by zero"),
    ] {
        let parts = ["error[GUEST_PANIC]", "job `hostile`", "batch 0", operator, message];
        order("hostile", lines, &[]).fails_with(1, &parts);
    }
    let said = order("hostile", "fine\nfine\nfine\npanic\n", &["--batch-max-rows", "1", "--job", "other"]);
    said.fails_with(1, &["error[GUEST_PANIC]", "job `other`", "batch 3"]);
    // Two batches are in flight, so the one before may be lost with it; what is there is whole and in order.
    assert!(said.out.starts_with("fine,1\n") && "fine,1\nfine,2\nfine,3\n".starts_with(&said.out), "{}", said.out);
}

#[test]
fn a_record_that_the_job_fails_stops_the_run_or_is_kept_aside() {
    order("hostile", "fine\nfail\n", &[]).fails_with(
        1,
        &["error[RECORD_FAILED]", "job `hostile`", "batch 0", "`stage`", "told to fail", "the record: fail"],
    );
    order("hostile", "state:fail\n", &[])
        .fails_with(1, &["error[RECORD_FAILED]", "job `hostile`", "batch 0", "`update`", "told to fail in the update"]);
    let dead = folder();
    let aside = format!("records.dead-letter={}", dead.path().display());
    let args = ["--set", "records.on-failure=dead-letter", "--set", &aside];
    let (_keep, path) = file("in.txt", "fine\nfail\nstate:fail\nfine\n");
    let source = format!("lines=file:{}", path.display());
    let said = run("hostile", &[&["--source", &source, "--sink", "out=stdout:"], &args[..]].concat()).succeeds();
    assert_eq!(said.out.lines().next(), Some("fine,2"));
    assert_eq!(said.summary()["records_failed"], 2);
    let kept = contents(dead.path());
    let kept: Vec<serde_json::Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    let of = |operator: &str| {
        kept.iter().find(|letter| letter["operator"] == operator).unwrap_or_else(|| panic!("{kept:?}"))
    };
    assert_eq!((&of("stage")["record"], &of("stage")["message"]), (&"fail".into(), &"told to fail".into()));
    assert_eq!(of("update")["message"], "told to fail in the update");
    assert!(of("update")["record"].as_str().unwrap().contains("state:fail"), "{kept:?}");
}

#[test]
fn a_guest_that_floods_its_log_is_held_and_its_control_characters_do_nothing() {
    for lines in ["flood\n", "state:flood\n"] {
        let said = order("hostile", lines, &["--set", "guest.time=20s"]).succeeds();
        assert!(said.err.contains("line 1 "), "{}", said.err);
        assert!(said.err.lines().count() < 1_000, "{} lines", said.err.lines().count());
        assert!(!said.err.contains('\u{1b}'), "an escape sequence of the guest's reached the terminal");
    }
}

#[test]
fn whatever_breaks_the_contract_is_refused() {
    for (order_given, message) in [
        ("backwards", "offset"),
        ("past-the-end", "offset"),
        ("too-few-offsets", "offset"),
        ("uneven", "rows"),
        ("no-keys", "key"),
        ("wrong-edge", "edge"),
        ("no-edge", "edge"),
        ("consumed-more", "consumed"),
        ("consumed-nothing", "consumed"),
        ("wrong-origins", "origin"),
        ("failure-of-no-row", ""),
        ("too-few-states", "state"),
        ("too-many-actions", "action"),
        ("no-such-action", "action"),
        ("timer-of-no-key", "row 1000 of 1"),
        ("state-backwards", "offset"),
        ("row-of-another-type", ""),
    ] {
        let said = order("breach", &format!("{order_given}\n"), &[]);
        let place = if order_given.contains("row-of") { "sink `out`" } else { "batch 0" };
        assert!(said.code == 1, "{order_given}: exit code {}; {}", said.code, said.err);
        assert!(said.err.contains("error[GUEST_BREACH]"), "{order_given}: {}", said.err);
        said.fails_with(1, &["job `breach`", "batch 0", place, message]);
    }
    order("breach", "gives-up\n", &[]).fails_with(1, &["error[GUEST_FAILED]", "job `breach`", "batch 0", "not today"]);
    order("breach", "fine\n", &[]).succeeds();
}

/// Runs the word count over a source; the summary is on the last line.
fn count(source: &str, args: &[&str]) -> Said {
    let source = format!("lines={source}");
    run("wordcount", &[&["--source", &source, "--sink", "counts=stdout:"], args].concat())
}

#[test]
fn a_source_that_is_missing_is_refused() {
    let text_of = |said: &Said| said.err.clone();
    for (source, parts) in [
        ("file:/none/such.txt", ["SOURCE_NO_FILES", "source `lines`", "/none/such.txt"]),
        ("file:/none/*.txt", ["SOURCE_NO_FILES", "source `lines`", "/none/*.txt"]),
        ("tcp://127.0.0.1:1", ["SOURCE_CONNECT", "source `lines`", "127.0.0.1:1"]),
        ("fiel:x", ["SOURCE_URL", "source `lines`", "did you mean `file`?"]),
        ("input.txt", ["SOURCE_URL", "source `lines`", "write `file:input.txt`"]),
    ] {
        let said = count(source, &[]);
        assert!(matches!(said.code, 1 | 2) && said.out.is_empty(), "{source}: {}", text_of(&said));
        said.fails_with(said.code, &parts);
    }
    let empty = folder();
    let said = count(&format!("file:{}", empty.path().display()), &[]);
    said.fails_with(said.code, &["SOURCE_NO_FILES", "no file in this folder"]);
    assert_ne!(said.code, 0);
}

#[test]
fn a_source_that_cannot_be_read_is_refused() {
    // The tests may run as root, whom permissions do not stop; a link to itself stops everybody.
    let folder = folder();
    let path = folder.path().join("in.txt");
    std::os::unix::fs::symlink(&path, &path).unwrap();
    count(&format!("file:{}", path.display()), &[])
        .fails_with(1, &["SOURCE_IO", "source `lines`", "in.txt", "symbolic links"]);
    let (_keep, path) = file("in.txt.gz", b"\x1f\x8b\x08\0damaged");
    count(&format!("file:{}", path.display()), &[]).fails_with(1, &["SOURCE_IO", "source `lines`", "in.txt.gz"]);
}

#[test]
fn text_that_is_not_utf8_fails_is_skipped_or_is_replaced() {
    let (_keep, path) = file("in.txt", b"good one\nbad \xff\xfe end\ngood two\n");
    let source = format!("file:{}", path.display());
    count(&source, &[]).fails_with(1, &["SOURCE_RECORD", "source `lines`", "in.txt, byte 9", "UTF-8"]);
    let said = count(&source, &["--set", "records.on-bad=skip"]).succeeds();
    assert_eq!((&said.summary()["records_in"], &said.summary()["records_skipped"]), (&2.into(), &1.into()));
    assert!(said.out.contains("good,2") && !said.out.contains("bad"), "{}", said.out);
    let said = count(&source, &["--set", "records.on-bad=replace"]).succeeds();
    assert_eq!((&said.summary()["records_in"], &said.summary()["records_skipped"]), (&3.into(), &0.into()));
    assert!(said.out.contains("\u{fffd}\u{fffd},1") && said.out.contains("bad,1"), "{}", said.out);
}

#[test]
fn a_line_of_a_hundred_megabytes_fails_or_is_skipped_in_little_memory() {
    let mut text = b"before\n".to_vec();
    text.resize(100 << 20, b'x');
    text.extend_from_slice(b"\nafter\n");
    let (_keep, path) = file("in.txt", text);
    let source = format!("file:{}", path.display());
    count(&source, &[]).fails_with(1, &["SOURCE_RECORD", "source `lines`", "in.txt, byte 7", "record.max-bytes"]);
    count(&source, &["--set", "records.on-bad=replace"]).fails_with(1, &["SOURCE_RECORD", "in.txt, byte 7"]);
    // The first run of a module compiles it, which takes memory of its own.
    let small = || count("rate:rows=2,words=2", &[]).succeeds().summary()["peak_rss_bytes"].as_u64().unwrap();
    let least = small().min(small());
    let said = count(&source, &["--set", "records.on-bad=skip"]).succeeds();
    let summary = said.summary();
    assert_eq!((&summary["records_in"], &summary["records_skipped"]), (&2.into(), &1.into()));
    assert!(said.out.contains("before,1") && said.out.contains("after,1"), "{}", said.out);
    let peak = summary["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak < least + (32 << 20), "{} MiB were resident, {} for two words", peak >> 20, least >> 20);
}

/// Fails unless the records that do not parse stop the run, or are kept with all that is needed to mend them.
fn malformed(job: &str, source: &str, args: &[&str], good: u64, bad: &[(&str, &str)]) {
    let place = format!("parsing source `{source}`");
    run(job, args).fails_with(1, &["RECORD_FAILED", &format!("job `{job}`"), "batch 0", &place, bad[0].1, bad[0].0]);
    let dead = folder();
    let aside = format!("records.dead-letter={}", dead.path().join("new/folder").display());
    let said = run(job, &[args, &["--set", "records.on-failure=dead-letter", "--set", &aside]].concat()).succeeds();
    let summary = said.summary();
    assert_eq!(summary["records_failed"], bad.len(), "{summary}");
    assert_eq!(summary["records_in"], good + bad.len() as u64, "failed records were read: {summary}");
    let letters = files(&dead.path().join("new/folder"));
    assert_eq!(letters.keys().collect::<Vec<_>>(), ["dead-letters-000000000000.jsonl"]);
    let letters = contents(&dead.path().join("new/folder"));
    let letters: Vec<serde_json::Value> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.len(), bad.len());
    for (letter, (record, message)) in letters.iter().zip(bad) {
        assert_eq!(letter["record"].as_str().unwrap().trim_end(), *record, "{letter}");
        assert!(letter["message"].as_str().unwrap().contains(message), "{letter}");
        assert_eq!((&letter["batch"], letter["source"].as_str()), (&0.into(), Some(source)));
    }
}

#[test]
fn malformed_json_stops_the_run_or_is_kept_aside() {
    let lines = "{\"user_id\":1,\"ts\":1,\"amount\":2.5,\"type\":\"a\"}\nno json\n{\"user_id\":-1,\"amount\":1}\n{\"user_id\":1}\n\
        {\"user_id\":1,\"ts\":2,\"amount\":2,\"type\":\"a\"}\n";
    let (_keep, path) = file("in.jsonl", lines);
    let source = format!("events=file:{}", path.display());
    let bad = [
        ("no json", "not the JSON that is expected"),
        ("{\"user_id\":-1,\"amount\":1}", "invalid value"),
        ("{\"user_id\":1}", "missing field `amount`"),
    ];
    malformed("user-totals", "events", &["--source", &source, "--sink", "totals=null:"], 2, &bad);
}

#[test]
fn malformed_csv_stops_the_run_or_is_kept_aside() {
    let (_keep, visits) = file("in.csv", "shop,amount,items\na,1.5,2\nb,much,3\nc\nd,2,\n");
    let (_also, orders) = file("in.jsonl", "");
    let visits = format!("visits=file:{}", visits.display());
    let orders = format!("orders=file:{}", orders.display());
    let mut args = vec!["--source", &visits, "--source", &orders];
    for sink in ["by-items=null:", "counts=null:", "sums=null:", "means=null:", "maxima=null:", "minima=null:"] {
        args.extend(["--sink", sink]);
    }
    args.extend(["--sink", "sessions=null:", "--sink", "names=null:"]);
    let bad = [("b,much,3", "invalid float"), ("c", ""), ("d,2,", "d sold nothing")];
    malformed("operators", "visits", &args, 1, &bad);
}

#[test]
fn dead_letters_without_a_folder_are_a_contradiction() {
    count("rate:rows=1", &["--set", "records.on-failure=dead-letter"])
        .fails_with(2, &["CONFIG_CONFLICT", "records.dead-letter"]);
}

#[test]
fn a_sink_folder_that_cannot_be_written_is_refused_before_anything_runs() {
    let (_keep, path) = file("out", "mine");
    let source = "lines=rate:rows=5";
    for sink in [format!("counts=file:{}", path.display()), format!("counts=file:{}/below", path.display())] {
        let said = run("wordcount", &["--source", source, "--sink", &sink]);
        said.fails_with(1, &["SINK_IO", "sink `counts`", text(&path)]);
    }
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let said = run("wordcount", &["--source", source, "--sink", "counts=fiel:x"]);
    assert_ne!(said.code, 0);
    said.fails_with(said.code, &["SINK_URL", "sink `counts`", "did you mean `file`?"]);
}

#[test]
fn a_sink_folder_with_earlier_output_is_refused_and_left_as_it_is() {
    let out = folder();
    let sink = format!("counts=file:{}", out.path().display());
    let args = ["--source", "lines=rate:rows=5,words=3", "--sink", &sink];
    run("wordcount", &args).succeeds();
    let before = files(out.path());
    let said = run("wordcount", &args);
    assert_ne!(said.code, 0);
    said.fails_with(said.code, &["SINK_NOT_EMPTY", "sink `counts`", "batch-000000000000-0000.csv", "overwrite=true"]);
    assert_eq!(files(out.path()), before);
    fs::write(out.path().join("notes.txt"), "mine").unwrap();
    let sink = format!("{sink}?overwrite=true");
    run("wordcount", &["--source", "lines=rate:rows=6,words=3,seed=9", "--sink", &sink]).succeeds();
    assert_ne!(files(out.path()), before);
    assert_eq!(fs::read(out.path().join("notes.txt")).unwrap(), b"mine", "what is not output stays");
}

#[test]
fn two_sinks_cannot_share_a_folder() {
    let out = folder();
    let (counts, sums) =
        (format!("counts=file:{}", out.path().display()), format!("sums=file:{}/.", out.path().display()));
    let mut args =
        vec!["--source", "orders=rate:rows=0", "--source", "visits=stdin:", "--sink", &counts, "--sink", &sums];
    for sink in ["by-items", "means", "maxima", "minima", "sessions", "names"] {
        args.extend(["--sink", Box::leak(format!("{sink}=null:").into_boxed_str())]);
    }
    let said = run("operators", &args);
    assert_ne!(said.code, 0);
    said.fails_with(said.code, &["SINK_NOT_EMPTY", "is another sink's folder", "sums"]);
    assert!(files(out.path()).is_empty());
}

#[test]
fn misspelt_settings_are_refused_with_the_nearest_that_there_is() {
    let source = "rate:rows=1";
    count(source, &["--set", "batch.intervall=2s"])
        .fails_with(2, &["CONFIG_UNKNOWN_KEY", "batch.intervall", "did you mean `batch.interval`?"]);
    count(source, &["--set", "batch.interval=soon"]).fails_with(2, &["CONFIG_TYPE", "batch.interval", "soon"]);
    let (_keep, path) = file("job.toml", "[guest]\nmemmory = \"1MiB\"\n");
    count(source, &["--config", text(&path)])
        .fails_with(2, &["CONFIG_UNKNOWN_KEY", "job.toml:2", "did you mean `guest.memory`?"]);
    count(source, &["--batch-intervall", "2s"]).fails_with(2, &["USAGE", "--batch-interval"]);
}

#[test]
fn unknown_sources_sinks_and_settings_are_refused_with_those_that_there_are() {
    let common = ["--source", "lines=rate:rows=1", "--sink", "counts=null:"];
    let with = |args: &[&str]| run("wordcount", &[&common, args].concat());
    with(&["--source", "line=rate:rows=1"])
        .fails_with(2, &["SOURCE_MISSING", "no source `line`", "did you mean `lines`?"]);
    with(&["--sink", "count=null:"]).fails_with(2, &["SINK_MISSING", "no sink `count`", "did you mean `counts`?"]);
    with(&["--setting", "bonus=1"])
        .fails_with(2, &["CONFIG_UNKNOWN_KEY", "no setting `bonus`", "the job has no settings"]);
    let said = run("wordcount", &common[..2]);
    said.fails_with(2, &["SINK_MISSING", "sink `counts` of job `wordcount` is not connected", "--sink counts=URL"]);
    let said = run("wordcount", &common[2..]);
    said.fails_with(2, &["SOURCE_MISSING", "source `lines` of job `wordcount` is not connected", "--source lines=URL"]);
    let said = run("operators", &["--setting", "bonus=much"]);
    said.fails_with(2, &["CONFIG_TYPE", "the job's setting `bonus` is of type u64, not `much`"]);
    let said = run("operators", &["--setting", "bonsu=1"]);
    said.fails_with(2, &["CONFIG_UNKNOWN_KEY", "no setting `bonsu`", "did you mean `bonus`?"]);
    count("rate:rows=1", &["--sink", "counts"]).fails_with(2, &["USAGE", "NAME=VALUE"]);
}

#[test]
fn absurd_numbers_of_workers_are_refused() {
    for workers in ["1025", "99999999999999999999", "-1", "many"] {
        count("rate:rows=1", &[&format!("--workers={workers}")]).fails_with(2, &["workers", workers]);
    }
    // Zero is the way to say: as many as there are cores.
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(count("rate:rows=1,words=1", &["--workers", "0"]).succeeds().summary()["workers"], cores);
    let said = count("rate:rows=100,words=100", &["--workers", "33"]).succeeds();
    assert_eq!(said.summary()["workers"], 33, "more workers than key groups' parts are idle, not wrong");
}

#[test]
fn a_name_that_cannot_name_a_job_is_refused() {
    for name in ["../x", "", "X", "a b", "-a", "a\u{e9}"] {
        let said = count("rate:rows=1", &[&format!("--job={name}")]);
        if name.is_empty() {
            said.succeeds();
        } else {
            said.fails_with(2, &["JOB_NAME", "cannot name a job", name, "lower-case letters"]);
        }
    }
}
