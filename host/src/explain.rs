//! Stable codes of errors and findings, and what a person can do about each: `wasmstream explain CODE`.
//!
//! Invariant: a code never changes its meaning; every code that the program prints is listed here.

mod data;
mod guest;
mod module;
mod setup;
mod topics;

/// A stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// What a command did, as its exit code. `wasmstream explain exit-codes` tells the same.
pub mod exit {
    /// What was asked for is done.
    pub const DONE: u8 = 0;
    /// It was tried and failed.
    pub const FAILED: u8 = 1;
    /// It was asked for in a way that cannot be carried out; nothing was touched.
    pub const USAGE: u8 = 2;
    /// An upgrade needs a migration or a person's decision.
    pub const NEEDS_DECISION: u8 = 3;
    /// An upgrade is not possible.
    pub const INCOMPATIBLE: u8 = 4;
    /// A newer generation of the job has taken over.
    pub const FENCED: u8 = 75;
}

/// What there is to say about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: &'static str,
    /// The exit code of a command that ends with it.
    pub exit: u8,
    /// One line.
    pub title: &'static str,
    /// What has happened, and what was left as it was.
    pub meaning: &'static str,
    /// Why the program refuses or stops here instead of going on.
    pub why: &'static str,
    /// What it looks like.
    pub example: &'static str,
    /// What a person can do now.
    pub fix: &'static str,
}

/// A subject that is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name, in lower case.
    pub name: &'static str,
    /// One line.
    pub title: &'static str,
    /// The text.
    pub text: &'static str,
}

/// A group of codes that have to do with one thing.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What with.
    pub title: &'static str,
    /// The codes.
    pub entries: &'static [Entry],
}

/// Every code, in groups in the order in which a newcomer meets them.
pub const GROUPS: &[Group] = &[
    Group { title: "Asking and configuring", entries: setup::ENTRIES },
    Group { title: "Building and loading a module", entries: module::ENTRIES },
    Group { title: "Running the job's code", entries: guest::ENTRIES },
    Group { title: "Sources, sinks and batches", entries: data::ENTRIES },
];

/// Every topic.
pub const TOPICS: &[Topic] = topics::TOPICS;

/// Every code.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    GROUPS.iter().flat_map(|group| group.entries)
}

/// What there is to say about a code, in whatever case it is written.
pub fn entry(code: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.code.eq_ignore_ascii_case(code))
}

/// A topic by its name.
pub fn topic(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name.eq_ignore_ascii_case(name))
}

/// The exit code of a command that ends with this code.
pub fn exit_code(code: Code) -> u8 {
    entry(code.0).map_or(exit::FAILED, |entry| entry.exit)
}

/// The word of `known` that is most like `word`, if one is like it at all.
///
/// ```
/// use wasmstream_host::explain::nearest;
/// assert_eq!(nearest("batch.intervall", ["batch.interval", "engine.workers"]), Some("batch.interval"));
/// assert_eq!(nearest("colour", ["batch.interval", "engine.workers"]), None);
/// ```
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    /// Below this, a suggestion is more puzzling than none.
    const ALIKE: f64 = 0.7;
    let word = word.to_lowercase().replace('_', "-");
    let scored = known.into_iter().map(|k| (strsim::jaro_winkler(&word, &k.to_lowercase().replace('_', "-")), k));
    scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The codes that a source text names: `Code("X")`, and `=> "X"` in a match that picks one.
    fn codes_in(text: &str) -> impl Iterator<Item = &str> {
        let after = |mark: &'static str| {
            text.match_indices(mark).filter_map(move |(at, _)| text[at + mark.len()..].split_once('"').map(|(c, _)| c))
        };
        let is_code = |word: &&str| {
            word.len() > 3 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        after("Code(\"").chain(after("=> \"")).filter(is_code)
    }

    #[test]
    fn every_code_in_the_sources_is_explained() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut seen = BTreeSet::new();
        for file in walkdir::WalkDir::new(root).into_iter().map(|file| file.expect("our own sources can be listed")) {
            if file.path().extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(file.path()).expect("our own sources are text");
            let code_alone = text.split("#[cfg(test)]").next().unwrap_or_default();
            for code in codes_in(code_alone) {
                assert!(entry(code).is_some(), "{} prints {code}, which no one explains", file.path().display());
                seen.insert(code.to_owned());
            }
        }
        assert!(seen.contains("SOURCE_URL"), "the search finds codes at all: {seen:?}");
    }

    #[test]
    fn the_search_finds_codes_in_both_forms() {
        let text = r#"Code("AB_CD"), X => "EF_GH", Y => "no code", Code(&x), "IJ_KL""#;
        assert_eq!(codes_in(text).collect::<Vec<_>>(), ["AB_CD", "EF_GH"]);
    }

    #[test]
    fn codes_are_unique_and_every_text_is_there() {
        let mut seen = BTreeSet::new();
        for entry in entries() {
            assert!(seen.insert(entry.code), "{} is listed twice", entry.code);
            for text in [entry.title, entry.meaning, entry.why, entry.example, entry.fix] {
                assert!(!text.trim().is_empty() && text.trim() == text, "{}: {text:?}", entry.code);
            }
            assert!(!entry.title.ends_with('.'), "{}: a title is no sentence", entry.code);
            for text in [entry.meaning, entry.why, entry.fix] {
                assert!(text.ends_with(['.', '`', ')']), "{}: {text:?} does not end", entry.code);
            }
            assert!(!entry.title.contains("  "), "{}", entry.code);
            let names_code = entry.example.starts_with(&format!("error[{}]: ", entry.code));
            assert!(names_code, "{}: the example shows the message", entry.code);
        }
    }
}
