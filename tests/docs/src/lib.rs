//! The Rust examples of the documentation, run as tests.

#[doc = include_str!("../../../README.md")]
pub mod readme {}

#[doc = include_str!("../../../docs/writing-jobs.md")]
pub mod writing_jobs {}
