//! What a person and a program see of `explain`, `config`, `completions`, `man`, and of errors in general.

mod command;

use command::{Ran, finish, run_in, wasmstream_in};

fn run(args: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a temporary folder");
    run_in(folder.path(), args.split_whitespace())
}

#[test]
fn explain_tells_about_a_code_in_any_case_and_as_it_was_printed() {
    for word in ["SOURCE_URL", "source_url", "error[SOURCE_URL]:", "[SOURCE_URL]"] {
        let Ran { stdout, stderr, .. } = run(&format!("explain {word}")).exits(0);
        assert!(stdout.starts_with("SOURCE_URL: A source's URL cannot be used\n\nWhat it means\n  "), "{stdout}");
        assert!(stdout.contains("\nWhat to do\n") && stdout.contains("Exit code: 2"), "{stdout}");
        assert_eq!(stderr, "");
    }
}

#[test]
fn explain_lists_every_code_and_topic() {
    let text = run("explain").exits(0).stdout;
    let listed = run("explain --output json").exits(0).json();
    let codes = listed["codes"].as_array().expect("codes");
    assert!(codes.len() > 40);
    for code in codes {
        let code = code["code"].as_str().expect("a code");
        assert!(text.contains(&format!("\n  {code} ")), "{code} in {text}");
        let one = run(&format!("explain --output json {code}")).exits(0).json();
        assert_eq!(one["code"], code);
        assert!(one["fix"].as_str().is_some_and(|fix| !fix.is_empty()));
    }
    assert!(text.contains("\n  exit-codes "));
}

#[test]
fn explain_knows_the_exit_codes() {
    let text = run("explain exit-codes").exits(0).stdout;
    for line in ["\n 0  Done.", "\n 1  Failed.", "\n 2  Usage.", "\n 3  Needs", "\n 4  Incompatible.", "\n75  Fenced."]
    {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}

#[test]
fn explain_suggests_the_nearest_code() {
    let ran = run("explain SORCE_URL").exits(2);
    assert_eq!(ran.stdout, "");
    let expected = "error[UNKNOWN_CODE]: there is no code or topic `SORCE_URL`\n  = help: did you mean `SOURCE_URL`?\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    assert!(run("explain exit-code").exits(2).stderr.contains("did you mean `exit-codes`?"));
    assert!(!run("explain qqq").exits(2).stderr.contains("did you mean"));
}

#[test]
fn errors_are_json_for_those_who_ask_for_json() {
    for (args, code) in [
        ("explain SORCE_URL --output json", "UNKNOWN_CODE"),
        ("explain --output=json --no-such-option", "USAGE"),
        ("no-such-verb --output json", "USAGE"),
        ("config show --output json --set batch.intervall=1s", "CONFIG_UNKNOWN_KEY"),
        ("new Hits --output json", "JOB_NAME"),
    ] {
        let ran = run(args).exits(2);
        assert_eq!(ran.stdout, "", "{args}");
        let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        assert_eq!(error["error"]["code"], code, "{args}");
        assert!(error["error"]["message"].is_string() && error["error"]["fix"].is_string(), "{args}: {error}");
    }
}

#[test]
fn usage_errors_have_a_code_and_no_colours() {
    let ran = run("config shw").exits(2);
    assert!(ran.stderr.starts_with("error[USAGE]: unrecognized subcommand 'shw'\n  = help: "), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'));
    run("").exits(2);
    run("--version").exits(0);
    run("--help").exits(0);
}

/// `config show` in a folder with this file, these variables and these arguments.
fn show(file: &str, env: &[(&str, &str)], args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("wasmstream.toml"), file).expect("a file");
    let mut command = wasmstream_in(folder.path());
    finish(command.args(["config", "show"]).args(args).envs(env.iter().copied()))
}

#[test]
fn the_value_that_counts_is_shown_with_its_origin() {
    let file = "[batch]\ninterval = \"3s\"\nmax-rows = 10\n\n[sources]\nlines = \"file:///in\"\n[chunk]\nrows = 5\n";
    let env = [("WASMSTREAM_BATCH_INTERVAL", "2s"), ("WASMSTREAM_CHUNK_ROWS", "6")];
    let text = show(file, &env, &["--origin", "--set", "batch.interval=1s"]).exits(0).stdout;
    let origin = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {text}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(origin("interval"), "interval = \"1s\" # flag");
    assert_eq!(origin("max-rows"), "max-rows = 10 # wasmstream.toml:3");
    assert_eq!(origin("rows"), "rows = 6 # WASMSTREAM_CHUNK_ROWS");
    assert_eq!(origin("workers"), "workers = 0 # default");
    assert_eq!(origin("lines"), "lines = \"file:///in\" # wasmstream.toml:6");
}

#[test]
fn what_is_shown_is_a_file_that_gives_the_same_configuration() {
    let file = "[batch]\ninterval = \"3s\"\n[settings]\n\"a.b\" = \"say \\\"hi\\\"\"\nn = 3\n";
    let shown = show(file, &[], &[]).exits(0).stdout;
    assert!(shown.contains("interval = \"3s\"\n") && shown.contains("n = \"3\""), "{shown}");
    assert_eq!(show(&shown, &[], &[]).exits(0).stdout, shown);
    let with_origin = show(file, &[], &["--origin"]).exits(0).stdout;
    assert_eq!(show(&with_origin, &[], &[]).exits(0).stdout, shown, "origins are comments");
}

#[test]
fn every_key_is_shown_as_json_with_all_that_is_known_of_it() {
    let shown = show("[batch]\ninterval = \"3s\"\n", &[], &["--output", "json"]).exits(0).json();
    let keys = shown["keys"].as_array().expect("keys");
    let interval = keys.iter().find(|key| key["key"] == "batch.interval").expect("the key");
    let expected = serde_json::json!({
        "key": "batch.interval", "value": "3s", "origin": "wasmstream.toml:2", "default": "500ms", "type": "duration",
        "class": "next-batch", "env": "WASMSTREAM_BATCH_INTERVAL", "doc": interval["doc"],
    });
    assert_eq!(*interval, expected);
    let groups = keys.iter().find(|key| key["key"] == "state.key-groups").expect("the key");
    assert_eq!((&groups["class"], &groups["value"]), (&"needs-migration".into(), &"256".into()));
}

#[test]
fn mistakes_in_the_file_are_shown_with_line_and_way_out() {
    let misspelt = show("[batch]\nintervall = \"3s\"\n", &[], &[]).exits(2).stderr;
    let expected = "error[CONFIG_UNKNOWN_KEY]: wasmstream.toml:2: there is no setting `batch.intervall`\n  = help: did you mean `batch.interval`?\n";
    assert!(misspelt.starts_with(expected), "{misspelt}");
    let untyped = show("[batch]\ninterval = 500\n", &[], &[]).exits(2).stderr;
    assert!(untyped.starts_with("error[CONFIG_TYPE]: wasmstream.toml:2: `batch.interval` is a duration"), "{untyped}");
    let missing = show("", &[], &["--config", "none.toml"]).exits(2).stderr;
    assert!(missing.starts_with("error[CONFIG_READ]: cannot read none.toml: No such file"), "{missing}");
}

#[test]
fn a_misspelt_variable_is_warned_of_and_a_stranger_is_not() {
    let env = [("WASMSTREAM_BATCH_INTERVALL", "1s"), ("WASMSTREAM_SERVICE_HOST", "10.0.0.1")];
    let ran = show("", &env, &[]).exits(0);
    let expected = "warning: the variable WASMSTREAM_BATCH_INTERVALL is no setting and has no effect; did you mean WASMSTREAM_BATCH_INTERVAL?\n";
    assert_eq!(ran.stderr, expected);
}

#[test]
fn another_file_can_be_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("other.toml"), "[chunk]\nrows = 7\n").expect("a file");
    std::fs::write(folder.path().join("wasmstream.toml"), "this is not read").expect("a file");
    let by_flag = run_in(folder.path(), ["config", "show", "--origin", "--config", "other.toml"]).exits(0).stdout;
    let mut command = wasmstream_in(folder.path());
    let by_env = finish(command.args(["config", "show", "--origin"]).env("WASMSTREAM_CONFIG", "other.toml"));
    assert!(by_flag.contains("# other.toml:2\n"), "{by_flag}");
    assert_eq!(by_env.exits(0).stdout, by_flag);
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&format!("completions {shell}")).exits(0).stdout;
        assert!(script.contains("explain") && script.contains("template"), "{shell}");
    }
    run("completions cmd").exits(2);
}

#[test]
fn every_verb_gets_a_manual_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    run_in(folder.path(), ["man", "--dir", "a/b"]).exits(0);
    for page in ["wasmstream", "wasmstream-new", "wasmstream-explain", "wasmstream-config-show", "wasmstream-man"] {
        let text = std::fs::read_to_string(folder.path().join(format!("a/b/{page}.1"))).expect("a page");
        assert!(text.contains(&format!(".TH {page} 1")), "{text}");
    }
    assert!(run("man").exits(0).stdout.contains(".TH wasmstream 1"));
    std::fs::write(folder.path().join("file"), "").expect("a file");
    let refused = run_in(folder.path(), ["man", "--dir", "file"]).exits(1).stderr;
    assert!(refused.starts_with("error[OUTPUT_IO]: cannot write to file"), "{refused}");
}

#[test]
fn a_reader_that_stops_early_is_no_failure() {
    use std::process::Stdio;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = wasmstream_in(folder.path());
    let mut child = command.args(["explain"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
