//! Bytes that arrive when they like: read on a thread of their own, so that nobody waits for them longer than asked.
//!
//! Invariant: the reader is at most [`BLOCKS_AHEAD`] blocks ahead of what was asked for.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::cut::{BLOCK_BYTES, Cutter};
use super::{Partition, Piece, Read, Source, SourceChunk, SourceError};

/// The most blocks that wait to be cut.
const BLOCKS_AHEAD: usize = 16;

/// A source over one reader, which is read once, to its end.
pub(super) struct StreamSource {
    cutter: Cutter,
    partition: Arc<Partition>,
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: io::Cursor<Vec<u8>>,
    /// Nothing more is to be received: the end came, or this.
    ended: Option<Option<io::Error>>,
}

impl StreamSource {
    /// Starts to read `reader`, which people call `name`.
    pub(super) fn start(
        mut cutter: Cutter,
        name: String,
        reader: impl io::Read + Send + 'static,
    ) -> Result<StreamSource, SourceError> {
        let partition = Arc::new(Partition { name, identity: None });
        let (sender, blocks) = bounded(BLOCKS_AHEAD);
        std::thread::Builder::new()
            .name(format!("read {}", cutter.source_name()))
            .spawn(move || read_all(reader, &sender))
            .map_err(|error| read_error(&cutter, &partition, error))?;
        cutter.start(partition.clone(), 0, None);
        Ok(StreamSource { cutter, partition, blocks, block: io::Cursor::default(), ended: None })
    }

    /// Waits until `deadline` for a block; `false` if none came.
    fn receive(&mut self, deadline: Option<Instant>) -> bool {
        let received = match deadline {
            Some(deadline) => self.blocks.recv_deadline(deadline),
            None => self.blocks.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(Ok(block)) => self.block = io::Cursor::new(block),
            // What came before an error is as good as ever; the last line without an end may be half a line.
            Ok(Err(error)) => {
                self.cutter.suspend();
                self.ended = Some(Some(error));
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.cutter.end();
                self.ended = Some(None);
            }
            Err(RecvTimeoutError::Timeout) => return false,
        }
        true
    }

    fn has_block(&self) -> bool {
        (self.block.position() as usize) < self.block.get_ref().len()
    }
}

impl Source for StreamSource {
    fn next(&mut self, patience: Duration) -> Result<Read, SourceError> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            if let Some(chunk) = self.cutter.cut()? {
                return Ok(Read::Chunk(chunk));
            }
            if self.has_block() {
                self.cutter.read(&mut self.block).map_err(|error| read_error(&self.cutter, &self.partition, error))?;
            } else if self.ended.is_some() {
                if let Some(chunk) = self.cutter.flush()? {
                    return Ok(Read::Chunk(chunk));
                }
                return match self.ended.as_mut().and_then(Option::take) {
                    Some(error) => Err(read_error(&self.cutter, &self.partition, error)),
                    None => Ok(Read::End),
                };
            } else if !self.receive(deadline) {
                return Ok(self.cutter.flush()?.map_or(Read::Idle, Read::Chunk));
            }
        }
    }

    fn can_replay(&self) -> bool {
        false
    }

    fn replay(&mut self, _: &[Piece]) -> Result<SourceChunk, SourceError> {
        Err(SourceError::NoReplay {
            source_name: self.cutter.source_name().to_owned(),
            partition: self.partition.name.clone(),
        })
    }
}

fn read_error(cutter: &Cutter, partition: &Partition, error: io::Error) -> SourceError {
    SourceError::Read {
        source_name: cutter.source_name().to_owned(),
        partition: partition.name.clone(),
        offset: cutter.offset(),
        error,
    }
}

/// Sends what there is, block by block, until the end, an error, or nobody listens.
fn read_all(mut reader: impl io::Read, blocks: &Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = vec![0; BLOCK_BYTES];
        let sent = match reader.read(&mut block) {
            Ok(0) => return,
            Ok(length) => {
                block.truncate(length);
                blocks.send(Ok(block))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                // Nobody listens if this fails, and there is nobody else to tell.
                let _ = blocks.send(Err(error));
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use wasmstream_model::graph::SourceFormat;

    use super::super::tests::{LIMITS, LONG, SHORT, chunk, given, lines};
    use super::super::{BadRecords, ChunkLimits};
    use super::*;

    fn over(reader: impl io::Read + Send + 'static, limits: ChunkLimits) -> StreamSource {
        let cutter = Cutter::new("in", &SourceFormat::Text, limits, BadRecords::Fail);
        StreamSource::start(cutter, "pipe".to_owned(), reader).expect("the thread starts")
    }

    #[test]
    fn whole_lines_are_given_when_patience_ends_and_the_rest_at_the_end() {
        let (reader, mut writer) = io::pipe().expect("there are pipes");
        let mut source = over(reader, LIMITS);
        assert!(matches!(source.next(SHORT), Ok(Read::Idle)));
        writer.write_all(b"one\ntwo\nthr").expect("written");
        assert_eq!(given(&mut source, 2), ["one\n", "two\n"]);
        assert!(matches!(source.next(SHORT), Ok(Read::Idle)), "half a line is not given");
        writer.write_all(b"ee\nfour").expect("written");
        drop(writer);
        assert_eq!(lines(&chunk(source.next(LONG))), ["three\n", "four"]);
        assert!(matches!(source.next(LONG), Ok(Read::End)));
        assert!(matches!(source.next(LONG), Ok(Read::End)), "and stays at its end");
    }

    #[test]
    fn a_full_chunk_is_given_without_waiting() {
        let (reader, mut writer) = io::pipe().expect("there are pipes");
        let mut source = over(reader, ChunkLimits { rows: 2, ..LIMITS });
        writer.write_all(b"a\nb\nc\n").expect("written");
        assert_eq!(lines(&chunk(source.next(Duration::MAX))), ["a\n", "b\n"]);
        drop(writer);
        assert_eq!(lines(&chunk(source.next(Duration::MAX))), ["c\n"]);
    }

    #[test]
    fn lines_before_an_error_are_given_before_it() {
        struct Breaks(bool);
        impl io::Read for Breaks {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                (&b"one\nhal"[..]).read(buffer)
            }
        }
        let mut source = over(Breaks(false), LIMITS);
        assert_eq!(lines(&chunk(source.next(LONG))), ["one\n"]);
        let error = source.next(LONG).expect_err("the reader broke");
        assert!(matches!(error, SourceError::Read { .. }), "{error}");
        assert!(error.to_string().contains("pipe"), "{error}");
    }

    #[test]
    fn a_reader_waits_when_nobody_asks() {
        struct Endless(Arc<std::sync::atomic::AtomicUsize>);
        impl io::Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                buffer.fill(b'\n');
                Ok(buffer.len())
            }
        }
        let reads = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let mut source = over(Endless(reads.clone()), LIMITS);
        chunk(source.next(LONG));
        let deadline = Instant::now() + LONG;
        while source.blocks.len() < BLOCKS_AHEAD && Instant::now() < deadline {
            std::thread::yield_now();
        }
        std::thread::sleep(SHORT);
        assert!(reads.load(std::sync::atomic::Ordering::SeqCst) <= BLOCKS_AHEAD + 3);
    }
}
