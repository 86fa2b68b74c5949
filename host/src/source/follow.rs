//! Files that come and grow: new ones are read as they appear, plain ones again as far as they have grown.
//!
//! A file is known by its path. It may grow and it may go; it may not shrink or be put in another's place, because what
//! was given of it could not be told from what was not. Compressed files must appear whole (written elsewhere, then
//! renamed) and stay as they are. Renaming a file within what is followed makes it a new one.
//!
//! Invariant: a line is given when its end is there, once, and not before.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cut::Cutter;
use super::discover::{Finder, Vanished};
use super::file::{OpenFile, replay};
use super::url::FilesUrl;
use super::{Partition, Piece, Read, Source, SourceChunk, SourceError};

/// A source over files that never ends.
pub(super) struct FollowSource {
    cutter: Cutter,
    finder: Finder,
    poll: Duration,
    /// When to look again.
    next_look: Instant,
    known: HashMap<PathBuf, Known>,
    /// Files that have something new.
    waiting: VecDeque<PathBuf>,
    current: Option<(PathBuf, OpenFile)>,
}

/// How far a file was read.
#[derive(Debug)]
struct Known {
    partition: Arc<Partition>,
    compressed: bool,
    /// Behind the last whole record.
    position: u64,
    /// The header, once there is one.
    header: Option<Arc<[u8]>>,
    /// The bytes of the file on disk that were seen.
    seen: u64,
}

impl FollowSource {
    pub(super) fn open(url: &FilesUrl, cutter: Cutter) -> Result<FollowSource, SourceError> {
        Ok(FollowSource {
            finder: Finder::new(cutter.source_name(), &url.path)?,
            cutter,
            poll: url.poll,
            next_look: Instant::now(),
            known: HashMap::new(),
            waiting: VecDeque::new(),
            current: None,
        })
    }

    /// Looks for files with something new.
    fn look(&mut self) -> Result<(), SourceError> {
        let files = self.finder.list(Vanished::Ignore)?;
        self.known.retain(|path, _| files.contains(path));
        for path in files {
            let found = match path.metadata() {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(open_error(&self.cutter, &path, error)),
            };
            if !found.is_file() {
                let error = io::Error::other("only a regular file can be followed");
                return Err(open_error(&self.cutter, &path, error));
            }
            let is_new = match self.known.get(&path) {
                None => found.len() > 0,
                Some(known) => {
                    known.check(self.cutter.source_name(), (found.dev(), found.ino()), found.len())?;
                    found.len() > known.seen
                }
            };
            if is_new {
                self.waiting.push_back(path);
            }
        }
        self.next_look = Instant::now() + self.poll;
        Ok(())
    }

    /// Starts on the next file that has something new; whether there was one.
    fn start_next(&mut self) -> Result<bool, SourceError> {
        while let Some(path) = self.waiting.pop_front() {
            let mut file = match OpenFile::open(self.cutter.source_name(), &path) {
                Ok(file) => file,
                Err(SourceError::Open { error, .. }) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match self.known.get(&path) {
                Some(known) => {
                    let identity = file.partition.identity.unwrap_or_default();
                    known.check(self.cutter.source_name(), identity, file.size)?;
                    file.skip_to(self.cutter.source_name(), known.position)?;
                    self.cutter.start(known.partition.clone(), known.position, known.header.clone());
                }
                None => self.cutter.start(file.partition.clone(), 0, None),
            }
            self.current = Some((path, file));
            return Ok(true);
        }
        Ok(false)
    }

    /// The file has no more for now.
    fn leave(&mut self, path: PathBuf, file: OpenFile) {
        let (seen, at) = if file.compressed {
            // Nothing will follow, so the last line is whole.
            self.cutter.end();
            (file.size, None)
        } else {
            (self.cutter.offset(), self.cutter.suspend())
        };
        let (position, header) = at.unwrap_or_default();
        let known = Known { partition: file.partition, compressed: file.compressed, position, header, seen };
        self.known.insert(path, known);
    }
}

impl Known {
    /// Checks that a file is still the one that was read.
    fn check(&self, source_name: &str, identity: (u64, u64), size: u64) -> Result<(), SourceError> {
        let problem = if self.partition.identity != Some(identity) {
            "another file was put in its place; give files new names instead".to_owned()
        } else if size < self.seen {
            format!("it was cut to {size} bytes, but {} were read", self.seen)
        } else if self.compressed && size != self.seen {
            format!("it grew from {} to {size} bytes; a compressed file must be complete when it appears", self.seen)
        } else {
            return Ok(());
        };
        Err(SourceError::Changed {
            source_name: source_name.to_owned(),
            partition: self.partition.name.clone(),
            problem,
        })
    }
}

impl Source for FollowSource {
    fn next(&mut self, patience: Duration) -> Result<Read, SourceError> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            if let Some(chunk) = self.cutter.cut()? {
                return Ok(Read::Chunk(chunk));
            }
            if let Some((path, mut file)) = self.current.take() {
                if file.read_into(&mut self.cutter)? > 0 {
                    self.current = Some((path, file));
                } else {
                    self.leave(path, file);
                }
                continue;
            }
            if self.start_next()? {
                continue;
            }
            let now = Instant::now();
            if now >= self.next_look {
                self.look()?;
                if !self.waiting.is_empty() {
                    continue;
                }
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(self.cutter.flush()?.map_or(Read::Idle, Read::Chunk));
            }
            let wake = deadline.map_or(self.next_look, |deadline| deadline.min(self.next_look));
            std::thread::sleep(wake.saturating_duration_since(now));
        }
    }

    fn can_replay(&self) -> bool {
        true
    }

    fn replay(&mut self, pieces: &[Piece]) -> Result<SourceChunk, SourceError> {
        replay(&self.cutter, pieces)
    }
}

fn open_error(cutter: &Cutter, path: &Path, error: io::Error) -> SourceError {
    SourceError::Open { source_name: cutter.source_name().to_owned(), path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    use wasmstream_model::graph::{CsvFormat, SourceFormat};

    use super::super::tests::{LIMITS, lines};
    use super::super::{SourceUrl, open};
    use super::*;

    const CSV: SourceFormat = SourceFormat::Csv(CsvFormat { header: true, delimiter: b',' });

    fn follow(path: &Path, format: &SourceFormat) -> Box<dyn Source> {
        let path = path.display().to_string();
        let url = SourceUrl::Files(FilesUrl { path, follow: true, poll: Duration::from_millis(1) });
        open("logs", &url, format, LIMITS, Default::default()).expect("nothing has to exist yet")
    }

    fn append(path: &Path, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("can be opened");
        file.write_all(text.as_bytes()).expect("written");
    }

    /// What is there now: a look is due a millisecond after the one before.
    fn now(source: &mut dyn Source) -> Result<Option<SourceChunk>, SourceError> {
        match source.next(Duration::from_millis(3))? {
            Read::Chunk(chunk) => Ok(Some(chunk)),
            Read::Idle => Ok(None),
            Read::End => panic!("what is followed has no end"),
        }
    }

    #[track_caller]
    fn expect(source: &mut dyn Source, expected: &[&str]) -> Option<SourceChunk> {
        let chunk = now(source).expect("can be read");
        assert_eq!(chunk.as_ref().map(lines).unwrap_or_default(), expected);
        chunk
    }

    #[test]
    fn appended_lines_are_given_once_when_their_end_is_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("app.log");
        let mut source = follow(&path, &SourceFormat::Text);
        expect(&mut *source, &[]);
        append(&path, "one\ntw");
        expect(&mut *source, &["one\n"]);
        expect(&mut *source, &[]);
        append(&path, "o");
        expect(&mut *source, &[]);
        append(&path, "\nthree\n");
        let chunk = expect(&mut *source, &["two\n", "three\n"]).expect("lines");
        assert_eq!((chunk.pieces[0].start, chunk.pieces[0].end), (4, 14));
        assert_eq!(source.replay(&chunk.pieces).expect("nothing changed"), chunk);
        expect(&mut *source, &[]);
    }

    #[test]
    fn new_files_are_read_in_the_order_of_discovery() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut source = follow(folder.path(), &SourceFormat::Text);
        append(&folder.path().join("b"), "b1\n");
        append(&folder.path().join("_not_yet"), "x\n");
        expect(&mut *source, &["b1\n"]);
        append(&folder.path().join("a"), "a1\n");
        append(&folder.path().join("b"), "b2\n");
        expect(&mut *source, &["a1\n", "b2\n"]);
        fs::rename(folder.path().join("_not_yet"), folder.path().join("c")).expect("renamed");
        fs::remove_file(folder.path().join("a")).expect("removed");
        expect(&mut *source, &["x\n"]);
        append(&folder.path().join("a"), "another\n");
        expect(&mut *source, &["another\n"]);
    }

    #[test]
    fn a_file_that_shrinks_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("app.log");
        append(&path, "one\ntwo\n");
        let mut source = follow(&path, &SourceFormat::Text);
        expect(&mut *source, &["one\n", "two\n"]);
        fs::write(&path, "1\n").expect("written");
        let error = now(&mut *source).expect_err("the file was truncated");
        assert_eq!(error.code().0, "SOURCE_CHANGED");
        assert!(
            error.to_string().contains("app.log has changed since it was read: it was cut to 2 bytes, but 8"),
            "{error}"
        );
    }

    #[test]
    fn a_file_in_place_of_another_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("app.log");
        append(&path, "one\n");
        append(&folder.path().join("app.new"), "another\nof\n");
        let mut source = follow(&path, &SourceFormat::Text);
        expect(&mut *source, &["one\n"]);
        fs::rename(folder.path().join("app.new"), &path).expect("renamed");
        let error = now(&mut *source).expect_err("the file was replaced").to_string();
        assert!(error.contains("app.log") && error.contains("another file was put in its place"), "{error}");
    }

    #[test]
    fn a_header_holds_for_what_is_appended_later() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (a, b) = (folder.path().join("a.csv"), folder.path().join("b.csv"));
        let mut source = follow(folder.path(), &CSV);
        append(&a, "x,");
        expect(&mut *source, &[]);
        append(&a, "y\n1,2\n\"3\n");
        let first = expect(&mut *source, &["1,2\n"]).expect("a row");
        assert_eq!(first.header.as_deref(), Some(&b"x,y"[..]));
        append(&a, "\",4\n");
        append(&b, "z\n5\n");
        let second = expect(&mut *source, &["\"3\n\",4\n"]).expect("a row");
        assert_eq!(second.header, first.header);
        let third = expect(&mut *source, &["5\n"]).expect("a row");
        assert_eq!(third.header.as_deref(), Some(&b"z"[..]));
        assert_eq!(source.replay(&second.pieces).expect("nothing changed"), second);
    }

    #[test]
    fn a_compressed_file_is_read_once_and_must_not_grow() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.zst");
        let packed = zstd::encode_all(&b"one\nno end"[..], 3).expect("compresses");
        fs::write(&path, &packed).expect("written");
        let mut source = follow(folder.path(), &SourceFormat::Text);
        expect(&mut *source, &["one\n", "no end"]);
        expect(&mut *source, &[]);
        fs::write(&path, [&packed[..], &packed[..]].concat()).expect("written");
        let error = now(&mut *source).expect_err("the file grew").to_string();
        assert!(error.contains("a.zst") && error.contains("must be complete when it appears"), "{error}");
    }
}
