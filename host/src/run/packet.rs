//! Packets: rows on their way between operators, with their place in the batch.
//!
//! Rows are shared, never copied: where they are split between workers, each gets the same rows and a list of those that
//! are its own.
//!
//! Invariant: the packets of one edge and batch, sorted by [`Packet::order`], are the same for any number of workers.

use std::sync::Arc;

use wasmstream_model::batch::{Column, ColumnBuilder, Rows};

/// The most rows in a block of [`Packet::each_block`].
pub const BLOCK: usize = 32;

/// Where a row's key stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeySpan {
    /// The row's place in [`Packet::rows`].
    pub row: u32,
    /// Where the key starts in the key column's data.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// Rows of one edge and batch.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// The edge on which the rows came into the stage that made them; 0 where a keyed operator did.
    pub via: u32,
    /// The chunk or part that the rows come from.
    pub chunk: u32,
    /// Which packet of that chunk or part this is.
    pub sub: u64,
    /// The rows, of which this packet may have but some.
    pub rows: Arc<Rows>,
    /// Which rows, ascending; none for all.
    pub selected: Option<Arc<[u32]>>,
    /// The header record, for CSV.
    pub header: Option<Arc<[u8]>>,
}

impl Packet {
    /// What sorts the packets of one edge.
    pub fn order(&self) -> (u32, u32, u64) {
        (self.via, self.chunk, self.sub)
    }

    /// The number of rows that this packet has.
    pub fn len(&self) -> usize {
        self.selected.as_ref().map_or_else(|| self.rows.len(), |selected| selected.len())
    }

    /// Whether this packet has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` for blocks of at most [`BLOCK`] rows, in order.
    #[inline]
    pub fn each_block<E>(&self, mut f: impl FnMut(&[KeySpan]) -> Result<(), E>) -> Result<(), E> {
        let Some(keys) = &self.rows.keys else { return Ok(()) };
        let offsets = keys.offsets.as_slice();
        let width = keys.width().unwrap_or(0) as u32;
        let span = |row: u32| match offsets.get(row as usize..row as usize + 2) {
            Some(&[start, end]) => KeySpan { row, start, end },
            _ => KeySpan { row, start: row * width, end: (row + 1) * width },
        };
        let mut block = [KeySpan::default(); BLOCK];
        let mut from = 0;
        while from < self.len() {
            let to = (from + BLOCK).min(self.len());
            let block = &mut block[..to - from];
            match &self.selected {
                None => block.iter_mut().zip(from as u32..).for_each(|(place, row)| *place = span(row)),
                Some(selected) => {
                    block.iter_mut().zip(&selected[from..to]).for_each(|(place, row)| *place = span(*row))
                }
            }
            f(block)?;
            from = to;
        }
        Ok(())
    }

    /// The values of the packet's rows: moved where the packet has all rows to itself, else copied.
    pub fn into_values(self) -> Option<Column> {
        match (self.selected, Arc::try_unwrap(self.rows)) {
            (None, Ok(rows)) => rows.values,
            (None, Err(shared)) => shared.values.clone(),
            (Some(selected), Ok(rows)) => rows.values.map(|values| pick(&values, &selected)),
            (Some(selected), Err(shared)) => shared.values.as_ref().map(|values| pick(values, &selected)),
        }
    }

    /// The packet's rows alone, copied where they are but some.
    pub fn own_rows(&self) -> Arc<Rows> {
        let Some(selected) = &self.selected else { return Arc::clone(&self.rows) };
        let own = |column: &Column| pick(column, selected);
        let (keys, values) = (self.rows.keys.as_ref().map(own), self.rows.values.as_ref().map(own));
        Arc::new(Rows { keys, values, times: None })
    }
}

/// The selected cells of a column.
fn pick(column: &Column, selected: &[u32]) -> Column {
    let rows = selected.len() as u32;
    match column.width() {
        Some(1) => {
            let data = selected.iter().map(|row| column.data[*row as usize]).collect();
            Column { rows, offsets: Vec::new(), data }
        }
        Some(8) => {
            let (cells, _) = column.data.as_chunks::<8>();
            let data = selected.iter().flat_map(|row| cells[*row as usize]).collect();
            Column { rows, offsets: Vec::new(), data }
        }
        _ => {
            let mut picked = ColumnBuilder::default();
            selected.iter().for_each(|row| picked.push(column.cell(*row as usize)));
            picked.finish()
        }
    }
}
