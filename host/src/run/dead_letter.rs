//! Dead letters: records that failed, kept in a folder, a file of JSON lines a batch.

use std::io::Write;
use std::path::PathBuf;

use wasmstream_model::words::BatchId;

use super::staging::FailedRecord;
use crate::sink::SinkError;

/// What is done with a record that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The run stops.
    Stop,
    /// The record goes into this folder, and the run goes on.
    DeadLetter(PathBuf),
}

impl OnFailure {
    /// Writes the failed records of a batch.
    pub fn keep(&self, batch: BatchId, records: &[FailedRecord]) -> Result<(), SinkError> {
        let OnFailure::DeadLetter(folder) = self else { return Ok(()) };
        if records.is_empty() {
            return Ok(());
        }
        let path = folder.join(format!("dead-letters-{:012}.jsonl", batch.0));
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::Builder::new().prefix(".wasmstream-").suffix(".tmp").tempfile_in(folder)?;
            for record in records {
                serde_json::to_writer(&mut file, record)?;
                file.write_all(b"\n")?;
            }
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error| SinkError::Io { sink: "dead letters".into(), path: path.clone(), error })
    }
}
