//! Counts words: split in the guest, counted by the host.

use wasmstream::prelude::*;
use wasmstream::text::words;

/// The job: `lines` in, `counts` out, a row for each word whose count changed in the batch.
#[wasmstream::job(name = "wordcount")]
pub fn job(j: &mut Job) {
    j.source("lines")
        .text()
        .flat_map::<(String, u64)>("split", |line, out| {
            for word in words(line) {
                out.emit((word, 1));
            }
        })
        .count("tally")
        .sink("counts");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_over_batches() {
        let mut test = TestJob::new(job);
        let mut first = test.feed("lines", ["to be or", "not to be"]).batch().rows::<(String, u64)>("counts");
        first.sort();
        assert_eq!(first, [("be".into(), 2), ("not".into(), 1), ("or".into(), 1), ("to".into(), 2)]);
        assert_eq!(test.feed("lines", ["be"]).batch().rows::<(String, u64)>("counts"), [("be".into(), 3)]);
    }
}
