//! Rows that are made up: for trying a job, for tests and for measuring.
//!
//! A row is a JSON object in a line, `{"value":N,"random":X}`: `N` is the row's number from 0, `X` a number below 2^32
//! drawn from seed and row number. With `words=K` a row is a line of [`WORDS_PER_LINE`] words out of `K`, of which the
//! `n`-th is drawn `n` times less often than the first (Zipf's law). There is no time in a row, unlike in Spark's
//! source of this name, because a clock cannot be replayed.
//!
//! Pieces count rows, not bytes. Without `per-second` the chunks are always the same; with it, rows come when they are
//! due by a clock that only goes forward, and a chunk ends where patience does.
//!
//! Invariant: a row depends on the URL and its number alone.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmstream_model::graph::SourceFormat;

use super::cut::MAX_CHUNK_BYTES;
use super::url::RateUrl;
use super::{ChunkLimits, Partition, Piece, Read, Source, SourceChunk, SourceError};

/// The words of a line, with `words=K`.
pub const WORDS_PER_LINE: usize = 9;

/// The least sleep while waiting for a row to be due.
const NAP: Duration = Duration::from_millis(1);

/// A generator of rows.
#[derive(Debug)]
pub struct RateSource {
    source_name: String,
    rows: Rows,
    end: u64,
    per_second: Option<u64>,
    limits: ChunkLimits,
    partition: Arc<Partition>,
    /// When the first chunk was asked for.
    started: Option<Instant>,
    open: OpenChunk,
}

/// Rows `start..next`.
#[derive(Debug)]
struct OpenChunk {
    start: u64,
    next: u64,
    offsets: Vec<u32>,
    data: Vec<u8>,
}

impl RateSource {
    /// A generator for a source that is read as `format`.
    ///
    /// # Errors
    ///
    /// If the rows are not of that format.
    pub fn new(
        name: &str,
        url: &RateUrl,
        format: &SourceFormat,
        limits: ChunkLimits,
    ) -> Result<RateSource, SourceError> {
        let problem = match (format, url.words) {
            (SourceFormat::Text, _) | (SourceFormat::Json, None) => None,
            (SourceFormat::Json, Some(_)) => Some("with `words` it makes lines of text, but the job reads JSON"),
            (SourceFormat::Csv(_), _) => Some("it makes JSON or lines of text, but the job reads CSV"),
        };
        if let Some(problem) = problem {
            return Err(SourceError::Url { source_name: name.to_owned(), problem: format!("`rate:`: {problem}") });
        }
        let words = url.words.map_or_else(String::new, |words| format!(",words={words}"));
        Ok(RateSource {
            source_name: name.to_owned(),
            rows: Rows { seed: url.seed, zipf: url.words.map(Zipf::new) },
            end: url.rows.unwrap_or(u64::MAX),
            per_second: url.per_second,
            limits: limits.held(),
            partition: Arc::new(Partition { name: format!("rate:seed={}{words}", url.seed), identity: None }),
            started: None,
            open: OpenChunk::at(0),
        })
    }

    /// Makes rows up to `due`; whether the chunk is full.
    fn fill(&mut self, due: u64) -> bool {
        let open = &mut self.open;
        while open.next < due {
            if open.data.len() >= self.limits.bytes || open.offsets.len() > self.limits.rows {
                return true;
            }
            let before = open.data.len();
            self.rows.write(open.next, &mut open.data);
            if open.data.len() > self.limits.bytes && open.next > open.start {
                open.data.truncate(before);
                return true;
            }
            open.offsets.push(open.data.len() as u32);
            open.next += 1;
        }
        false
    }

    fn give(&mut self) -> Option<SourceChunk> {
        let next = OpenChunk::at(self.open.next);
        (self.open.next > self.open.start).then(|| std::mem::replace(&mut self.open, next).give(&self.partition))
    }
}

impl OpenChunk {
    fn at(row: u64) -> OpenChunk {
        OpenChunk { start: row, next: row, offsets: vec![0], data: Vec::new() }
    }

    fn give(self, partition: &Arc<Partition>) -> SourceChunk {
        let crc32c = crc32c::crc32c(&self.data);
        SourceChunk {
            rows: (self.offsets.len() - 1) as u32,
            offsets: self.offsets,
            data: self.data,
            header: None,
            pieces: vec![Piece { partition: partition.clone(), start: self.start, end: self.next, crc32c }],
            skipped: 0,
        }
    }
}

impl Source for RateSource {
    fn next(&mut self, patience: Duration) -> Result<Read, SourceError> {
        let now = Instant::now();
        let started = *self.started.get_or_insert(now);
        let deadline = now.checked_add(patience);
        loop {
            let due = self.per_second.map_or(u64::MAX, |rate| due(rate, started.elapsed())).min(self.end);
            if self.fill(due) || self.open.next == self.end {
                return Ok(self.give().map_or(Read::End, Read::Chunk));
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(self.give().map_or(Read::Idle, Read::Chunk));
            }
            let next_due = started + self.per_second.map_or(NAP, |rate| due_after(rate, self.open.next));
            let wake = deadline.map_or(next_due, |deadline| deadline.min(next_due));
            std::thread::sleep(wake.saturating_duration_since(now).max(NAP));
        }
    }

    fn can_replay(&self) -> bool {
        true
    }

    fn replay(&mut self, pieces: &[Piece]) -> Result<SourceChunk, SourceError> {
        let mut chunk = SourceChunk { offsets: vec![0], ..SourceChunk::default() };
        for piece in pieces {
            let from = chunk.data.len();
            for row in piece.start..piece.end {
                if chunk.data.len() > MAX_CHUNK_BYTES {
                    break;
                }
                self.rows.write(row, &mut chunk.data);
                chunk.offsets.push(chunk.data.len() as u32);
            }
            let same = *piece.partition == *self.partition && crc32c::crc32c(&chunk.data[from..]) == piece.crc32c;
            if !same {
                return Err(SourceError::Changed {
                    source_name: self.source_name.clone(),
                    partition: piece.partition.name.clone(),
                    problem: format!("rows {} to {} are made in another way now", piece.start, piece.end),
                });
            }
        }
        chunk.rows = (chunk.offsets.len() - 1) as u32;
        chunk.pieces = pieces.to_vec();
        Ok(chunk)
    }
}

/// The number of rows that are due after `elapsed`: the first at once.
fn due(per_second: u64, elapsed: Duration) -> u64 {
    let rows = elapsed.as_nanos() * u128::from(per_second) / 1_000_000_000 + 1;
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// When row `row` is due.
fn due_after(per_second: u64, row: u64) -> Duration {
    let nanos = (u128::from(row) * 1_000_000_000).div_ceil(u128::from(per_second));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How a row is made.
#[derive(Debug)]
struct Rows {
    seed: u64,
    zipf: Option<Zipf>,
}

impl Rows {
    fn write(&self, row: u64, out: &mut Vec<u8>) {
        let mut random = SplitMix(mix(self.seed) ^ mix(!row));
        let Some(zipf) = &self.zipf else {
            // A vector takes everything.
            let _ = writeln!(out, "{{\"value\":{row},\"random\":{}}}", random.next() >> 32);
            return;
        };
        for n in 0..WORDS_PER_LINE {
            if n > 0 {
                out.push(b' ');
            }
            write_word(zipf.draw(random.next()), out);
        }
        out.push(b'\n');
    }
}

/// Sebastiano Vigna's SplitMix64.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Word `n` as syllables, the shortest first: `ba`, `be`, …, `zu`, `baba`, …
fn write_word(mut n: u32, out: &mut Vec<u8>) {
    const CONSONANTS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
    const VOWELS: &[u8; 5] = b"aeiou";
    loop {
        let syllable = (n % 100) as usize;
        out.extend_from_slice(&[CONSONANTS[syllable / 5], VOWELS[syllable % 5]]);
        if n < 100 {
            return;
        }
        n = n / 100 - 1;
    }
}

/// Draws the numbers below `K`, number `n` with a weight of 1 / (n + 1). In whole numbers, so that every machine draws
/// the same.
#[derive(Debug)]
struct Zipf {
    /// The sum of the weights up to each number, itself included.
    sums: Vec<u64>,
    /// For each of `guide.len() - 1` equal parts of the sum of all: the first number that is drawn there.
    guide: Vec<u32>,
}

impl Zipf {
    fn new(numbers: u32) -> Zipf {
        let mut sum = 0;
        let sums: Vec<u64> = (1..=u64::from(numbers.max(1)))
            .map(|n| {
                sum += (1 << 48) / n;
                sum
            })
            .collect();
        let parts = sums.len().next_power_of_two();
        let guide = (0..=parts).map(|part| {
            let from = (u128::from(sum) * part as u128 / parts as u128) as u64;
            sums.partition_point(|&s| s <= from).min(sums.len() - 1) as u32
        });
        Zipf { guide: guide.collect(), sums }
    }

    fn draw(&self, random: u64) -> u32 {
        let scale = |most: u64| ((u128::from(random) * u128::from(most)) >> 64) as u64;
        let part = scale(self.guide.len() as u64 - 1) as usize;
        let (low, high) = (self.guide[part] as usize, self.guide[part + 1] as usize);
        let at = scale(self.sums[self.sums.len() - 1]);
        (low + self.sums[low..high].partition_point(|&sum| sum <= at)) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{LIMITS, LONG, all, chunk, lines};
    use super::*;

    fn rate(rows: u64, per_second: Option<u64>, seed: u64, words: Option<u32>, limits: ChunkLimits) -> RateSource {
        let url = RateUrl { rows: Some(rows), per_second, seed, words };
        RateSource::new("made-up", &url, &SourceFormat::Text, limits).expect("text is what it makes")
    }

    #[test]
    fn rows_are_the_same_whatever_the_chunks() {
        let text =
            |limits| -> Vec<String> { all(&mut rate(100, None, 1, None, limits)).iter().flat_map(lines).collect() };
        let rows = text(LIMITS);
        assert_eq!(rows.len(), 100);
        assert_eq!(rows, text(ChunkLimits { rows: 7, ..LIMITS }));
        assert_eq!(rows, text(ChunkLimits { bytes: 50, ..LIMITS }));
        assert_eq!(rows, text(ChunkLimits { bytes: 1, ..LIMITS }));
        let other: Vec<String> = all(&mut rate(100, None, 2, None, LIMITS)).iter().flat_map(lines).collect();
        assert_ne!(rows, other, "another seed, other rows");
        assert!(
            all(&mut rate(100, None, 1, None, ChunkLimits { bytes: 50, ..LIMITS })).iter().all(|c| c.data.len() <= 50)
        );
        let first: serde_json::Value = serde_json::from_str(&rows[0]).expect("a row is JSON");
        assert_eq!(first["value"], 0);
    }

    #[test]
    fn rows_never_change_between_releases() {
        let rows: Vec<String> = all(&mut rate(2, None, 7, None, LIMITS)).iter().flat_map(lines).collect();
        let words: Vec<String> = all(&mut rate(1, None, 7, Some(1000), LIMITS)).iter().flat_map(lines).collect();
        assert_eq!(rows, ["{\"value\":0,\"random\":2960805469}\n", "{\"value\":1,\"random\":344530782}\n"]);
        assert_eq!(words, ["zi ca ba ci ci ba ba geba ca\n"]);
    }

    #[test]
    fn words_are_distinct_and_follow_zipf() {
        let mut distinct = HashSet::new();
        for n in 0..100_000 {
            let mut word = Vec::new();
            write_word(n, &mut word);
            assert!(distinct.insert(word), "word {n} is not new");
        }
        let zipf = Zipf::new(1000);
        let mut counts = vec![0u32; 1000];
        let mut random = SplitMix(3);
        for _ in 0..1_000_000 {
            counts[zipf.draw(random.next()) as usize] += 1;
        }
        // The sum of 1/n up to 1000 is 7.485.
        for n in [1u32, 2, 10, 100] {
            let expected = 1_000_000.0 / 7.485 / f64::from(n);
            let found = f64::from(counts[n as usize - 1]);
            assert!((found - expected).abs() < 5.0 * expected.sqrt(), "word {n}: {found} of {expected}");
        }
        assert!(counts.iter().all(|&count| count > 0));
        assert_eq!(Zipf::new(1).draw(u64::MAX), 0);
    }

    #[test]
    fn rows_are_due_by_the_clock() {
        assert_eq!(due(10, Duration::ZERO), 1);
        assert_eq!(due(10, Duration::from_millis(99)), 1);
        assert_eq!(due(10, Duration::from_millis(100)), 2);
        assert_eq!(due(u64::MAX, Duration::MAX), u64::MAX);
        for row in [0, 1, 2, 3, 1000] {
            assert_eq!(due(3, due_after(3, row)), row + 1);
        }
        let started = Instant::now();
        let rows: usize = all(&mut rate(20, Some(200), 0, None, LIMITS)).iter().map(|c| c.rows as usize).sum();
        assert_eq!(rows, 20);
        assert!(started.elapsed() >= Duration::from_millis(95), "the 20th row is due after 19/200 s");
    }

    #[test]
    fn a_chunk_is_read_again_as_it_was() {
        let mut source = rate(1000, None, 5, Some(50), ChunkLimits { rows: 64, ..LIMITS });
        chunk(source.next(LONG));
        let second = chunk(source.next(LONG));
        assert_eq!(source.replay(&second.pieces).expect("nothing changed"), second);
        assert_eq!(chunk(source.next(LONG)).pieces[0].start, 128, "the source goes on where it was");
        let mut other = rate(1000, None, 6, Some(50), LIMITS);
        assert!(other.replay(&second.pieces).is_err_and(|e| e.code().0 == "SOURCE_CHANGED"));
    }

    #[test]
    fn a_format_that_it_does_not_make_is_refused() {
        let url = RateUrl { words: Some(3), ..RateUrl::default() };
        let error = RateSource::new("made-up", &url, &SourceFormat::Json, LIMITS).expect_err("words are not JSON");
        assert!(error.to_string().contains("the job reads JSON"), "{error}");
    }
}
