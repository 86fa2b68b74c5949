//! Jobs from their sources to their output files, through the real binary: the counts are right, and they are the same
//! with any number of workers.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;
use support::{Said, contents, files, module, root, run, text, wait_for, wasmstream};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Lines with whatever a line can have: every kind of white space, none, words with quotes and commas, long words, words
/// beyond ASCII.
fn prose(seed: u64, lines: usize) -> String {
    const WORDS: [&str; 12] = [
        "the",
        "a",
        "\"quoted\"",
        "comma,comma",
        "naïve",
        "語",
        "x",
        "{}",
        "it's",
        "0",
        "-1.5",
        "and\u{a0}so\u{2003}on",
    ];
    const GAPS: [&str; 9] = [" ", " ", " ", "  ", "\t", " \t ", "\u{b}", "\u{c}", "\r"];
    let mut random = Random(seed);
    let mut all = String::new();
    for _ in 0..lines {
        for _ in 0..random.below(12) {
            match random.below(8) {
                0 => all.push_str(&"long".repeat(1 + random.below(40) as usize)),
                1..4 => all.push_str(&format!("w{}", random.below(700))),
                _ => all.push_str(WORDS[random.below(WORDS.len() as u64) as usize]),
            }
            all.push_str(GAPS[random.below(GAPS.len() as u64) as usize]);
        }
        all.push_str(if random.below(9) == 0 { "\r\n" } else { "\n" });
    }
    all
}

/// A folder of text, some of it in a folder below and some compressed; and what the shell's tools count in it.
fn library(lines: usize) -> (TempDir, BTreeMap<String, u64>) {
    let folder = folder();
    let of = |name: &str| folder.path().join(name);
    fs::create_dir(of("more")).unwrap();
    fs::write(of("a.txt"), prose(1, lines / 2)).unwrap();
    fs::write(of("more/b.txt"), prose(2, lines / 4)).unwrap();
    fs::write(of("more/empty.txt"), "").unwrap();
    let mut gzip =
        flate2::write::GzEncoder::new(fs::File::create(of("z.txt.gz")).unwrap(), flate2::Compression::fast());
    gzip.write_all((prose(3, lines / 4) + "the last line has no end").as_bytes()).unwrap();
    gzip.finish().unwrap();
    let script = "(cat a.txt more/b.txt && gzip -dc z.txt.gz) | tr -s '[:space:]' '\\n' | sort | uniq -c";
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", script]).env("LC_ALL", "C").current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counted = String::from_utf8(output.stdout).unwrap();
    let entries = counted.lines().filter_map(|line| {
        let (count, word) = line.trim_start().split_once(' ')?;
        (!word.is_empty()).then(|| (word.to_owned(), count.parse().unwrap()))
    });
    let expected: BTreeMap<_, _> = entries.collect();
    assert!(expected.len() > 10 && expected.contains_key("\"quoted\"") && !expected.contains_key(""));
    (folder, expected)
}

/// What holds at the end: for each word, the last row in the order of the files' names.
fn totals(rows: &str) -> BTreeMap<String, u64> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(rows.as_bytes());
    reader.deserialize::<(String, u64)>().map(Result::unwrap).collect()
}

/// Counts words with a job; gives the totals and the summary.
fn count(job: &str, source: &str, args: &[&str]) -> (BTreeMap<String, u64>, Json) {
    let out = folder();
    let (source, sink) = (format!("lines={source}"), format!("counts=file:{}", out.path().display()));
    let said = run(job, &[&["--source", &source, "--sink", &sink], args].concat()).succeeds();
    (totals(&contents(out.path())), said.summary())
}

#[test]
fn words_are_counted_as_tr_sort_and_uniq_count_them() {
    let (library, expected) = library(4_000);
    let source = format!("file:{}", library.path().display());
    for job in ["wordcount", "wordcount-state"] {
        for workers in ["1", "2", "4"] {
            for max_rows in ["37", "1000", "1000000"] {
                let (got, summary) = count(job, &source, &["--workers", workers, "--batch-max-rows", max_rows]);
                assert!(got == expected, "{job}, {workers} workers, batches of {max_rows}");
                assert_eq!(summary["state_keys"], expected.len(), "{job}, {workers} workers, batches of {max_rows}");
                assert_eq!(summary["workers"].to_string(), workers);
            }
        }
    }
}

#[test]
fn words_are_counted_right_in_batches_of_one_line() {
    let (library, expected) = library(120);
    let source = format!("file:{}", library.path().display());
    for job in ["wordcount", "wordcount-state"] {
        for workers in ["1", "2", "4"] {
            let (got, summary) = count(job, &source, &["--workers", workers, "--batch-max-rows", "1"]);
            assert!(got == expected, "{job}, {workers} workers");
            assert_eq!(summary["batches"], summary["records_in"], "{job}, {workers} workers");
            assert_eq!(summary["records_in"], 121);
        }
    }
}

/// Runs a job with 1, 2 and 4 workers over the same batches; the files must have the same bytes. Gives one of the runs.
fn same_with_any_number_of_workers(job: &str, source: &str, sink: &str, args: &[&str]) -> (TempDir, Json) {
    let mut first: Option<(TempDir, Json)> = None;
    for workers in ["1", "2", "4"] {
        let out = folder();
        let sink = format!("{sink}=file:{}", out.path().display());
        // Where time does not cut, the same input gives the same batches.
        let common = ["--source", source, "--sink", &sink, "--workers", workers, "--batch-interval", "1h"];
        let summary = run(job, &[&common, args].concat()).succeeds().summary();
        let Some((expected, before)) = &first else {
            first = Some((out, summary));
            continue;
        };
        assert!(files(out.path()) == files(expected.path()), "{job}: the files of 1 and {workers} workers differ");
        for field in ["batches", "records_in", "records_out", "bytes_out", "state_keys", "state_bytes", "output_digest"]
        {
            assert_eq!(summary[field], before[field], "{job}: {field} of 1 and {workers} workers");
        }
    }
    first.expect("there was a run with 1 worker")
}

#[test]
fn the_same_batches_give_the_same_bytes_with_any_number_of_workers() {
    let (library, expected) = library(4_000);
    let source = format!("lines=file:{}", library.path().display());
    for job in ["wordcount", "wordcount-state"] {
        for max_rows in ["100", "1000000"] {
            let limit = ["--batch-max-rows", max_rows];
            let (out, summary) = same_with_any_number_of_workers(job, &source, "counts", &limit);
            assert!(totals(&contents(out.path())) == expected, "{job}");
            assert_eq!(summary["batches"], files(out.path()).len(), "{job}: a file a batch");
        }
    }
}

#[test]
fn a_job_that_leans_on_what_memory_holds_gives_the_same_bytes_with_any_number_of_workers() {
    let (library, _) = library(2_000);
    let source = format!("lines=file:{}", library.path().display());
    for max_rows in ["100", "1000000"] {
        let (out, _) = same_with_any_number_of_workers("globals", &source, "out", &["--batch-max-rows", max_rows]);
        assert!(!contents(out.path()).is_empty());
    }
}

#[test]
fn the_test_verb_finds_a_job_that_leans_on_what_memory_holds() {
    let (library, _) = library(2_000);
    let source = format!("lines=file:{}", library.path().display());
    let test = |job: &str| -> Said {
        wasmstream().arg("test").arg(module(job)).args(["--source", &source]).output().unwrap().into()
    };
    test("globals").fails_with(1, &["error[TEST_DIFFERS]", "sink `out`", "= help: "]);
    let said = test("wordcount").succeeds();
    assert!(said.out.contains("4 workers, other keys in a call, other chunks"), "{}", said.out);
}

#[test]
fn totals_of_users_are_the_sums_in_the_order_of_the_events() {
    let events = folder();
    let mut random = Random(7);
    let mut expected: BTreeMap<u64, (u64, f64, f64)> = BTreeMap::new();
    for file in 0..3 {
        let mut lines = String::new();
        for n in 0..2_000 {
            let (user, amount) = (random.below(300) * random.below(3), random.below(1_000_000) as f64 / 7.0 - 50_000.0);
            let kind = ["buy", "sell"][random.below(2) as usize];
            lines += &format!("{{\"user_id\":{user},\"ts\":{n},\"amount\":{amount},\"type\":\"{kind}\"}}\n");
            let total = expected.entry(user).or_insert((0, 0.0, f64::NEG_INFINITY));
            *total = (total.0 + 1, total.1 + amount, total.2.max(amount));
        }
        fs::write(events.path().join(format!("{file}.jsonl")), lines).unwrap();
    }
    let source = format!("events=file:{}", events.path().display());
    for max_rows in ["250", "1000000"] {
        let limit = ["--batch-max-rows", max_rows];
        let (out, summary) = same_with_any_number_of_workers("user-totals", &source, "totals", &limit);
        let rows = contents(out.path());
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(rows.as_bytes());
        let rows = reader.deserialize::<(u64, u64, f64, f64)>().map(Result::unwrap);
        // Floats are compared bit by bit: every sum was made in the same order.
        let bits = |(count, sum, max): (u64, f64, f64)| (count, sum.to_bits(), max.to_bits());
        let got: BTreeMap<u64, _> = rows.map(|(user, count, sum, max)| (user, bits((count, sum, max)))).collect();
        assert!(got == expected.iter().map(|(user, total)| (*user, bits(*total))).collect());
        assert_eq!((&summary["records_in"], &summary["state_keys"]), (&6_000.into(), &expected.len().into()));
    }
}

/// Starts a run of the word count that goes on until it is stopped.
fn start(source: &str, sink: &str, args: &[&str]) -> Child {
    let mut command = wasmstream();
    command
        .arg("run")
        .arg(module("wordcount"))
        .args(["--output", "json", "--source", source, "--sink", sink])
        .args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn interrupt(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn end(child: Child) -> Said {
    child.wait_with_output().unwrap().into()
}

fn counted<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

#[test]
fn standard_input_is_a_source() {
    let out = folder();
    let sink = format!("counts=file:{}", out.path().display());
    let mut child = start("lines=stdin:", &sink, &[]);
    child.stdin.take().unwrap().write_all(b"to be or\nnot to be").unwrap();
    let summary = end(child).succeeds().summary();
    assert_eq!(totals(&contents(out.path())), counted([("to", 2), ("be", 2), ("or", 1), ("not", 1)]));
    assert_eq!((&summary["records_in"], &summary["bytes_in"]), (&2.into(), &18.into()));
    assert_eq!(summary["exit"], "completed");
}

#[test]
fn a_tcp_server_is_a_source_until_it_closes() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let source = format!("lines=tcp://{}", listener.local_addr().unwrap());
    let out = folder();
    let child = start(&source, &format!("counts=file:{}", out.path().display()), &[]);
    let (mut connection, _) = listener.accept().unwrap();
    connection.write_all(b"one two\ntwo\n").unwrap();
    drop(connection);
    assert_eq!(end(child).succeeds().summary()["exit"], "completed");
    assert_eq!(totals(&contents(out.path())), counted([("one", 1), ("two", 2)]));
}

#[test]
fn made_up_rows_are_a_source_and_always_the_same_ones() {
    let rows = |seed: u64| {
        let source = format!("rate:rows=3000,words=50,seed={seed}");
        let (totals, summary) = count("wordcount", &source, &["--batch-max-rows", "1000", "--batch-interval", "1h"]);
        assert_eq!(totals.values().sum::<u64>(), 9 * 3_000);
        (totals, summary["output_digest"].clone())
    };
    assert_eq!(rows(1), rows(1));
    assert_ne!(rows(1), rows(2));
    let (totals, summary) = count("wordcount", "rate:rows=60,per-second=1000,words=3", &["--batch-interval", "10ms"]);
    assert_eq!((totals.values().sum::<u64>(), &summary["records_in"]), (9 * 60, &60.into()));
}

#[test]
fn an_interrupt_ends_the_run_and_publishes_all_that_was_read() {
    for signal in ["-INT", "-TERM"] {
        let out = folder();
        let sink = format!("counts=file:{}", out.path().display());
        let child = start("lines=rate:words=20", &sink, &["--batch-max-rows", "5000", "--workers", "2"]);
        wait_for("a second file", || files(out.path()).len().checked_sub(2));
        interrupt(&child, signal);
        let summary = end(child).succeeds().summary();
        assert_eq!(summary["exit"], "stopped", "{signal}");
        assert_eq!(summary["batches"], files(out.path()).len(), "{signal}");
        let words: u64 = totals(&contents(out.path())).values().sum();
        assert_eq!(Json::from(words / 9), summary["records_in"], "{signal}: what was read was published");
    }
}

#[test]
fn an_interrupt_ends_a_run_that_waits_for_input() {
    let (input, out) = (folder(), folder());
    let sink = format!("counts=file:{}", out.path().display());
    let source = format!("lines=file:{}?follow=true&poll=5ms", input.path().display());
    let child = start(&source, &sink, &["--batch-interval", "1ms"]);
    let write = |name: &str, text: &str| {
        fs::write(input.path().join("_new"), text).unwrap();
        fs::rename(input.path().join("_new"), input.path().join(name)).unwrap();
    };
    let counts = || totals(&contents(out.path()));
    write("a.txt", "one\n");
    wait_for("the first file's words", || (counts() == counted([("one", 1)])).then_some(()));
    write("b.txt", "one two\n");
    wait_for("the second file's words", || (counts() == counted([("one", 2), ("two", 1)])).then_some(()));
    interrupt(&child, "-INT");
    let summary = end(child).succeeds().summary();
    assert_eq!((&summary["exit"], &summary["records_in"]), (&"stopped".into(), &2.into()));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let out = folder();
    let sink = format!("counts=file:{}", out.path().display());
    let child = start(&format!("lines=tcp://{}", listener.local_addr().unwrap()), &sink, &[]);
    let (mut connection, _) = listener.accept().unwrap();
    connection.write_all(b"open end\n").unwrap();
    wait_for("the line's words", || (!files(out.path()).is_empty()).then_some(()));
    interrupt(&child, "-INT");
    assert_eq!(end(child).succeeds().summary()["exit"], "stopped");
    assert_eq!(totals(&contents(out.path())), counted([("open", 1), ("end", 1)]));
    // It was the run that closed the connection.
    assert_eq!(connection.read(&mut [0]).unwrap_or(0), 0);
}

/// Runs the word count over `lines` into a sink of the form `format`; gives the only file's name and text.
fn written(lines: &str, format: &str) -> (String, String) {
    let (input, out) = (folder(), folder());
    fs::write(input.path().join("in.txt"), lines).unwrap();
    let source = format!("lines=file:{}", input.path().join("in.txt").display());
    let sink = format!("counts=file:{}{format}", out.path().display());
    run("wordcount", &["--source", &source, "--sink", &sink]).succeeds();
    let (name, bytes) = files(out.path()).pop_first().unwrap();
    (name, String::from_utf8(bytes).unwrap())
}

#[test]
fn rows_are_written_as_csv_json_or_text() {
    let csv = "batch-000000000000-0000.csv".to_owned();
    assert_eq!(written("b,\"c\" b,\"c\"\n", ""), (csv.clone(), "\"b,\"\"c\"\"\",2\n".into()));
    assert_eq!(written("x\n", "?format=csv&header=true"), (csv, "key,value\nx,1\n".into()));
    let json = "batch-000000000000-0000.jsonl".to_owned();
    assert_eq!(written("b,\"c\" b,\"c\"\n", "?format=json"), (json, "[\"b,\\\"c\\\"\",2]\n".into()));
    let plain = "batch-000000000000-0000.txt".to_owned();
    assert_eq!(written("b,\"c\" b,\"c\"\n", "?format=text"), (plain, "b,\"c\"\t2\n".into()));
}

#[test]
fn rows_go_to_standard_output_and_nowhere() {
    let input = folder();
    fs::write(input.path().join("in.txt"), "x x\n").unwrap();
    let source = format!("lines=file:{}", input.path().display());
    let said = run("wordcount", &["--source", &source, "--sink", "counts=stdout:"]).succeeds();
    assert_eq!(said.out.lines().next(), Some("x,2"));
    assert_eq!((said.out.lines().count(), &said.summary()["records_out"]), (2, &1.into()));
    let said = run("wordcount", &["--source", &source, "--sink", "counts=null:"]).succeeds();
    assert_eq!((said.out.lines().count(), &said.summary()["records_out"]), (1, &1.into()));
    // For people, the summary goes to stderr, and stdout has rows alone.
    let mut command = wasmstream();
    command.arg("run").arg(module("wordcount")).args(["--source", &source, "--sink", "counts=stdout:"]);
    let said = Said::from(command.output().unwrap()).succeeds();
    assert_eq!(said.out, "x,2\n");
    assert!(said.err.contains("completed: 1 records (4 B)"), "{}", said.err);
}

#[test]
fn the_summary_has_every_field_that_programs_read() {
    let (_, summary) = count("wordcount", "rate:rows=2000,words=10", &["--workers", "2", "--job", "my-job"]);
    for field in [
        "records_in",
        "records_out",
        "batches",
        "wall_s",
        "records_per_s",
        "steady_records_per_s",
        "batch_p50_ms",
        "batch_p99_ms",
        "first_result_s",
        "peak_rss_bytes",
        "state_keys",
        "state_bytes",
        "bytes_in",
        "bytes_out",
    ] {
        assert!(summary[field].as_f64().is_some_and(|number| number > 0.0), "{field}: {summary}");
    }
    assert_eq!((&summary["exit"], &summary["job"]), (&"completed".into(), &"my-job".into()));
    for field in ["source_s", "guest_s", "shuffle_s", "state_s", "encode_s", "sink_s"] {
        assert!(summary["time"][field].as_f64().is_some_and(|number| number >= 0.0), "{field}: {summary}");
    }
    let at_most = |a: &str, b: &str| summary[a].as_f64() <= summary[b].as_f64();
    assert!(at_most("first_result_s", "wall_s") && at_most("batch_p50_ms", "batch_p99_ms"), "{summary}");
    assert_eq!((&summary["records_in"], &summary["state_keys"]), (&2_000.into(), &10.into()));
}

#[test]
fn an_empty_input_is_a_run_without_batches() {
    let (totals, summary) = count("wordcount", "rate:rows=0", &[]);
    assert!(totals.is_empty());
    assert_eq!((&summary["batches"], &summary["exit"]), (&0.into(), &"completed".into()));
}

/// Runs the job with every operator; gives what its sink `by-items` got.
fn by_items(args: &[&str]) -> String {
    let (input, out) = (folder(), folder());
    fs::write(input.path().join("orders.jsonl"), "{\"shop\":\"s\",\"amount\":1,\"items\":4}\n").unwrap();
    let orders = format!("orders=file:{}", input.path().join("orders.jsonl").display());
    fs::write(input.path().join("visits.csv"), "shop,amount,items\n").unwrap();
    let visits = format!("visits=file:{}", input.path().join("visits.csv").display());
    let by_items = format!("by-items=file:{}", out.path().display());
    let mut all = vec!["--source", &orders, "--source", &visits, "--sink", &by_items];
    for sink in
        ["counts=null:", "sums=null:", "means=null:", "maxima=null:", "minima=null:", "sessions=null:", "names=null:"]
    {
        all.extend(["--sink", sink]);
    }
    run("operators", &[&all, args].concat()).succeeds();
    contents(out.path())
}

#[test]
fn settings_reach_the_job() {
    assert_eq!(by_items(&[]), "9,s\n");
    assert_eq!(by_items(&["--setting", "bonus=100"]), "104,s\n");
    assert_eq!(by_items(&["--set", "settings.bonus=7"]), "11,s\n");
}

fn inspect(path: &Path, form: &str) -> String {
    let output = wasmstream().arg("inspect").arg(path).args(["--output", form]).output().unwrap();
    Said::from(output).succeeds().out
}

#[test]
fn inspect_says_what_a_module_is() {
    let module = module("wordcount");
    let shown = inspect(&module, "text");
    for part in [
        "wordcount 1.0.0 (wasmstream-rust ",
        "sha256 ",
        "lines: text lines, as string",
        "tally: count",
        "(run by the host)",
        "0: split",
    ] {
        assert!(shown.contains(part), "`{part}` is missing in:\n{shown}");
    }
    let json: Json = serde_json::from_str(&inspect(&module, "json")).unwrap();
    let sum = Command::new("sha256sum").arg(&module).output().unwrap();
    assert!(String::from_utf8_lossy(&sum.stdout).starts_with(json["sha256"].as_str().unwrap()));
    assert_eq!(json["bytes"], fs::metadata(&module).unwrap().len());
    assert_eq!(json["job"]["operators"][1]["id"], "tally");
    assert_eq!(json["job"]["sinks"][0]["schema"], serde_json::json!({"tuple": ["string", "u64"]}));
    let dot = inspect(&module, "dot");
    assert!(dot.starts_with("digraph \"wordcount\" {") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("\"operator:split\" -> \"operator:tally\" [label=\"by key\""), "{dot}");
}

#[test]
fn build_writes_the_module_where_it_is_told_to() {
    let out = folder();
    let path = out.path().join("elsewhere.wasm");
    let mut build = wasmstream();
    build.arg("build").arg(root().join("example-jobs/wordcount")).arg("-o").arg(&path).args(["--output", "json"]);
    let said = Said::from(build.env("CARGO_TARGET_DIR", support::jobs_target()).output().unwrap()).succeeds();
    let built: Json = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&built["path"], &built["name"]), (&text(&path).into(), &"wordcount".into()));
    let shown: Json = serde_json::from_str(&inspect(&path, "json")).unwrap();
    assert_eq!((&shown["sha256"], &shown["bytes"]), (&built["sha256"], &built["bytes"]));
    assert_eq!(fs::read(&path).unwrap(), fs::read(module("wordcount")).unwrap(), "two builds give the same module");
}

#[test]
fn a_new_job_is_built_inspected_tested_and_run_outside_of_the_repository() {
    let place = folder();
    let say = |folder: &Path, args: &[&str]| {
        let mut command = wasmstream();
        // What is common to new jobs is built once for all tests.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-jobs");
        Said::from(command.args(args).current_dir(folder).env("CARGO_TARGET_DIR", target).output().unwrap()).succeeds()
    };
    say(place.path(), &["new", "hits"]);
    let hits = place.path().join("hits");
    // The versions that the SDK itself is tested with; cargo drops what the project does not need.
    fs::copy(root().join("Cargo.lock"), hits.join("Cargo.lock")).unwrap();
    say(&hits, &["build"]);
    assert!(say(&hits, &["inspect", "hits.wasm"]).out.starts_with("hits "));
    assert!(say(&hits, &["test"]).out.contains("records gave the same"));
    fs::write(hits.join("access.log"), "to be\nbe\n").unwrap();
    let run = ["run", "hits.wasm", "--source", "lines=file:access.log", "--sink", "counts=file:out/"];
    assert!(say(&hits, &run).err.contains("completed: 2 records"));
    assert_eq!(totals(&contents(&hits.join("out"))), counted([("to", 1), ("be", 2)]));
}
