//! Sources: where records come from. One file per connector; cutting bytes into records is common to all.
//!
//! A source reads ahead and hands over [`SourceChunk`]s: records that were already read, with the ranges that they came
//! from, so that a plan describes bytes that exist and a replay can show that it read the same ones.
//!
//! Invariant: a chunk holds whole records, at most [`ChunkLimits`] of them, in the order of the source.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::explain::Code;

/// Where a chunk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// The bytes at which a chunk is closed. A chunk has more only where a single record has.
    pub bytes: usize,
    /// The most records in a chunk.
    pub rows: usize,
    /// The longest record, in bytes, line end included.
    pub record_bytes: usize,
}

/// What is done with a record that cannot be taken: too long, or text that is not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRecords {
    /// The run stops with an error that says where.
    #[default]
    Fail,
    /// The record is left out and counted.
    Skip,
    /// What is not UTF-8 becomes U+FFFD; a record that is too long still fails.
    Replace,
}

/// Records that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceChunk {
    /// The number of records.
    pub rows: u32,
    /// `rows + 1` ascending positions in `data`, from 0 to its end.
    pub offsets: Vec<u32>,
    /// The records as they stand in the source, line ends included.
    pub data: Vec<u8>,
    /// The header record of the records' file, for CSV with a header. All records of a chunk have the same.
    pub header: Option<Arc<[u8]>>,
    /// Where the records come from, in order.
    pub pieces: Vec<Piece>,
    /// Records that were left out by [`BadRecords::Skip`].
    pub skipped: u64,
}

/// A run of bytes of one partition (a file, a connection).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What was read.
    pub partition: Arc<Partition>,
    /// The first byte, counted in uncompressed bytes.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// CRC-32C of the bytes from `start` to `end`, as read (before anything was left out or replaced).
    pub crc32c: u32,
}

/// A partition of a source: one ordered run of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    /// What people call it: a path, an address.
    pub name: String,
    /// For files: device and inode, which tell a file from one that was put in its place.
    pub identity: Option<(u64, u64)>,
}

/// What a source has to give.
#[derive(Debug)]
pub enum Read {
    /// Records.
    Chunk(SourceChunk),
    /// Nothing yet; there may be more later.
    Idle,
    /// Nothing more, ever.
    End,
}

/// A source of records.
pub trait Source: Send {
    /// The next chunk. Waits at most about `patience`, then gives what there is, or [`Read::Idle`].
    fn next(&mut self, patience: Duration) -> Result<Read, SourceError>;

    /// Whether the same ranges can be read again after a crash. Where not, they must be written down first.
    fn can_replay(&self) -> bool;
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL is not one.
    #[error("source `{source_name}`: {problem}")]
    Url {
        /// The source.
        source_name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file cannot be opened or read.
    #[error("source `{source_name}`: cannot read {path}: {error}")]
    Io {
        /// The source.
        source_name: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A record that cannot be taken.
    #[error("source `{source_name}`: {partition}, byte {offset}: {problem}")]
    Record {
        /// The source.
        source_name: String,
        /// The file or connection.
        partition: String,
        /// Where the record starts.
        offset: u64,
        /// What is wrong with it.
        problem: String,
    },
}

impl SourceError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            SourceError::Url { .. } => Code("SOURCE_URL"),
            SourceError::Io { .. } => Code("SOURCE_IO"),
            SourceError::Record { .. } => Code("SOURCE_RECORD"),
        }
    }
}
