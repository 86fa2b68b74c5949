//! The engine against the reference interpreter: a job with every operator, random input, the same module; whatever the
//! number of workers and the size of batches, the same bytes leave every sink in every batch.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wasmstream_host::guest::{CallReport, Guest, GuestLimits, LogLevel, Module, RowsRef, Runtime};
use wasmstream_host::run::{Cutting, OnFailure, RunOptions, run};
use wasmstream_host::sink::{Encoder, Format, Sink, SinkError};
use wasmstream_host::source::{Piece, Read, Source, SourceChunk, SourceError};
use wasmstream_model::batch::{Column, Partitioning, Rows};
use wasmstream_model::semantics::call::{Context, GuestFailed, KeySet, StageResult, Updates};
use wasmstream_model::semantics::interpreter::{Interpreter, Logic};
use wasmstream_model::words::{BatchId, Millis};

/// Output by batch and sink.
type Published = BTreeMap<(u64, String), String>;

/// The module's logic for the interpreter.
struct InSandbox(Guest);

impl Logic for InSandbox {
    fn run_stage(&mut self, stage: u32, ctx: &Context, edge: u32, rows: &Rows) -> Result<StageResult, GuestFailed> {
        let mut report = CallReport::default();
        Ok(self.0.run_stage(stage, ctx, edge, RowsRef::of(rows), &mut report).expect("the job is well-behaved"))
    }

    fn update_state(&mut self, operator: u32, ctx: &Context, work: &KeySet) -> Result<Updates, GuestFailed> {
        let mut report = CallReport::default();
        Ok(self.0.update_state(operator, ctx, work, &mut report).expect("the job is well-behaved"))
    }
}

/// Gives prepared chunks, then ends.
struct Prepared(Vec<Vec<String>>);

impl Source for Prepared {
    fn next(&mut self, _patience: Duration) -> Result<Read, SourceError> {
        if self.0.is_empty() {
            return Ok(Read::End);
        }
        let lines = self.0.remove(0);
        let Rows { values: Some(column), .. } = rows(&lines) else { unreachable!("rows have values") };
        let offsets = if column.offsets.is_empty() {
            let width = column.width().unwrap_or(0) as u32;
            (0..=column.rows).map(|i| i * width).collect()
        } else {
            column.offsets
        };
        Ok(Read::Chunk(SourceChunk { rows: column.rows, offsets, data: column.data, ..SourceChunk::default() }))
    }

    fn can_replay(&self) -> bool {
        false
    }

    fn replay(&mut self, _pieces: &[Piece]) -> Result<SourceChunk, SourceError> {
        unreachable!("nothing is replayed here")
    }
}

/// Keeps what is published.
struct Kept(String, Arc<Mutex<Published>>);

impl Sink for Kept {
    fn publish(&mut self, batch: BatchId, parts: &[Vec<u8>]) -> Result<(), SinkError> {
        let text = String::from_utf8(parts.concat()).unwrap();
        self.1.lock().unwrap().insert((batch.0, self.0.clone()), text);
        Ok(())
    }

    fn place(&self) -> String {
        "memory".into()
    }
}

fn rows(lines: &[String]) -> Rows {
    Rows::of_values(Column::of(lines.iter().map(String::as_bytes)))
}

/// Batch time goes on by 7 ms a batch, so that sessions end in the middle of the run.
static NOW: AtomicI64 = AtomicI64::new(0);

fn clock() -> Millis {
    NOW.fetch_add(7, Ordering::SeqCst)
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Chunks of JSON lines, some of them broken in ways that fail a record and not the run.
fn orders(seed: u64, chunks: usize, rows: usize, shops: u64) -> Vec<Vec<String>> {
    let mut random = Random(seed);
    let mut line = || {
        let shop =
            format!("shop-{}{}", random.below(shops), if random.below(9) == 0 { " with a long name" } else { "" });
        let amount = random.below(100_000) as f64 / 7.0;
        match random.below(20) {
            0 => "no json\n".to_owned(),
            1..4 => format!("{{\"shop\":\"{shop}\",\"amount\":{amount}}}\n"),
            _ => format!("{{\"shop\":\"{shop}\",\"amount\":{amount},\"items\":{}}}\n", random.below(300)),
        }
    };
    (0..chunks).map(|_| (0..rows).map(|_| line()).collect()).collect()
}

fn encoders(guest: &Guest) -> BTreeMap<String, Encoder> {
    let sinks = &guest.graph().spec().sinks;
    sinks.iter().map(|sink| (sink.name.clone(), Encoder::new(&sink.schema, Format::Csv))).collect()
}

fn by_interpreter(guest: &Guest, chunks: &[Vec<String>], chunks_per_batch: usize) -> Published {
    let mut interpreter = Interpreter::new((**guest.graph()).clone(), InSandbox(guest.clone()), Vec::new());
    let encoders = encoders(guest);
    let mut published = Published::new();
    // The first chunk is a batch at once; then batches are full.
    let (first, rest) = chunks.split_at(1);
    for (n, batch) in std::iter::once(first).chain(rest.chunks(chunks_per_batch)).enumerate() {
        let input: Vec<_> = batch.iter().map(|lines| ("orders".to_owned(), rows(lines))).collect();
        let output = interpreter.batch(7 * n as Millis, &input).unwrap();
        for (sink, rows) in output.sinks {
            let mut text = Vec::new();
            rows.iter().for_each(|rows| encoders[&sink].encode(rows, &mut text).unwrap());
            published.insert((n as u64, sink), String::from_utf8(text).unwrap());
        }
    }
    published
}

fn by_engine(guest: &Guest, chunks: &[Vec<String>], chunks_per_batch: usize, workers: usize) -> Published {
    let published = Arc::new(Mutex::new(Published::new()));
    let sinks = encoders(guest).into_iter().map(|(name, encoder)| {
        let sink: Box<dyn Sink> = Box::new(Kept(name.clone(), Arc::clone(&published)));
        (name, (sink, encoder))
    });
    let max_rows = (chunks[0].len() * chunks_per_batch) as u64;
    let options = RunOptions {
        job: "test".into(),
        workers,
        cutting: Cutting {
            interval: Duration::from_secs(3600),
            max_bytes: usize::MAX,
            max_rows,
            in_flight: 2,
            whole_input: false,
        },
        partitioning: Partitioning::default(),
        max_intermediate: 1 << 30,
        settings: Vec::new(),
        on_failure: OnFailure::DeadLetter(tempfile::tempdir().unwrap().path().join("dead")),
        log_level: LogLevel::Error,
        quiet: true,
        clock,
    };
    NOW.store(0, Ordering::SeqCst);
    let sources: Vec<Box<dyn Source>> = vec![Box::new(Prepared(chunks.to_vec())), Box::new(Prepared(Vec::new()))];
    let (_keep, stop) = crossbeam_channel::bounded(1);
    let summary = run(options, guest.clone(), sources, sinks.collect(), &stop, Instant::now()).unwrap();
    assert_eq!(summary.records_in as usize, chunks.iter().map(Vec::len).sum::<usize>());
    drop(summary);
    Arc::into_inner(published).unwrap().into_inner().unwrap()
}

#[test]
fn the_engine_gives_what_the_reference_interpreter_gives() {
    let module = Module::read(&support::module("operators"), 64 << 20).unwrap();
    let guest = Runtime::new(GuestLimits::default()).unwrap().prepare(&module).unwrap();
    let mut sessions = 0;
    for (seed, chunk_rows, shops, chunks_per_batch) in [(1, 50, 7, 3), (2, 7, 300, 1), (3, 400, 5_000, 5), (4, 1, 3, 4)]
    {
        let chunks = orders(seed, 24, chunk_rows, shops);
        let expected = by_interpreter(&guest, &chunks, chunks_per_batch);
        sessions += expected.iter().filter(|((_, sink), text)| sink == "sessions" && !text.is_empty()).count();
        for workers in [1, 2, 4, 7] {
            let got = by_engine(&guest, &chunks, chunks_per_batch, workers);
            for (place, text) in &expected {
                assert_eq!(&got[place], text, "batch and sink {place:?}, seed {seed}, {workers} workers");
            }
            assert_eq!(got.len(), expected.len(), "seed {seed}, {workers} workers");
        }
    }
    assert!(sessions > 0, "some sessions end within a run");
}
