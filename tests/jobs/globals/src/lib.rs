//! A job that leans on what a call finds in memory: the order of a std `HashMap`, and a counter in a `static`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmstream::prelude::*;

static SEEN: AtomicU64 = AtomicU64::new(0);

/// For each line, its words in the order of a `HashMap`, each with the number of lines that this memory has seen.
#[wasmstream::job(name = "globals")]
pub fn job(j: &mut Job) {
    j.source("lines")
        .text()
        .flat_map::<(String, u64)>("shuffle", |line, out| {
            let seen = SEEN.fetch_add(1, Ordering::Relaxed);
            let words: HashMap<&str, ()> = line.split_whitespace().map(|word| (word, ())).collect();
            for word in words.keys() {
                out.emit((*word, seen));
            }
        })
        .update_state_by_key::<u64, (String, u64, u64)>("sum", |word, seen, state, out| {
            let sum = state.get_or_default();
            *sum += seen.sum::<u64>();
            out.emit((word, *sum, SEEN.fetch_add(1, Ordering::Relaxed)));
        })
        .sink("out");
}
