//! The schema language.
//!
//! Invariant: a schema says everything that is needed to read the bytes of a value; equal schemas have equal bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words::limits;

/// The type of a value. In JSON a plain type is its name (`"u64"`), the others are objects (`{"list": "u64"}`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schema {
    /// `true` or `false`.
    Bool,
    /// 8-bit signed integer.
    S8,
    /// 16-bit signed integer.
    S16,
    /// 32-bit signed integer.
    S32,
    /// 64-bit signed integer.
    S64,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// 32-bit IEEE 754 number.
    F32,
    /// 64-bit IEEE 754 number.
    F64,
    /// UTF-8 text.
    String,
    /// Any bytes.
    Bytes,
    /// A value or none.
    Option(Box<Schema>),
    /// Values in order.
    List(Box<Schema>),
    /// Different values, kept sorted by their bytes.
    Set(Box<Schema>),
    /// Keys and values, kept sorted by the keys' bytes.
    Map(Box<(Schema, Schema)>),
    /// A fixed number of values by position. The empty tuple is the unit type.
    Tuple(Vec<Schema>),
    /// Values by name.
    Record(Vec<Field>),
    /// One of several named cases.
    Enum(Vec<Case>),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// The field's name, unique within its record.
    pub name: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub schema: Schema,
    /// The encoded value that a reader uses where older data has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Vec<u8>>,
    /// Earlier names of this field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed_from: Vec<String>,
}

/// A case of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    /// The case's name, unique within its enum.
    pub name: String,
    /// What the case carries, if anything.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
}

/// Why a schema is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Two fields or two cases have one name.
    #[error("`{0}` stands twice in one record or enum")]
    Duplicate(String),
    /// An enum without cases has no values.
    #[error("an enum needs at least one case")]
    NoCase,
    /// Keys must have one byte form and an order.
    #[error("{0} cannot be a key: keys hold no floats, maps or sets")]
    NotAKey(Schema),
    /// A few bytes could claim any number of such items.
    #[error("{0} has no content: it cannot be the item of a list or a set, or the key of a map; keep a number instead")]
    NoBytes(Schema),
    /// Deeper than [`limits::SCHEMA_DEPTH`].
    #[error("types nest more than {max} deep", max = limits::SCHEMA_DEPTH)]
    TooDeep,
}

impl Schema {
    /// The unit type: a value without content.
    pub const UNIT: Schema = Schema::Tuple(Vec::new());

    /// A map from `key` to `value`.
    pub fn map(key: Schema, value: Schema) -> Schema {
        Schema::Map(Box::new((key, value)))
    }

    /// The two halves of a pair, the form in which keyed rows travel.
    pub fn as_pair(&self) -> Option<(&Schema, &Schema)> {
        match self {
            Schema::Tuple(parts) => match parts.as_slice() {
                [key, value] => Some((key, value)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether values of this type are numbers.
    pub fn is_number(&self) -> bool {
        self.is_signed() || self.is_unsigned() || self.is_float()
    }

    /// Whether this is one of s8 to s64.
    pub fn is_signed(&self) -> bool {
        matches!(self, Schema::S8 | Schema::S16 | Schema::S32 | Schema::S64)
    }

    /// Whether this is one of u8 to u64.
    pub fn is_unsigned(&self) -> bool {
        matches!(self, Schema::U8 | Schema::U16 | Schema::U32 | Schema::U64)
    }

    /// Whether this is f32 or f64.
    pub fn is_float(&self) -> bool {
        matches!(self, Schema::F32 | Schema::F64)
    }

    /// Checks names, depth and keys of this schema and of everything within it.
    pub fn check(&self) -> Result<(), SchemaError> {
        self.check_at(0)
    }

    /// Checks that values of this type can be keys: no floats, maps or sets anywhere within.
    pub fn check_key(&self) -> Result<(), SchemaError> {
        match self {
            Schema::F32 | Schema::F64 | Schema::Map(_) | Schema::Set(_) => Err(SchemaError::NotAKey(self.clone())),
            other => other.children().try_for_each(Schema::check_key),
        }
    }

    /// Checks that values of this type, many of which may follow each other, have bytes.
    fn check_content(&self) -> Result<(), SchemaError> {
        if self.has_no_bytes() { Err(SchemaError::NoBytes(self.clone())) } else { Ok(()) }
    }

    /// Whether values of this type are written as nothing at all.
    fn has_no_bytes(&self) -> bool {
        match self {
            Schema::Tuple(parts) => parts.iter().all(Schema::has_no_bytes),
            Schema::Record(fields) => fields.iter().all(|field| field.schema.has_no_bytes()),
            _ => false,
        }
    }

    fn check_at(&self, depth: usize) -> Result<(), SchemaError> {
        if depth > limits::SCHEMA_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        match self {
            Schema::Record(fields) => check_names(fields.iter().map(|f| f.name.as_str()))?,
            Schema::Enum(cases) if cases.is_empty() => return Err(SchemaError::NoCase),
            Schema::Enum(cases) => check_names(cases.iter().map(|c| c.name.as_str()))?,
            Schema::Map(parts) => parts.0.check_content().and_then(|()| parts.0.check_key())?,
            Schema::Set(item) => item.check_content().and_then(|()| item.check_key())?,
            Schema::List(item) => item.check_content()?,
            _ => {}
        }
        self.children().try_for_each(|child| child.check_at(depth + 1))
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Schema> + '_> {
        match self {
            Schema::Option(inner) | Schema::List(inner) | Schema::Set(inner) => Box::new(std::iter::once(&**inner)),
            Schema::Map(parts) => Box::new([&parts.0, &parts.1].into_iter()),
            Schema::Tuple(parts) => Box::new(parts.iter()),
            Schema::Record(fields) => Box::new(fields.iter().map(|f| &f.schema)),
            Schema::Enum(cases) => Box::new(cases.iter().filter_map(|c| c.schema.as_ref())),
            _ => Box::new(std::iter::empty()),
        }
    }
}

fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), SchemaError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(SchemaError::Duplicate(name.to_owned()));
        }
    }
    Ok(())
}

/// Written as a person would: `{count: u64, last: option<s64>}`.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Schema]| {
            for (i, part) in parts.iter().enumerate() {
                write!(f, "{}{part}", if i > 0 { ", " } else { "" })?;
            }
            Ok(())
        };
        match self {
            Schema::Bool => f.write_str("bool"),
            Schema::S8 => f.write_str("s8"),
            Schema::S16 => f.write_str("s16"),
            Schema::S32 => f.write_str("s32"),
            Schema::S64 => f.write_str("s64"),
            Schema::U8 => f.write_str("u8"),
            Schema::U16 => f.write_str("u16"),
            Schema::U32 => f.write_str("u32"),
            Schema::U64 => f.write_str("u64"),
            Schema::F32 => f.write_str("f32"),
            Schema::F64 => f.write_str("f64"),
            Schema::String => f.write_str("string"),
            Schema::Bytes => f.write_str("bytes"),
            Schema::Option(inner) => write!(f, "option<{inner}>"),
            Schema::List(inner) => write!(f, "list<{inner}>"),
            Schema::Set(inner) => write!(f, "set<{inner}>"),
            Schema::Map(parts) => write!(f, "map<{}, {}>", parts.0, parts.1),
            Schema::Tuple(parts) => {
                f.write_str("(")?;
                list(f, parts)?;
                f.write_str(")")
            }
            Schema::Record(fields) => {
                f.write_str("{")?;
                for (i, field) in fields.iter().enumerate() {
                    write!(f, "{}{}: {}", if i > 0 { ", " } else { "" }, field.name, field.schema)?;
                }
                f.write_str("}")
            }
            Schema::Enum(cases) => {
                for (i, case) in cases.iter().enumerate() {
                    write!(f, "{}{}", if i > 0 { " | " } else { "" }, case.name)?;
                    match &case.schema {
                        Some(tuple @ Schema::Tuple(_)) => write!(f, "{tuple}")?,
                        Some(record @ Schema::Record(_)) => write!(f, " {record}")?,
                        Some(other) => write!(f, "({other})")?,
                        None => {}
                    }
                }
                Ok(())
            }
        }
    }
}
