//! Stable codes of errors and findings, and what a person can do about each: `wasmstream explain CODE`.
//!
//! Invariant: a code never changes its meaning; every code that the program prints is listed here.

/// A stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}
