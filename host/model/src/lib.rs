//! The pure part of wasmstream: what the words mean, how data is laid out, which graphs are valid, what an aggregate
//! computes. The host, the guest SDK and the native test runner are all built on it, so there is one set of semantics.
//!
//! Invariant: nothing in this crate does I/O of any kind, reads a clock or an environment, or knows of an engine. It
//! compiles for `wasm32-unknown-unknown`.
//!
//! | Module | Question it answers |
//! | --- | --- |
//! | [`words`] | What is a batch number, a job name; how large may things be? |
//! | [`schema`] | What types may data have, and which bytes stand for a value? |
//! | [`batch`] | How do rows lie in columns; which key group does a key belong to? |
//! | [`graph`] | What does a module say that it computes, and is that a valid job? |
//! | [`semantics`] | What does an aggregate, a stage, an update of state mean? |
//!
//! A module may use the ones above it in the table, never the ones below.

#![warn(missing_docs)]

pub mod words;

pub mod schema;

pub mod batch;

pub mod graph;

pub mod semantics;
