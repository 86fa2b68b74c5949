//! Whether records are UTF-8, and what becomes of those that are not.
//!
//! Invariant: what [`check`] lets through is UTF-8 record by record, not only as a whole.

use super::super::BadRecords;

/// The records of a chunk and how many of them were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) data: Vec<u8>,
    pub(super) offsets: Vec<u32>,
    pub(super) skipped: u64,
}

/// The first record that is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotText {
    /// Where it starts in the data.
    pub(super) start: usize,
    /// What is wrong with it.
    pub(super) problem: String,
}

/// Checks the records `offsets` of `data`. `seams` are the positions at which one file follows another: there a
/// character could be cut in two halves that only together are UTF-8.
pub(super) fn check(
    data: Vec<u8>,
    offsets: Vec<u32>,
    mut seams: impl Iterator<Item = usize>,
    bad: BadRecords,
) -> Result<Checked, NotText> {
    if let Ok(text) = simdutf8::basic::from_utf8(&data)
        && seams.all(|seam| text.is_char_boundary(seam))
    {
        return Ok(Checked { data, offsets, skipped: 0 });
    }
    sort_out(&data, &offsets, bad)
}

/// Looks at each record by itself.
fn sort_out(data: &[u8], offsets: &[u32], bad: BadRecords) -> Result<Checked, NotText> {
    let mut good =
        Checked { data: Vec::with_capacity(data.len()), offsets: Vec::with_capacity(offsets.len()), skipped: 0 };
    good.offsets.push(0);
    for pair in offsets.windows(2) {
        let record = &data[pair[0] as usize..pair[1] as usize];
        match (simdutf8::compat::from_utf8(record), bad) {
            (Ok(_), _) => good.data.extend_from_slice(record),
            (Err(_), BadRecords::Replace) => good.data.extend_from_slice(String::from_utf8_lossy(record).as_bytes()),
            (Err(_), BadRecords::Skip) => {
                good.skipped += 1;
                continue;
            }
            (Err(error), BadRecords::Fail) => {
                let problem = not_utf8(record, error.valid_up_to());
                return Err(NotText { start: pair[0] as usize, problem });
            }
        }
        // At most three times the bytes as read, which `MAX_CHUNK_BYTES` keeps below 4 GiB.
        good.offsets.push(good.data.len() as u32);
    }
    Ok(good)
}

/// Checks a header, which cannot be left out.
pub(super) fn check_header(header: &[u8], bad: BadRecords) -> Result<Vec<u8>, String> {
    match (simdutf8::compat::from_utf8(header), bad) {
        (Ok(_), _) => Ok(header.to_vec()),
        (Err(_), BadRecords::Replace) => Ok(String::from_utf8_lossy(header).into_owned().into_bytes()),
        (Err(error), _) => Err(format!("the header is {}", not_utf8(header, error.valid_up_to()))),
    }
}

fn not_utf8(record: &[u8], valid: usize) -> String {
    let byte = record.get(valid).copied().unwrap_or_default();
    format!("not UTF-8: byte {byte:#04x} at position {valid} of the record")
}
