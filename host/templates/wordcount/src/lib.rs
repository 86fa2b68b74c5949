//! Counts words.

use wasmstream::prelude::*;

/// The job: `lines` in, `counts` out, a row for each word whose count changed in the batch.
///
/// This function only builds the graph. Its closures run in a sandbox, thousands of records a call; the host reads the
/// source, shuffles by key, and keeps the counts.
#[wasmstream::job]
pub fn job(j: &mut Job) {
    // A source has a name. What it is connected to is said when the job is run.
    j.source("lines")
        .text()
        // Every operator has an id, here `split`. It names the operator in errors and in checkpoints.
        .flat_map::<(String, u64)>("split", |line, out| {
            // `line` is a `&str` into the batch, and so are the words: nothing is copied here.
            for word in line.split_whitespace() {
                let word = word.trim_matches(|c: char| !c.is_alphanumeric());
                if !word.is_empty() {
                    out.emit((word.to_lowercase(), 1));
                }
            }
        })
        // The host does this one natively. It goes on over all batches: state is kept under the id `tally`.
        .count("tally")
        .sink("counts");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `TestJob` runs the job natively: no sandbox, no files, and breakpoints work.
    fn count(test: &mut TestJob, lines: &[&str]) -> Vec<(String, u64)> {
        let mut rows = test
            .feed("lines", lines)
            .batch()
            .rows::<(String, u64)>("counts");
        rows.sort();
        rows
    }

    fn row(word: &str, count: u64) -> (String, u64) {
        (word.to_owned(), count)
    }

    #[test]
    fn words_are_counted_without_case_and_punctuation() {
        let rows = count(&mut TestJob::new(job), &["To be, or", "not to be!", "-"]);
        assert_eq!(
            rows,
            [row("be", 2), row("not", 1), row("or", 1), row("to", 2)]
        );
    }

    #[test]
    fn counts_go_on_over_batches() {
        let mut test = TestJob::new(job);
        assert_eq!(count(&mut test, &["be"]), [row("be", 1)]);
        assert_eq!(
            count(&mut test, &["be", "or"]),
            [row("be", 2), row("or", 1)]
        );
    }
}
