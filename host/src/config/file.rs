//! Reads the TOML file into plain entries, each with its line.
//!
//! Invariant: nothing in the file is passed over; what is no entry is an error.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{ConfigError, Origin};
use crate::explain::Code;

/// A scalar as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub text: String,
    pub sort: Sort,
}

/// The TOML types that a scalar can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    String,
    Integer,
    Other,
}

/// `name = value` in a table, or at the top with an empty section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub section: String,
    pub name: String,
    /// `Err` names the TOML type of what is no scalar.
    pub value: Result<Scalar, &'static str>,
    pub origin: Origin,
}

/// The entries of a file, in its order.
pub(super) fn items(path: &Path, text: &str) -> Result<Vec<Item>, ConfigError> {
    let place = |at: usize| Place::of(text, at);
    let origin = |at: usize| Origin::File { path: path.to_owned(), line: place(at).line };
    let root = DeTable::parse(text).map_err(|error| {
        let Place { line, column } = place(error.span().map_or(0, |span| span.start));
        let message = format!("{}:{line}:{column}: {}", path.display(), error.message().replace('\n', ", "));
        ConfigError::new(Code("CONFIG_READ"), message)
            .fix("this is no TOML; the mistake is on that line or just above it")
    })?;
    let mut items = Vec::new();
    for (key, value) in root.get_ref() {
        let name = key.get_ref().to_string();
        let DeValue::Table(table) = value.get_ref() else {
            let origin = origin(key.span().start);
            items.push((
                key.span().start,
                Item { section: String::new(), name, value: scalar(value.get_ref()), origin },
            ));
            continue;
        };
        if table.is_empty() {
            // An empty table sets nothing, but its name may still be misspelt.
            let item = Item {
                section: name.clone(),
                name: String::new(),
                value: Err("a table"),
                origin: origin(key.span().start),
            };
            items.push((key.span().start, item));
        }
        for (key, value) in table {
            let at = key.span().start;
            let item = Item {
                section: name.clone(),
                name: key.get_ref().to_string(),
                value: scalar(value.get_ref()),
                origin: origin(at),
            };
            items.push((at, item));
        }
    }
    items.sort_by_key(|(at, _)| *at);
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

fn scalar(value: &DeValue<'_>) -> Result<Scalar, &'static str> {
    let (text, sort) = match value {
        DeValue::String(text) => (text.to_string(), Sort::String),
        DeValue::Integer(number) => {
            let decimal = i128::from_str_radix(number.as_str(), number.radix()).map(|number| number.to_string());
            (decimal.unwrap_or_else(|_| number.to_string()), Sort::Integer)
        }
        DeValue::Float(number) => (number.as_str().to_owned(), Sort::Other),
        DeValue::Boolean(truth) => (truth.to_string(), Sort::Other),
        DeValue::Datetime(time) => (time.to_string(), Sort::Other),
        DeValue::Array(_) => return Err("an array"),
        DeValue::Table(_) => return Err("a table"),
    };
    Ok(Scalar { text, sort })
}

/// A place in a text, counted from 1.
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn of(text: &str, at: usize) -> Place {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        Place { line: before.iter().filter(|b| **b == b'\n').count() + 1, column: before.len() - line_start + 1 }
    }
}
