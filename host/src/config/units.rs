//! Durations and sizes as people write them.
//!
//! Invariant: what is written is read back as the same value, and a number whose unit would have to be guessed is
//! refused.

use std::time::Duration;

/// The units of durations, in milliseconds, from small to large.
const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The units of sizes, in bytes, from small to large.
const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

/// Splits `1_000kB` into its number and its unit.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim_start()))
}

/// Reads a duration: a whole number and one of `ms`, `s`, `m`, `h`, `d`.
///
/// ```
/// use wasmstream_host::config::parse_duration;
/// use std::time::Duration;
/// assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
/// assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
/// assert_eq!(parse_duration("500"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, millis) = DURATIONS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*millis).map(Duration::from_millis)
}

/// Reads a size: a whole number of bytes, or one with `B`, `kB`, `KiB`, `MB`, `MiB`, `GB`, `GiB`, `TB` or `TiB`.
///
/// ```
/// use wasmstream_host::config::parse_size;
/// assert_eq!(parse_size("64kB"), Some(64_000));
/// assert_eq!(parse_size("32MiB"), Some(32 << 20));
/// assert_eq!(parse_size("4096"), Some(4096));
/// assert_eq!(parse_size("32M"), None);
/// ```
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit = if unit.is_empty() { "B" } else { unit };
    // `KB` and `mib` can only mean one thing.
    let (_, bytes) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*bytes)
}

/// Writes a duration in the largest unit that has no rest.
pub(super) fn show_duration(time: Duration) -> String {
    show(time.as_millis() as u64, &DURATIONS)
}

/// Writes a size in the largest binary unit that has no rest, else in bytes.
pub(super) fn show_size(bytes: u64) -> String {
    let binary: Vec<_> = SIZES.into_iter().filter(|(_, size)| size.is_power_of_two()).collect();
    show(bytes, &binary)
}

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let fitting = units.iter().rev().find(|(_, unit)| number >= *unit && number.is_multiple_of(*unit));
    let (name, unit) = fitting.unwrap_or(&units[0]);
    format!("{}{name}", number / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let millis = |text| parse_duration(text).map(|time| time.as_millis());
        for (text, expected) in [
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("1_500 ms", Some(1500)),
            ("2s", Some(2000)),
            ("1m", Some(60_000)),
            ("3h", Some(10_800_000)),
            ("1d", Some(86_400_000)),
            ("", None),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1 month", None),
            ("1M", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(millis(text), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        for (text, expected) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("17B", Some(17)),
            ("64kB", Some(64_000)),
            ("64KB", Some(64_000)),
            ("64KiB", Some(65_536)),
            ("32MiB", Some(33_554_432)),
            ("1 GiB", Some(1 << 30)),
            ("1TB", Some(1_000_000_000_000)),
            ("", None),
            ("MiB", None),
            ("32M", None),
            ("32Mib it", None),
            ("-1", None),
            ("1.5MiB", None),
            ("99999999TiB", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for millis in [0, 1, 500, 999, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000, 86_400_001] {
            let time = Duration::from_millis(millis);
            assert_eq!(parse_duration(&show_duration(time)), Some(time), "{}", show_duration(time));
        }
        for bytes in [0, 1, 1000, 1024, 64_000, 65_536, 1 << 20, (1 << 20) + 1, 3 << 30, 1 << 40, u64::MAX] {
            assert_eq!(parse_size(&show_size(bytes)), Some(bytes), "{}", show_size(bytes));
        }
        assert_eq!((show_size(32 << 20), show_duration(Duration::from_secs(10))), ("32MiB".into(), "10s".into()));
    }
}
