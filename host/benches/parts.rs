//! Micro-benchmarks of what a batch is made of: calls of the guest, the shuffle, look-ups of keys.
//!
//! `cargo bench -p wasmstream-host` (or `make bench`); the modules are those that `make jobs` left in `target/jobs`.

use std::path::Path;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use wasmstream_host::guest::{CallReport, Guest, GuestLimits, Module, RowsRef, Runtime};
use wasmstream_host::run::{BLOCK, Counters, KeyIndex, KeySpan, Packet, Splitter};
use wasmstream_model::batch::{Column, ColumnBuilder, Partitioning, Rows};
use wasmstream_model::semantics::call::Context;
use wasmstream_model::words::BatchId;

fn main() {
    divan::main();
}

fn guest(name: &str) -> Guest {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/jobs").join(format!("{name}.wasm"));
    let module = Module::read(&path, 64 << 20).expect("`make jobs` builds the module");
    Runtime::new(GuestLimits::default()).expect("an engine").prepare(&module).expect("a job")
}

/// Keys as words have them: 100,000 different ones, some much more frequent than others.
fn keys(rows: u64) -> Column {
    let mut column = ColumnBuilder::default();
    let mut state = 42_u64;
    for _ in 0..rows {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
        let key = 100_000_f64.powf(unit) as u64;
        column.push(format!("w{key:x}").as_bytes());
    }
    column.finish()
}

/// A call over lines of text of so many bytes in all, on a fresh instance.
#[divan::bench(args = [0, 1 << 10, 1 << 16, 1 << 20])]
fn guest_call(bencher: Bencher<'_, '_>, bytes: usize) {
    let guest = guest("wordcount");
    let line = b"the quick brown fox jumps over the lazy dog again\n";
    let rows = Rows::of_values(Column::of(std::iter::repeat_n(line.as_slice(), bytes / line.len())));
    let ctx = Context::new(BatchId(0), 0);
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        guest.run_stage(0, &ctx, 0, RowsRef::of(black_box(&rows)), &mut CallReport::default()).expect("an answer")
    });
}

/// Splitting the rows of a chunk between workers.
#[divan::bench(args = [1, 2, 8])]
fn shuffle(bencher: Bencher<'_, '_>, workers: usize) {
    const ROWS: u64 = 150_000;
    let rows = Arc::new(Rows { keys: Some(keys(ROWS)), values: None, times: None });
    let mut splitter = Splitter::new(Partitioning::default(), workers, Arc::new(Counters::default()));
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let packet = Packet { rows: Arc::clone(&rows), ..Packet::default() };
        splitter.split(packet, |_, packet| {
            black_box(packet);
        });
    });
}

/// Finding the keys of a chunk among 100,000.
#[divan::bench]
fn state_lookup(bencher: Bencher<'_, '_>) {
    const ROWS: u64 = 150_000;
    let rows = Rows { keys: Some(keys(ROWS)), values: None, times: None };
    let packet = Packet { rows: rows.into(), ..Packet::default() };
    let mut index = KeyIndex::<u64>::default();
    let count = |index: &mut KeyIndex<u64>| {
        let data = &packet.rows.keys.as_ref().expect("set above").data;
        let mut slots = [0; BLOCK];
        let Ok(()) = packet.each_block(|block: &[KeySpan]| {
            index.slots_of(data, block, &mut slots);
            slots[..block.len()].iter().for_each(|slot| *index.payload_mut(*slot) += 1);
            Ok::<(), std::convert::Infallible>(())
        });
    };
    count(&mut index);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| count(black_box(&mut index)));
}
