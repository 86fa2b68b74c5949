//! Every setting: name, type, default, meaning, and when a change of it takes effect.
//!
//! Invariant: a setting exists here or not at all. Files, flags, the environment and the documentation know no other.

use std::time::Duration;

use super::units::{parse_duration, parse_size, show_duration, show_size};

/// When a change of a setting takes effect in a job that already has a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// At once.
    Live,
    /// From the next batch that is planned.
    NextBatch,
    /// The stored state depends on it: it takes a migration.
    NeedsMigration,
}

impl Class {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Class::Live => "live",
            Class::NextBatch => "next-batch",
            Class::NeedsMigration => "needs-migration",
        }
    }
}

/// The type of a setting, with its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A whole number from the first to the second.
    Count(u64, u64),
    /// A duration, in milliseconds from the first to the second.
    Duration(u64, u64),
    /// A size in bytes, from the first to the second.
    Size(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
}

/// A value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// A duration.
    Duration(Duration),
    /// A size in bytes.
    Size(u64),
    /// A word or text.
    Text(String),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Count(number) => number.fmt(f),
            Value::Duration(time) => f.write_str(&show_duration(*time)),
            Value::Size(bytes) => f.write_str(&show_size(*bytes)),
            Value::Text(text) => f.write_str(text),
        }
    }
}

impl Type {
    /// Reads a value of this type; `Err` says what such a value looks like.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let value = match self {
            Type::Count(..) => text.replace('_', "").parse().ok().map(Value::Count),
            Type::Duration(..) => parse_duration(text).map(Value::Duration),
            Type::Size(..) => parse_size(text).map(Value::Size),
            Type::Choice(words) => words.iter().find(|word| **word == text).map(|word| Value::Text((*word).to_owned())),
            Type::Text => Some(Value::Text(text.to_owned())),
        };
        value.filter(|value| self.allows(value)).ok_or_else(|| self.describe())
    }

    fn allows(self, value: &Value) -> bool {
        match (self, value) {
            (Type::Count(min, max), Value::Count(number)) => (min..=max).contains(number),
            (Type::Size(min, max), Value::Size(bytes)) => (min..=max).contains(bytes),
            (Type::Duration(min, max), Value::Duration(time)) => {
                (u128::from(min)..=u128::from(max)).contains(&time.as_millis())
            }
            _ => true,
        }
    }

    /// What a value of this type looks like, to stand behind "is".
    pub fn describe(self) -> String {
        match self {
            Type::Count(min, max) => format!("a whole number from {min} to {max}"),
            Type::Duration(min, max) => {
                let [min, max] = [min, max].map(|millis| show_duration(Duration::from_millis(millis)));
                format!("a duration such as \"500ms\", \"2s\" or \"1m\", from {min} to {max}")
            }
            Type::Size(min, max) => {
                format!("a size such as \"64kB\" or \"32MiB\", from {} to {}", show_size(min), show_size(max))
            }
            Type::Choice(words) => format!("one of {}", words.join(", ")),
            Type::Text => "text".to_owned(),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Type::Count(..) => "count",
            Type::Duration(..) => "duration",
            Type::Size(..) => "size",
            Type::Choice(_) => "choice",
            Type::Text => "text",
        }
    }
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The table of the file that it is in.
    pub section: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it can be.
    pub kind: Type,
    /// What it is when nobody says anything.
    pub default: &'static str,
    /// When a change takes effect.
    pub class: Class,
    /// What it does.
    pub doc: &'static str,
}

impl Key {
    /// `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The environment variable: `batch.max-bytes` is `WASMSTREAM_BATCH_MAX_BYTES`.
    pub fn env(&self) -> String {
        format!("WASMSTREAM_{}_{}", self.section, self.name).replace('-', "_").to_uppercase()
    }
}

/// A table whose names are the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// The table.
    pub section: &'static str,
    /// When a change takes effect.
    pub class: Class,
    /// What its entries are.
    pub doc: &'static str,
}

impl Table {
    /// The environment variable that has one NAME=VALUE on each line.
    pub fn env(&self) -> String {
        format!("WASMSTREAM_{}", self.section.to_uppercase())
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1000;
const DAY: u64 = 86_400 * SECOND;

const fn key(
    section: &'static str,
    name: &'static str,
    kind: Type,
    default: &'static str,
    class: Class,
    doc: &'static str,
) -> Key {
    Key { section, name, kind, default, class, doc }
}

/// The tables with names of the user's own.
pub const TABLES: &[Table] = &[
    Table { section: "sources", class: Class::NextBatch, doc: "Which URL each source of the job reads." },
    Table { section: "sinks", class: Class::NextBatch, doc: "Which URL each sink of the job writes to." },
    Table { section: "settings", class: Class::NextBatch, doc: "Values of the settings that the job declares." },
];

/// Every setting, in the order in which it is shown.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("job", "name", Type::Text, "", Class::NeedsMigration,
        "The name of this job. Empty: the name that the module gives itself."),
    key("engine", "workers", Type::Count(0, 1024), "0", Class::NextBatch,
        "Worker threads. 0: one for each core. Results do not depend on it."),
    key("batch", "interval", Type::Duration(0, DAY), "500ms", Class::NextBatch,
        "How long input is collected before it becomes a batch. 0s: as soon as there is any."),
    key("batch", "max-bytes", Type::Size(KIB, 64 * GIB), "16MiB", Class::NextBatch,
        "A batch takes no more input than this, even when there is more."),
    key("batch", "max-rows", Type::Count(0, u32::MAX as u64), "0", Class::NextBatch,
        "A batch takes no more records than this. 0: no bound."),
    key("batch", "max-intermediate", Type::Size(MIB, 1024 * GIB), "1GiB", Class::NextBatch,
        "the most memory for rows between the operators of unfinished batches; a job that makes more stops"),
    key("batch", "in-flight", Type::Count(1, 2), "2", Class::NextBatch,
        "Batches that run at a time. With 2, the next one is read while the state of the last is updated."),
    key("chunk", "bytes", Type::Size(KIB, 4 * MIB), "1MiB", Class::NextBatch,
        "Input that one call of the job's code gets. Memory for a call grows with it."),
    key("chunk", "rows", Type::Count(1, 1 << 24), "65536", Class::NextBatch,
        "Records that one call of the job's code gets."),
    key("record", "max-bytes", Type::Size(1, MIB), "1MiB", Class::NextBatch,
        "The longest record that is taken, line end included."),
    key("records", "on-bad", Type::Choice(&["fail", "skip", "replace"]), "fail", Class::NextBatch,
        "Input that is too long or not UTF-8: stop, leave out and count, or put U+FFFD where it is not UTF-8."),
    key("records", "on-failure", Type::Choice(&["fail", "dead-letter"]), "fail", Class::NextBatch,
        "Records that the job cannot process: stop, or keep them aside with the reason."),
    key("records", "dead-letter", Type::Text, "", Class::NextBatch,
        "The folder where records that failed are kept."),
    key("guest", "memory", Type::Size(MIB, 4 * GIB), "128MiB", Class::NextBatch,
        "Memory that one call of the job's code may have."),
    key("guest", "stack", Type::Size(64 * KIB, 64 * MIB), "1MiB", Class::NextBatch,
        "Stack that one call of the job's code may have."),
    key("guest", "time", Type::Duration(1, DAY), "1s", Class::NextBatch,
        "Time that a call of the job's code may take for each 64 k records."),
    key("guest", "module-max", Type::Size(KIB, GIB), "64MiB", Class::NextBatch,
        "The largest module that is loaded."),
    key("state", "key-groups", Type::Count(1, 32_768), "256", Class::NeedsMigration,
        "The buckets that keys are spread over: the most workers that can share a job's state."),
    key("checkpoint", "url", Type::Text, "", Class::NeedsMigration,
        "Where checkpoints are stored. Empty: nowhere, and the job starts anew each time."),
    key("checkpoint", "interval", Type::Duration(1, DAY), "10s", Class::Live,
        "Time between two checkpoints. A restart repeats at most the work since the last one."),
    key("log", "level", Type::Choice(&["error", "warn", "info", "debug"]), "info", Class::Live,
        "The least important messages that are still written."),
];
