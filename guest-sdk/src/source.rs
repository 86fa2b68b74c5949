//! Sources and the formats of their records. The host cuts bytes into records; the guest parses them here.
//!
//! Invariant: a record that cannot be parsed is a failure of its own and never stops the ones after it.

use std::cell::RefCell;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use wasmstream_model::batch::Rows;
use wasmstream_model::graph::{CsvFormat, Layout, Node, SourceFormat};
use wasmstream_model::schema::{Data, Put, Schema};
use wasmstream_model::semantics::call::CSV_HEADER;

use crate::call::Call;
use crate::job::{End, Job, Start};
use crate::out::Fan;
use crate::run::Entry;
use crate::stream::Stream;

/// A source whose format is still to be said.
pub struct Source {
    job: Job,
    name: String,
}

impl Source {
    pub(crate) fn new(job: Job, name: &str) -> Self {
        Source { job, name: name.to_owned() }
    }

    fn stream<T: Data, E: Entry + 'static>(
        self,
        format: SourceFormat,
        entry: impl FnOnce(Rc<Fan<T>>) -> E,
    ) -> Stream<T> {
        let Source { job, name } = self;
        job.add_source(&name, format, T::schema());
        let stage = job.new_stage();
        let edge = job.add_edge(Start::Source(name.clone()), End::Stage(stage), Layout::Values, Schema::Bytes);
        let fan = Rc::new(Fan::default());
        job.inner.borrow_mut().entries.push((edge, Rc::new(entry(Rc::clone(&fan)))));
        Stream::from_stage(job, fan, stage, Node::Source(name))
    }

    /// Records are lines of UTF-8 text; they arrive without their line ends.
    pub fn text(self) -> Stream<String> {
        self.stream(SourceFormat::Text, |fan| TextEntry { fan })
    }

    /// Records are lines that each hold one JSON value, read by serde. A line that does not fit `T` is a failed record.
    pub fn json<T: Data + DeserializeOwned>(self) -> Stream<T> {
        self.stream(SourceFormat::Json, |fan| JsonEntry { fan })
    }

    /// Records are CSV with a header line, read by serde: columns go to fields by name.
    pub fn csv<T: Data + DeserializeOwned>(self) -> Stream<T> {
        self.csv_with(CsvFormat { header: true, delimiter: b',' })
    }

    /// Records are CSV in the dialect `format`. Without a header, columns go to fields by position.
    pub fn csv_with<T: Data + DeserializeOwned>(self, format: CsvFormat) -> Stream<T> {
        self.stream(SourceFormat::Csv(format.clone()), |fan| CsvEntry { fan, format })
    }
}

/// Calls `each` with row numbers and cells until the output is full; says how many rows were taken.
fn each_cell(rows: &Rows, call: &mut Call, mut each: impl FnMut(&[u8], &mut Call)) -> u32 {
    let Some(values) = &rows.values else { return 0 };
    for (row, cell) in (0..).zip(values.iter()) {
        call.at_row(row);
        each(cell, call);
        if call.is_full() {
            return row + 1;
        }
    }
    values.rows
}

struct TextEntry {
    fan: Rc<Fan<String>>,
}

impl Entry for TextEntry {
    fn run(&self, rows: &Rows, call: &mut Call) -> u32 {
        each_cell(rows, call, |cell, call| {
            let line = cell.strip_suffix(b"\n").map_or(cell, |line| line.strip_suffix(b"\r").unwrap_or(line));
            match line_text(line) {
                Ok(line) => self.fan.push(line, call),
                Err(error) => call.fail(&format!("the line is not UTF-8: {error}")),
            }
        })
    }
}

/// The text of a line. In the sandbox the host has checked it already, as the contract says.
#[cfg(target_family = "wasm")]
#[expect(clippy::unnecessary_wraps, reason = "natively, lines are checked here")]
fn line_text(line: &[u8]) -> Result<&str, std::str::Utf8Error> {
    // SAFETY: the host hands over UTF-8 alone; a host that breaks its word harms this sandbox only.
    Ok(unsafe { std::str::from_utf8_unchecked(line) })
}

#[cfg(not(target_family = "wasm"))]
fn line_text(line: &[u8]) -> Result<&str, std::str::Utf8Error> {
    std::str::from_utf8(line)
}

struct JsonEntry<T: Data> {
    fan: Rc<Fan<T>>,
}

impl<T: Data + DeserializeOwned> Entry for JsonEntry<T> {
    fn run(&self, rows: &Rows, call: &mut Call) -> u32 {
        each_cell(rows, call, |cell, call| {
            let parsed = line_text(cell).map_err(|error| error.to_string());
            // A `&str` need not be checked again for every string in it.
            let parsed = parsed.and_then(|text| serde_json::from_str::<T>(text).map_err(|error| error.to_string()));
            match parsed {
                Ok(record) => push_owned(record, &self.fan, call),
                Err(error) => call.fail(&format!("the line is not the JSON that is expected: {error}")),
            }
        })
    }
}

struct CsvEntry<T: Data> {
    fan: Rc<Fan<T>>,
    format: CsvFormat,
}

impl<T: Data + DeserializeOwned> Entry for CsvEntry<T> {
    fn run(&self, rows: &Rows, call: &mut Call) -> u32 {
        let reader = RefCell::new(csv_core::ReaderBuilder::new().delimiter(self.format.delimiter).build());
        let header = call.ctx.extra.iter().find(|(name, _)| name == CSV_HEADER).map(|(_, bytes)| bytes.clone());
        let header = header.filter(|_| self.format.header);
        let header = header.map(|bytes| read_csv(&mut reader.borrow_mut(), &bytes)).and_then(Result::ok);
        each_cell(rows, call, |cell, call| {
            let record = read_csv(&mut reader.borrow_mut(), cell);
            let parsed = record.and_then(|r| r.deserialize::<T>(header.as_ref()).map_err(|error| error.to_string()));
            match parsed {
                Ok(record) => push_owned(record, &self.fan, call),
                Err(error) => call.fail(&format!("the record is not the CSV that is expected: {error}")),
            }
        })
    }
}

/// Splits one record into its fields.
fn read_csv(reader: &mut csv_core::Reader, cell: &[u8]) -> Result<csv::StringRecord, String> {
    let (mut fields, mut ends) = (vec![0; cell.len() + 1], vec![0; cell.len() + 2]);
    reader.reset();
    let (mut read, mut wrote, mut ended) = (0, 0, 0);
    // A record without a line end is closed by an empty read.
    loop {
        let (result, r, w, e) = reader.read_record(&cell[read..], &mut fields[wrote..], &mut ends[ended..]);
        (read, wrote, ended) = (read + r, wrote + w, ended + e);
        match result {
            csv_core::ReadRecordResult::InputEmpty => {}
            csv_core::ReadRecordResult::Record => break,
            csv_core::ReadRecordResult::End => break,
            _ => return Err("it has more fields than bytes".into()),
        }
    }
    let mut record = csv::StringRecord::with_capacity(wrote, ended);
    let mut start = 0;
    for end in &ends[..ended] {
        let field = std::str::from_utf8(&fields[start..*end]).map_err(|error| error.to_string())?;
        record.push_field(field);
        start = *end;
    }
    Ok(record)
}

fn push_owned<T: Data>(record: T, fan: &Fan<T>, call: &mut Call) {
    let mut slot = record.slot();
    fan.push(<T as Put<T>>::view(&mut slot), call);
}
