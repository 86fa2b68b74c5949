//! The standard output of the process, and nowhere.
//!
//! Standard output is at-least-once: what was printed cannot be taken back, so a batch that is replayed is printed
//! again.

use std::io::Write;
use std::path::PathBuf;

use wasmstream_model::words::BatchId;

use super::{Sink, SinkError};

pub(super) struct StdoutSink {
    name: String,
}

impl StdoutSink {
    pub(super) fn new(name: &str) -> Self {
        StdoutSink { name: name.to_owned() }
    }
}

impl Sink for StdoutSink {
    fn publish(&mut self, _batch: BatchId, parts: &[Vec<u8>]) -> Result<(), SinkError> {
        let mut out = std::io::stdout().lock();
        let written = parts.iter().try_for_each(|part| out.write_all(part)).and_then(|()| out.flush());
        written.map_err(|error| SinkError::Io { sink: self.name.clone(), path: PathBuf::from("<stdout>"), error })
    }

    fn place(&self) -> String {
        "stdout".into()
    }
}

pub(super) struct NullSink;

impl Sink for NullSink {
    fn publish(&mut self, _batch: BatchId, _parts: &[Vec<u8>]) -> Result<(), SinkError> {
        Ok(())
    }

    fn place(&self) -> String {
        "nowhere".into()
    }
}
