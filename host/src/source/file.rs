//! Files, read once from first to last; `.gz` and `.zst` (or `.zstd`) as what they hold.
//!
//! Invariant: files are read in the order in which they were found, each from its first byte to its last; a chunk that
//! was given can be given again as long as no file has changed, and a file that has is never taken for the same.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::cut::Cutter;
use super::discover::{Finder, Vanished};
use super::url::FilesUrl;
use super::{Partition, Piece, Read, Source, SourceChunk, SourceError};

/// A source over files that have an end.
pub struct FileSource {
    cutter: Cutter,
    files: std::collections::btree_set::IntoIter<PathBuf>,
    current: Option<OpenFile>,
    can_replay: bool,
}

impl FileSource {
    /// Finds the files. None at all is an error.
    pub(super) fn open(url: &FilesUrl, cutter: Cutter) -> Result<FileSource, SourceError> {
        let finder = Finder::new(cutter.source_name(), &url.path)?;
        let files = finder.list(Vanished::Fail)?;
        if files.is_empty() {
            return Err(finder.no_files());
        }
        // Only a path that was given by name can be a pipe.
        let can_replay =
            files.len() > 1 || finder.path().metadata().map_or(true, |found| found.is_file() || found.is_dir());
        Ok(FileSource { cutter, files: files.into_iter(), current: None, can_replay })
    }
}

impl Source for FileSource {
    fn next(&mut self, _patience: Duration) -> Result<Read, SourceError> {
        loop {
            if let Some(chunk) = self.cutter.cut()? {
                return Ok(Read::Chunk(chunk));
            }
            if let Some(file) = &mut self.current {
                if file.read_into(&mut self.cutter)? == 0 {
                    self.cutter.end();
                    self.current = None;
                }
            } else if let Some(path) = self.files.next() {
                let file = OpenFile::open(self.cutter.source_name(), &path)?;
                self.cutter.start(file.partition.clone(), 0, None);
                self.current = Some(file);
            } else {
                return Ok(self.cutter.flush()?.map_or(Read::End, Read::Chunk));
            }
        }
    }

    fn can_replay(&self) -> bool {
        self.can_replay
    }

    fn replay(&mut self, pieces: &[Piece]) -> Result<SourceChunk, SourceError> {
        replay(&self.cutter, pieces)
    }
}

/// A file that is being read.
pub(super) struct OpenFile {
    pub(super) partition: Arc<Partition>,
    pub(super) compressed: bool,
    /// Its size on disk when it was opened.
    pub(super) size: u64,
    path: PathBuf,
    reader: Reader,
}

enum Reader {
    Plain(File),
    Packed(Box<dyn io::Read + Send>),
}

impl OpenFile {
    pub(super) fn open(source_name: &str, path: &Path) -> Result<OpenFile, SourceError> {
        let open = || {
            let file = File::open(path)?;
            let found = file.metadata()?;
            let (compressed, reader) = match path.extension().and_then(|extension| extension.to_str()) {
                Some("gz") => {
                    (true, Reader::Packed(Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file)))))
                }
                Some("zst" | "zstd") => (true, Reader::Packed(Box::new(zstd::Decoder::new(file)?))),
                _ => (false, Reader::Plain(file)),
            };
            let identity = Some((found.dev(), found.ino()));
            let partition = Arc::new(Partition { name: path.display().to_string(), identity });
            Ok(OpenFile { partition, compressed, size: found.len(), path: path.to_owned(), reader })
        };
        let source_name = source_name.to_owned();
        open().map_err(|error| SourceError::Open { source_name, path: path.to_owned(), error })
    }

    /// Reads a block: the number of bytes, 0 at the end.
    pub(super) fn read_into(&mut self, cutter: &mut Cutter) -> Result<usize, SourceError> {
        cutter.read(self.reader()).map_err(|error| self.read_error(cutter.source_name(), cutter.offset(), error))
    }

    /// Goes to byte `offset` of the uncompressed bytes.
    pub(super) fn skip_to(&mut self, source_name: &str, offset: u64) -> Result<(), SourceError> {
        let moved = match &mut self.reader {
            Reader::Plain(file) => file.seek(SeekFrom::Start(offset)).map(drop),
            Reader::Packed(reader) => io::copy(&mut reader.take(offset), &mut io::sink()).map(drop),
        };
        moved.map_err(|error| self.read_error(source_name, offset, error))
    }

    fn reader(&mut self) -> &mut dyn io::Read {
        match &mut self.reader {
            Reader::Plain(file) => file,
            Reader::Packed(reader) => reader,
        }
    }

    fn read_error(&self, source_name: &str, offset: u64, error: io::Error) -> SourceError {
        let partition = self.path.display().to_string();
        SourceError::Read { source_name: source_name.to_owned(), partition, offset, error }
    }
}

/// Reads the pieces of a chunk again, by the rules of `cutter`.
pub(super) fn replay(cutter: &Cutter, pieces: &[Piece]) -> Result<SourceChunk, SourceError> {
    let mut again = cutter.for_replay();
    for piece in pieces {
        replay_piece(&mut again, piece)?;
    }
    let empty = || SourceChunk { offsets: vec![0], ..SourceChunk::default() };
    Ok(again.flush()?.unwrap_or_else(empty))
}

fn replay_piece(again: &mut Cutter, piece: &Piece) -> Result<(), SourceError> {
    let path = Path::new(&piece.partition.name);
    let header = if again.with_header() && piece.start > 0 { read_header(again, path)? } else { None };
    let mut file = OpenFile::open(again.source_name(), path)?;
    if file.partition.identity != piece.partition.identity {
        return Err(changed(again, piece, "another file is in its place".to_owned()));
    }
    file.skip_to(again.source_name(), piece.start)?;
    let length = piece.end.saturating_sub(piece.start);
    let mut summed = Summed { reader: file.reader().take(length), bytes: 0, crc: 0 };
    again.start(piece.partition.clone(), piece.start, header);
    let cut = cut_all(again, piece, &mut summed);
    // All bytes are compared before anything is said about their records.
    let drained = io::copy(&mut summed, &mut io::sink());
    let (end, crc) = (piece.start + summed.bytes, summed.crc);
    drained.map_err(|error| file.read_error(again.source_name(), end, error))?;
    if end < piece.end {
        return Err(changed(again, piece, format!("it ends at byte {end}, but was read up to byte {}", piece.end)));
    }
    if crc != piece.crc32c {
        return Err(changed(again, piece, format!("bytes {} to {} differ", piece.start, piece.end)));
    }
    cut
}

fn changed(cutter: &Cutter, piece: &Piece, problem: String) -> SourceError {
    let partition = piece.partition.name.clone();
    SourceError::Changed { source_name: cutter.source_name().to_owned(), partition, problem }
}

/// Cuts all that `reader` has.
fn cut_all(cutter: &mut Cutter, piece: &Piece, reader: &mut dyn io::Read) -> Result<(), SourceError> {
    let mut ended = false;
    loop {
        if cutter.cut()?.is_some() {
            return Err(changed(cutter, piece, "it holds more than a chunk can".to_owned()));
        }
        if ended {
            return Ok(());
        }
        let read = cutter.read(reader).map_err(|error| SourceError::Read {
            source_name: cutter.source_name().to_owned(),
            partition: piece.partition.name.clone(),
            offset: cutter.offset(),
            error,
        })?;
        if read == 0 {
            cutter.end();
            ended = true;
        }
    }
}

/// The header of a file, for a piece that starts behind it.
fn read_header(cutter: &Cutter, path: &Path) -> Result<Option<Arc<[u8]>>, SourceError> {
    let mut scratch = cutter.for_replay();
    let mut file = OpenFile::open(cutter.source_name(), path)?;
    scratch.start(file.partition.clone(), 0, None);
    while scratch.header().is_none() && file.read_into(&mut scratch)? > 0 {
        scratch.cut()?;
    }
    Ok(scratch.header())
}

/// Counts and sums what goes through.
struct Summed<R> {
    reader: R,
    bytes: u64,
    crc: u32,
}

impl<R: io::Read> io::Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read as u64;
        self.crc = crc32c::crc32c_append(self.crc, &buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use wasmstream_model::graph::{CsvFormat, SourceFormat};

    use super::super::tests::{LIMITS, LONG, all, chunk, lines};
    use super::super::url::DEFAULT_POLL;
    use super::super::{BadRecords, ChunkLimits, SourceUrl, open};
    use super::*;

    const CSV: SourceFormat = SourceFormat::Csv(CsvFormat { header: true, delimiter: b',' });

    fn source(path: &Path, format: &SourceFormat, limits: ChunkLimits) -> Result<Box<dyn Source>, SourceError> {
        let path = path.display().to_string();
        let url = SourceUrl::Files(FilesUrl { path, follow: false, poll: DEFAULT_POLL });
        open("in", &url, format, limits, BadRecords::Fail)
    }

    fn text(path: &Path) -> Vec<String> {
        let mut source = source(path, &SourceFormat::Text, LIMITS).expect("can be opened");
        all(&mut *source).iter().flat_map(lines).collect()
    }

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).expect("written");
        }
        folder
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("compresses")
    }

    #[test]
    fn many_small_files_share_a_chunk_with_a_piece_each() {
        let folder = folder(&[("c", b"c1\n"), ("a", b"a1\na2"), ("empty", b""), ("b", b"b1\r\n")]);
        let mut source = source(folder.path(), &SourceFormat::Text, LIMITS).expect("can be opened");
        let chunks = all(&mut *source);
        assert_eq!(chunks.len(), 1);
        assert_eq!(lines(&chunks[0]), ["a1\n", "a2", "b1\r\n", "c1\n"]);
        let ends: Vec<u64> = chunks[0].pieces.iter().map(|piece| piece.end).collect();
        assert_eq!(ends, [5, 4, 3], "an empty file has no piece");
        assert_eq!(chunks[0].pieces[0].crc32c, crc32c::crc32c(b"a1\na2"));
        let inode = fs::metadata(folder.path().join("a")).expect("exists").ino();
        assert_eq!(chunks[0].pieces[0].partition.identity.map(|(_, inode)| inode), Some(inode));
    }

    #[test]
    fn compressed_files_are_read_as_what_they_hold() {
        let members = [gzip(b"one\ntw"), gzip(b""), gzip(b"o\nthree\n")].concat();
        let frame = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("compresses");
        let frames = [frame(b"four\nfi"), frame(b"ve\n")].concat();
        let folder = folder(&[("1.gz", &members), ("2.zst", &frames), ("3.zstd", &frame(b"six"))]);
        assert_eq!(text(folder.path()), ["one\n", "two\n", "three\n", "four\n", "five\n", "six"]);
    }

    #[test]
    fn a_truncated_compressed_file_is_an_error_that_names_it() {
        let long: Vec<u8> = (0..100_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        for (name, packed) in
            [("cut.gz", gzip(&long)), ("cut.zst", zstd::encode_all(&long[..], 1).expect("compresses"))]
        {
            let folder = folder(&[(name, &packed[..packed.len() - 10])]);
            let mut source = source(folder.path(), &SourceFormat::Text, LIMITS).expect("can be opened");
            let error = loop {
                match source.next(LONG) {
                    Ok(Read::Chunk(_)) => {}
                    Ok(other) => panic!("{name}: {other:?}"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.code().0, "SOURCE_IO");
            assert!(error.to_string().contains(&format!("/{name}: cannot read on from byte ")), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = folder(&[("_hidden", b"x")]);
        let problem = |path: &str| {
            let error = source(&folder.path().join(path), &SourceFormat::Text, LIMITS).err().expect("nothing to read");
            assert_eq!(error.code().0, "SOURCE_NO_FILES");
            error.to_string()
        };
        assert!(problem("missing").contains("/missing: there is no such file or folder"));
        assert!(problem("").contains("no file in this folder; names that start with"));
        assert!(problem("*.txt").contains("/*.txt: no file matches; names that start with"));

        // A folder that takes a file's place after the files were found.
        let path = folder.path().join("late");
        fs::write(&path, "x").expect("written");
        let mut late = source(&path, &SourceFormat::Text, LIMITS).expect("a file");
        fs::remove_file(&path).and_then(|()| fs::create_dir(&path)).expect("replaced");
        let error = late.next(LONG).expect_err("a folder cannot be read");
        assert!(error.to_string().contains("/late: cannot read on from byte 0: "), "{error}");
        let mut gone = source(&path.join("../_hidden"), &SourceFormat::Text, LIMITS).expect("a file");
        fs::remove_file(folder.path().join("_hidden")).expect("removed");
        assert!(gone.next(LONG).is_err_and(|e| matches!(e, SourceError::Open { .. })));
    }

    #[test]
    fn files_with_other_headers_do_not_share_a_chunk() {
        let folder = folder(&[
            ("1", b"a,b\n1,2\n"),
            ("2", b"a,b\r\n3,4"),
            ("3", b"b,a\n5,6\n"),
            ("4", b"z\n"),
            ("5", b"b,a\n7,8\n"),
        ]);
        let mut source = source(folder.path(), &CSV, LIMITS).expect("can be opened");
        let chunks = all(&mut *source);
        let shown: Vec<(&[u8], Vec<String>, usize)> =
            chunks.iter().map(|c| (c.header.as_deref().unwrap_or_default(), lines(c), c.pieces.len())).collect();
        let (first, second) = (vec!["1,2\n".into(), "3,4".into()], vec!["5,6\n".into(), "7,8\n".into()]);
        assert_eq!(shown, [(&b"a,b"[..], first, 2), (&b"b,a"[..], second, 3)]);
        for chunk in &chunks {
            assert_eq!(source.replay(&chunk.pieces).expect("nothing changed"), *chunk);
        }
    }

    #[test]
    fn every_chunk_can_be_read_again() {
        let rows: String = (0..2000).map(|n| format!("{n},\"a\nb{n}\"\n")).collect();
        let csv = format!("id,text\n{rows}");
        let folder = folder(&[("a.csv", csv.as_bytes()), ("b.csv.gz", &gzip(csv.as_bytes()))]);
        let limits = ChunkLimits { bytes: 1000, ..LIMITS };
        let mut source = source(folder.path(), &CSV, limits).expect("can be opened");
        assert!(source.can_replay());
        let chunks = all(&mut *source);
        assert!(chunks.len() > 50);
        for chunk in &chunks {
            assert_eq!(source.replay(&chunk.pieces).expect("nothing changed"), *chunk);
        }
    }

    #[test]
    fn a_changed_file_is_not_replayed() {
        let folder = folder(&[("a", b"one\ntwo\n")]);
        let path = folder.path().join("a");
        let mut source = source(&path, &SourceFormat::Text, LIMITS).expect("can be opened");
        let pieces = chunk(source.next(LONG)).pieces;
        let mut refused = |reason: &str| {
            let error = source.replay(&pieces).expect_err("the file changed");
            assert_eq!(error.code().0, "SOURCE_CHANGED");
            assert!(error.to_string().contains(reason), "{error}");
        };
        fs::write(&path, "one\ntwx\n").expect("written");
        refused("bytes 0 to 8 differ");
        fs::write(&path, b"one\n\xff\xff\xff\n").expect("written");
        refused("bytes 0 to 8 differ");
        fs::write(&path, "one\n").expect("written");
        refused("it ends at byte 4, but was read up to byte 8");
        fs::write(folder.path().join("b"), "one\ntwo\n").expect("written");
        fs::rename(folder.path().join("b"), &path).expect("renamed");
        refused("another file is in its place");
    }
}
