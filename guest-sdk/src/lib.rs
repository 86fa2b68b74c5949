//! Write wasmstream jobs in Rust.
//!
//! A job is a function that builds a graph of typed streams. The host reads the sources, cuts them into micro-batches,
//! shuffles by key and keeps all state; what is the author's own runs in a sandbox, on a fresh instance for every call.
//!
//! ```
//! use wasmstream::prelude::*;
//!
//! #[wasmstream::job(name = "wordcount", version = "1.0.0")]
//! fn job(j: &mut Job) {
//!     j.source("lines")
//!         .text()
//!         .flat_map::<(String, u64)>("split", |line, out| {
//!             for word in line.split_whitespace() {
//!                 out.emit((word, 1));
//!             }
//!         })
//!         .count("tally")
//!         .sink("counts");
//! }
//!
//! let mut test = TestJob::new(job);
//! test.feed("lines", ["to be or", "not to be"]).batch();
//! assert_eq!(test.rows::<(String, u64)>("counts").len(), 4);
//! ```
//!
//! What a closure gets is borrowed: a `String` arrives as `&str`. What it emits may be borrowed too.

#![warn(missing_docs)]

extern crate self as wasmstream;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[allow(warnings, reason = "generated from wit/")]
pub mod bindings;
mod call;
mod combine;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod export;
mod job;
mod keyed;
pub mod log;
mod out;
mod run;
mod setting;
mod source;
mod state;
mod stream;
pub mod testing;
pub mod text;

pub use job::{BuildError, Job};
pub use keyed::{Number, Timeout};
pub use out::Out;
pub use setting::{Setting, SettingType};
pub use source::Source;
pub use state::{State, Values};
pub use stream::Stream;
pub use wasmstream_derive::{Record, State, job};
pub use wasmstream_model as model;
pub use wasmstream_model::graph::CsvFormat;
pub use wasmstream_model::schema::{Bytes, Data, Put};

/// What most jobs need: `use wasmstream::prelude::*;`.
pub mod prelude {
    pub use crate::log::Level;
    pub use crate::testing::TestJob;
    pub use crate::{Bytes, CsvFormat, Data, Job, Out, Record, Setting, State, Stream, Timeout, Values};
    pub use crate::{debug, error, info, log, warn};
}
