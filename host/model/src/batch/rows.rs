//! Rows: a key column beside a value column.
//!
//! Invariant: pairs travel as key and value, everything else as values alone; an edge always has one of these layouts.

use super::column::{Column, ColumnBuilder, ColumnError};

/// Rows of one edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The first halves of pairs.
    pub keys: Option<Column>,
    /// The second halves of pairs, or whole rows; none where only the keys matter.
    pub values: Option<Column>,
    /// Event times, one a row, where the edge has them.
    pub times: Option<Vec<i64>>,
}

impl Rows {
    /// Rows without keys.
    pub fn of_values(values: Column) -> Rows {
        Rows { values: Some(values), ..Rows::default() }
    }

    /// The number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        let column = self.keys.as_ref().or(self.values.as_ref());
        column.map_or(0, |column| column.rows as usize)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that the columns hold.
    pub fn bytes(&self) -> usize {
        let columns = self.keys.iter().chain(&self.values).map(Column::bytes).sum::<usize>();
        columns + self.times.as_ref().map_or(0, |times| 8 * times.len())
    }

    /// The key cell of row `i`; empty where the rows have no keys.
    #[inline]
    pub fn key(&self, i: usize) -> &[u8] {
        self.keys.as_ref().map_or(&[], |column| column.cell(i))
    }

    /// The value cell of row `i`; empty where the rows have no values.
    #[inline]
    pub fn value(&self, i: usize) -> &[u8] {
        self.values.as_ref().map_or(&[], |column| column.cell(i))
    }

    /// Checks each column and that they are equally long.
    pub fn check(&self) -> Result<(), ColumnError> {
        self.keys.iter().chain(&self.values).try_for_each(Column::check)?;
        if let (Some(keys), Some(values)) = (&self.keys, &self.values)
            && keys.rows != values.rows
        {
            return Err(ColumnError::Uneven { keys: keys.rows, values: values.rows });
        }
        match &self.times {
            Some(times) if times.len() != self.len() => {
                Err(ColumnError::Uneven { keys: self.len() as u32, values: times.len() as u32 })
            }
            _ => Ok(()),
        }
    }

    /// Where a run of rows from `start` on ends that has at most `bytes` bytes; it has at least one row.
    pub fn end_within(&self, start: usize, bytes: usize) -> usize {
        let columns = || self.keys.iter().chain(&self.values);
        if columns().map(|column| column.bytes()).sum::<usize>() <= bytes {
            return self.len();
        }
        let mut taken = 0;
        let fits = (start..self.len()).take_while(|row| {
            taken += columns().map(|column| column.cell(*row).len() + 4).sum::<usize>();
            taken <= bytes
        });
        (start + fits.count()).max(start + 1).min(self.len())
    }

    /// The rows from `start` to `end`.
    pub fn slice(&self, start: usize, end: usize) -> Rows {
        Rows {
            keys: self.keys.as_ref().map(|column| column.slice(start, end)),
            values: self.values.as_ref().map(|column| column.slice(start, end)),
            times: self.times.as_ref().map(|times| times[start..end].to_vec()),
        }
    }
}

/// Builds rows one by one.
#[derive(Clone, Debug, Default)]
pub struct RowsBuilder {
    /// The key column, used or not as the edge's layout says.
    pub keys: ColumnBuilder,
    /// The value column.
    pub values: ColumnBuilder,
}

impl RowsBuilder {
    /// Adds a row.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        self.keys.push(key);
        self.values.push(value);
    }

    /// The bytes so far.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.keys.bytes() + self.values.bytes()
    }
}
