//! What stands before the first record of a file: byte order mark and header.
//!
//! Invariant: nothing of a file is taken into a chunk whose records have another header.

use std::sync::Arc;

use super::super::SourceError;
use super::chunk::Span;
use super::ends::{Quotes, without_line_end};
use super::{Cutter, Step, text};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Cutter {
    /// Deals with what stands before the first record: byte order mark and header.
    pub(super) fn begin(&mut self) -> Result<Step, SourceError> {
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
