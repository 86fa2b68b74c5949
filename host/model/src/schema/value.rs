//! Values without a Rust type: read and written by schema alone, and shown as JSON.
//!
//! Invariant: whatever [`Value::read_cell`] reads, [`Value::write_cell`] writes back byte for byte.

use serde_json::Value as Json;

use super::codec::{DecodeError, Reader, put_bytes, put_signed, put_str, put_unsigned};
use super::types::Schema;
use crate::words::limits;

/// A value of some schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A bool.
    Bool(bool),
    /// Any of s8 to s64.
    Signed(i64),
    /// Any of u8 to u64.
    Unsigned(u64),
    /// f32, kept as such so that it is shown as such.
    F32(f32),
    /// f64.
    F64(f64),
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A value or none.
    Option(Option<Box<Value>>),
    /// The items of a list or a set.
    List(Vec<Value>),
    /// The entries of a map.
    Map(Vec<(Value, Value)>),
    /// The parts of a tuple, or the fields of a record in their schema's order.
    Parts(Vec<Value>),
    /// A case of an enum, by its number, and what it carries.
    Case(u32, Option<Box<Value>>),
}

/// A value that does not fit the schema it is to be written by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is not a {0}")]
pub struct ValueError(pub String);

impl Value {
    /// Reads a value that has a cell of its own.
    pub fn read_cell(schema: &Schema, cell: &[u8]) -> Result<Value, DecodeError> {
        match schema {
            Schema::String => {
                let text = std::str::from_utf8(cell).map_err(|_| DecodeError::NotUtf8)?;
                Ok(Value::String(text.to_owned()))
            }
            Schema::Bytes => Ok(Value::Bytes(cell.to_vec())),
            _ => {
                let mut reader = Reader::new(cell);
                let value = Value::read(schema, &mut reader)?;
                reader.finish()?;
                Ok(value)
            }
        }
    }

    /// Writes a value that gets a cell of its own.
    pub fn write_cell(&self, schema: &Schema, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match (schema, self) {
            (Schema::String, Value::String(text)) => out.extend_from_slice(text.as_bytes()),
            (Schema::Bytes, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
            _ => return self.write(schema, out),
        }
        Ok(())
    }

    /// Reads a nested value.
    pub fn read(schema: &Schema, from: &mut Reader<'_>) -> Result<Value, DecodeError> {
        read(schema, from, 0)
    }

    /// Writes a nested value.
    pub fn write(&self, schema: &Schema, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let misfit = || ValueError(schema.to_string());
        match (schema, self) {
            (Schema::Bool, Value::Bool(b)) => out.push(u8::from(*b)),
            (Schema::U8, Value::Unsigned(n)) => out.push(u8::try_from(*n).map_err(|_| misfit())?),
            (Schema::S8, Value::Signed(n)) => out.push(i8::try_from(*n).map_err(|_| misfit())? as u8),
            (s, Value::Unsigned(n)) if s.is_unsigned() && *n <= unsigned_max(s) => put_unsigned(*n, out),
            (s, Value::Signed(n)) if s.is_signed() && signed_fits(s, *n) => put_signed(*n, out),
            (Schema::F32, Value::F32(x)) => out.extend_from_slice(&x.to_le_bytes()),
            (Schema::F64, Value::F64(x)) => out.extend_from_slice(&x.to_le_bytes()),
            (Schema::String, Value::String(text)) => put_str(text, out),
            (Schema::Bytes, Value::Bytes(bytes)) => put_bytes(bytes, out),
            (Schema::Option(_), Value::Option(None)) => out.push(0),
            (Schema::Option(inner), Value::Option(Some(value))) => {
                out.push(1);
                value.write(inner, out)?;
            }
            (Schema::List(item), Value::List(items)) => {
                put_unsigned(items.len() as u64, out);
                items.iter().try_for_each(|value| value.write(item, out))?;
            }
            (Schema::Set(item), Value::List(items)) => {
                let keys = items.iter().map(|value| value.encoded(item));
                put_sorted(keys.map(|key| Ok((key?, Vec::new()))).collect::<Result<_, _>>()?, out, misfit)?;
            }
            (Schema::Map(parts), Value::Map(entries)) => {
                let pairs = entries.iter().map(|(k, v)| Ok((k.encoded(&parts.0)?, v.encoded(&parts.1)?)));
                put_sorted(pairs.collect::<Result<_, _>>()?, out, misfit)?;
            }
            (Schema::Tuple(parts), Value::Parts(values)) if parts.len() == values.len() => {
                parts.iter().zip(values).try_for_each(|(part, value)| value.write(part, out))?;
            }
            (Schema::Record(fields), Value::Parts(values)) if fields.len() == values.len() => {
                fields.iter().zip(values).try_for_each(|(field, value)| value.write(&field.schema, out))?;
            }
            (Schema::Enum(cases), Value::Case(n, payload)) => {
                let case = cases.get(*n as usize).ok_or_else(misfit)?;
                put_unsigned(u64::from(*n), out);
                match (&case.schema, payload) {
                    (None, None) => {}
                    (Some(schema), Some(value)) => value.write(schema, out)?,
                    _ => return Err(misfit()),
                }
            }
            _ => return Err(misfit()),
        }
        Ok(())
    }

    fn encoded(&self, schema: &Schema) -> Result<Vec<u8>, ValueError> {
        let mut bytes = Vec::new();
        self.write(schema, &mut bytes)?;
        Ok(bytes)
    }

    /// The value as people and other programs read it. Integers stay exact; bytes are hexadecimal; what JSON has no
    /// number for (NaN, infinities) is a string; a map with string keys is an object, any other a list of pairs.
    pub fn to_json(&self, schema: &Schema) -> Json {
        match (schema, self) {
            (_, Value::Bool(b)) => Json::Bool(*b),
            (_, Value::Signed(n)) => Json::from(*n),
            (_, Value::Unsigned(n)) => Json::from(*n),
            // By way of its own shortest text: 0.1 stays 0.1.
            (_, Value::F32(x)) => float_json(x.to_string().parse().unwrap_or(f64::NAN), || x.to_string()),
            (_, Value::F64(x)) => float_json(*x, || x.to_string()),
            (_, Value::String(text)) => Json::String(text.clone()),
            (_, Value::Bytes(bytes)) => Json::String(hex(bytes)),
            (Schema::Option(inner), Value::Option(Some(value))) => value.to_json(inner),
            (Schema::List(item) | Schema::Set(item), Value::List(items)) => {
                items.iter().map(|value| value.to_json(item)).collect()
            }
            (Schema::Map(parts), Value::Map(entries)) => map_json(parts, entries),
            (Schema::Tuple(parts), Value::Parts(values)) => {
                parts.iter().zip(values).map(|(part, value)| value.to_json(part)).collect()
            }
            (Schema::Record(fields), Value::Parts(values)) => fields
                .iter()
                .zip(values)
                .map(|(field, value)| (field.name.clone(), value.to_json(&field.schema)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            (Schema::Enum(cases), Value::Case(n, payload)) => {
                let case = &cases[*n as usize];
                match (&case.schema, payload) {
                    (Some(schema), Some(value)) => {
                        Json::Object([(case.name.clone(), value.to_json(schema))].into_iter().collect())
                    }
                    _ => Json::String(case.name.clone()),
                }
            }
            _ => Json::Null,
        }
    }
}

fn read(schema: &Schema, from: &mut Reader<'_>, depth: usize) -> Result<Value, DecodeError> {
    if depth > limits::SCHEMA_DEPTH {
        return Err(DecodeError::TooDeep);
    }
    let inner = |schema: &Schema, from: &mut Reader<'_>| read(schema, from, depth + 1);
    Ok(match schema {
        Schema::Bool => Value::Bool(from.boolean()?),
        Schema::U8 => Value::Unsigned(u64::from(from.byte()?)),
        Schema::S8 => Value::Signed(i64::from(from.byte()? as i8)),
        Schema::U16 | Schema::U32 | Schema::U64 => {
            let n = from.unsigned()?;
            if n > unsigned_max(schema) {
                return Err(DecodeError::OutOfRange);
            }
            Value::Unsigned(n)
        }
        Schema::S16 | Schema::S32 | Schema::S64 => {
            let n = from.signed()?;
            if !signed_fits(schema, n) {
                return Err(DecodeError::OutOfRange);
            }
            Value::Signed(n)
        }
        Schema::F32 => Value::F32(f32::from_le_bytes(from.array()?)),
        Schema::F64 => Value::F64(f64::from_le_bytes(from.array()?)),
        Schema::String => Value::String(from.string()?.to_owned()),
        Schema::Bytes => Value::Bytes(from.bytes()?.to_vec()),
        Schema::Option(item) => Value::Option(if from.boolean()? { Some(Box::new(inner(item, from)?)) } else { None }),
        Schema::List(item) => Value::List(read_count(from)?.map(|_| inner(item, from)).collect::<Result<_, _>>()?),
        Schema::Set(item) => {
            let mut before = None;
            let items = read_count(from)?.map(|_| ascending(item, from, &mut before, depth));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Schema::Map(parts) => {
            let mut before = None;
            let entries =
                read_count(from)?.map(|_| Ok((ascending(&parts.0, from, &mut before, depth)?, inner(&parts.1, from)?)));
            Value::Map(entries.collect::<Result<_, DecodeError>>()?)
        }
        Schema::Tuple(parts) => Value::Parts(parts.iter().map(|part| inner(part, from)).collect::<Result<_, _>>()?),
        Schema::Record(fields) => {
            Value::Parts(fields.iter().map(|field| inner(&field.schema, from)).collect::<Result<_, _>>()?)
        }
        Schema::Enum(cases) => {
            let n = u32::try_from(from.unsigned()?).map_err(|_| DecodeError::BadTag)?;
            let case = cases.get(n as usize).ok_or(DecodeError::BadTag)?;
            let payload = case.schema.as_ref().map(|schema| inner(schema, from)).transpose()?;
            Value::Case(n, payload.map(Box::new))
        }
    })
}

/// How many items follow: in a valid schema each has a byte at least, so a few bytes cannot claim millions.
fn read_count(from: &mut Reader<'_>) -> Result<std::ops::Range<usize>, DecodeError> {
    Ok(0..from.length(1)?)
}

fn ascending<'a>(
    schema: &Schema,
    from: &mut Reader<'a>,
    before: &mut Option<&'a [u8]>,
    depth: usize,
) -> Result<Value, DecodeError> {
    let start = from.rest();
    let value = read(schema, from, depth + 1)?;
    let bytes = &start[..start.len() - from.rest().len()];
    if before.is_some_and(|before| before >= bytes) {
        return Err(DecodeError::NotCanonical);
    }
    *before = Some(bytes);
    Ok(value)
}

fn put_sorted(
    mut entries: Vec<(Vec<u8>, Vec<u8>)>,
    out: &mut Vec<u8>,
    misfit: impl Fn() -> ValueError,
) -> Result<(), ValueError> {
    entries.sort_unstable();
    if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(misfit());
    }
    put_unsigned(entries.len() as u64, out);
    for (key, value) in entries {
        out.extend_from_slice(&key);
        out.extend_from_slice(&value);
    }
    Ok(())
}

fn unsigned_max(schema: &Schema) -> u64 {
    match schema {
        Schema::U8 => u64::from(u8::MAX),
        Schema::U16 => u64::from(u16::MAX),
        Schema::U32 => u64::from(u32::MAX),
        _ => u64::MAX,
    }
}

fn signed_fits(schema: &Schema, n: i64) -> bool {
    match schema {
        Schema::S8 => i8::try_from(n).is_ok(),
        Schema::S16 => i16::try_from(n).is_ok(),
        Schema::S32 => i32::try_from(n).is_ok(),
        _ => true,
    }
}

fn float_json(x: f64, text: impl FnOnce() -> String) -> Json {
    serde_json::Number::from_f64(x).map_or_else(|| Json::String(text()), Json::Number)
}

fn map_json(parts: &(Schema, Schema), entries: &[(Value, Value)]) -> Json {
    if parts.0 == Schema::String {
        let named = entries.iter().map(|(key, value)| match key {
            Value::String(name) => (name.clone(), value.to_json(&parts.1)),
            other => (other.to_json(&parts.0).to_string(), value.to_json(&parts.1)),
        });
        Json::Object(named.collect())
    } else {
        entries.iter().map(|(k, v)| Json::Array(vec![k.to_json(&parts.0), v.to_json(&parts.1)])).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
