//! What the cutter promises, over texts that are read in blocks of every kind of size.

use wasmstream_model::graph::CsvFormat;

use super::super::tests::{LIMITS, lines};
use super::*;

const CSV: SourceFormat = SourceFormat::Csv(CsvFormat { header: false, delimiter: b',' });
const CSV_HEADER: SourceFormat = SourceFormat::Csv(CsvFormat { header: true, delimiter: b',' });

/// Gives at most `block` bytes a read.
struct Blocks<'a> {
    bytes: &'a [u8],
    block: usize,
}

impl Read for Blocks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.block.min(buffer.len());
        self.bytes.read(&mut buffer[..length])
    }
}

fn partition(n: usize) -> Arc<Partition> {
    Arc::new(Partition { name: format!("file {n}"), identity: None })
}

/// Cuts files that are read in blocks of one size.
fn cut_by(
    files: &[&[u8]],
    block: usize,
    format: &SourceFormat,
    limits: ChunkLimits,
    bad: BadRecords,
) -> Result<Vec<SourceChunk>, String> {
    let mut cutter = Cutter::new("s", format, limits, bad);
    let mut chunks = Vec::new();
    for (n, bytes) in files.iter().enumerate() {
        let mut reader = Blocks { bytes, block };
        cutter.start(partition(n), 0, None);
        let mut ended = false;
        loop {
            while let Some(chunk) = cutter.cut().map_err(|e| e.to_string())? {
                chunks.push(chunk);
            }
            if ended {
                break;
            }
            if cutter.read(&mut reader).map_err(|e| e.to_string())? == 0 {
                cutter.end();
                ended = true;
            }
        }
    }
    chunks.extend(cutter.flush().map_err(|e| e.to_string())?);
    Ok(chunks)
}

/// Cuts files in blocks of several sizes, which must make no difference, and checks what all chunks have in common.
#[track_caller]
fn cut(
    files: &[&[u8]],
    format: &SourceFormat,
    limits: ChunkLimits,
    bad: BadRecords,
) -> Result<Vec<SourceChunk>, String> {
    let expected = cut_by(files, 1 << 16, format, limits, bad);
    for block in [1, 2, 7, 61] {
        assert_eq!(cut_by(files, block, format, limits, bad), expected, "blocks of {block}");
    }
    let mut ends = vec![0; files.len()];
    for chunk in expected.iter().flatten() {
        assert!(bad == BadRecords::Replace || chunk.data.len() <= limits.bytes || chunk.rows == 1);
        assert!(chunk.rows as usize <= limits.rows);
        for piece in &chunk.pieces {
            let file: usize = piece.partition.name["file ".len()..].parse().expect("a number");
            assert_eq!(piece.start, ends[file], "pieces leave nothing out");
            ends[file] = piece.end;
            let bytes = &files[file][piece.start as usize..piece.end as usize];
            assert_eq!(piece.crc32c, crc32c::crc32c(bytes), "the sum is that of the bytes as read");
        }
    }
    if expected.is_ok() {
        assert!(files.iter().zip(&ends).all(|(file, &end)| file.len() as u64 == end), "all bytes are covered");
    }
    expected
}

#[track_caller]
fn records(files: &[&str], format: &SourceFormat) -> Vec<String> {
    let files: Vec<&[u8]> = files.iter().map(|file| file.as_bytes()).collect();
    cut(&files, format, LIMITS, BadRecords::Fail).expect("good records").iter().flat_map(lines).collect()
}

#[test]
fn lines_keep_their_ends() {
    assert_eq!(records(&["a\nb\r\n\n\r\nlast"], &SourceFormat::Text), ["a\n", "b\r\n", "\n", "\r\n", "last"]);
    assert_eq!(records(&["", "a", "", "b\n", ""], &SourceFormat::Json), ["a", "b\n"]);
    assert_eq!(records(&[], &SourceFormat::Text), [""; 0]);
}

#[test]
fn a_byte_order_mark_is_not_a_part_of_a_record() {
    assert_eq!(
        records(&["\u{feff}a\nb", "\u{feff}", "\u{feff}\u{feff}c"], &SourceFormat::Text),
        ["a\n", "b", "\u{feff}c"]
    );
    assert_eq!(records(&["\u{feff}\"x\ny\"\nz"], &CSV), ["\"x\ny\"\n", "z"]);
    assert_eq!(records(&["\u{feff}\"x\ny\"\nz"], &CSV_HEADER), ["z"]);
}

#[test]
fn quoted_line_ends_do_not_end_records() {
    let text = "1,\"a\nb\"\n2,\"say \"\"hi\n\"\"\"\r\n5\" pipe,3\n\"\n\n\"\n";
    assert_eq!(records(&[text], &CSV), ["1,\"a\nb\"\n", "2,\"say \"\"hi\n\"\"\"\r\n", "5\" pipe,3\n", "\"\n\n\"\n"]);
}

#[test]
fn a_header_stands_beside_the_records() {
    let limits = ChunkLimits { rows: 2, ..LIMITS };
    let files: [&[u8]; 6] = [b"\n\r\nh1,\"h\n2\"\r\n1\n2\n3\n", b"h1,\"h\n2\"\n4\n", b"h3", b"h3\n", b"", b"h3\n5\n6"];
    let chunks = cut(&files, &CSV_HEADER, limits, BadRecords::Fail).expect("good records");
    let header = |chunk: &SourceChunk| String::from_utf8_lossy(chunk.header.as_deref().unwrap_or(b"none")).into_owned();
    let shown: Vec<(String, Vec<String>)> = chunks.iter().map(|chunk| (header(chunk), lines(chunk))).collect();
    let first = "h1,\"h\n2\"".to_owned();
    let list = |records: &[&str]| records.iter().map(|&r| r.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        shown,
        [
            (first.clone(), list(&["1\n", "2\n"])),
            (first, list(&["3\n", "4\n"])),
            ("h3".to_owned(), list(&["5\n", "6"])),
        ]
    );
}

#[test]
fn a_chunk_ends_before_the_record_that_does_not_fit() {
    let sizes = |bytes, rows| -> Vec<u32> {
        let limits = ChunkLimits { bytes, rows, record_bytes: 100 };
        let chunks = cut(&[b"aa\nbb\nccccccc\ndd\n", b"ee"], &SourceFormat::Text, limits, BadRecords::Fail);
        chunks.expect("good records").iter().map(|chunk| chunk.rows).collect()
    };
    assert_eq!(sizes(6, 10), [2, 1, 2]);
    assert_eq!(sizes(5, 10), [1, 1, 1, 2]);
    assert_eq!(sizes(1, 10), [1, 1, 1, 1, 1]);
    assert_eq!(sizes(100, 10), [5]);
    assert_eq!(sizes(100, 5), [5]);
    assert_eq!(sizes(100, 2), [2, 2, 1]);
}

#[test]
fn a_record_that_is_too_long_is_refused_or_left_out() {
    let limits = ChunkLimits { bytes: 10, rows: 10, record_bytes: 4 };
    let text: [&[u8]; 2] = [b"a\nbbbbb\nccc\ndddddddddddddddddddddddd\ne\n", b"fffff"];
    for bad in [BadRecords::Fail, BadRecords::Replace] {
        let error = cut(&text, &SourceFormat::Text, limits, bad).expect_err("a line is too long");
        assert_eq!(error, "source `s`: file 0, byte 2: the record is longer than 4 bytes (record.max-bytes)");
    }
    let chunks = cut(&text, &SourceFormat::Text, limits, BadRecords::Skip).expect("is left out");
    assert_eq!(chunks.iter().flat_map(lines).collect::<Vec<_>>(), ["a\n", "ccc\n", "e\n"]);
    assert_eq!(chunks.iter().map(|chunk| chunk.skipped).sum::<u64>(), 3);
}

#[test]
fn an_open_quote_at_the_end_of_a_file_is_a_bad_record() {
    let files: [&[u8]; 2] = [b"a\n\"b\nc\n", b"d\n"];
    let error = cut(&files, &CSV, LIMITS, BadRecords::Fail).expect_err("the quote is open");
    assert!(error.contains("file 0, byte 2: a quote is opened and not closed"), "{error}");
    let chunks = cut(&files, &CSV, LIMITS, BadRecords::Skip).expect("is left out");
    assert_eq!((lines(&chunks[0]), chunks[0].skipped), (vec!["a\n".to_owned(), "d\n".to_owned()], 1));
}

#[test]
fn what_is_not_utf8_fails_or_is_left_out_or_replaced() {
    let files: [&[u8]; 2] = ["grün\n".as_bytes(), b"ok\n\xff\xfe x\nb\xc3\nend\n"];
    for format in [SourceFormat::Text, SourceFormat::Json, CSV] {
        let error = cut(&files, &format, LIMITS, BadRecords::Fail).expect_err("bytes are wrong");
        let problem = "not UTF-8: byte 0xff at position 0 of the record";
        assert_eq!(error, format!("source `s`: file 1, byte 3: {problem}"));
        let skip = cut(&files, &format, LIMITS, BadRecords::Skip).expect("is left out");
        assert_eq!((lines(&skip[0]).join(""), skip[0].skipped), ("grün\nok\nend\n".to_owned(), 2));
        let replace = cut(&files, &format, LIMITS, BadRecords::Replace).expect("is replaced");
        assert_eq!(lines(&replace[0]), ["grün\n", "ok\n", "\u{fffd}\u{fffd} x\n", "b\u{fffd}\n", "end\n"]);
    }
}

#[test]
fn two_halves_of_a_character_in_two_files_are_not_text() {
    let umlaut = "ü".as_bytes();
    let files = [&umlaut[..1], &umlaut[1..]];
    let error = cut(&files, &SourceFormat::Text, LIMITS, BadRecords::Fail).expect_err("halves are wrong");
    assert!(error.contains("file 0, byte 0: not UTF-8"), "{error}");
    let chunks = cut(&files, &SourceFormat::Text, LIMITS, BadRecords::Skip).expect("is left out");
    assert_eq!((chunks[0].rows, chunks[0].skipped), (0, 2), "a chunk says so even if nothing is left");
}

#[test]
fn a_header_that_is_not_utf8_cannot_be_left_out() {
    for bad in [BadRecords::Fail, BadRecords::Skip] {
        let error = cut(&[b"\na\xff\n1\n"], &CSV_HEADER, LIMITS, bad).expect_err("no header");
        assert!(error.contains("file 0, byte 1: the header is not UTF-8: byte 0xff at position 1"), "{error}");
    }
    let chunks = cut(&[b"a\xff\n1\n"], &CSV_HEADER, LIMITS, BadRecords::Replace).expect("is replaced");
    assert_eq!(chunks[0].header.as_deref(), Some("a\u{fffd}".as_bytes()));
}

/// Texts of a few kinds of bytes, so that every rule meets every other.
#[test]
fn chunks_do_not_depend_on_blocks_nor_replays_on_limits() {
    let mut seed = 0x5eed_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let kinds: [&[u8]; 9] = [b"\n", b"\n", b"\"", b"\"", b",", b"\r\n", b"\xff", "ü".as_bytes(), b"abcd"];
    for round in 0..1500 {
        let format = [SourceFormat::Text, CSV, CSV_HEADER][random(3)].clone();
        let bad = [BadRecords::Fail, BadRecords::Skip, BadRecords::Replace][random(3)];
        let limits = ChunkLimits { bytes: 1 + random(60), rows: 1 + random(9), record_bytes: 1 + random(40) };
        let files: Vec<Vec<u8>> =
            (0..random(5)).map(|_| (0..random(60)).flat_map(|_| kinds[random(9)].to_vec()).collect()).collect();
        let files: Vec<&[u8]> = files.iter().map(|file| &file[..]).collect();
        let Ok(chunks) = cut(&files, &format, limits, bad) else { continue };
        for chunk in &chunks {
            assert_eq!(replay(&files, chunk, &format, limits, bad), *chunk, "round {round}");
        }
    }
}

/// Cuts the pieces of a chunk again.
fn replay(
    files: &[&[u8]],
    chunk: &SourceChunk,
    format: &SourceFormat,
    limits: ChunkLimits,
    bad: BadRecords,
) -> SourceChunk {
    let mut again = Cutter::new("s", format, limits, bad).for_replay();
    for piece in &chunk.pieces {
        let file: usize = piece.partition.name["file ".len()..].parse().expect("a number");
        let header = if piece.start > 0 { chunk.header.clone() } else { None };
        again.start(piece.partition.clone(), piece.start, header);
        let mut reader = &files[file][piece.start as usize..piece.end as usize];
        while again.read(&mut reader).expect("memory can be read") > 0 {
            assert_eq!(again.cut().expect("it was good before"), None);
        }
        again.end();
        assert_eq!(again.cut().expect("it was good before"), None);
    }
    again.flush().expect("it was good before").expect("it has pieces")
}

#[test]
fn a_line_of_100_mb_costs_no_more_memory_than_a_record_and_a_block() {
    let limits = ChunkLimits { bytes: 1 << 20, rows: 1000, record_bytes: 1 << 20 };
    for format in [SourceFormat::Text, CSV] {
        for bad in [BadRecords::Fail, BadRecords::Skip] {
            let mut cutter = Cutter::new("s", &format, limits, bad);
            let mut line = (&b"first\n"[..]).chain(io::repeat(b'x').take(100 << 20)).chain(&b"\nlast"[..]);
            cutter.start(partition(0), 0, None);
            let mut most = 0;
            let mut given = Vec::new();
            let mut skipped = 0;
            let end = loop {
                match cutter.cut() {
                    Ok(None) => {}
                    Ok(Some(chunk)) => {
                        given.extend(lines(&chunk));
                        skipped += chunk.skipped;
                        continue;
                    }
                    Err(error) => break Err(error.to_string()),
                }
                most = most.max(cutter.buffer.capacity());
                if cutter.read(&mut line).expect("memory can be read") == 0 {
                    cutter.end();
                    assert_eq!(cutter.cut().expect("the rest is good"), None);
                    break Ok(cutter.flush().expect("the rest is good").expect("there is a last line"));
                }
            };
            assert!(most <= limits.bytes + limits.record_bytes + BLOCK_BYTES + SLACK_BYTES, "{most}");
            assert_eq!(given, ["first\n"]);
            match end {
                Ok(last) => assert_eq!((lines(&last), skipped + last.skipped), (vec!["last".to_owned()], 1)),
                Err(error) => {
                    assert!(bad == BadRecords::Fail && error.contains("byte 6: the record is longer"), "{error}")
                }
            }
        }
    }
}

#[test]
fn a_flush_in_the_middle_of_a_skipped_record_gives_what_came_before() {
    let limits = ChunkLimits { bytes: 100, rows: 10, record_bytes: 4 };
    let mut cutter = Cutter::new("s", &SourceFormat::Text, limits, BadRecords::Skip);
    cutter.start(partition(0), 0, None);
    let feed = |cutter: &mut Cutter, mut bytes: &[u8]| {
        cutter.read(&mut bytes).expect("memory can be read");
        assert_eq!(cutter.cut().expect("is left out"), None);
        cutter.flush().expect("good")
    };
    let first = feed(&mut cutter, b"a\nlong long").expect("a line");
    assert_eq!((lines(&first), first.skipped, first.pieces[0].end), (vec!["a\n".to_owned()], 0, 2));
    assert_eq!(feed(&mut cutter, b" long"), None);
    let second = feed(&mut cutter, b"\nb\n").expect("a line");
    assert_eq!((lines(&second), second.skipped), (vec!["b\n".to_owned()], 1));
    let piece = &second.pieces[0];
    assert_eq!((piece.start, piece.end, piece.crc32c), (2, 19, crc32c::crc32c(b"long long long\nb\n")));
}
