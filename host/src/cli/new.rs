//! `wasmstream new`: a project of one's own, with a job that builds, its tests, sample input, and the SDK.
//!
//! Invariant: a project appears whole or not at all. It is written beside its place and then moved there.

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde_json::{Value, json};
use wasmstream_model::words::is_job_name;

use super::failure::Failure;
use super::output::{Output, print, print_json};
use crate::explain::Code;

/// What the build script has embedded.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// Where the SDK's sources go in a project.
const VENDOR: &str = "vendor/wasmstream";

/// Names that would clash with a dependency's.
const DEPENDENCIES: [&str; 4] = ["wasmstream", "wasmstream-derive", "wasmstream-model", "serde"];

/// Names that Cargo refuses or warns of for a package.
const CARGO_KEEPS: [&str; 9] =
    ["test", "core", "std", "alloc", "proc-macro", "build", "deps", "examples", "incremental"];

/// Words of Rust in lower case; a crate cannot be called so.
const KEYWORDS: [&str; 50] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
];

/// A project to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Template {
    #[default]
    WordCount,
    Sessions,
    Csv,
}

impl Template {
    const ALL: [Template; 3] = [Template::WordCount, Template::Sessions, Template::Csv];

    /// Its name, which is its folder's.
    fn name(self) -> &'static str {
        match self {
            Template::WordCount => "wordcount",
            Template::Sessions => "sessions",
            Template::Csv => "csv",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Template::WordCount => "counts the words of text lines, kept by the host",
            Template::Sessions => "follows users over JSON lines, with state of its own and a timeout",
            Template::Csv => "adds up CSV records, with sums and means by the host",
        }
    }
}

impl ValueEnum for Template {
    fn value_variants<'a>() -> &'a [Self] {
        &Template::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.about()))
    }
}

/// Create the project of a new job
#[derive(clap::Args, Debug)]
pub(super) struct NewArgs {
    /// The name of the job and of its package: lower-case letters, digits and `-`
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// What the job does at first
    #[arg(long, value_enum, default_value_t)]
    template: Template,
    /// The project's folder [default: NAME]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// List the templates and create nothing
    #[arg(long)]
    list: bool,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &NewArgs) -> Result<(), Failure> {
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else { return list(args.output) };
    check_name(name)?;
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(name));
    let files = files(name, args.template);
    write_project(&folder, &files)?;
    let at = folder.display().to_string();
    let next = [format!("cd {}", quoted(&at)), "wasmstream build".to_owned()];
    if args.output == Output::Json {
        let files: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        let template = args.template.name();
        return print_json(&json!({ "job": name, "template": template, "path": at, "files": files, "next": next }));
    }
    let place = if at == name { String::new() } else { format!(" in {at}") };
    let next = next.join(" && ");
    print(&format!("     Created job `{name}`{place} from the template {}\n        Next: {next}", args.template.name()))
}

fn list(output: Output) -> Result<(), Failure> {
    if output == Output::Json {
        let templates = Template::ALL.map(|template| json!({ "name": template.name(), "about": template.about() }));
        return print_json(&json!({ "templates": Value::from(templates.to_vec()) }));
    }
    let width = Template::ALL.map(|template| template.name().len()).into_iter().max().unwrap_or_default();
    let lines = Template::ALL.map(|template| format!("{:width$}  {}", template.name(), template.about()));
    print(&lines.join("\n"))
}

/// A path as it can be pasted into a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

/// Refuses a name that cannot be a job's and a package's.
fn check_name(name: &str) -> Result<(), Failure> {
    let Some(problem) = name_problem(name) else { return Ok(()) };
    let failure = Failure::new(Code("JOB_NAME"), format!("`{name}` cannot name a job: {problem}"));
    Err(match better_name(name) {
        Some(better) => failure.help(format!("how about `wasmstream new {better}`?")),
        None => failure.help("use lower-case letters, digits and `-`, as in `page-hits`"),
    })
}

fn name_problem(name: &str) -> Option<&'static str> {
    Some(if name.is_empty() {
        "it is empty"
    } else if name.len() > 63 {
        "it has more than 63 characters"
    } else if !is_job_name(name) && is_job_name(name.trim_start_matches('-')) {
        "it starts with `-`"
    } else if !is_job_name(name) {
        "it has characters other than lower-case letters, digits and `-`"
    } else if name.starts_with(|first: char| first.is_ascii_digit()) {
        "a Cargo package's name does not start with a digit"
    } else if KEYWORDS.contains(&name) {
        "it is a word of Rust"
    } else if CARGO_KEEPS.contains(&name) {
        "Cargo keeps it for itself"
    } else if DEPENDENCIES.contains(&name) {
        "a dependency of the job has this name"
    } else {
        return None;
    })
}

/// A name that can be used and is like `name`.
fn better_name(name: &str) -> Option<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    // `PageHits` is two words.
    let mut spaced = String::new();
    for (before, c) in std::iter::once(' ').chain(name.chars()).zip(name.chars()) {
        if before.is_ascii_lowercase() && c.is_ascii_uppercase() {
            spaced.push('-');
        }
        spaced.push(plain(c));
    }
    let words: Vec<&str> = spaced.split('-').filter(|word| !word.is_empty()).collect();
    let mut better = words.join("-");
    better.truncate(59);
    let better = better.trim_end_matches('-');
    let is_letter = better.starts_with(|first: char| first.is_ascii_lowercase());
    match () {
        () if !better.bytes().any(|b| b.is_ascii_lowercase()) => None,
        () if !is_letter => Some(format!("job-{better}")),
        () if name_problem(better).is_none() => Some(better.to_owned()),
        () => Some(format!("{better}-job")),
    }
}

/// The project's files: paths and contents.
fn files(name: &str, template: Template) -> Vec<(String, String)> {
    let prefix = format!("templates/{}/", template.name());
    let own = embedded::TEMPLATES.iter().filter_map(|(path, text)| {
        // Under these names the templates' own tree is no package and ignores nothing.
        let path = match path.strip_prefix(&prefix)? {
            "Cargo.toml.in" => "Cargo.toml",
            "gitignore" => ".gitignore",
            path => path,
        };
        Some((path.to_owned(), text.replace("{{name}}", name)))
    });
    let sdk = embedded::SDK.iter().map(|(path, text)| (format!("{VENDOR}/{path}"), (*text).to_owned()));
    own.chain(sdk).collect()
}

/// Writes all files to a folder that does not exist or is empty.
fn write_project(folder: &Path, files: &[(String, String)]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let message = format!("cannot create {}: {error}", folder.display());
        Failure::new(Code("NEW_IO"), message).help("check that the folder above is yours and that the disk has room")
    };
    let in_use = |problem: &str| {
        let message = format!("{} {problem}", folder.display());
        Failure::new(Code("NEW_FOLDER"), message).help("choose another name, or another folder with `--path DIR`")
    };
    let exists = folder.symlink_metadata().is_ok();
    if exists && !folder.is_dir() {
        return Err(in_use("is not a folder"));
    }
    if exists && folder.read_dir().map_err(failed)?.next().is_some() {
        return Err(in_use("already has files in it"));
    }
    if exists { fill(folder, files).map_err(failed) } else { create(folder, files).map_err(failed) }
}

/// Writes a folder that is not there yet.
fn create(folder: &Path, files: &[(String, String)]) -> io::Result<()> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The nearest folder that is there; the ones below it are made, and removed again where the rest fails.
    let there = parent.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("."));
    let staged = Staged::write(there, files)?;
    let made: Vec<&Path> =
        parent.ancestors().take_while(|above| *above != there && !above.as_os_str().is_empty()).collect();
    let moved = std::fs::create_dir_all(parent).and_then(|()| std::fs::rename(staged.project(), folder));
    if moved.is_err() {
        // Removing fails where somebody else has put something there in the meantime, and it should.
        made.iter().for_each(|above| drop(std::fs::remove_dir(above)));
    }
    moved
}

/// Fills an empty folder. It stays the same folder: a shell may be in it.
fn fill(folder: &Path, files: &[(String, String)]) -> io::Result<()> {
    let staged = Staged::write(folder, files)?;
    let mut moved = Vec::new();
    for entry in staged.project().read_dir()? {
        let entry = entry?;
        let target = folder.join(entry.file_name());
        if let Err(error) = std::fs::rename(entry.path(), &target) {
            // Back to where they go when `staged` does.
            for (from, to) in moved {
                let _: io::Result<()> = std::fs::rename(to, from);
            }
            return Err(error);
        }
        moved.push((entry.path(), target));
    }
    Ok(())
}

/// A project that is written but not in its place. Dropping it removes what is left of it.
struct Staged(tempfile::TempDir);

impl Staged {
    fn write(beside: &Path, files: &[(String, String)]) -> io::Result<Staged> {
        let staged = Staged(tempfile::Builder::new().prefix(".wasmstream-new-").tempdir_in(beside)?);
        for (path, text) in files {
            let path = staged.project().join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(beside))?;
            std::fs::write(path, text)?;
        }
        Ok(staged)
    }

    /// The project within: a folder like any other, whatever the permissions of the temporary one are.
    fn project(&self) -> PathBuf {
        self.0.path().join("project")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_used_are_refused_with_a_better_one() {
        let characters = Some("it has characters other than lower-case letters, digits and `-`");
        for (name, problem, better) in [
            ("hits", None, "hits"),
            ("page-hits-2", None, "page-hits-2"),
            ("a", None, "a"),
            ("Page_Hits", characters, "page-hits"),
            ("PageHits", characters, "page-hits"),
            ("../etc", characters, "etc"),
            ("-hits", Some("it starts with `-`"), "hits"),
            ("2nd", Some("a Cargo package's name does not start with a digit"), "job-2nd"),
            ("fn", Some("it is a word of Rust"), "fn-job"),
            ("test", Some("Cargo keeps it for itself"), "test-job"),
            ("wasmstream", Some("a dependency of the job has this name"), "wasmstream-job"),
            ("", Some("it is empty"), ""),
            ("äöü", characters, ""),
        ] {
            assert_eq!(name_problem(name), problem, "{name:?}");
            assert_eq!(better_name(name).unwrap_or_default(), better, "{name:?}");
            assert!(better.is_empty() || name_problem(better).is_none(), "{better:?}");
        }
        assert_eq!(name_problem(&"x".repeat(64)), Some("it has more than 63 characters"));
        assert_eq!(name_problem(&"x".repeat(63)), None);
    }

    #[test]
    fn every_template_has_what_a_project_needs() {
        for template in Template::ALL {
            let files = files("hits", template);
            let has = |wanted: &str| files.iter().any(|(path, _)| path == wanted);
            for wanted in ["Cargo.toml", "src/lib.rs", ".gitignore", "README.md"] {
                assert!(has(wanted), "{}: {wanted}", template.name());
            }
            assert!(files.iter().any(|(path, _)| path.starts_with("testdata/")), "{}", template.name());
            assert!(
                has("vendor/wasmstream/guest-sdk/derive/Cargo.toml") && has("vendor/wasmstream/host/model/src/lib.rs")
            );
            let own = files.iter().filter(|(path, _)| !path.starts_with(VENDOR));
            own.for_each(|(path, text)| assert!(!text.contains("{{name}}"), "{path} has an open placeholder"));
        }
    }

    #[test]
    fn the_embedded_sdk_is_the_one_in_the_tree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the host is a folder of the repository");
        for (path, text) in embedded::SDK {
            let there = std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(there, *text, "{path} is stale");
        }
        for folder in ["guest-sdk/src", "guest-sdk/derive/src", "host/model/src"] {
            for file in walkdir::WalkDir::new(root.join(folder)).into_iter().map(|file| file.expect("our own tree")) {
                let path = file.path().strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
                let is_source = file.path().extension().is_some_and(|extension| extension == "rs");
                assert!(!is_source || embedded::SDK.iter().any(|(known, _)| *known == path), "{path} is missing");
            }
        }
    }

    #[test]
    fn paths_survive_the_shell() {
        assert_eq!(quoted("jobs/hits"), "jobs/hits");
        assert_eq!(quoted("my jobs/it's"), r"'my jobs/it'\''s'");
    }
}
