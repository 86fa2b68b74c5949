//! Cuts bytes into records and records into chunks.
//!
//! A source reads straight into the open chunk ([`Cutter::read`]); what follows its last record moves on to the next
//! chunk. So a byte is copied once, by the read, and nothing is done per record but to note where it ends.
//!
//! Invariant: where records and chunks end depends on bytes and limits alone, never on the sizes of reads; and no more
//! is held than one chunk, one record of the longest kind that is allowed, and one block.

mod chunk;
mod ends;
mod records;
mod start;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, Read};
use std::sync::Arc;

use wasmstream_model::graph::SourceFormat;

use self::chunk::{OpenChunk, Span};
use self::ends::{Quotes, Rule};
use self::records::Skipping;
use super::{BadRecords, ChunkLimits, Partition, Piece, SourceChunk, SourceError};

/// The most bytes of one read.
pub const BLOCK_BYTES: usize = 64 << 10;

/// The most bytes of a chunk and of a record, whatever the limits say: offsets are 32 bits wide, and replacing what is
/// not UTF-8 can treble the bytes.
pub const MAX_CHUNK_BYTES: usize = 1 << 30;

/// Room behind a full chunk. Small, because what is read into it moves on to the next chunk.
const SLACK_BYTES: usize = 4 << 10;

/// The buffer that a chunk starts with, where it can have more.
const FIRST_BUFFER_BYTES: usize = 4 << 20;

/// Cuts the bytes of partitions, one after another.
///
/// [`start`](Cutter::start) a partition; then [`cut`](Cutter::cut) until there is no chunk, [`read`](Cutter::read), and
/// so on; at its last byte [`end`](Cutter::end) it and cut again. [`flush`](Cutter::flush) gives what there is.
#[derive(Debug)]
pub struct Cutter {
    rules: Rules,
    /// Up to `cut` the records of the open chunk, from there up to `filled` bytes that are not cut yet.
    buffer: Vec<u8>,
    cut: usize,
    /// No record ends between `cut` and here.
    scanned: usize,
    filled: usize,
    chunk: OpenChunk,
    partition: Option<OpenPartition>,
}

/// How a source is cut.
#[derive(Clone, Debug)]
struct Rules {
    source_name: String,
    ends: Rule,
    with_header: bool,
    limits: ChunkLimits,
    bad: BadRecords,
}

#[derive(Debug)]
struct OpenPartition {
    partition: Arc<Partition>,
    /// Where the present piece starts.
    piece_start: u64,
    /// The offset of the byte at `Cutter::cut`, or of the record that is being left out.
    position: u64,
    /// CRC-32C from `piece_start` to `position`.
    crc: u32,
    /// The header, once read.
    header: Option<Arc<[u8]>>,
    /// What stands before the records is not dealt with yet.
    at_start: bool,
    /// There are no bytes behind `Cutter::filled`.
    ended: bool,
    /// Where the scan for the end of the record at `Cutter::cut` stands.
    quotes: Quotes,
    /// The record at `position`, if it is being left out.
    skipping: Option<Skipping>,
}

/// What a step of cutting came to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// There is more to cut.
    Again,
    /// The chunk is full.
    Full,
    /// There must be more bytes, or another partition.
    Starved,
}

impl ChunkLimits {
    /// The limits, held between 1 and [`MAX_CHUNK_BYTES`].
    pub(super) fn held(self) -> ChunkLimits {
        ChunkLimits {
            bytes: self.bytes.clamp(1, MAX_CHUNK_BYTES),
            rows: self.rows.clamp(1, MAX_CHUNK_BYTES),
            record_bytes: self.record_bytes.clamp(1, MAX_CHUNK_BYTES),
        }
    }
}

impl Cutter {
    /// A cutter for the source `source_name`. Limits are held between 1 and [`MAX_CHUNK_BYTES`].
    pub fn new(source_name: &str, format: &SourceFormat, limits: ChunkLimits, bad: BadRecords) -> Cutter {
        let (ends, with_header) = match format {
            SourceFormat::Text | SourceFormat::Json => (Rule::Lines, false),
            SourceFormat::Csv(csv) => (Rule::Csv { delimiter: csv.delimiter }, csv.header),
        };
        let source_name = source_name.to_owned();
        Cutter::with(Rules { source_name, ends, with_header, limits: limits.held(), bad })
    }

    /// A cutter by the same rules for which nothing that was a chunk is a full one: for reading the pieces of a chunk again.
    pub fn for_replay(&self) -> Cutter {
        let limits = ChunkLimits { bytes: MAX_CHUNK_BYTES + 1, rows: MAX_CHUNK_BYTES + 1, ..self.rules.limits };
        Cutter::with(Rules { limits, ..self.rules.clone() })
    }

    fn with(rules: Rules) -> Cutter {
        let chunk = OpenChunk::new(0);
        Cutter { rules, buffer: Vec::new(), cut: 0, scanned: 0, filled: 0, chunk, partition: None }
    }

    /// The source's name, for errors.
    pub fn source_name(&self) -> &str {
        &self.rules.source_name
    }

    /// Whether each file starts with a header.
    pub fn with_header(&self) -> bool {
        self.rules.with_header
    }

    /// The header of the open partition, once it was read.
    pub fn header(&self) -> Option<Arc<[u8]>> {
        self.partition.as_ref()?.header.clone()
    }

    /// How many bytes of the open partition were read.
    pub fn offset(&self) -> u64 {
        let Some(open) = &self.partition else { return 0 };
        let skipped = open.skipping.as_ref().map_or(0, |skipping| skipping.bytes);
        open.position + (skipped + self.filled - self.cut) as u64
    }

    /// Goes on with `partition`, from byte `offset`, where a record starts. `header` is that of the partition, where it
    /// was read before.
    pub fn start(&mut self, partition: Arc<Partition>, offset: u64, header: Option<Arc<[u8]>>) {
        assert!(self.partition.is_none() && self.filled == self.cut, "the partition before must be over");
        self.chunk.spans.push(Span { at: self.cut, partition: partition.clone(), offset });
        self.partition = Some(OpenPartition {
            partition,
            piece_start: offset,
            position: offset,
            crc: 0,
            header,
            at_start: true,
            ended: false,
            quotes: Quotes::Outside,
            skipping: None,
        });
    }

    /// Reads a block from `reader`: the number of bytes, 0 at its end. To be called when [`cut`](Cutter::cut) has no
    /// more to give.
    pub fn read(&mut self, reader: &mut dyn Read) -> io::Result<usize> {
        if self.filled == self.buffer.len() {
            self.grow();
        }
        let end = self.buffer.len().min(self.filled + BLOCK_BYTES);
        loop {
            match reader.read(&mut self.buffer[self.filled..end]) {
                Ok(read) => {
                    self.filled += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn grow(&mut self) {
        let limits = &self.rules.limits;
        let chunk = limits.bytes + SLACK_BYTES;
        let length = self.buffer.len();
        let wanted = if length < chunk {
            (length * 2).max(FIRST_BUFFER_BYTES).min(chunk)
        } else {
            (length * 2).min(chunk + limits.record_bytes + BLOCK_BYTES)
        };
        self.buffer.resize(wanted, 0);
    }

    /// The next full chunk of what was read, if there is one.
    pub fn cut(&mut self) -> Result<Option<SourceChunk>, SourceError> {
        loop {
            let full = self.cut >= self.rules.limits.bytes || self.chunk.rows() >= self.rules.limits.rows;
            let step = match &self.partition {
                _ if full => Step::Full,
                None => Step::Starved,
                Some(open) if open.at_start => self.begin()?,
                Some(open) if open.skipping.is_some() => self.skip(),
                Some(_) => self.take()?,
            };
            match step {
                Step::Again => {}
                Step::Full => return self.finish().map(Some),
                Step::Starved => return Ok(None),
            }
        }
    }

    /// The open partition has no more bytes: what is left of it is its last record.
    pub fn end(&mut self) {
        if let Some(open) = &mut self.partition {
            open.ended = true;
        }
    }

    /// Leaves the open partition behind its last whole record, to go on with it later from the answered offset and
    /// header.
    pub fn suspend(&mut self) -> Option<(u64, Option<Arc<[u8]>>)> {
        self.end_piece();
        self.filled = self.cut;
        self.scanned = self.cut;
        self.partition.take().map(|open| (open.position, open.header))
    }

    /// What was cut since the last chunk, if anything.
    pub fn flush(&mut self) -> Result<Option<SourceChunk>, SourceError> {
        self.end_piece();
        if self.chunk.pieces.is_empty() { Ok(None) } else { self.finish().map(Some) }
    }

    fn end_piece(&mut self) {
        let Some(open) = &mut self.partition else { return };
        if open.position > open.piece_start {
            self.chunk.pieces.push(Piece {
                partition: open.partition.clone(),
                start: open.piece_start,
                end: open.position,
                crc32c: open.crc,
            });
        }
        open.piece_start = open.position;
        open.crc = 0;
    }

    fn too_long(&self) -> String {
        format!("the record is longer than {} bytes (record.max-bytes)", self.rules.limits.record_bytes)
    }

    /// An error about the record `ahead` bytes behind the present position.
    fn record_error(&self, ahead: u64, problem: String) -> SourceError {
        let open = self.partition.as_ref();
        SourceError::Record {
            source_name: self.rules.source_name.clone(),
            partition: open.map(|open| open.partition.name.clone()).unwrap_or_default(),
            offset: open.map_or(0, |open| open.position) + ahead,
            problem,
        }
    }
}
