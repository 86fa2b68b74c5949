//! What a job means: calls between host and guest, aggregates, grouping and order, and the reference interpreter.

pub mod call;
pub mod interpreter;

pub use crate::graph::aggregate;
