//! The bytes of values: bincode 2, `config::standard()` (little endian, variable-length integers).
//!
//! | Type | Bytes |
//! | --- | --- |
//! | bool, u8, s8 | one byte |
//! | u16, u32, u64, lengths | below 251 one byte; else `251` + 2, `252` + 4, `253` + 8 bytes, the shortest that fits |
//! | s16, s32, s64 | zigzag (`(n << 1) ^ (n >> 63)`), then as unsigned |
//! | f32, f64 | 4, 8 bytes |
//! | string, bytes, list, set, map | number of items, then the items |
//! | option | `0`, or `1` and the value |
//! | tuple, record | the parts in order |
//! | enum | the number of the case (as u32), then what it carries |
//!
//! Written here and not taken from the bincode crate because the host reads and writes these bytes by schema alone and
//! must refuse what bincode lets pass (a number in a longer form than it needs). The crate's own bytes are the
//! reference in the tests.
//!
//! Invariant: a value has one byte form. Reading never panics, whatever the bytes.

/// Why bytes are not a value of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within the value.
    #[error("the bytes end within the value")]
    Truncated,
    /// The value ends before the bytes do.
    #[error("bytes are left over after the value")]
    Trailing,
    /// A number in a longer form than it needs, or a map or set out of order: a value must have one byte form only.
    #[error("the value is not in its canonical form")]
    NotCanonical,
    /// A number that its type cannot hold.
    #[error("a number is out of its type's range")]
    OutOfRange,
    /// A bool, option or enum tag that does not exist.
    #[error("there is no such case")]
    BadTag,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// Nested deeper than [`crate::words::limits::SCHEMA_DEPTH`].
    #[error("the value nests too deeply")]
    TooDeep,
}

/// Reads values from the front of a byte slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The bytes not read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[inline]
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }

    /// The next `n` bytes.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let (head, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// A variable-length unsigned number.
    #[inline]
    pub fn unsigned(&mut self) -> Result<u64, DecodeError> {
        match self.byte()? {
            small @ 0..=250 => Ok(u64::from(small)),
            tag => self.unsigned_long(tag),
        }
    }

    #[inline(never)]
    fn unsigned_long(&mut self, tag: u8) -> Result<u64, DecodeError> {
        let (value, least) = match tag {
            251 => (u64::from(u16::from_le_bytes(self.array()?)), 251),
            252 => (u64::from(u32::from_le_bytes(self.array()?)), 1 << 16),
            253 => (u64::from_le_bytes(self.array()?), 1 << 32),
            _ => return Err(DecodeError::BadTag),
        };
        if value < least { Err(DecodeError::NotCanonical) } else { Ok(value) }
    }

    /// A variable-length signed number.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, DecodeError> {
        let n = self.unsigned()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// A length: of what follows, at least `least_item_bytes` bytes each must still be there.
    #[inline]
    pub fn length(&mut self, least_item_bytes: usize) -> Result<usize, DecodeError> {
        let n = usize::try_from(self.unsigned()?).map_err(|_| DecodeError::Truncated)?;
        match n.checked_mul(least_item_bytes) {
            Some(bytes) if bytes <= self.rest.len() => Ok(n),
            _ => Err(DecodeError::Truncated),
        }
    }

    /// A string with its length before it.
    #[inline]
    pub fn string(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::NotUtf8)
    }

    /// Bytes with their length before them.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let n = self.length(1)?;
        self.take(n)
    }

    /// `0` or `1`.
    #[inline]
    pub fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::BadTag),
        }
    }
}

/// Writes a variable-length unsigned number.
#[inline]
pub fn put_unsigned(n: u64, out: &mut Vec<u8>) {
    if n < 251 {
        out.push(n as u8);
    } else {
        put_unsigned_long(n, out);
    }
}

#[inline(never)]
fn put_unsigned_long(n: u64, out: &mut Vec<u8>) {
    if let Ok(n) = u16::try_from(n) {
        out.push(251);
        out.extend_from_slice(&n.to_le_bytes());
    } else if let Ok(n) = u32::try_from(n) {
        out.push(252);
        out.extend_from_slice(&n.to_le_bytes());
    } else {
        out.push(253);
        out.extend_from_slice(&n.to_le_bytes());
    }
}

/// Writes a variable-length signed number.
#[inline]
pub fn put_signed(n: i64, out: &mut Vec<u8>) {
    put_unsigned(((n << 1) ^ (n >> 63)) as u64, out);
}

/// Appends bytes. In WebAssembly a copy of unknown length is a call into the engine, which costs more than a short copy
/// itself; words and ids are short.
#[inline(always)]
pub fn append(bytes: &[u8], out: &mut Vec<u8>) {
    #[cfg(target_family = "wasm")]
    {
        let len = bytes.len();
        if len <= 16 {
            out.reserve(16);
            // SAFETY: there is room for 16 bytes at the end, of which `len` are written, from as many that are read.
            unsafe {
                let (from, to) = (bytes.as_ptr(), out.as_mut_ptr().add(out.len()));
                if len >= 8 {
                    to.cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned());
                    to.add(len - 8).cast::<u64>().write_unaligned(from.add(len - 8).cast::<u64>().read_unaligned());
                } else if len >= 4 {
                    to.cast::<u32>().write_unaligned(from.cast::<u32>().read_unaligned());
                    to.add(len - 4).cast::<u32>().write_unaligned(from.add(len - 4).cast::<u32>().read_unaligned());
                } else if len > 0 {
                    *to = *from;
                    *to.add(len / 2) = *from.add(len / 2);
                    *to.add(len - 1) = *from.add(len - 1);
                }
                out.set_len(out.len() + len);
            }
            return;
        }
    }
    out.extend_from_slice(bytes);
}

/// Writes a string with its length before it.
#[inline]
pub fn put_str(s: &str, out: &mut Vec<u8>) {
    put_bytes(s.as_bytes(), out);
}

/// Writes bytes with their length before them.
#[inline]
pub fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_unsigned(bytes.len() as u64, out);
    append(bytes, out);
}
