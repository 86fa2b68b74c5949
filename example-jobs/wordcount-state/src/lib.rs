//! Counts words: split and counted in the guest, with state of the author's own type.

use wasmstream::prelude::*;
use wasmstream::text::words;

/// What is kept under each word.
#[derive(State, Clone, Default)]
pub struct Tally {
    count: u64,
}

/// The job: `lines` in, `counts` out, a row for each word whose count changed in the batch.
#[wasmstream::job(name = "wordcount-state")]
pub fn job(j: &mut Job) {
    j.source("lines")
        .text()
        .flat_map::<(String, u64)>("split", |line, out| {
            for word in words(line) {
                out.emit((word, 1));
            }
        })
        .update_state_by_key::<Tally, (String, u64)>("tally", |word, ones, state, out| {
            let tally = state.get_or_default();
            tally.count += ones.sum::<u64>();
            out.emit((word, tally.count));
        })
        .sink("counts");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_over_batches() {
        let mut test = TestJob::new(job);
        assert_eq!(test.feed("lines", ["be", "be"]).batch().rows::<(String, u64)>("counts"), [("be".into(), 2)]);
        assert_eq!(test.feed("lines", ["be"]).batch().rows::<(String, u64)>("counts"), [("be".into(), 3)]);
        assert_eq!(test.states("tally"), [(r#""be""#.into(), r#"{"count":3}"#.into())]);
    }
}
