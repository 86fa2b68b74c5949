//! Taking records into the open chunk, and letting go by what cannot be one.
//!
//! Invariant: a record is judged by its length and the room in the chunk, and judged the same before its end is known.

use super::super::{BadRecords, ChunkLimits, SourceError};
use super::chunk::Span;
use super::ends::{CsvEnds, Quotes, Rule};
use super::{Cutter, Step};

/// A record that is left out while it is being read; its bytes are gone from the buffer.
#[derive(Debug)]
pub(super) struct Skipping {
    pub(super) bytes: usize,
    crc: u32,
    last: u8,
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

impl ChunkLimits {
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
    /// Takes records for as long as they fit.
    pub(super) fn take(&mut self) -> Result<Step, SourceError> {
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
    pub(super) fn skip(&mut self) -> Step {
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
