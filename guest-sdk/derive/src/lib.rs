//! The macros of wasmstream.
//!
//! Invariant: a type's schema and its codec come from one list of fields, so they cannot disagree.

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemFn, parse_macro_input};

mod data;
mod job;

/// Makes a struct or enum a row or a key: derives `Data`, its schema and its bytes.
///
/// Field attributes: `#[record(default = EXPR)]`, `#[record(renamed_from = "old")]`, `#[record(rename = "name")]`.
#[proc_macro_derive(Record, attributes(record))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    data::derive(&parse_macro_input!(input as DeriveInput), "record").unwrap_or_else(|e| e.to_compile_error()).into()
}

/// Makes a struct or enum state: derives `Data`, its schema and its bytes.
///
/// Field attributes: `#[state(default = EXPR)]`: the value where older state has no such field;
/// `#[state(renamed_from = "old")]`: the field's earlier name; `#[state(rename = "name")]`: its name in the schema.
#[proc_macro_derive(State, attributes(state))]
pub fn derive_state(input: TokenStream) -> TokenStream {
    data::derive(&parse_macro_input!(input as DeriveInput), "state").unwrap_or_else(|e| e.to_compile_error()).into()
}

/// Makes a function `fn job(j: &mut Job)` the job of its crate: `#[wasmstream::job(name = "hits", version = "1.0.0")]`.
/// Without a name or a version those of the crate are used.
#[proc_macro_attribute]
pub fn job(args: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    job::expand(args.into(), &function).unwrap_or_else(|e| e.to_compile_error()).into()
}
