//! The house has floors: a file uses what lies below it and its own folder, never what lies above. This reads the
//! sources and holds them to that, and to the rules of style that a machine can see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A Rust source file of the repository.
struct Source {
    /// Its path from the root of the repository.
    path: String,
    text: String,
}

/// All Rust files below a folder of the repository, in order.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            if entry.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(entry);
            } else if name.ends_with(".rs") {
                let path = entry.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(Source { path, text: fs::read_to_string(&entry).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

fn all_sources() -> Vec<Source> {
    ["host", "guest-sdk", "example-jobs", "tests"].iter().flat_map(|folder| sources(folder)).collect()
}

/// The text without comments and without what stands in quotes, so that only code is looked at.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let raw = out.ends_with("r#") || out.ends_with('r');
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with('"') && raw {
            let hashes = if out.ends_with('#') { "\"#" } else { "\"" };
            rest[1..].find(hashes).map_or(rest.len(), |end| end + 1 + hashes.len())
        } else if rest.starts_with('"') {
            let bytes = rest.as_bytes();
            let mut end = 1;
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            (end + 1).min(rest.len())
        } else if rest.starts_with("'\"'") || rest.starts_with("'/'") {
            3
        } else if let Some(escaped) = rest.strip_prefix("'\\") {
            escaped.find('\'').map_or(rest.len(), |end| end.max(1) + 3)
        } else {
            out.push_str(&rest[..1]);
            1
        };
        rest = &rest[end.min(rest.len())..];
    }
    out + rest
}

/// The paths that a file's code names: `crate::a::b` for each of `use crate::a::{b, c}` and for what stands in the code.
/// Those that start with `super` are made to start with `crate`; `module` is the file's own.
fn used(text: &str, module: &[String]) -> Vec<Vec<String>> {
    let code = code(text);
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            let nested = code[..at].matches("mod tests {").count();
            for path in expand(&code[at..]) {
                let parts: Vec<&str> = path.split("::").collect();
                let supers = parts.iter().take_while(|part| **part == "super").count();
                let base = if supers == 0 {
                    Vec::new()
                } else {
                    let own = module.len() + nested;
                    module[..(own.saturating_sub(supers)).min(module.len())].to_vec()
                };
                let rest = parts.iter().skip(supers.max(1)).map(|part| (*part).to_owned());
                found.push(base.into_iter().chain(rest).collect());
            }
        }
    }
    found
}

/// The paths at the start of a text: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    if !head.ends_with("::") || !rest.starts_with('{') {
        return vec![head.trim_end_matches("::").to_owned()];
    }
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for c in rest.chars() {
        match c {
            '{' if depth == 0 => depth = 1,
            '}' if depth == 1 => break,
            ',' if depth == 1 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                part.push(c);
            }
        }
    }
    parts.push(part);
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(expand).map(|rest| format!("{head}{rest}")).collect()
}

/// The modules of a crate as its `lib.rs` lists them: from the lowest floor to the highest.
fn floors(crate_root: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(crate_root).join("lib.rs")).unwrap();
    let names = text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// Where a file's code stands: `host/src/run/state/mod.rs` is `run::state`.
fn module_of(path: &str, crate_root: &str) -> Vec<String> {
    let inner = path.strip_prefix(crate_root).unwrap().trim_matches('/').trim_end_matches(".rs");
    let parts = inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main"));
    parts.map(str::to_owned).collect()
}

/// What goes up in a crate: `FILE uses crate::MODULE, which lies above`.
fn climbs(crate_root: &str) -> Vec<String> {
    let floors = floors(crate_root);
    let floor = |name: &String| floors.iter().position(|known| known == name);
    let mut wrong = Vec::new();
    for source in sources(crate_root) {
        let module = module_of(&source.path, crate_root);
        let Some(own) = module.first().and_then(floor) else { continue };
        for path in used(&source.text, &module) {
            if let Some(used) = path.first().and_then(floor).filter(|used| *used > own) {
                wrong.push(format!("{} uses crate::{}, which lies above it", source.path, floors[used]));
            }
        }
    }
    wrong
}

#[test]
fn a_file_uses_lower_floors_and_its_own_folder_alone() {
    for (crate_root, lowest, highest) in [("host/src", "explain", "cli"), ("host/model/src", "words", "semantics")] {
        let floors = floors(crate_root);
        assert_eq!((floors.first().unwrap().as_str(), floors.last().unwrap().as_str()), (lowest, highest));
        assert_eq!(climbs(crate_root), [""; 0]);
        let folders: Vec<_> =
            sources(crate_root).iter().filter_map(|s| module_of(&s.path, crate_root).first().cloned()).collect();
        assert!(
            folders.iter().all(|name| floors.contains(name)),
            "every module of {crate_root} has its floor: {folders:?}"
        );
    }
}

#[test]
fn sources_and_sinks_do_not_know_of_each_other() {
    for (one, other) in [("source", "sink"), ("sink", "source"), ("source", "guest"), ("sink", "guest")] {
        for source in sources(&format!("host/src/{one}")) {
            let paths = used(&source.text, &module_of(&source.path, "host/src"));
            assert!(
                paths.iter().all(|path| path.first().is_none_or(|first| first != other)),
                "{}: {other}",
                source.path
            );
        }
    }
}

#[test]
fn what_a_file_uses_is_found_in_whatever_way_it_is_written() {
    let text = "//! use crate::cli::x;\nuse super::super::{cli::{a, b}, run};\nuse crate::{config::Key, sink};\n\
        fn f() { crate::guest::call(\"crate::no::string\", '\"'); }\nmod tests {\n    use super::*;\n    use super::super::url;\n}\n";
    let module: Vec<String> = ["source", "file"].map(str::to_owned).into();
    let found: Vec<String> = used(text, &module).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["config::Key", "sink", "guest::call", "cli::a", "cli::b", "run", "source::file", "source::url"]);
}

/// The files whose code names a crate.
fn naming(krate: &str) -> Vec<String> {
    let names = |source: &Source| {
        code(&source.text).split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == krate)
    };
    let folders = ["host/src", "host/model/src", "guest-sdk"];
    let files = folders.iter().flat_map(|folder| sources(folder));
    files.filter(names).map(|source| source.path).collect()
}

#[test]
fn the_engines_are_named_in_their_own_places_alone() {
    let wasmtime = naming("wasmtime");
    assert!(!wasmtime.is_empty() && wasmtime.iter().all(|path| path.starts_with("host/src/guest/")), "{wasmtime:?}");
    assert_eq!(naming("timely"), ["host/src/run/dataflow.rs"]);
    assert_eq!(naming("tokio"), [""; 0]);
}

/// The names of a package's dependencies, those for its tests left out.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let mut section = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies") && section != "dev-dependencies" {
            found.extend(line.split_once('=').map(|(name, _)| name.trim().to_owned()));
        }
    }
    found
}

#[test]
fn the_model_depends_on_nothing_that_acts() {
    assert_eq!(dependencies("host/model/Cargo.toml"), ["serde", "serde_json", "thiserror", "xxhash-rust"]);
    for source in sources("host/model/src") {
        let code = code(&source.text);
        for word in ["std::fs", "std::net", "std::env", "std::process", "std::thread", "SystemTime", "Instant::now"] {
            assert!(!code.contains(word), "{} names {word}", source.path);
        }
    }
}

#[test]
fn the_model_compiles_for_webassembly() {
    let binary = Path::new(env!("CARGO_BIN_EXE_wasmstream"));
    let target = binary.ancestors().nth(2).unwrap().join("jobs-build");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["check", "-p", "wasmstream-model", "--target", "wasm32-unknown-unknown", "--target-dir"]).arg(target);
    let output = cargo.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_file_says_what_it_is_for() {
    for source in all_sources() {
        // What a program wrote says so instead.
        let says = ["//! ", "// Generated by "].iter().any(|start| source.text.starts_with(start));
        assert!(says, "{} does not start with `//!`", source.path);
    }
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let marks = ["todo!", "unimplemented!", "dbg!", "#[ignore", "#![allow(warnings"];
    for source in all_sources().iter().filter(|source| !source.path.ends_with("tests/layout.rs")) {
        let code = code(&source.text);
        for mark in marks {
            assert!(!code.contains(mark), "{} has {mark}", source.path);
        }
    }
}

#[test]
fn no_module_is_a_drawer_for_odds_and_ends() {
    for source in all_sources() {
        let drawer = source
            .path
            .split(['/', '.'])
            .find(|part| matches!(*part, "utils" | "util" | "helpers" | "common" | "misc"));
        assert_eq!(drawer, None, "{}: name it after what it holds", source.path);
    }
}

#[test]
fn files_are_short_enough_to_be_read() {
    let lines: BTreeMap<String, usize> = all_sources().into_iter().map(|s| (s.path, s.text.lines().count())).collect();
    // Generated, and long by nature.
    let long = lines.iter().filter(|(path, lines)| **lines > 600 && *path != "guest-sdk/src/bindings.rs");
    assert_eq!(long.collect::<Vec<_>>(), []);
}
