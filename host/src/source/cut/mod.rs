//! Cuts bytes into records and records into chunks.
//!
//! A source reads straight into the open chunk ([`Cutter::read`]); what follows its last record moves on to the next
//! chunk. So a byte is copied once, by the read, and nothing is done per record but to note where it ends.
//!
//! Invariant: where records and chunks end depends on bytes and limits alone, never on the sizes of reads; and no more
//! is held than one chunk, one record of the longest kind that is allowed, and one block.

mod ends;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, Read};
use std::sync::Arc;

use wasmstream_model::graph::SourceFormat;

use self::ends::{CsvEnds, Quotes, Rule, without_line_end};
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

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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

/// What is known of the chunk whose records are in the buffer.
#[derive(Debug)]
struct OpenChunk {
    offsets: Vec<u32>,
    header: Option<Arc<[u8]>>,
    pieces: Vec<Piece>,
    spans: Vec<Span>,
    skipped: u64,
}

/// From `at` on, the buffer holds the bytes of `partition` from `offset` on.
#[derive(Debug)]
struct Span {
    at: usize,
    partition: Arc<Partition>,
    offset: u64,
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

/// A record that is left out while it is being read; its bytes are gone from the buffer.
#[derive(Debug)]
struct Skipping {
    bytes: usize,
    crc: u32,
    last: u8,
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

/// Whether a record can stand in a chunk.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    Fits,
    /// Not in this chunk.
    Next,
    /// In none.
    TooLong,
}

impl OpenChunk {
    fn new(rows_expected: usize) -> OpenChunk {
        let mut offsets = Vec::with_capacity(rows_expected + 1);
        offsets.push(0);
        OpenChunk { offsets, header: None, pieces: Vec::new(), spans: Vec::new(), skipped: 0 }
    }

    fn rows(&self) -> usize {
        self.offsets.len() - 1
    }
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

    /// Judges a record of a chunk of `rows` records before it, from `start` in its data to `end` or beyond. The answer
    /// for a record that goes on behind `end` is that for the whole, unless it is [`Fit::Fits`].
    fn judge(&self, rows: usize, start: usize, end: usize) -> Fit {
        let room = self.bytes.saturating_sub(start);
        if rows > 0 && end - start > room && room < self.record_bytes {
            Fit::Next
        } else if end - start > self.record_bytes {
            Fit::TooLong
        } else {
            Fit::Fits
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

    /// Deals with what stands before the first record: byte order mark and header.
    fn begin(&mut self) -> Result<Step, SourceError> {
        let Some(open) = &self.partition else { return Ok(Step::Starved) };
        let pending = &self.buffer[self.cut..self.filled];
        let mut header = open.header.clone();
        let mut before = 0;
        if open.position == 0 {
            let Some(mark) = mark_length(pending, open.ended) else { return Ok(Step::Starved) };
            before = mark;
            if self.rules.with_header && header.is_none() {
                match self.find_header(mark, open.ended)? {
                    None => return Ok(Step::Starved),
                    Some((found, end)) => (header, before) = (found, end),
                }
            }
        }
        let has_records = pending.len() > before;
        if !has_records && !open.ended {
            return Ok(Step::Starved);
        }
        if has_records {
            if self.chunk.rows() > 0 && self.chunk.header != header {
                return Ok(Step::Full);
            }
            self.chunk.header.clone_from(&header);
        }
        self.drop_front(before);
        if let Some(open) = &mut self.partition {
            open.header = header;
            open.at_start = false;
        }
        Ok(Step::Again)
    }

    /// The header behind the byte order mark, and where it ends. Blank lines before it do not count.
    #[expect(clippy::type_complexity, reason = "a header, where there is one, and its end, once it was read")]
    fn find_header(&self, mark: usize, ended: bool) -> Result<Option<(Option<Arc<[u8]>>, usize)>, SourceError> {
        let pending = &self.buffer[self.cut..self.filled];
        let mut start = mark;
        loop {
            let found = self.rules.ends.first_end(&pending[start..], &mut Quotes::default(), b'\n');
            let end = found.map_or(pending.len(), |end| start + end);
            if end - start > self.rules.limits.record_bytes {
                return Err(self.record_error(start as u64, self.too_long()));
            }
            if found.is_none() && !ended {
                return Ok(None);
            }
            let header = without_line_end(&pending[start..end]);
            if header.is_empty() && found.is_some() {
                start = end;
                continue;
            }
            let header = text::check_header(header, self.rules.bad)
                .map_err(|problem| self.record_error(start as u64, problem))?;
            return Ok(Some(((!header.is_empty()).then(|| header.into()), end)));
        }
    }

    /// Takes records for as long as they fit.
    fn take(&mut self) -> Result<Step, SourceError> {
        let Some(open) = &mut self.partition else { return Ok(Step::Starved) };
        let (limits, offsets) = (&self.rules.limits, &mut self.chunk.offsets);
        let bytes = &self.buffer[self.scanned..self.filled];
        let (mut cut, mut stop) = match self.rules.ends {
            Rule::Lines => {
                take_ends(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1), self.scanned, self.cut, limits, offsets)
            }
            Rule::Csv { delimiter } => {
                let before = if self.scanned == self.cut { b'\n' } else { self.buffer[self.scanned - 1] };
                let mut ends = CsvEnds::new(bytes, delimiter, open.quotes, before);
                let stopped = take_ends(ends.by_ref(), self.scanned, self.cut, limits, offsets);
                open.quotes = ends.quotes;
                stopped
            }
        };
        let mut unclosed = false;
        if stop.is_none() && cut < self.filled {
            // What is left has no end yet, or is the end of the file.
            match limits.judge(offsets.len() - 1, cut, self.filled) {
                Fit::Fits if !open.ended => {}
                Fit::Fits if open.quotes == Quotes::Inside => unclosed = true,
                Fit::Fits => {
                    cut = self.filled;
                    offsets.push(cut as u32);
                }
                fit => stop = Some(fit),
            }
        }
        open.crc = crc32c::crc32c_append(open.crc, &self.buffer[self.cut..cut]);
        open.position += (cut - self.cut) as u64;
        self.cut = cut;
        let done = open.ended && cut == self.filled;
        if stop.is_none() && !unclosed {
            self.scanned = self.filled;
            if done {
                self.end_piece();
                self.partition = None;
            }
            return Ok(if done { Step::Again } else { Step::Starved });
        }
        open.quotes = Quotes::Outside;
        self.scanned = cut;
        match stop {
            Some(Fit::TooLong) => self.reject(self.too_long()),
            Some(_) => Ok(Step::Full),
            None => self.reject("a quote is opened and not closed before the end of the file".to_owned()),
        }
    }

    /// The record at `cut` cannot be taken.
    fn reject(&mut self, problem: String) -> Result<Step, SourceError> {
        if self.rules.bad != BadRecords::Skip {
            return Err(self.record_error(0, problem));
        }
        if let Some(open) = &mut self.partition {
            open.skipping = Some(Skipping { bytes: 0, crc: 0, last: b'\n' });
        }
        Ok(Step::Again)
    }

    /// Lets the bytes of a record go by that is left out.
    fn skip(&mut self) -> Step {
        let Some((open, skipping)) = self.partition.as_mut().and_then(|open| {
            let skipping = open.skipping.take()?;
            Some((open, skipping))
        }) else {
            return Step::Again;
        };
        let bytes = &self.buffer[self.cut..self.filled];
        let end = self.rules.ends.first_end(bytes, &mut open.quotes, skipping.last);
        let gone = &bytes[..end.unwrap_or(bytes.len())];
        let skipping = Skipping {
            bytes: skipping.bytes + gone.len(),
            crc: crc32c::crc32c_append(skipping.crc, gone),
            last: gone.last().copied().unwrap_or(skipping.last),
        };
        let gone = gone.len();
        self.buffer.copy_within(self.cut + gone..self.filled, self.cut);
        self.filled -= gone;
        self.scanned = self.cut;
        if end.is_none() && !open.ended {
            open.skipping = Some(skipping);
            return Step::Starved;
        }
        open.crc = crc32c::crc32c_combine(open.crc, skipping.crc, skipping.bytes);
        open.position += skipping.bytes as u64;
        open.quotes = Quotes::Outside;
        self.chunk.skipped += 1;
        self.chunk.spans.push(Span { at: self.cut, partition: open.partition.clone(), offset: open.position });
        Step::Again
    }

    /// Takes `length` bytes at `cut` out of the buffer. They count as read.
    fn drop_front(&mut self, length: usize) {
        let Some(open) = self.partition.as_mut().filter(|_| length > 0) else { return };
        open.crc = crc32c::crc32c_append(open.crc, &self.buffer[self.cut..self.cut + length]);
        open.position += length as u64;
        self.chunk.spans.push(Span { at: self.cut, partition: open.partition.clone(), offset: open.position });
        self.buffer.copy_within(self.cut + length..self.filled, self.cut);
        self.filled -= length;
        self.scanned = self.cut;
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

    /// Closes the chunk; what is not cut yet moves on to the next.
    fn finish(&mut self) -> Result<SourceChunk, SourceError> {
        self.end_piece();
        let data = self.hand_over();
        let next = OpenChunk::new(self.chunk.rows() + self.chunk.rows() / 16);
        let chunk = std::mem::replace(&mut self.chunk, next);
        if let Some(open) = &self.partition {
            self.chunk.header.clone_from(&open.header);
            self.chunk.spans.push(Span { at: 0, partition: open.partition.clone(), offset: open.position });
        }
        let seams = chunk.spans.iter().map(|span| span.at);
        let checked = text::check(data, chunk.offsets, seams, self.rules.bad).map_err(|not_text| {
            let span = chunk.spans.iter().rfind(|span| span.at <= not_text.start);
            SourceError::Record {
                source_name: self.rules.source_name.clone(),
                partition: span.map(|span| span.partition.name.clone()).unwrap_or_default(),
                offset: span.map_or(0, |span| span.offset + (not_text.start - span.at) as u64),
                problem: not_text.problem,
            }
        })?;
        Ok(SourceChunk {
            rows: (checked.offsets.len() - 1) as u32,
            offsets: checked.offsets,
            data: checked.data,
            header: chunk.header,
            pieces: chunk.pieces,
            skipped: chunk.skipped + checked.skipped,
        })
    }

    /// The records in the buffer. The buffer goes with them, unless they are few.
    fn hand_over(&mut self) -> Vec<u8> {
        let rest = self.filled - self.cut;
        let data = if self.cut < self.buffer.len() / 2 {
            let data = self.buffer[..self.cut].to_vec();
            self.buffer.copy_within(self.cut..self.filled, 0);
            data
        } else {
            let length = self.buffer.len().min(self.rules.limits.bytes + SLACK_BYTES).max(rest);
            let mut next = vec![0; length];
            next[..rest].copy_from_slice(&self.buffer[self.cut..self.filled]);
            let mut data = std::mem::replace(&mut self.buffer, next);
            data.truncate(self.cut);
            data
        };
        (self.cut, self.scanned, self.filled) = (0, 0, rest);
        data
    }

    fn too_long(&self) -> String {
        format!("the record is longer than {} bytes", self.rules.limits.record_bytes)
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

/// Notes the ends of records, given from `base` on, for as long as they fit: where the last ends, and why no more do.
fn take_ends(
    ends: impl Iterator<Item = usize>,
    base: usize,
    mut start: usize,
    limits: &ChunkLimits,
    offsets: &mut Vec<u32>,
) -> (usize, Option<Fit>) {
    for end in ends {
        let end = base + end;
        if end > limits.bytes || end - start > limits.record_bytes {
            match limits.judge(offsets.len() - 1, start, end) {
                Fit::Fits => {}
                fit => return (start, Some(fit)),
            }
        }
        // Never above `MAX_CHUNK_BYTES`.
        offsets.push(end as u32);
        start = end;
        if end >= limits.bytes || offsets.len() > limits.rows {
            return (start, Some(Fit::Next));
        }
    }
    (start, None)
}

/// The length of the byte order mark that `bytes` start with; `None` if they are too few to tell.
fn mark_length(bytes: &[u8], ended: bool) -> Option<usize> {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        Some(BYTE_ORDER_MARK.len())
    } else if !ended && BYTE_ORDER_MARK.starts_with(bytes) {
        None
    } else {
        Some(0)
    }
}
