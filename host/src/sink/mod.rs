//! Sinks: where rows go. One file per connector; turning rows into text is common to all.
//!
//! Workers encode rows as they come; when a batch is complete, its parts are published in order, by one thread, with the
//! batch's number.
//!
//! Invariant: what a sink shows of a batch is whole or absent.

mod file;
mod format;
mod stream;
mod url;

use std::path::PathBuf;

use wasmstream_model::graph::SinkSpec;
use wasmstream_model::words::BatchId;

use crate::explain::Code;

pub use format::{Encoder, Format};
pub use url::SinkUrl;

/// A place where rows go.
pub trait Sink: Send {
    /// Makes the rows of a batch visible: encoded parts, in order. Called once for every batch, in order of batches, also
    /// for those without rows.
    fn publish(&mut self, batch: BatchId, parts: &[Vec<u8>]) -> Result<(), SinkError>;

    /// What people call it, for the summary.
    fn place(&self) -> String;
}

/// Opens the sink `spec` at `url`. Nothing is written yet, but whatever can be refused is refused here.
pub fn open(spec: &SinkSpec, url: &SinkUrl) -> Result<(Box<dyn Sink>, Encoder), SinkError> {
    Ok(match url {
        SinkUrl::File(options) => {
            let encoder = Encoder::new(&spec.schema, options.format);
            (Box::new(file::FileSink::open(&spec.name, options, &encoder)?), encoder)
        }
        SinkUrl::Stdout(format) => (Box::new(stream::StdoutSink::new(&spec.name)), Encoder::new(&spec.schema, *format)),
        SinkUrl::Null => (Box::new(stream::NullSink), Encoder::new(&spec.schema, Format::Csv)),
    })
}

/// Why a sink cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The URL is not one.
    #[error("sink `{sink}`: {problem}")]
    Url {
        /// The sink.
        sink: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file or folder cannot be written.
    #[error("sink `{sink}`: cannot write {path}: {error}")]
    Io {
        /// The sink.
        sink: String,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The folder holds output already.
    #[error("sink `{sink}`: {path} already holds output, {found} for one")]
    NotEmpty {
        /// The sink.
        sink: String,
        /// The folder.
        path: PathBuf,
        /// A file that is there.
        found: String,
    },
}

impl SinkError {
    /// The stable code.
    pub fn code(&self) -> Code {
        Code(match self {
            SinkError::Url { .. } => "SINK_URL",
            SinkError::Io { .. } => "SINK_IO",
            SinkError::NotEmpty { .. } => "SINK_NOT_EMPTY",
        })
    }
}
