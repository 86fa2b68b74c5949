//! Packets: rows on their way between operators, with their place in the batch.
//!
//! Rows are shared, never copied: where they are split between workers, each gets the same rows and a list of those that
//! are its own.
//!
//! Invariant: the packets of one edge and batch, sorted by [`Packet::order`], are the same for any number of workers.

use std::sync::Arc;

use wasmstream_model::batch::{Column, ColumnBuilder, Rows};

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

    /// Calls `f` for each row with its place in [`Packet::rows`] and with where its key stands in the key column's data, in
    /// order.
    #[inline(always)]
    pub fn each_key<E>(&self, mut f: impl FnMut(usize, usize, usize) -> Result<(), E>) -> Result<(), E> {
        let Some(keys) = &self.rows.keys else { return Ok(()) };
        let offsets = keys.offsets.as_slice();
        match (&self.selected, keys.width()) {
            (None, None) => {
                let mut ends = offsets.windows(2).enumerate();
                ends.try_for_each(|(row, ends)| f(row, ends[0] as usize, ends[1] as usize))
            }
            (None, Some(width)) => (0..keys.rows as usize).try_for_each(|row| f(row, row * width, (row + 1) * width)),
            (Some(selected), None) => selected.iter().try_for_each(|row| {
                let row = *row as usize;
                f(row, offsets[row] as usize, offsets[row + 1] as usize)
            }),
            (Some(selected), Some(width)) => selected.iter().try_for_each(|row| {
                let row = *row as usize;
                f(row, row * width, (row + 1) * width)
            }),
        }
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
