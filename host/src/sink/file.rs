//! The file sink: a file a batch, `batch-000000000012-0000.csv`, that appears only whole.
//!
//! Invariant: a file is written under a hidden name and then renamed; a name is never written twice.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use wasmstream_model::words::BatchId;

use super::format::{Encoder, Format};
use super::url::FileOptions;
use super::{Sink, SinkError};

/// The bytes at which a batch's output goes on in a further file.
const FILE_BYTES: usize = 128 << 20;

/// Writes files into a folder.
pub(super) struct FileSink {
    name: String,
    folder: PathBuf,
    extension: &'static str,
    header: Option<String>,
}

impl FileSink {
    /// Opens the folder, and makes it where there is none. Output that is already there is refused, or removed where
    /// the options say so.
    pub(super) fn open(name: &str, options: &FileOptions, encoder: &Encoder) -> Result<FileSink, SinkError> {
        let folder = options.folder.clone();
        let io = |error| SinkError::Io { sink: name.to_owned(), path: folder.clone(), error };
        fs::create_dir_all(&folder).map_err(io)?;
        for entry in fs::read_dir(&folder).map_err(io)? {
            let found = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
            if !is_output(&found) {
                continue;
            }
            if !options.overwrite {
                return Err(SinkError::NotEmpty { sink: name.to_owned(), path: folder, found });
            }
            fs::remove_file(folder.join(&found)).map_err(io)?;
        }
        // What cannot be written is found out now, not after the first batch.
        tempfile::NamedTempFile::new_in(&folder).map_err(io)?;
        let header = (options.header && options.format == Format::Csv).then(|| encoder.header());
        Ok(FileSink { name: name.to_owned(), folder, extension: options.format.extension(), header })
    }

    fn write(&self, path: &Path, parts: &[Vec<u8>]) -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".wasmstream-").suffix(".tmp").tempfile_in(&self.folder)?;
        if let Some(header) = &self.header {
            file.write_all(header.as_bytes())?;
        }
        for part in parts {
            file.write_all(part)?;
        }
        set_plain_mode(file.path())?;
        file.persist(path)?;
        Ok(())
    }
}

impl Sink for FileSink {
    fn publish(&mut self, batch: BatchId, parts: &[Vec<u8>]) -> Result<(), SinkError> {
        let mut rest = parts;
        let mut number = 0;
        while rest.iter().any(|part| !part.is_empty()) {
            let mut bytes = 0;
            let fits = rest.iter().take_while(|part| {
                let first = bytes == 0;
                bytes += part.len();
                first || bytes <= FILE_BYTES
            });
            let (now, later) = rest.split_at(fits.count());
            let path = self.folder.join(format!("batch-{:012}-{number:04}.{}", batch.0, self.extension));
            self.write(&path, now).map_err(|error| SinkError::Io { sink: self.name.clone(), path, error })?;
            (rest, number) = (later, number + 1);
        }
        Ok(())
    }

    fn place(&self) -> String {
        self.folder.display().to_string()
    }
}

/// Whether a file is one that this sink wrote.
fn is_output(name: &str) -> bool {
    let unfinished = name.starts_with(".wasmstream-") && name.ends_with(".tmp");
    let digits = |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    let parts = name.strip_prefix("batch-").and_then(|rest| rest.split_once('.')).and_then(|(n, _)| n.split_once('-'));
    unfinished || parts.is_some_and(|(batch, number)| digits(batch, 12) && digits(number, 4))
}

/// Temporary files are for their owner alone; output is for whoever may read the folder.
fn set_plain_mode(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: &Path, overwrite: bool) -> FileOptions {
        FileOptions { folder: folder.to_owned(), format: Format::Csv, header: true, overwrite }
    }

    fn open(folder: &Path, overwrite: bool) -> Result<FileSink, SinkError> {
        let encoder = Encoder::new(&wasmstream_model::schema::Schema::U64, Format::Csv);
        FileSink::open("s", &options(folder, overwrite), &encoder)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_batch_is_a_file_and_an_empty_batch_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = open(folder.path(), false).unwrap();
        sink.publish(BatchId(0), &[b"1\n".to_vec(), b"2\n".to_vec()]).unwrap();
        sink.publish(BatchId(1), &[vec![]]).unwrap();
        assert_eq!(names(folder.path()), ["batch-000000000000-0000.csv"]);
        assert_eq!(fs::read(folder.path().join("batch-000000000000-0000.csv")).unwrap(), b"value\n1\n2\n");
    }

    #[test]
    fn earlier_output_is_refused_or_removed_but_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), false).unwrap().publish(BatchId(0), &[b"1\n".to_vec()]).unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(open(folder.path(), false).map(|_| ()).unwrap_err().code(), crate::explain::Code("SINK_NOT_EMPTY"));
        open(folder.path(), true).unwrap();
        assert_eq!(names(folder.path()), ["notes.txt"]);
    }
}
