//! Standard input.
//!
//! Invariant: standard input has one reader. A second source over it would get a part of the bytes, so there is none.

use std::sync::atomic::{AtomicBool, Ordering};

use super::SourceError;
use super::cut::Cutter;
use super::stream::StreamSource;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Opens standard input, once in the life of the process.
pub(super) fn open(cutter: Cutter) -> Result<StreamSource, SourceError> {
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Err(SourceError::Url {
            source_name: cutter.source_name().to_owned(),
            problem: "only one source can read standard input".to_owned(),
        });
    }
    StreamSource::start(cutter, "stdin".to_owned(), std::io::stdin())
}

#[cfg(test)]
mod tests {
    use wasmstream_model::graph::SourceFormat;

    use super::super::tests::LIMITS;
    use super::super::{SourceUrl, open};

    #[test]
    fn standard_input_is_read_by_one_source_only() {
        let open = |name| open(name, &SourceUrl::Stdin, &SourceFormat::Text, LIMITS, Default::default());
        let first = open("a").expect("nobody else reads it");
        assert!(!first.can_replay());
        assert!(open("b").is_err_and(|e| e.to_string() == "source `b`: only one source can read standard input"));
    }
}
