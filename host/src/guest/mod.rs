//! Guests: modules, and calls into them. The only place that names wasmtime.
//!
//! A [`Module`] is checked bytes; a [`Runtime`] compiles it; a [`Guest`] is ready to be called, by any thread, each call
//! on a fresh instance.
//!
//! Invariant: nothing of a call is left when it ends, and whatever a guest does, the host gets an answer or a
//! [`CallError`] within bounded time and memory.

mod bindings;
mod cache;
mod call;
mod compile;
mod encode;
mod errors;
mod module;

pub use call::{CallReport, Guest, LogLevel, LogLine, RowsRef};
pub use compile::{GuestLimits, Runtime};
pub use encode::{EncodeError, embed_spec, encode_component};
pub use errors::{CallError, ModuleError, Place};
pub use module::{Hash, Module};
