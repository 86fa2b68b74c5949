//! Rows as text: CSV, JSON lines, plain text; straight from the cells, by schema.
//!
//! A row's columns are the parts of its tuple or record; a part of a pair that is itself a tuple or record gives its
//! parts. What is still compound then is JSON within its field.
//!
//! Invariant: the same rows always give the same bytes.

use wasmstream_model::batch::Rows;
use wasmstream_model::schema::{DecodeError, Reader, Schema, Value};

/// A form of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values as in RFC 4180, with `\n` line ends.
    #[default]
    Csv,
    /// One JSON value a line: an object for a record, an array for a tuple.
    Json,
    /// A lone string as it is; otherwise the columns between tabs.
    Text,
}

impl Format {
    /// The ending of files of this form.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "jsonl",
            Format::Text => "txt",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Format, String> {
        match name {
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            "text" => Ok(Format::Text),
            other => Err(format!("there is no format `{other}`: csv, json or text")),
        }
    }
}

/// Turns rows of one type into text.
#[derive(Clone, Debug)]
pub struct Encoder {
    format: Format,
    schema: Schema,
    pair: Option<(Half, Half)>,
    whole: Half,
}

/// The columns of a row or of a half of a pair.
#[derive(Clone, Debug)]
struct Half {
    /// Whether there is one column that has the cell to itself.
    bare: bool,
    columns: Vec<(String, Schema)>,
}

impl Half {
    fn of(schema: &Schema, name: &str) -> Half {
        let columns = match schema {
            Schema::Record(fields) => fields.iter().map(|f| (f.name.clone(), f.schema.clone())).collect(),
            Schema::Tuple(parts) => (1..).zip(parts).map(|(n, part)| (format!("{name}_{n}"), part.clone())).collect(),
            other => return Half { bare: true, columns: vec![(name.to_owned(), other.clone())] },
        };
        Half { bare: false, columns }
    }
}

impl Encoder {
    /// An encoder for rows of type `schema`.
    pub fn new(schema: &Schema, format: Format) -> Encoder {
        let pair = schema.as_pair().map(|(key, value)| (Half::of(key, "key"), Half::of(value, "value")));
        Encoder { format, schema: schema.clone(), pair, whole: Half::of(schema, "value") }
    }

    /// The form.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The columns' names, as the first line of a CSV file.
    pub fn header(&self) -> String {
        let halves = self.pair.as_ref().map_or(vec![&self.whole], |(key, value)| vec![key, value]);
        let names: Vec<&str> = halves.iter().flat_map(|half| &half.columns).map(|(name, _)| name.as_str()).collect();
        names.join(",") + "\n"
    }

    /// Appends rows as text.
    pub fn encode(&self, rows: &Rows, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        for i in 0..rows.len() {
            match (self.format, &self.pair) {
                (Format::Json, Some(_)) => self.json_pair(rows.key(i), rows.value(i), out)?,
                (Format::Json, None) => json(&Value::read_cell(&self.schema, rows.value(i))?, &self.schema, out),
                (_, Some((key, value))) => {
                    self.half(key, rows.key(i), true, out)?;
                    self.half(value, rows.value(i), false, out)?;
                }
                (_, None) => self.half(&self.whole, rows.value(i), true, out)?,
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn json_pair(&self, key: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Some((k, v)) = self.schema.as_pair() else { return Ok(()) };
        out.push(b'[');
        json(&Value::read_cell(k, key)?, k, out);
        out.push(b',');
        json(&Value::read_cell(v, value)?, v, out);
        out.push(b']');
        Ok(())
    }

    #[inline]
    fn half(&self, half: &Half, cell: &[u8], first: bool, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let separator = if self.format == Format::Csv { b',' } else { b'\t' };
        if half.bare {
            if !first {
                out.push(separator);
            }
            return match &half.columns[0].1 {
                Schema::String => {
                    self.text(std::str::from_utf8(cell).map_err(|_| DecodeError::NotUtf8)?, out);
                    Ok(())
                }
                schema @ Schema::Bytes => {
                    self.text(Value::read_cell(schema, cell)?.to_json(schema).as_str().unwrap_or_default(), out);
                    Ok(())
                }
                schema => {
                    let mut reader = Reader::new(cell);
                    self.field(schema, &mut reader, out)?;
                    reader.finish()
                }
            };
        }
        let mut reader = Reader::new(cell);
        for (n, (_, schema)) in half.columns.iter().enumerate() {
            if n > 0 || !first {
                out.push(separator);
            }
            self.field(schema, &mut reader, out)?;
        }
        reader.finish()
    }

    /// Appends one nested value as a field.
    fn field(&self, schema: &Schema, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        match schema {
            Schema::U16 | Schema::U32 | Schema::U64 => number(reader.unsigned()?, out),
            Schema::S16 | Schema::S32 | Schema::S64 => number(reader.signed()?, out),
            Schema::U8 => number(reader.byte()?, out),
            Schema::S8 => number(reader.byte()? as i8, out),
            Schema::F64 => float(zmij::Buffer::new().format(f64::from_le_bytes(reader.array()?)), out),
            Schema::F32 => float(zmij::Buffer::new().format(f32::from_le_bytes(reader.array()?)), out),
            Schema::Bool => out.extend_from_slice(if reader.boolean()? { b"true" } else { b"false" }),
            Schema::String => self.text(reader.string()?, out),
            Schema::Option(inner) => {
                if reader.boolean()? {
                    self.field(inner, reader, out)?;
                }
            }
            compound => {
                let value = Value::read(compound, reader)?.to_json(compound);
                match value.as_str() {
                    Some(text) => self.text(text, out),
                    None => self.text(&value.to_string(), out),
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn text(&self, text: &str, out: &mut Vec<u8>) {
        let bytes = text.as_bytes();
        if self.format == Format::Text {
            let clean = |b: &u8| if matches!(b, b'\n' | b'\r' | b'\t') { b' ' } else { *b };
            out.extend(bytes.iter().map(clean));
        } else if bytes.iter().any(|b| matches!(b, b'"' | b',' | b'\n' | b'\r')) || bytes.is_empty() {
            out.push(b'"');
            for b in bytes {
                if *b == b'"' {
                    out.push(b'"');
                }
                out.push(*b);
            }
            out.push(b'"');
        } else {
            out.extend_from_slice(bytes);
        }
    }
}

fn number(n: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

fn float(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

fn json(value: &Value, schema: &Schema, out: &mut Vec<u8>) {
    serde_json::to_writer(out, &value.to_json(schema)).expect("JSON values are written to memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmstream_model::batch::RowsBuilder;
    use wasmstream_model::schema::Data;

    fn check<T: Data>(rows: &[T], format: Format, expected: &str) {
        let mut builder = RowsBuilder::default();
        for row in rows {
            let mut cell = Vec::new();
            row.put_cell(&mut cell);
            let (mut key, mut value) = (Vec::new(), Vec::new());
            T::encode_row(&T::decode_cell(&cell).unwrap(), &mut key, &mut value);
            builder.push(&key, &value);
        }
        let keys = T::PAIR.then(|| builder.keys.finish());
        let rows = Rows { keys, values: Some(builder.values.finish()), times: None };
        let mut out = Vec::new();
        Encoder::new(&T::schema(), format).encode(&rows, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn rows_become_the_text_that_people_expect() {
        let words = [("a,b".to_owned(), 1_u64), ("say \"hi\"".to_owned(), 300), (String::new(), 0)];
        check(&words, Format::Csv, "\"a,b\",1\n\"say \"\"hi\"\"\",300\n\"\",0\n");
        check(&words, Format::Json, "[\"a,b\",1]\n[\"say \\\"hi\\\"\",300]\n[\"\",0]\n");
        check(&[(-3_i64, 1_u8, 0.1_f64, 1.5_f32)], Format::Csv, "-3,1,0.1,1.5\n");
        check(&[((1_u32, true), (Some("x".to_owned()), None::<u64>))], Format::Csv, "1,true,x,\n");
        check(&["tab\there".to_owned()], Format::Text, "tab here\n");
        check(&[(1_u64, vec![1_u64, 2])], Format::Csv, "1,\"[1,2]\"\n");
        check(&[f64::NAN, f64::INFINITY], Format::Csv, "NaN\ninf\n");
    }
}
