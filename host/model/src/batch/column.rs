//! Columns: many cells in one run of bytes. Data crosses the sandbox and the network in this form.
//!
//! Invariant: a column that passed [`Column::check`] never panics when its cells are read; one that comes from a guest
//! is checked before anything else is done with it.

use crate::words::limits;

/// A column of cells.
///
/// Cell `i` is `data[offsets[i]..offsets[i + 1]]`. Where all cells have one width the offsets are empty, and the width
/// is `data.len() / rows`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// The number of cells.
    pub rows: u32,
    /// `rows + 1` ascending positions from 0 to `data.len()`, or empty.
    pub offsets: Vec<u32>,
    /// The cells, one after another.
    pub data: Vec<u8>,
}

/// Why a column is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// Not `rows + 1` offsets.
    #[error("a column of {rows} rows has {offsets} offsets; it must have {} or none", u64::from(*rows) + 1)]
    OffsetCount {
        /// The rows that it claims.
        rows: u32,
        /// The offsets that it has.
        offsets: usize,
    },
    /// An offset below the one before.
    #[error("offset {index} goes backwards")]
    OffsetOrder {
        /// Which offset.
        index: usize,
    },
    /// The first offset is not 0, or the last not the end.
    #[error("the offsets cover {from}..{to} of {bytes} bytes; they must cover all")]
    OffsetRange {
        /// The first offset.
        from: u32,
        /// The last offset.
        to: u32,
        /// The bytes in the column.
        bytes: usize,
    },
    /// Without offsets, bytes that do not divide by the rows.
    #[error("{bytes} bytes do not divide into {rows} cells of one width")]
    Width {
        /// The rows that it claims.
        rows: u32,
        /// The bytes in the column.
        bytes: usize,
    },
    /// A cell that is longer than allowed.
    #[error("row {row} has {bytes} bytes; a cell has at most {max}", max = limits::CELL_BYTES)]
    LongCell {
        /// Which cell.
        row: usize,
        /// Its length.
        bytes: usize,
    },
    /// Columns that belong together differ in length.
    #[error("{keys} keys stand beside {values} values")]
    Uneven {
        /// Cells in the key column.
        keys: u32,
        /// Cells in the value column.
        values: u32,
    },
}

impl Column {
    /// A column of these cells.
    pub fn of<'a>(cells: impl IntoIterator<Item = &'a [u8]>) -> Column {
        let mut builder = ColumnBuilder::default();
        for cell in cells {
            builder.push(cell);
        }
        builder.finish()
    }

    /// The width of every cell, where they all have one.
    #[inline]
    pub fn width(&self) -> Option<usize> {
        match (self.offsets.is_empty(), self.rows) {
            (false, _) => None,
            (true, 0) => Some(0),
            (true, rows) => Some(self.data.len() / rows as usize),
        }
    }

    /// Cell `i`. Panics when there is none.
    #[inline]
    pub fn cell(&self, i: usize) -> &[u8] {
        match self.width() {
            Some(width) => {
                assert!(i < self.rows as usize, "row {i} of {}", self.rows);
                &self.data[i * width..(i + 1) * width]
            }
            None => &self.data[self.offsets[i] as usize..self.offsets[i + 1] as usize],
        }
    }

    /// All cells in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + '_ {
        self.spans().map(|(start, end)| &self.data[start..end])
    }

    /// Where each cell starts and ends in the data.
    #[inline]
    pub fn spans(&self) -> impl ExactSizeIterator<Item = (usize, usize)> + '_ {
        let width = self.width().unwrap_or(0);
        let fixed = self.offsets.is_empty();
        (0..self.rows as usize).map(move |i| {
            if fixed { (i * width, (i + 1) * width) } else { (self.offsets[i] as usize, self.offsets[i + 1] as usize) }
        })
    }

    /// The bytes that the column holds, offsets included.
    pub fn bytes(&self) -> usize {
        self.data.len() + 4 * self.offsets.len()
    }

    /// Checks the offsets against the rows and the data.
    pub fn check(&self) -> Result<(), ColumnError> {
        let (rows, bytes) = (self.rows, self.data.len());
        let (Some(&from), Some(&to)) = (self.offsets.first(), self.offsets.last()) else {
            let even = if rows == 0 { bytes == 0 } else { bytes % rows as usize == 0 };
            return if even { Ok(()) } else { Err(ColumnError::Width { rows, bytes }) };
        };
        if self.offsets.len() as u64 != u64::from(rows) + 1 {
            return Err(ColumnError::OffsetCount { rows, offsets: self.offsets.len() });
        }
        if !self.offsets.is_sorted() {
            let index = self.offsets.windows(2).position(|pair| pair[0] > pair[1]).map_or(0, |i| i + 1);
            return Err(ColumnError::OffsetOrder { index });
        }
        if from != 0 || to as usize != bytes {
            return Err(ColumnError::OffsetRange { from, to, bytes });
        }
        Ok(())
    }

    /// Checks that no cell is longer than [`limits::CELL_BYTES`].
    pub fn check_cells(&self) -> Result<(), ColumnError> {
        if self.data.len() <= limits::CELL_BYTES {
            return Ok(());
        }
        let long = self.spans().map(|(start, end)| end - start).enumerate().find(|(_, len)| *len > limits::CELL_BYTES);
        long.map_or(Ok(()), |(row, bytes)| Err(ColumnError::LongCell { row, bytes }))
    }

    /// The cells from `start` on, as a column of their own.
    pub fn slice(&self, start: usize, end: usize) -> Column {
        let rows = (end - start) as u32;
        match self.width() {
            Some(width) => Column { rows, offsets: Vec::new(), data: self.data[start * width..end * width].to_vec() },
            None => {
                let base = self.offsets[start];
                let offsets: Vec<u32> = self.offsets[start..=end].iter().map(|o| o - base).collect();
                Column { rows, offsets, data: self.data[base as usize..self.offsets[end] as usize].to_vec() }
            }
        }
    }
}

/// Builds a column cell by cell; keeps no offsets as long as all cells have one width.
#[derive(Clone, Debug, Default)]
pub struct ColumnBuilder {
    rows: u32,
    width: usize,
    offsets: Vec<u32>,
    data: Vec<u8>,
}

impl ColumnBuilder {
    /// A builder with room for `rows` cells of `bytes` bytes in all.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        ColumnBuilder { rows: 0, width: 0, offsets: Vec::with_capacity(rows + 1), data: Vec::with_capacity(bytes) }
    }

    /// The number of cells so far.
    #[inline]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The bytes of the cells so far.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Where the next cell's bytes go; [`ColumnBuilder::end_cell`] closes it.
    #[inline]
    pub fn open_cell(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Closes a cell: what was written since the last one is its content.
    #[inline]
    pub fn end_cell(&mut self) {
        let end = self.data.len();
        if self.offsets.is_empty() {
            let len = end - self.rows as usize * self.width;
            if self.rows == 0 {
                self.width = len;
            } else if len != self.width {
                self.keep_offsets();
                self.offsets.push(end as u32);
            }
        } else {
            self.offsets.push(end as u32);
        }
        self.rows += 1;
    }

    /// Drops what was written since the last closed cell.
    #[inline]
    pub fn abandon_cell(&mut self) {
        let end = match self.offsets.last() {
            Some(&end) => end as usize,
            None => self.rows as usize * self.width,
        };
        self.data.truncate(end);
    }

    #[cold]
    fn keep_offsets(&mut self) {
        let width = self.width as u32;
        self.offsets.extend((0..=self.rows).map(|i| i * width));
    }

    /// Adds a cell.
    #[inline]
    pub fn push(&mut self, cell: &[u8]) {
        self.data.extend_from_slice(cell);
        self.end_cell();
    }

    /// The column.
    pub fn finish(self) -> Column {
        Column { rows: self.rows, offsets: self.offsets, data: self.data }
    }

    /// The column so far; the builder starts anew.
    pub fn take(&mut self) -> Column {
        std::mem::take(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_one_width_need_no_offsets_until_one_differs() {
        let fixed = Column::of([b"ab".as_slice(), b"cd"]);
        assert_eq!((fixed.offsets.len(), fixed.cell(1)), (0, b"cd".as_slice()));
        let mixed = Column::of([b"ab".as_slice(), b"cd", b"", b"efg"]);
        assert_eq!(mixed.offsets, [0, 2, 4, 4, 7]);
        assert_eq!(mixed.iter().collect::<Vec<_>>(), [b"ab".as_slice(), b"cd", b"", b"efg"]);
        assert_eq!((mixed.check(), fixed.check()), (Ok(()), Ok(())));
        assert_eq!(mixed.slice(2, 4).iter().collect::<Vec<_>>(), [b"".as_slice(), b"efg"]);
    }

    #[test]
    fn an_abandoned_cell_leaves_nothing() {
        for before in [&[][..], &[b"ab".as_slice()], &[b"ab", b"c"]] {
            let mut builder = ColumnBuilder::default();
            before.iter().for_each(|cell| builder.push(cell));
            builder.open_cell().extend_from_slice(b"half");
            builder.abandon_cell();
            builder.push(b"xyz");
            let column = builder.finish();
            assert_eq!(column.rows as usize, before.len() + 1);
            assert_eq!(column.cell(before.len()), b"xyz");
        }
    }

    #[test]
    fn every_kind_of_damage_is_refused() {
        let column = |rows, offsets: &[u32], bytes| Column { rows, offsets: offsets.into(), data: vec![0; bytes] };
        let cases = [
            (column(2, &[0, 1], 1), ColumnError::OffsetCount { rows: 2, offsets: 2 }),
            (column(u32::MAX, &[0], 0), ColumnError::OffsetCount { rows: u32::MAX, offsets: 1 }),
            (column(2, &[0, 3, 2], 2), ColumnError::OffsetOrder { index: 2 }),
            (column(1, &[0, 9], 2), ColumnError::OffsetRange { from: 0, to: 9, bytes: 2 }),
            (column(1, &[1, 2], 2), ColumnError::OffsetRange { from: 1, to: 2, bytes: 2 }),
            (column(3, &[], 4), ColumnError::Width { rows: 3, bytes: 4 }),
            (column(0, &[], 4), ColumnError::Width { rows: 0, bytes: 4 }),
        ];
        for (column, error) in cases {
            assert_eq!(column.check(), Err(error));
        }
    }
}
