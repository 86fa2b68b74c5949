//! Sources: where records come from. One file per connector; cutting bytes into records is common to all.
//!
//! A source reads ahead and hands over [`SourceChunk`]s: records that were already read, with the ranges that they came
//! from, so that a plan describes bytes that exist and a replay can show that it read the same ones.
//!
//! | Module | Question it answers |
//! | --- | --- |
//! | [`url`] | What did the person ask for? |
//! | [`cut`] | Where does a record end, where a chunk, and what of a record that is no good? |
//! | `discover` | Which files does a path stand for? |
//! | `file`, `follow` | How are files read: once to their end, or for as long as they grow? |
//! | `stream`, `stdin`, `tcp` | How is a connection read without waiting for it longer than asked? |
//! | [`rate`] | How are rows made up? |
//!
//! Invariant: a chunk holds whole records, at most [`ChunkLimits`] of them, in the order of the source. A bounded source
//! is always cut into the same chunks, whatever sizes its reads return.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmstream_model::graph::SourceFormat;

use crate::explain::Code;

pub mod cut;
mod discover;
mod file;
mod follow;
pub mod rate;
mod stdin;
mod stream;
mod tcp;
pub mod url;

pub use url::SourceUrl;

/// Where a chunk ends. Bytes are counted as read, before anything in them is replaced.
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

/// Records that were read. Where all were left out by [`BadRecords::Skip`] there are none, but the pieces still say
/// how far the source was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceChunk {
    /// The number of records.
    pub rows: u32,
    /// `rows + 1` ascending positions in `data`, from 0 to its end.
    pub offsets: Vec<u32>,
    /// The records as they stand in the source, line ends included; the last of a file may have none. A byte order mark
    /// at the start of a file is left out.
    pub data: Vec<u8>,
    /// The header record of the records' file, without its line end, for CSV with a header. All records of a chunk have
    /// the same.
    pub header: Option<Arc<[u8]>>,
    /// Where the records come from, in order.
    pub pieces: Vec<Piece>,
    /// Records that were left out by [`BadRecords::Skip`].
    pub skipped: u64,
}

/// A run of bytes of one partition (a file, a connection), from the start of a record to the end of one. The first of a
/// file includes what stands before its first record: byte order mark and header. `rate:` counts rows, not bytes.
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

    /// Reads the pieces of a chunk again: the same chunk, or [`SourceError::Changed`] where the source has other bytes
    /// now. What [`next`](Source::next) gives is not moved by it.
    fn replay(&mut self, pieces: &[Piece]) -> Result<SourceChunk, SourceError>;
}

/// Opens the source that a URL stands for. `name` is the source's name in the job and stands in every error.
///
/// # Errors
///
/// A path that does not exist, a glob or folder without files (unless it is followed), a connection that is refused.
pub fn open(
    name: &str,
    url: &SourceUrl,
    format: &SourceFormat,
    limits: ChunkLimits,
    bad: BadRecords,
) -> Result<Box<dyn Source>, SourceError> {
    let cutter = cut::Cutter::new(name, format, limits, bad);
    Ok(match url {
        SourceUrl::Files(files) if files.follow => Box::new(follow::FollowSource::open(files, cutter)?),
        SourceUrl::Files(files) => Box::new(file::FileSource::open(files, cutter)?),
        SourceUrl::Stdin => Box::new(stdin::open(cutter)?),
        SourceUrl::Tcp(tcp) => Box::new(tcp::open(tcp, cutter)?),
        SourceUrl::Rate(rate) => Box::new(rate::RateSource::new(name, rate, format, limits)?),
    })
}

/// Why a source cannot be read. After an error the source must not be asked again.
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
    /// A file or folder cannot be opened or listed.
    #[error("source `{source_name}`: cannot open {}: {error}", path.display())]
    Open {
        /// The source.
        source_name: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A path, folder or glob that stands for no file.
    #[error("source `{source_name}`: {path}: {problem}")]
    NoFiles {
        /// The source.
        source_name: String,
        /// The path as it was given.
        path: String,
        /// What is missing.
        problem: &'static str,
    },
    /// A connection cannot be made.
    #[error("source `{source_name}`: cannot connect to {address}: {error}")]
    Connect {
        /// The source.
        source_name: String,
        /// Host and port.
        address: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Reading stopped half-way.
    #[error("source `{source_name}`: {partition}: cannot read on from byte {offset}: {error}")]
    Read {
        /// The source.
        source_name: String,
        /// The file or connection.
        partition: String,
        /// The uncompressed bytes that were read before.
        offset: u64,
        /// What the system, or the decompressor, says.
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
    /// A file is no longer the one that was read, or no longer has the bytes that were read.
    #[error("source `{source_name}`: {partition} has changed since it was read: {problem}")]
    Changed {
        /// The source.
        source_name: String,
        /// The file.
        partition: String,
        /// What differs.
        problem: String,
    },
    /// The source forgets what it gave.
    #[error("source `{source_name}`: {partition} cannot be read a second time")]
    NoReplay {
        /// The source.
        source_name: String,
        /// The connection.
        partition: String,
    },
}

impl SourceError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            SourceError::Url { .. } => Code("SOURCE_URL"),
            SourceError::Open { .. } | SourceError::Read { .. } => Code("SOURCE_IO"),
            SourceError::NoFiles { .. } => Code("SOURCE_NO_FILES"),
            SourceError::Connect { .. } => Code("SOURCE_CONNECT"),
            SourceError::Record { .. } => Code("SOURCE_RECORD"),
            SourceError::Changed { .. } => Code("SOURCE_CHANGED"),
            SourceError::NoReplay { .. } => Code("SOURCE_NO_REPLAY"),
        }
    }
}

#[cfg(test)]
mod tests {
    //! What the tests of all connectors share.

    use super::*;

    /// Limits that no small test reaches.
    pub(super) const LIMITS: ChunkLimits = ChunkLimits { bytes: 1 << 20, rows: 1 << 16, record_bytes: 1 << 20 };

    /// Longer than anything takes.
    pub(super) const LONG: Duration = Duration::from_secs(60);

    /// Long enough to see that something waits.
    pub(super) const SHORT: Duration = Duration::from_millis(20);

    /// The chunk that was read.
    #[track_caller]
    pub(super) fn chunk(read: Result<Read, SourceError>) -> SourceChunk {
        match read {
            Ok(Read::Chunk(chunk)) => chunk,
            other => panic!("not a chunk: {other:?}"),
        }
    }

    /// The records of a chunk.
    #[track_caller]
    pub(super) fn lines(chunk: &SourceChunk) -> Vec<String> {
        assert_eq!(chunk.offsets.len(), chunk.rows as usize + 1);
        assert_eq!((chunk.offsets[0], chunk.offsets[chunk.rows as usize] as usize), (0, chunk.data.len()));
        let record = |pair: &[u32]| chunk.data[pair[0] as usize..pair[1] as usize].to_vec();
        chunk.offsets.windows(2).map(|pair| String::from_utf8(record(pair)).expect("records are UTF-8")).collect()
    }

    /// The next records, up to at least `count`, of a source that has so many or will have.
    #[track_caller]
    pub(super) fn given(source: &mut dyn Source, count: usize) -> Vec<String> {
        let mut given = Vec::new();
        while given.len() < count {
            match source.next(SHORT) {
                Ok(Read::Chunk(chunk)) => given.extend(lines(&chunk)),
                Ok(Read::Idle) => {}
                other => panic!("{other:?} after {given:?}"),
            }
        }
        given
    }

    /// All chunks of a bounded source.
    #[track_caller]
    pub(super) fn all(source: &mut dyn Source) -> Vec<SourceChunk> {
        let mut chunks = Vec::new();
        loop {
            match source.next(LONG) {
                Ok(Read::Chunk(chunk)) => chunks.push(chunk),
                Ok(Read::End) => return chunks,
                other => panic!("neither a chunk nor the end: {other:?}"),
            }
        }
    }
}
