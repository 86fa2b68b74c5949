//! The chunk whose records are in the buffer.
//!
//! Invariant: for each byte of it, [`Span`]s tell which byte of which partition it is.

use std::sync::Arc;

use super::super::{Partition, Piece, SourceChunk, SourceError};
use super::{Cutter, SLACK_BYTES, text};

/// What is known of the chunk whose records are in the buffer.
#[derive(Debug)]
pub(super) struct OpenChunk {
    pub(super) offsets: Vec<u32>,
    pub(super) header: Option<Arc<[u8]>>,
    pub(super) pieces: Vec<Piece>,
    pub(super) spans: Vec<Span>,
    pub(super) skipped: u64,
}

/// From `at` on, the buffer holds the bytes of `partition` from `offset` on.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) at: usize,
    pub(super) partition: Arc<Partition>,
    pub(super) offset: u64,
}

impl OpenChunk {
    pub(super) fn new(rows_expected: usize) -> OpenChunk {
        let mut offsets = Vec::with_capacity(rows_expected + 1);
        offsets.push(0);
        OpenChunk { offsets, header: None, pieces: Vec::new(), spans: Vec::new(), skipped: 0 }
    }

    pub(super) fn rows(&self) -> usize {
        self.offsets.len() - 1
    }
}

impl Cutter {
    /// Closes the chunk; what is not cut yet moves on to the next.
    pub(super) fn finish(&mut self) -> Result<SourceChunk, SourceError> {
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
}
