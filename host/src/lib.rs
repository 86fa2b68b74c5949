//! The host of wasmstream: runs jobs whose logic is a WebAssembly component.
//!
//! Data flows one way: [`source`] → chunks → [`run`] (stages in [`guest`] calls, shuffle, state) → [`sink`]. What things
//! mean is in `wasmstream_model`, which does no I/O; this crate acts.
//!
//! | Module | Question it answers | May use |
//! | --- | --- | --- |
//! | [`explain`] | What does an error code mean? | – |
//! | [`config`] | Which settings are in force, and where do they come from? | explain |
//! | [`guest`] | How is a module built, checked and called? The only place that names wasmtime. | explain, config |
//! | [`source`] | Where do records come from, and can they be read again? | explain, config |
//! | [`sink`] | Where do rows go, and when does a file appear? | explain, config |
//! | [`run`] | How does a batch run? `run/dataflow.rs` is the only file that names timely. | all above |
//! | [`cli`] | What can a person type? | all |

#![warn(missing_docs)]

pub mod explain;

pub mod config;

pub mod guest;

pub mod source;

pub mod sink;

pub mod run;

pub mod cli;
