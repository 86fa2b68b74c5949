//! Types of data, and the bytes that stand for their values.
//!
//! A [`Schema`] is structural: records by field name, enums by case name. The bytes are those of bincode 2's
//! `config::standard()` ([`codec`]); Rust types are tied to both by [`Data`], and [`Value`] reads and writes the same
//! bytes by schema alone, with no Rust type at hand.

mod codec;
mod data;
mod types;
mod value;

pub use codec::{DecodeError, Reader, put_bytes, put_signed, put_str, put_unsigned};
pub use data::{Bytes, Data, Put};
pub use types::{Case, Field, Schema, SchemaError};
pub use value::{Value, ValueError};
