//! The words of the field as types, and every bound that the contract knows, in one place.
//!
//! Invariant: an id is a type of its own; a batch number is never mistaken for a key group.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a micro-batch, from 0. It is the engine's epoch; it is never used twice within a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(pub u64);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z. Batch time, event time, and the time of a timer are all of this type.
pub type Millis = i64;

/// The bounds of the contract between host and guest. They are part of the contract: a guest may rely on them.
pub mod limits {
    /// The most bytes that the host hands to one guest call, over all of its columns.
    pub const CALL_INPUT_BYTES: usize = 4 << 20;
    /// The bytes of output at which a guest stops and says how many rows it consumed.
    pub const CALL_OUTPUT_BYTES: u32 = 4 << 20;
    /// The most bytes that a single cell (one key, one value, one state) may have.
    pub const CELL_BYTES: usize = 1 << 20;
    /// The longest operator id, source name or sink name, in bytes.
    pub const NAME_BYTES: usize = 64;
    /// The most operators, sources, sinks, stages or edges that one job may have, each.
    pub const GRAPH_NODES: usize = 1024;
    /// How deeply schemas and values may nest.
    pub const SCHEMA_DEPTH: usize = 64;
    /// The longest message of a failure or a log line that is kept, in bytes.
    pub const MESSAGE_BYTES: usize = 16 << 10;
}

/// Whether `name` can name a job: `^[a-z0-9][a-z0-9-]{0,62}$`.
///
/// ```
/// use wasmstream_model::words::is_job_name;
/// assert!(is_job_name("word-count-2"));
/// assert!(!is_job_name("../etc"));
/// assert!(!is_job_name(""));
/// ```
pub fn is_job_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    matches!(name.as_bytes(), [first, rest @ ..]
        if plain(*first) && rest.len() <= 62 && rest.iter().all(|b| plain(*b) || *b == b'-'))
}

/// Whether `id` can name an operator, a source, a sink or a setting: a letter, then letters, digits, `_`, `-` and `.`.
///
/// ```
/// use wasmstream_model::words::is_node_name;
/// assert!(is_node_name("split_words.v2"));
/// assert!(!is_node_name("2nd"));
/// assert!(!is_node_name("a/b"));
/// ```
pub fn is_node_name(id: &str) -> bool {
    let rest_ok = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    matches!(id.as_bytes(), [first, rest @ ..]
        if first.is_ascii_alphabetic() && rest.len() < limits::NAME_BYTES && rest.iter().all(rest_ok))
}
