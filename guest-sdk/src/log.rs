//! The job's log: `info!("…")` and its kin. The host adds job, batch and operator.

use std::fmt::Arguments;

use crate::call::place;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something went wrong.
    Error,
    /// Something is odd.
    Warn,
    /// Something worth knowing.
    Info,
    /// Something for the author.
    Debug,
}

/// Writes a line. The macros are shorter: [`crate::error!`], [`crate::warn!`], [`crate::info!`], [`crate::debug!`].
pub fn write(level: Level, message: Arguments<'_>) {
    let (operator, row) = place();
    send(level, operator, row, &message.to_string());
}

#[cfg(target_family = "wasm")]
fn send(level: Level, operator: Option<u32>, row: Option<u32>, message: &str) {
    use crate::bindings::wasmstream::job::log;
    let level = match level {
        Level::Error => log::Level::Error,
        Level::Warn => log::Level::Warn,
        Level::Info => log::Level::Info,
        Level::Debug => log::Level::Debug,
    };
    log::log(level, operator, row, message);
}

#[cfg(not(target_family = "wasm"))]
fn send(level: Level, operator: Option<u32>, row: Option<u32>, message: &str) {
    let place = |name: &str, n: Option<u32>| n.map_or(String::new(), |n| format!(" {name} {n}"));
    eprintln!("[{level:?}{}{}] {message}", place("operator", operator), place("row", row));
}

/// Writes an error to the job's log.
#[macro_export]
macro_rules! error {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Error, format_args!($($arg)*)) };
}

/// Writes a warning to the job's log.
#[macro_export]
macro_rules! warn {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Warn, format_args!($($arg)*)) };
}

/// Writes to the job's log.
#[macro_export]
macro_rules! info {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Info, format_args!($($arg)*)) };
}

/// Writes a line for the author to the job's log.
#[macro_export]
macro_rules! debug {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Debug, format_args!($($arg)*)) };
}

/// Writes to the job's log: `log!(Level::Warn, "…")`, or `log!("…")` for [`Level::Info`].
#[macro_export]
macro_rules! log {
    ($level:path, $($arg:tt)*) => { $crate::log::write($level, format_args!($($arg)*)) };
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Info, format_args!($($arg)*)) };
}
