//! The configuration of a run: which values are in force, and where each comes from.
//!
//! A setting is looked up in a flag, then in `WASMSTREAM_*`, then in a TOML file, then it has its default. A name that
//! does not exist and a value that does not fit are errors wherever they stand, even where another place wins.
//!
//! Invariant: every value in force has been checked against its [`Key`], and knows its [`Origin`].

mod file;
mod keys;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use keys::{Class, KEYS, Key, TABLES, Table, Type, Value};
pub use units::{parse_duration, parse_size};

use crate::explain::{Code, nearest};
use file::{Item, Scalar, Sort};

/// The file that is read when none is named and it is there.
pub const DEFAULT_FILE: &str = "wasmstream.toml";

/// The longest file that is read, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Env(String),
    /// A flag of the command.
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Env(name) => f.write_str(name),
            Origin::Flag => f.write_str("flag"),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    code: Code,
    message: String,
    fix: Option<String>,
}

impl ConfigError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        ConfigError { code, message: message.into(), fix: None }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What a person can do now, where that is known.
    pub fn help(&self) -> Option<&str> {
        self.fix.as_deref()
    }
}

/// What is done with input that is too long or not UTF-8 (`records.on-bad`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBad {
    /// The run stops.
    Fail,
    /// The record is left out and counted.
    Skip,
    /// What is not UTF-8 becomes U+FFFD.
    Replace,
}

/// What is done with records that the job cannot process (`records.on-failure`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The run stops.
    Fail,
    /// They are kept in `records.dead-letter` with the reason.
    DeadLetter,
}

/// A value in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective<V> {
    /// The value.
    pub value: V,
    /// Where it comes from.
    pub origin: Origin,
}

/// A configuration in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// One for each of [`KEYS`], in that order.
    values: Vec<Effective<Value>>,
    /// One for each of [`TABLES`], in that order.
    tables: Vec<BTreeMap<String, Effective<String>>>,
}

impl Config {
    /// Puts together flags (`("batch.interval", "2s")`, `("sources.lines", URL)`; the last of a key counts), environment
    /// and file. Without `file`, [`DEFAULT_FILE`] in the current folder is read if it is there.
    pub fn load(
        flags: &[(&str, String)],
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        let default = Path::new(DEFAULT_FILE);
        let path = file.or_else(|| default.is_file().then_some(default));
        let text = path.map(|path| read(path).map(|text| (path, text))).transpose()?;
        Config::resolve(flags, text.as_ref().map(|(path, text)| (*path, text.as_str())), env)
    }

    /// The same with the file's text at hand: reads nothing.
    pub fn resolve(
        flags: &[(&str, String)],
        file: Option<(&Path, &str)>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        let mut config = Config::defaults();
        let items = file.map_or(Ok(Vec::new()), |(path, text)| file::items(path, text))?;
        for item in &items {
            config.set_from_file(item)?;
        }
        config.set_from_env(env)?;
        for (path, text) in flags {
            let (section, name) = path.split_once('.').unwrap_or(("", path));
            config.set(section, name, text, &Origin::Flag)?;
        }
        config.check()?;
        Ok(config)
    }

    fn defaults() -> Config {
        let default = |key: &Key| key.kind.parse(key.default).expect("a test reads every default");
        let values = KEYS.iter().map(|key| Effective { value: default(key), origin: Origin::Default }).collect();
        Config { values, tables: vec![BTreeMap::new(); TABLES.len()] }
    }

    fn set_from_file(&mut self, item: &Item) -> Result<(), ConfigError> {
        let Item { section, name, value, origin } = item;
        let key = KEYS.iter().find(|key| key.section == section && key.name == name);
        let table = TABLES.iter().find(|table| table.section == section);
        let known_section = table.is_some() || KEYS.iter().any(|key| key.section == section);
        if name.is_empty() && known_section {
            return Ok(());
        }
        let Scalar { text, sort } = match (key, table, value) {
            (None, None, _) => return Err(unknown(section, name, origin)),
            (_, _, Ok(scalar)) => scalar,
            (Some(key), _, Err(sort)) => return Err(wrong_type(key, sort, origin)),
            (None, Some(_), Err(sort)) => {
                let message = format!("{origin}: `{section}.{name}` is text; {sort} is none");
                let fix = format!("a name with a dot in it stands in quotes: \"{name}.…\" = …");
                return Err(ConfigError::new(Code("CONFIG_TYPE"), message).fix(fix));
            }
        };
        let fits = match (key.map(|key| key.kind), section.as_str()) {
            (Some(Type::Count(..)), _) => *sort == Sort::Integer,
            (Some(Type::Size(..)), _) => *sort != Sort::Other,
            (Some(_), _) | (None, "sources" | "sinks") => *sort == Sort::String,
            (None, _) => true,
        };
        match key {
            Some(key) if !fits => {
                let shown = if *sort == Sort::String { format!("{text:?}") } else { text.clone() };
                Err(wrong_type(key, &shown, origin))
            }
            None if !fits => {
                let message = format!("{origin}: `{section}.{name}` is a URL in quotes; {text} is none");
                Err(ConfigError::new(Code("CONFIG_TYPE"), message))
            }
            _ => self.set(section, name, text, origin),
        }
    }

    fn set_from_env(&mut self, env: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        for table in TABLES {
            let variable = table.env();
            let text = env(&variable).unwrap_or_default();
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let Some((name, value)) = line.split_once('=') else {
                    let message = format!("{variable}: each line is NAME=VALUE; {line:?} is none");
                    return Err(ConfigError::new(Code("CONFIG_TYPE"), message));
                };
                self.set(table.section, name.trim(), value.trim(), &Origin::Env(variable.clone()))?;
            }
        }
        for key in KEYS {
            let variable = key.env();
            // As everywhere in the environment, empty is as good as unset.
            if let Some(text) = env(&variable).filter(|text| !text.is_empty()) {
                self.set(key.section, key.name, &text, &Origin::Env(variable))?;
            }
        }
        Ok(())
    }

    fn set(&mut self, section: &str, name: &str, text: &str, origin: &Origin) -> Result<(), ConfigError> {
        if let Some(table) = TABLES.iter().position(|table| table.section == section && !name.is_empty()) {
            let effective = Effective { value: text.to_owned(), origin: origin.clone() };
            self.tables[table].insert(name.to_owned(), effective);
            return Ok(());
        }
        let position = KEYS.iter().position(|key| key.section == section && key.name == name);
        let position = position.ok_or_else(|| unknown(section, name, origin))?;
        let key = &KEYS[position];
        let value = key.kind.parse(text).map_err(|_| wrong_type(key, &format!("{text:?}"), origin))?;
        self.values[position] = Effective { value, origin: origin.clone() };
        Ok(())
    }

    /// What concerns more than one key.
    fn check(&self) -> Result<(), ConfigError> {
        let name = self.text("job.name");
        if !name.is_empty() && !wasmstream_model::words::is_job_name(name) {
            let message = format!("{}: {name:?} cannot name a job", self.effective("job.name").origin);
            return Err(ConfigError::new(Code("JOB_NAME"), message).fix(
                "a job's name has lower-case letters, digits and `-`, at most 63, and starts with a letter or digit",
            ));
        }
        if self.records_on_failure() == OnFailure::DeadLetter && self.records_dead_letter().is_none() {
            let origin = &self.effective("records.on-failure").origin;
            let message =
                format!("{origin}: `records.on-failure` is dead-letter, but `records.dead-letter` names no folder");
            return Err(ConfigError::new(Code("CONFIG_CONFLICT"), message)
                .fix("set `records.dead-letter` to a folder where such records are kept"));
        }
        Ok(())
    }

    /// Every key with its value in force, in the order in which they are shown.
    pub fn values(&self) -> impl Iterator<Item = (&'static Key, &Effective<Value>)> {
        KEYS.iter().zip(&self.values)
    }

    /// Every table with its entries.
    pub fn tables(&self) -> impl Iterator<Item = (&'static Table, &BTreeMap<String, Effective<String>>)> {
        TABLES.iter().zip(&self.tables)
    }

    fn effective(&self, path: &'static str) -> &Effective<Value> {
        let position = KEYS.iter().position(|key| path.split_once('.') == Some((key.section, key.name)));
        &self.values[position.unwrap_or_else(|| panic!("`{path}` is one of the keys; a test calls every getter"))]
    }

    fn number(&self, path: &'static str) -> u64 {
        match &self.effective(path).value {
            Value::Count(number) | Value::Size(number) => *number,
            other => unreachable!("`{path}` is a number; a test calls every getter: {other}"),
        }
    }

    fn duration(&self, path: &'static str) -> Duration {
        match &self.effective(path).value {
            Value::Duration(time) => *time,
            other => unreachable!("`{path}` is a duration; a test calls every getter: {other}"),
        }
    }

    fn text(&self, path: &'static str) -> &str {
        match &self.effective(path).value {
            Value::Text(text) => text,
            other => unreachable!("`{path}` is text; a test calls every getter: {other}"),
        }
    }

    fn given(&self, path: &'static str) -> Option<&str> {
        Some(self.text(path)).filter(|text| !text.is_empty())
    }

    fn table(&self, section: &str) -> impl Iterator<Item = (&str, &str)> {
        let tables = self.tables().filter(move |(table, _)| table.section == section);
        tables.flat_map(|(_, entries)| entries.iter().map(|(name, e)| (name.as_str(), e.value.as_str())))
    }

    /// `job.name`, if given.
    pub fn job_name(&self) -> Option<&str> {
        self.given("job.name")
    }

    /// `engine.workers`; `None` means one for each core.
    pub fn engine_workers(&self) -> Option<usize> {
        Some(self.number("engine.workers") as usize).filter(|workers| *workers > 0)
    }

    /// `batch.interval`.
    pub fn batch_interval(&self) -> Duration {
        self.duration("batch.interval")
    }

    /// `batch.max-bytes`.
    pub fn batch_max_bytes(&self) -> u64 {
        self.number("batch.max-bytes")
    }

    /// `batch.max-rows`; `None` means no bound.
    pub fn batch_max_rows(&self) -> Option<u64> {
        Some(self.number("batch.max-rows")).filter(|rows| *rows > 0)
    }

    /// `batch.max-intermediate`, in bytes.
    pub fn batch_max_intermediate(&self) -> u64 {
        self.number("batch.max-intermediate")
    }

    /// `batch.in-flight`.
    pub fn batch_in_flight(&self) -> usize {
        self.number("batch.in-flight") as usize
    }

    /// `chunk.bytes`.
    pub fn chunk_bytes(&self) -> usize {
        self.number("chunk.bytes") as usize
    }

    /// `chunk.rows`.
    pub fn chunk_rows(&self) -> usize {
        self.number("chunk.rows") as usize
    }

    /// `record.max-bytes`.
    pub fn record_max_bytes(&self) -> usize {
        self.number("record.max-bytes") as usize
    }

    /// `records.on-bad`.
    pub fn records_on_bad(&self) -> OnBad {
        match self.text("records.on-bad") {
            "skip" => OnBad::Skip,
            "replace" => OnBad::Replace,
            _ => OnBad::Fail,
        }
    }

    /// `records.on-failure`.
    pub fn records_on_failure(&self) -> OnFailure {
        match self.text("records.on-failure") {
            "dead-letter" => OnFailure::DeadLetter,
            _ => OnFailure::Fail,
        }
    }

    /// `records.dead-letter`, if given. It is given where `records.on-failure` is dead-letter.
    pub fn records_dead_letter(&self) -> Option<&Path> {
        self.given("records.dead-letter").map(Path::new)
    }

    /// `guest.memory`, in bytes.
    pub fn guest_memory(&self) -> usize {
        self.number("guest.memory") as usize
    }

    /// `guest.stack`, in bytes.
    pub fn guest_stack(&self) -> usize {
        self.number("guest.stack") as usize
    }

    /// `guest.time`, for each 64 k records.
    pub fn guest_time(&self) -> Duration {
        self.duration("guest.time")
    }

    /// `guest.module-max`, in bytes.
    pub fn guest_module_max(&self) -> u64 {
        self.number("guest.module-max")
    }

    /// `state.key-groups`.
    pub fn state_key_groups(&self) -> u32 {
        self.number("state.key-groups") as u32
    }

    /// `checkpoint.url`, if given.
    pub fn checkpoint_url(&self) -> Option<&str> {
        self.given("checkpoint.url")
    }

    /// `checkpoint.interval`.
    pub fn checkpoint_interval(&self) -> Duration {
        self.duration("checkpoint.interval")
    }

    /// `log.level`: error, warn, info or debug.
    pub fn log_level(&self) -> &str {
        self.text("log.level")
    }

    /// `[sources]`: names and URLs, by name.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.table("sources")
    }

    /// `[sinks]`: names and URLs, by name.
    pub fn sinks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.table("sinks")
    }

    /// `[settings]`: names and values as text, by name.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.table("settings")
    }
}

/// Environment variables that look like a setting but are none, each with the one that is meant. Others that start with
/// `WASMSTREAM_` are left alone: Kubernetes sets some for every service.
pub fn misspelt_env(names: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    /// So alike that it is a slip of the hand.
    const SLIP: f64 = 0.95;
    let known: Vec<String> = KEYS.iter().map(Key::env).chain(TABLES.iter().map(Table::env)).collect();
    let meant = |name: &String| {
        let close = known.iter().find(|known| strsim::jaro_winkler(name, known) >= SLIP);
        close.filter(|_| !known.contains(name)).cloned()
    };
    let names = names.into_iter().filter(|name| name.starts_with("WASMSTREAM_"));
    names.filter_map(|name| meant(&name).map(|known| (name, known))).collect()
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed =
        |problem: String| ConfigError::new(Code("CONFIG_READ"), format!("cannot read {}: {problem}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > FILE_BYTES {
        return Err(failed(format!("it has {size} bytes; at most {FILE_BYTES} are read")));
    }
    std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}

fn wrong_type(key: &Key, found: &str, origin: &Origin) -> ConfigError {
    let message = format!("{origin}: `{}` is {}; {found} is none", key.path(), key.kind.describe());
    let fix = match key.kind {
        Type::Duration(..) if found.bytes().all(|b| b.is_ascii_digit()) => {
            format!("add the unit, in quotes: {} = \"{found}ms\"", key.name)
        }
        _ if key.default.is_empty() => key.doc.to_owned(),
        Type::Count(..) => format!("the default is {} = {}", key.name, key.default),
        _ => format!("the default is {} = \"{}\"", key.name, key.default),
    };
    ConfigError::new(Code("CONFIG_TYPE"), message).fix(fix)
}

fn unknown(section: &str, name: &str, origin: &Origin) -> ConfigError {
    let path = [section, name].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(".");
    let fix = match meant(section, name) {
        Some(known) => format!("did you mean `{known}`?"),
        None => "`wasmstream config show` lists all settings; values of the job itself belong under [settings]".into(),
    };
    ConfigError::new(Code("CONFIG_UNKNOWN_KEY"), format!("{origin}: there is no setting `{path}`")).fix(fix)
}

/// The key that is most likely meant.
fn meant(section: &str, name: &str) -> Option<String> {
    let paths: Vec<(&Key, String)> = KEYS.iter().map(|key| (key, key.path())).collect();
    let sections = KEYS.iter().map(|key| key.section).chain(TABLES.iter().map(|table| table.section));
    if name.is_empty() {
        return nearest(section, sections).map(|section| format!("[{section}]"));
    }
    // The right name in the wrong table; then a slip within the table; then anything that looks alike.
    let mut same_name = paths.iter().filter(|(key, _)| key.name == name);
    if let (Some((_, path)), None) = (same_name.next(), same_name.next()) {
        return Some(path.clone());
    }
    let mut here = KEYS.iter().filter(|key| key.section == section).map(|key| key.name).peekable();
    if here.peek().is_some() {
        return nearest(name, here).map(|name| format!("{section}.{name}"));
    }
    let table = nearest(section, TABLES.iter().map(|table| table.section));
    let path = nearest(&format!("{section}.{name}"), paths.iter().map(|(_, path)| path.as_str()));
    match (table, path) {
        (Some(table), _) if strsim::jaro_winkler(table, section) > 0.9 => Some(format!("{table}.{name}")),
        (_, path) => path.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
