//! `wasmstream config`: which settings are in force, and where each comes from. [`ConfigArgs`] is for every verb that has
//! a configuration.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::output::{Output, print, print_json, warn};
use crate::config::{Config, misspelt_env};

/// How a verb's configuration is given. Put it into the verb's arguments with `#[command(flatten)]`.
#[derive(clap::Args, Debug, Default)]
pub struct ConfigArgs {
    /// The file with the settings [default: wasmstream.toml, if there is one]
    #[arg(long, value_name = "FILE", env = "WASMSTREAM_CONFIG")]
    config: Option<PathBuf>,
    /// Set one key, as in `--set batch.interval=2s`; counts before environment and file
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

/// Splits `KEY=VALUE`.
fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, as in batch.interval=2s")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

impl ConfigArgs {
    /// The configuration in force. `flags` are those of the verb's own that set a key; they count before `--set`.
    pub fn load(&self, flags: &[(&str, String)], output: Output) -> Result<Config, Failure> {
        let set = self.set.iter().map(|(key, value)| (key.as_str(), value.clone()));
        let all: Vec<(&str, String)> = set.chain(flags.iter().cloned()).collect();
        // A name or value that is not Unicode cannot be a setting of ours.
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for (name, meant) in misspelt_env(names) {
            warn(output, &format!("the variable {name} is no setting and has no effect; did you mean {meant}?"));
        }
        Ok(Config::load(&all, self.config.as_deref(), |name| std::env::var(name).ok())?)
    }
}

/// Show the settings in force
#[derive(clap::Args, Debug)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show every setting with its value
    Show(Show),
}

#[derive(clap::Args, Debug)]
struct Show {
    /// Say where each value comes from
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    config: ConfigArgs,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &ConfigCommand) -> Result<(), Failure> {
    let Command::Show(show) = &args.command;
    let config = show.config.load(&[], show.output)?;
    match show.output {
        Output::Text => print(&as_toml(&config, show.origin)),
        Output::Json => print_json(&as_json(&config)),
    }
}

/// The configuration as a file that would give the same one.
fn as_toml(config: &Config, with_origin: bool) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut section = "";
    for (key, effective) in config.values() {
        if key.section != section {
            section = key.section;
            lines.push((format!("\n[{section}]"), String::new()));
        }
        let value = match &effective.value {
            crate::config::Value::Count(number) => number.to_string(),
            other => toml::Value::from(other.to_string()).to_string(),
        };
        lines.push((format!("{} = {value}", key.name), effective.origin.to_string()));
    }
    for (table, entries) in config.tables() {
        lines.push((format!("\n[{}]", table.section), String::new()));
        for (name, effective) in entries {
            let value = toml::Value::from(effective.value.as_str()).to_string();
            lines.push((format!("{} = {value}", toml_key(name)), effective.origin.to_string()));
        }
    }
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 40).max().unwrap_or(0);
    let shown = lines.iter().map(|(line, origin)| match origin.as_str() {
        origin if with_origin && !origin.is_empty() => format!("{line:width$}  # {origin}"),
        _ => line.clone(),
    });
    shown.collect::<Vec<_>>().join("\n").trim_start().to_owned()
}

/// A name as it stands before `=`.
fn toml_key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { toml::Value::from(name).to_string() }
}

fn as_json(config: &Config) -> Value {
    let keys = config.values().map(|(key, effective)| {
        json!({
            "key": key.path(),
            "value": effective.value.to_string(),
            "origin": effective.origin.to_string(),
            "default": key.default,
            "type": key.kind.name(),
            "class": key.class.name(),
            "env": key.env(),
            "doc": key.doc,
        })
    });
    let mut all = Map::from_iter([("keys".to_owned(), Value::Array(keys.collect()))]);
    for (table, entries) in config.tables() {
        let entries = entries.iter().map(|(name, effective)| {
            let value = json!({ "value": effective.value, "origin": effective.origin.to_string() });
            (name.clone(), value)
        });
        all.insert(table.section.to_owned(), Value::Object(entries.collect()));
    }
    Value::Object(all)
}
