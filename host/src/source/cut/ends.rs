//! Where records end: after `\n`, in CSV only where no quote is open.
//!
//! Invariant: a record ends at the same byte whatever blocks its bytes come in; what must be known of the bytes before
//! a block is [`Quotes`] and the byte just before it.

use memchr::{memchr, memchr2};

/// How a format marks the end of a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// A record is a line.
    Lines,
    /// A record is a line, or several where quotes say so. A quote opens only at the start of a field, as the `csv`
    /// crate reads it, so that `5" pipe` is text like any other.
    Csv {
        /// What stands between fields.
        delimiter: u8,
    },
}

/// Where a scan of CSV stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Quotes {
    /// In no quoted field.
    #[default]
    Outside,
    /// In a quoted field.
    Inside,
    /// Just behind a quote in a quoted field: its end, or the first of two that stand for one.
    Closing,
}

/// The ends of CSV records: positions in `bytes`, one past each `\n` that ends a record.
pub(super) struct CsvEnds<'a> {
    bytes: &'a [u8],
    at: usize,
    before: u8,
    delimiter: u8,
    /// Where the scan stands; after the last end, at the end of `bytes`.
    pub(super) quotes: Quotes,
}

impl<'a> CsvEnds<'a> {
    /// Scans `bytes`, which the byte `before` precedes: `\n` where they start a record.
    pub(super) fn new(bytes: &'a [u8], delimiter: u8, quotes: Quotes, before: u8) -> CsvEnds<'a> {
        CsvEnds { bytes, at: 0, before, delimiter, quotes }
    }

    fn starts_field(&self, at: usize) -> bool {
        let before = if at == 0 { self.before } else { self.bytes[at - 1] };
        before == self.delimiter || before == b'\n'
    }
}

impl Iterator for CsvEnds<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.at < self.bytes.len() {
            let rest = &self.bytes[self.at..];
            match self.quotes {
                Quotes::Outside => {
                    let Some(found) = memchr2(b'\n', b'"', rest) else { break };
                    let found = self.at + found;
                    self.at = found + 1;
                    if self.bytes[found] == b'\n' {
                        return Some(self.at);
                    }
                    if self.starts_field(found) {
                        self.quotes = Quotes::Inside;
                    }
                }
                Quotes::Inside => {
                    let Some(found) = memchr(b'"', rest) else { break };
                    self.at += found + 1;
                    self.quotes = Quotes::Closing;
                }
                Quotes::Closing if rest[0] == b'"' => {
                    self.at += 1;
                    self.quotes = Quotes::Inside;
                }
                Quotes::Closing => self.quotes = Quotes::Outside,
            }
        }
        self.at = self.bytes.len();
        None
    }
}

impl Rule {
    /// The end of the first record in `bytes`; `quotes` moves on to where the scan stopped.
    pub(super) fn first_end(self, bytes: &[u8], quotes: &mut Quotes, before: u8) -> Option<usize> {
        match self {
            Rule::Lines => memchr(b'\n', bytes).map(|at| at + 1),
            Rule::Csv { delimiter } => {
                let mut ends = CsvEnds::new(bytes, delimiter, *quotes, before);
                let end = ends.next();
                *quotes = ends.quotes;
                end
            }
        }
    }
}

/// A record without its line end.
pub(super) fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans `text` in two blocks, split at each position, and checks that the ends are always those marked by `|`.
    #[track_caller]
    fn check(marked: &str) {
        let text = marked.replace('|', "");
        let mut expected = Vec::new();
        for (n, (at, _)) in marked.match_indices('|').enumerate() {
            expected.push(at - n);
        }
        for split in 0..=text.len() {
            let (a, b) = text.as_bytes().split_at(split);
            let mut first = CsvEnds::new(a, b',', Quotes::Outside, b'\n');
            let mut ends: Vec<usize> = first.by_ref().collect();
            let before = a.last().copied().unwrap_or(b'\n');
            ends.extend(CsvEnds::new(b, b',', first.quotes, before).map(|end| end + split));
            assert_eq!(ends, expected, "{text:?} split at {split}");
        }
    }

    #[test]
    fn quotes_hide_line_ends_and_doubled_quotes_do_not_close() {
        check("a,b\n|c,d\n|");
        check("a,\"b\nc\"\n|d\n|");
        check("\"a\"\"\n\"\"b\"\n|\"\"\n|x");
        check("\"\"\"\n\"\"\"\n|");
        check("\r\n|a,\"x\r\ny\"\r\n|");
    }

    #[test]
    fn a_quote_inside_a_bare_field_is_text() {
        check("5\" pipe,3\" pipe\n|a\n|");
        check("\"a\"b\"\n|c\n|");
    }

    #[test]
    fn records_agree_with_the_csv_crate() {
        let text = "a,\"b\nb\",c\n5\" x,\"\"\"q\"\"\",\n\"one\ntwo\"tail\",2\n,\"\",\"\n\"\nlast,line,\"x\"\n";
        let records = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let theirs: Vec<u64> = records
            .into_records()
            .map(|r| r.expect("the text is CSV").position().expect("has a position").byte())
            .collect();
        let mut ours = vec![0];
        ours.extend(CsvEnds::new(text.as_bytes(), b',', Quotes::Outside, b'\n').map(|end| end as u64));
        assert_eq!(ours.pop(), Some(text.len() as u64));
        assert_eq!(ours, theirs);
    }
}
