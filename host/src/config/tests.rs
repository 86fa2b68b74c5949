//! Which value wins, and what is said about one that cannot be used.

use super::*;

const NO_ENV: fn(&str) -> Option<String> = |_| None;

fn from_file(text: &str) -> Result<Config, ConfigError> {
    Config::resolve(&[], Some((Path::new("w.toml"), text)), NO_ENV)
}

fn interval(flag: Option<&str>, env: Option<&str>, file: Option<&str>) -> (u128, String) {
    let flags: Vec<(&str, String)> = flag.iter().map(|text| ("batch.interval", (*text).to_owned())).collect();
    let env = |name: &str| env.filter(|_| name == "WASMSTREAM_BATCH_INTERVAL").map(str::to_owned);
    let file = file.map(|text| format!("\n[batch]\ninterval = {text:?}\n"));
    let config = Config::resolve(&flags, file.as_deref().map(|text| (Path::new("w.toml"), text)), env);
    let config = config.expect("a configuration");
    (config.batch_interval().as_millis(), config.effective("batch.interval").origin.to_string())
}

#[test]
fn flag_wins_over_environment_over_file_over_default() {
    assert_eq!(interval(Some("1ms"), Some("2ms"), Some("3ms")), (1, "flag".into()));
    assert_eq!(interval(None, Some("2ms"), Some("3ms")), (2, "WASMSTREAM_BATCH_INTERVAL".into()));
    assert_eq!(interval(None, None, Some("3ms")), (3, "w.toml:3".into()));
    assert_eq!(interval(None, None, None), (500, "default".into()));
    assert_eq!(interval(None, Some(""), Some("3ms")), (3, "w.toml:3".into()), "an empty variable is unset");
}

#[test]
fn a_wrong_value_is_refused_even_where_another_place_wins() {
    let file = Some((Path::new("w.toml"), "[batch]\ninterval = 'soon'"));
    let error = Config::resolve(&[("batch.interval", "1s".into())], file, NO_ENV).unwrap_err();
    assert_eq!(error.code(), Code("CONFIG_TYPE"));
}

#[test]
fn tables_are_merged_name_by_name() {
    let text =
        "[sources]\na = 'file:///a'\nb = 'file:///b'\n[settings]\nlimit = 0x10\nrate = 1.5\non = true\nwho = 'me'";
    let env = |name: &str| (name == "WASMSTREAM_SOURCES").then(|| "b=file:///B?x=1\nc = file:///C\n".to_owned());
    let flags = [("sources.c", "file:///flag".to_owned()), ("sources.d.e", "file:///dotted".to_owned())];
    let config = Config::resolve(&flags, Some((Path::new("w.toml"), text)), env).expect("a configuration");
    let sources: Vec<_> = config.sources().collect();
    let expected = [("a", "file:///a"), ("b", "file:///B?x=1"), ("c", "file:///flag"), ("d.e", "file:///dotted")];
    assert_eq!(sources, expected);
    let settings: Vec<_> = config.settings().collect();
    assert_eq!(settings, [("limit", "16"), ("on", "true"), ("rate", "1.5"), ("who", "me")]);
    assert_eq!(config.sinks().count(), 0);
}

#[test]
fn every_key_can_be_set_in_every_place_and_has_a_getter() {
    let config = Config::defaults();
    assert_eq!(config.job_name(), None);
    assert_eq!(config.engine_workers(), None);
    assert_eq!(config.batch_interval(), Duration::from_millis(500));
    assert_eq!(config.batch_max_bytes(), 16 << 20);
    assert_eq!(config.batch_max_rows(), None);
    assert_eq!(config.batch_in_flight(), 2);
    assert_eq!(config.batch_max_intermediate(), 1 << 30);
    assert_eq!(config.chunk_bytes(), 1 << 20);
    assert_eq!(config.chunk_rows(), 65_536);
    assert_eq!(config.record_max_bytes(), 1 << 20);
    assert_eq!(config.records_on_bad(), OnBad::Fail);
    assert_eq!(config.records_on_failure(), OnFailure::Fail);
    assert_eq!(config.records_dead_letter(), None);
    assert_eq!(config.guest_memory(), 128 << 20);
    assert_eq!(config.guest_stack(), 1 << 20);
    assert_eq!(config.guest_time(), Duration::from_secs(1));
    assert_eq!(config.guest_module_max(), 64 << 20);
    assert_eq!(config.state_key_groups(), 256);
    assert_eq!(config.checkpoint_url(), None);
    assert_eq!(config.checkpoint_interval(), Duration::from_secs(10));
    assert_eq!(config.log_level(), "info");
    assert_eq!(KEYS.len(), 21, "a new key needs a getter, and a line above");
    for key in KEYS {
        let env = key.env();
        assert!(env.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{env}");
        let flags = [(&*key.path(), key.default.to_owned())];
        let by_flag = Config::resolve(&flags, None, NO_ENV).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(by_flag.values().filter(|(_, value)| value.origin == Origin::Flag).count(), 1, "{}", key.path());
        let quoted = !matches!(key.kind, Type::Count(..));
        let value = if quoted { format!("{:?}", key.default) } else { key.default.to_owned() };
        let by_file = from_file(&format!("{} = {value}", key.path())).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(by_file.values().filter(|(_, value)| value.origin != Origin::Default).count(), 1, "{}", key.path());
    }
}

/// The code, the message and the fix of what is wrong with a file.
fn refused(text: &str) -> String {
    match from_file(text) {
        Ok(_) => format!("accepted: {text}"),
        Err(error) => format!("{}: {error} | {}", error.code(), error.help().unwrap_or_default()),
    }
}

#[test]
fn misspelt_keys_are_refused_with_line_and_nearest_key() {
    for (text, line, path, fix) in [
        ("[batch]\nintervall = '1s'", 2, "batch.intervall", "did you mean `batch.interval`?"),
        ("[batch]\n\nmax_bytes = 1", 3, "batch.max_bytes", "did you mean `batch.max-bytes`?"),
        ("[engin]\nworkers = 2", 2, "engin.workers", "did you mean `engine.workers`?"),
        ("workers = 2", 1, "workers", "did you mean `engine.workers`?"),
        ("\n[engin]\n", 2, "engin", "did you mean `[engine]`?"),
        ("[source]\nlines = 'x:'", 2, "source.lines", "did you mean `sources.lines`?"),
        ("batch.intervall = '1s'", 1, "batch.intervall", "did you mean `batch.interval`?"),
        (
            "[engine]\nzzz = 1",
            2,
            "engine.zzz",
            "`wasmstream config show` lists all settings; values of the job itself belong under [settings]",
        ),
    ] {
        let expected = format!("CONFIG_UNKNOWN_KEY: w.toml:{line}: there is no setting `{path}` | {fix}");
        assert_eq!(refused(text), expected);
    }
    let error = Config::resolve(&[("batch.intervall", "1s".into())], None, NO_ENV).unwrap_err();
    assert_eq!(error.to_string(), "flag: there is no setting `batch.intervall`");
}

#[test]
fn values_that_do_not_fit_are_refused_with_line_and_type() {
    for (text, expected) in [
        (
            "[batch]\ninterval = 500",
            "CONFIG_TYPE: w.toml:2: `batch.interval` is a duration such as \"500ms\", \"2s\" or \"1m\", from 0ms to 1d; 500 is none | add the unit, in quotes: interval = \"500ms\"",
        ),
        (
            "[engine]\nworkers = \"2\"",
            "CONFIG_TYPE: w.toml:2: `engine.workers` is a whole number from 0 to 1024; \"2\" is none | the default is workers = 0",
        ),
        (
            "[batch]\nin-flight = 3",
            "CONFIG_TYPE: w.toml:2: `batch.in-flight` is a whole number from 1 to 2; \"3\" is none | the default is in-flight = 2",
        ),
        (
            "[guest]\nmemory = \"8GiB\"",
            "CONFIG_TYPE: w.toml:2: `guest.memory` is a size such as \"64kB\" or \"32MiB\", from 1MiB to 4GiB; \"8GiB\" is none | the default is memory = \"128MiB\"",
        ),
        (
            "[records]\non-bad = \"ignore\"",
            "CONFIG_TYPE: w.toml:2: `records.on-bad` is one of fail, skip, replace; \"ignore\" is none | the default is on-bad = \"fail\"",
        ),
        ("[sources]\nlines = 5", "CONFIG_TYPE: w.toml:2: `sources.lines` is a URL in quotes; 5 is none | "),
        (
            "[sources]\na.b = 'x:'",
            "CONFIG_TYPE: w.toml:2: `sources.a` is text; a table is none | a name with a dot in it stands in quotes: \"a.…\" = …",
        ),
        (
            "[job]\nname = 'Hits'",
            "JOB_NAME: w.toml:2: \"Hits\" cannot name a job | a job's name has lower-case letters, digits and `-`, at most 63, and starts with a letter or digit",
        ),
        (
            "[records]\non-failure = 'dead-letter'",
            "CONFIG_CONFLICT: w.toml:2: `records.on-failure` is dead-letter, but `records.dead-letter` names no folder | set `records.dead-letter` to a folder where such records are kept",
        ),
    ] {
        assert_eq!(refused(text), expected);
    }
    assert!(refused("[engine]\nworkers = -1").starts_with("CONFIG_TYPE: w.toml:2: "));
    assert!(refused("[engine]\nworkers = [1]").contains("; an array is none"));
    assert!(from_file("[guest]\nmemory = 1_048_576").is_ok(), "a size may be a number of bytes");
    assert!(from_file("[records]\non-failure = 'dead-letter'\ndead-letter = '/bad'").is_ok());
}

#[test]
fn what_is_no_toml_is_refused_with_its_place() {
    let message = refused("[batch]\ninterval = \"500ms\nmax-rows = 1");
    assert!(message.starts_with("CONFIG_READ: w.toml:2:"), "{message}");
}

#[test]
fn a_slip_in_a_variable_is_found_and_strangers_are_left_alone() {
    let names = ["WASMSTREAM_BATCH_INTERVALL", "WASMSTREAM_SERVICE_HOST", "WASMSTREAM_BATCH_INTERVAL", "HOME"];
    let found = misspelt_env(names.map(str::to_owned));
    assert_eq!(found, [("WASMSTREAM_BATCH_INTERVALL".to_owned(), "WASMSTREAM_BATCH_INTERVAL".to_owned())]);
}
