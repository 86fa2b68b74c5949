//! `--sink NAME=URL`: `file:DIR[?format=csv|json|text&header=true&overwrite=true]`, `stdout:[?format=…]`, `null:`.
//!
//! Invariant: an option that is not known is refused, never ignored.

use std::path::PathBuf;

use super::SinkError;
use super::format::Format;

/// Where a sink is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkUrl {
    /// Files in a folder, at least one a batch.
    File(FileOptions),
    /// The standard output of the process.
    Stdout(Format),
    /// Nowhere.
    Null,
}

/// How files are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// The folder.
    pub folder: PathBuf,
    /// The form of the rows.
    pub format: Format,
    /// Whether each CSV file starts with the columns' names.
    pub header: bool,
    /// Whether output of an earlier run is removed first.
    pub overwrite: bool,
}

impl SinkUrl {
    /// Reads a URL as people write it.
    pub fn parse(sink: &str, url: &str) -> Result<SinkUrl, SinkError> {
        let wrong = |problem: String| SinkError::Url { sink: sink.to_owned(), problem };
        let (scheme, rest) = url.split_once(':').ok_or_else(|| wrong(format!("`{url}` has no scheme: {SCHEMES}")))?;
        let (place, query) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let options = Options::parse(query).map_err(&wrong)?;
        let only_formats = |options: &Options| match options {
            Options { header: false, overwrite: false, .. } => Ok(options.format),
            _ => Err(wrong(format!("`{scheme}:` takes `format` alone"))),
        };
        match scheme {
            "file" if place.is_empty() => Err(wrong("`file:` needs a folder: `file:out`".into())),
            "file" => Ok(SinkUrl::File(FileOptions {
                folder: PathBuf::from(place),
                format: options.format,
                header: options.header,
                overwrite: options.overwrite,
            })),
            "stdout" => Ok(SinkUrl::Stdout(only_formats(&options)?)),
            "null" => only_formats(&options).map(|_| SinkUrl::Null),
            other => {
                let near = nearest(other, ["file", "stdout", "null"]);
                Err(wrong(format!("there is no sink `{other}:`{near}: {SCHEMES}")))
            }
        }
    }
}

const SCHEMES: &str = "a sink is `file:DIR`, `stdout:` or `null:`";

#[derive(Default)]
struct Options {
    format: Format,
    header: bool,
    overwrite: bool,
}

impl Options {
    fn parse(query: &str) -> Result<Options, String> {
        let mut options = Options::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not `option=value`"))?;
            let flag = || value.parse::<bool>().map_err(|_| format!("`{name}` is `true` or `false`, not `{value}`"));
            match name {
                "format" => options.format = value.parse()?,
                "header" => options.header = flag()?,
                "overwrite" => options.overwrite = flag()?,
                other => {
                    let near = nearest(other, ["format", "header", "overwrite"]);
                    return Err(format!("there is no option `{other}`{near}"));
                }
            }
        }
        Ok(options)
    }
}

/// ` (did you mean …?)`, where something known is near.
fn nearest<const N: usize>(name: &str, known: [&str; N]) -> String {
    let near = known.into_iter().min_by_key(|k| strsim::damerau_levenshtein(k, name));
    let near = near.filter(|k| strsim::damerau_levenshtein(k, name) <= 2);
    near.map_or(String::new(), |k| format!(" (did you mean `{k}`?)"))
}
