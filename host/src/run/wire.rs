//! Packets as bytes, for workers in other processes.
//!
//! | Field | Bytes |
//! | --- | --- |
//! | via, chunk | u32, u32 |
//! | sub | u64 |
//! | flags | u32: 1 keys, 2 values, 4 header |
//! | keys, values | each: rows u32, number of offsets u32, length of data u32, offsets u32 each, data |
//! | header | length u32, bytes |
//!
//! All little endian. Event times do not travel yet: no operator makes them.
//!
//! Invariant: what [`write`] writes has [`length`] bytes and [`read`] reads back.

use std::io::{Error, ErrorKind, Result, Write};

use wasmstream_model::batch::{Column, Rows};

use super::packet::Packet;

const FIXED: usize = 4 + 4 + 8 + 4;

fn column_length(column: Option<&Column>) -> usize {
    column.map_or(0, |column| 12 + 4 * column.offsets.len() + column.data.len())
}

/// The number of bytes of a packet.
pub fn length(packet: &Packet) -> usize {
    let rows = packet.own_rows();
    FIXED
        + column_length(rows.keys.as_ref())
        + column_length(rows.values.as_ref())
        + packet.header.as_ref().map_or(0, |header| 4 + header.len())
}

/// Writes a packet.
pub fn write(packet: &Packet, out: &mut impl Write) -> Result<()> {
    let Packet { via, chunk, sub, header, .. } = packet;
    let rows = packet.own_rows();
    let flags =
        u32::from(rows.keys.is_some()) | u32::from(rows.values.is_some()) << 1 | u32::from(header.is_some()) << 2;
    out.write_all(&via.to_le_bytes())?;
    out.write_all(&chunk.to_le_bytes())?;
    out.write_all(&sub.to_le_bytes())?;
    out.write_all(&flags.to_le_bytes())?;
    for column in rows.keys.iter().chain(&rows.values) {
        for n in [column.rows, column.offsets.len() as u32, column.data.len() as u32] {
            out.write_all(&n.to_le_bytes())?;
        }
        column.offsets.iter().try_for_each(|offset| out.write_all(&offset.to_le_bytes()))?;
        out.write_all(&column.data)?;
    }
    if let Some(header) = header {
        out.write_all(&(header.len() as u32).to_le_bytes())?;
        out.write_all(header)?;
    }
    Ok(())
}

/// Reads a packet.
pub fn read(bytes: &[u8]) -> Result<Packet> {
    let mut from = Cursor(bytes);
    let (via, chunk) = (from.u32()?, from.u32()?);
    let sub = u64::from_le_bytes(from.array()?);
    let flags = from.u32()?;
    let keys = (flags & 1 != 0).then(|| from.column()).transpose()?;
    let values = (flags & 2 != 0).then(|| from.column()).transpose()?;
    let header = if flags & 4 != 0 {
        let n = from.u32()? as usize;
        Some(from.take(n)?.into())
    } else {
        None
    };
    let rows = Rows { keys, values, times: None }.into();
    Ok(Packet { via, chunk, sub, rows, selected: None, header })
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(Error::from(ErrorKind::UnexpectedEof))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Error::from(ErrorKind::UnexpectedEof))?;
        self.0 = rest;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn column(&mut self) -> Result<Column> {
        let (rows, offsets, data) = (self.u32()?, self.u32()?, self.u32()?);
        let offsets = (0..offsets).map(|_| self.u32()).collect::<Result<_>>()?;
        let column = Column { rows, offsets, data: self.take(data as usize)?.to_vec() };
        column.check().map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        Ok(column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_survives_the_wire_and_a_cut_one_is_refused() {
        let keys = Column::of([b"a".as_slice(), b"bcd"]);
        let values = Column::of([b"1".as_slice(), b"2"]);
        let rows = Rows { keys: Some(keys), values: Some(values), times: None };
        let header = Some(b"x,y".as_slice().into());
        let packet = Packet { via: 1, chunk: 2, sub: 3 << 32, rows: rows.into(), selected: None, header };
        let mut bytes = Vec::new();
        write(&packet, &mut bytes).unwrap();
        assert_eq!(bytes.len(), length(&packet));
        assert_eq!(format!("{:?}", read(&bytes).unwrap()), format!("{packet:?}"));
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
