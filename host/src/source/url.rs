//! What a person types for a source: `--source NAME=URL`.
//!
//! | URL | Records |
//! | --- | --- |
//! | `file:PATH` | of a file, of all files in a folder and its folders, or of those that a glob matches |
//! | `stdin:` | of standard input |
//! | `tcp://HOST:PORT` | that a server at that address sends |
//! | `rate:rows=N,per-second=M,seed=S,words=K` | made up by a generator; see [`rate`](super::rate) |
//!
//! A path may start with `//` if it is absolute (`file:///data`). Options follow it: `?follow=true` keeps waiting for
//! new files and new lines, `&poll=250ms` says how often it looks. Paths stand as they are on disk, without any
//! encoding: only what follows the *last* `?` is options, and only if it reads `key=value`; so a glob's `?` is safe, and
//! a file whose name ends in `?a=b` is written with an option behind it (`file:x?a=b?follow=false`).
//!
//! Invariant: a value that parsed is in range; what is not known is refused with the nearest name that is.

use std::time::Duration;

use super::SourceError;

/// Where a source's records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUrl {
    /// `file:`
    Files(FilesUrl),
    /// `stdin:`
    Stdin,
    /// `tcp:`
    Tcp(TcpUrl),
    /// `rate:`
    Rate(RateUrl),
}

/// Files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesUrl {
    /// A file, a folder or a glob.
    pub path: String,
    /// Whether to wait for new files and new lines, for ever.
    pub follow: bool,
    /// How often to look for them.
    pub poll: Duration,
}

/// A server that sends lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpUrl {
    /// A name or an address; of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A generator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateUrl {
    /// How many rows there are; endless if not given.
    pub rows: Option<u64>,
    /// How many rows there are in a second; as many as are asked for if not given.
    pub per_second: Option<u64>,
    /// Tells one stream of rows from another.
    pub seed: u64,
    /// The number of distinct words, for rows that are lines of words.
    pub words: Option<u32>,
}

/// The most distinct words.
pub const MAX_WORDS: u32 = 1_000_000;

/// How often files are looked for, unless the URL says.
pub const DEFAULT_POLL: Duration = Duration::from_millis(250);

/// The longest time between two looks.
const MAX_POLL: Duration = Duration::from_secs(3600);

const SCHEMES: [&str; 4] = ["file", "stdin", "tcp", "rate"];
const FILE_OPTIONS: [&str; 2] = ["follow", "poll"];
const RATE_OPTIONS: [&str; 4] = ["rows", "per-second", "seed", "words"];

impl SourceUrl {
    /// Parses `NAME=URL`.
    ///
    /// ```
    /// # use wasmstream_host::source::SourceUrl;
    /// let (name, url) = SourceUrl::parse_named("lines=stdin:").unwrap();
    /// assert_eq!((name.as_str(), url), ("lines", SourceUrl::Stdin));
    /// ```
    pub fn parse_named(text: &str) -> Result<(String, SourceUrl), SourceError> {
        match text.split_once('=') {
            Some((name, url)) if !name.is_empty() && !name.contains([':', '/', '?']) => {
                Ok((name.to_owned(), SourceUrl::parse(name, url)?))
            }
            _ => Err(SourceError::Url {
                source_name: text.to_owned(),
                problem: "give a source as NAME=URL, such as `lines=file:input.txt`".to_owned(),
            }),
        }
    }

    /// Parses a URL; `name` is the source's, for errors.
    pub fn parse(name: &str, url: &str) -> Result<SourceUrl, SourceError> {
        parse(url).map_err(|problem| SourceError::Url { source_name: name.to_owned(), problem })
    }
}

fn parse(url: &str) -> Result<SourceUrl, String> {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(match url {
            "stdin" | "-" => format!("`{url}` is not a URL; write `stdin:`"),
            _ => format!("`{url}` is not a URL; for a file, folder or glob write `file:{url}`"),
        });
    };
    match scheme {
        "file" => parse_files(rest).map(SourceUrl::Files),
        "stdin" if rest.is_empty() => Ok(SourceUrl::Stdin),
        "stdin" => Err(format!("nothing can follow `stdin:`, but `{rest}` does")),
        "tcp" => parse_tcp(rest).map(SourceUrl::Tcp),
        "rate" => parse_rate(rest).map(SourceUrl::Rate),
        _ => Err(unknown("scheme", scheme, &SCHEMES)),
    }
}

fn parse_files(rest: &str) -> Result<FilesUrl, String> {
    let (path, options) = split_options(rest);
    let path = match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(relative) => {
            return Err(format!("a file URL has no host; write `file:{relative}` or `file:///{relative}`"));
        }
        None => path,
    };
    if path.is_empty() {
        return Err("a path must follow `file:`".to_owned());
    }
    if path.contains('\0') {
        return Err("a path cannot hold a zero byte".to_owned());
    }
    let mut files = FilesUrl { path: path.to_owned(), follow: false, poll: DEFAULT_POLL };
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("follow", value)) => files.follow = parse_bool("follow", value)?,
            Some(("poll", value)) => files.poll = parse_duration("poll", value)?,
            Some((key, _)) => return Err(unknown("option", key, &FILE_OPTIONS)),
            None => return Err(format!("`{option}` is not an option; write `key=value`")),
        }
    }
    Ok(files)
}

/// Splits a path from the options at its end.
fn split_options(rest: &str) -> (&str, &str) {
    let is_key = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_lowercase()) && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    match rest.rsplit_once('?') {
        Some((path, options))
            if options.split_once('=').is_some_and(|(key, _)| is_key(key)) && !options.contains('/') =>
        {
            (path, options)
        }
        _ => (rest, ""),
    }
}

fn parse_tcp(rest: &str) -> Result<TcpUrl, String> {
    let example = "write `tcp://host:port`, such as `tcp://localhost:9999`";
    let address = rest.strip_prefix("//").ok_or(example)?;
    let (host, port) = address.rsplit_once(':').ok_or(example)?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']').ok_or("a `[` is not closed")?,
        None if host.contains(':') => {
            return Err(format!("an IPv6 address stands in brackets: `tcp://[{host}]:{port}`"));
        }
        None => host,
    };
    if host.is_empty() || host.contains(['/', '?', ' ']) {
        return Err(format!("`{host}` is not a host; {example}"));
    }
    match port.parse() {
        Ok(port) if port > 0 => Ok(TcpUrl { host: host.to_owned(), port }),
        _ => Err(format!("`{port}` is not a port between 1 and 65535")),
    }
}

fn parse_rate(rest: &str) -> Result<RateUrl, String> {
    let mut rate = RateUrl::default();
    for option in rest.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("rows", value)) => rate.rows = Some(parse_number("rows", value, 0, u64::MAX)?),
            Some(("per-second", value)) => rate.per_second = Some(parse_number("per-second", value, 1, 1_000_000_000)?),
            Some(("seed", value)) => rate.seed = parse_number("seed", value, 0, u64::MAX)?,
            Some(("words", value)) => rate.words = Some(parse_number("words", value, 1, MAX_WORDS.into())? as u32),
            Some((key, _)) => return Err(unknown("option", key, &RATE_OPTIONS)),
            None => return Err(format!("`{option}` is not an option; write `rate:rows=1000,per-second=100`")),
        }
    }
    Ok(rate)
}

fn parse_bool(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("`{key}` is `true` or `false`, not `{value}`")),
    }
}

/// A whole number; `_` may stand between digits.
fn parse_number(key: &str, value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value.replace('_', "").parse::<u64>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("`{key}` is a whole number from {least} to {most}, not `{value}`"))
}

fn parse_duration(key: &str, value: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{key}` is a time from 1ms to {}s, such as `250ms` or `2s`, not `{value}`", MAX_POLL.as_secs());
    let digits = value.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = value[..digits].parse().map_err(|_| wrong())?;
    let millis = match &value[digits..] {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    let duration = millis.map(Duration::from_millis).ok_or_else(wrong)?;
    if duration.is_zero() || duration > MAX_POLL { Err(wrong()) } else { Ok(duration) }
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|k| (strsim::damerau_levenshtein(k, name), k)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 2 => format!("there is no {kind} `{name}`; did you mean `{nearest}`?"),
        _ => format!("there is no {kind} `{name}`; there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn files(url: &str, path: &str, follow: bool, poll_ms: u64) {
        let expected = FilesUrl { path: path.to_owned(), follow, poll: Duration::from_millis(poll_ms) };
        assert_eq!(parse(url), Ok(SourceUrl::Files(expected)), "{url}");
    }

    #[track_caller]
    fn refused(url: &str, reason: &str) {
        let problem = SourceUrl::parse("lines", url).expect_err(url).to_string();
        assert!(problem.contains(reason), "{url}: {problem}");
        assert!(problem.starts_with("source `lines`: "), "{problem}");
    }

    #[test]
    fn a_path_stands_as_it_is_and_only_a_trailing_key_value_is_options() {
        files("file:a.txt", "a.txt", false, 250);
        files("file:/data/*.csv", "/data/*.csv", false, 250);
        files("file:///data/x", "/data/x", false, 250);
        files("file:a?follow=true&poll=2s", "a", true, 2000);
        files("file:log-?.txt", "log-?.txt", false, 250);
        files("file:log-?.txt?poll=5ms", "log-?.txt", false, 5);
        files("file:what?", "what?", false, 250);
        files("file:day=1/part?=x", "day=1/part?=x", false, 250);
        files("file:q?a=b/c.txt", "q?a=b/c.txt", false, 250);
        files("file:x?a=b?follow=false", "x?a=b", false, 250);
        files("file:100%/a b", "100%/a b", false, 250);
    }

    #[test]
    fn the_other_schemes_parse() {
        let tcp = |host: &str, port| Ok(SourceUrl::Tcp(TcpUrl { host: host.to_owned(), port }));
        assert_eq!(parse("tcp://localhost:9999"), tcp("localhost", 9999));
        assert_eq!(parse("tcp://[::1]:80"), tcp("::1", 80));
        assert_eq!(parse("rate:"), Ok(SourceUrl::Rate(RateUrl::default())));
        let rate = RateUrl { rows: Some(1_000_000), per_second: Some(10), seed: 7, words: Some(5) };
        assert_eq!(parse("rate:rows=1_000_000,per-second=10,seed=7,words=5"), Ok(SourceUrl::Rate(rate)));
        assert!(SourceUrl::parse_named("lines=file:a=b").is_ok_and(|(name, _)| name == "lines"));
    }

    #[test]
    fn what_is_not_known_is_refused_with_the_nearest_name_that_is() {
        refused("input.txt", "write `file:input.txt`");
        refused("stdin", "write `stdin:`");
        refused("fiel:x", "did you mean `file`?");
        refused("kafka://x", "there are file, stdin, tcp, rate");
        refused("file:x?folow=true", "did you mean `follow`?");
        refused("file:x?follow=yes", "`true` or `false`");
        refused("file:x?poll=0ms", "from 1ms");
        refused("file:x?poll=99999999999999999999s", "such as `250ms`");
        refused("file:x?poll=250", "such as `250ms`");
        refused("file:", "a path must follow");
        refused("file://host/x", "`file:host/x`");
        refused("stdin:x", "nothing can follow");
        refused("tcp:localhost:1", "tcp://host:port");
        refused("tcp://localhost", "tcp://host:port");
        refused("tcp://localhost:0", "not a port");
        refused("tcp://:1", "not a host");
        refused("tcp://::1:80", "`tcp://[::1]:80`");
        refused("rate:row=1", "did you mean `rows`?");
        refused("rate:rows=-1", "whole number from 0");
        refused("rate:words=0", "from 1 to 1000000");
        assert!(SourceUrl::parse_named("file:x").is_err_and(|e| e.to_string().contains("NAME=URL")));
        assert!(SourceUrl::parse_named("file:x?follow=true").is_err_and(|e| e.to_string().contains("NAME=URL")));
    }
}
