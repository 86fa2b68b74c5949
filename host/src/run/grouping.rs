//! Grouping: the rows of a batch by key. Rows are looked up as they arrive; when the batch is complete, the values of each
//! key are put side by side.
//!
//! Invariant: the values of a key stand in the order of their packets and rows.

use wasmstream_model::batch::{Column, ColumnBuilder, Rows};
use wasmstream_model::semantics::call::Grouped;

/// A packet whose rows have been looked up; its keys are gone.
pub(super) struct Arrived {
    pub(super) input: usize,
    pub(super) order: (u32, u32, u64),
    /// Per row, the key's place among the touched ones.
    pub(super) locals: Vec<u32>,
    pub(super) values: Option<Column>,
}

impl Arrived {
    pub(super) fn bytes(&self) -> usize {
        4 * self.locals.len() + self.values.as_ref().map_or(0, Column::bytes)
    }
}

/// The values of one input, grouped: those of the key at place `i` are rows `starts[i]..starts[i + 1]`.
pub(super) struct Values {
    pub(super) edge: u32,
    pub(super) starts: Vec<u32>,
    pub(super) column: Column,
}

impl Values {
    /// The values of keys `from..to`.
    pub(super) fn window(&self, from: usize, to: usize) -> Grouped {
        let (first, last) = (self.starts[from], self.starts[to]);
        let starts = self.starts[from..=to].iter().map(|start| start - first).collect();
        Grouped { edge: self.edge, starts, rows: Rows::of_values(self.column.slice(first as usize, last as usize)) }
    }

    pub(super) fn count(&self, key: usize) -> usize {
        (self.starts[key + 1] - self.starts[key]) as usize
    }

    /// The bytes of a key's values, about.
    pub(super) fn bytes(&self, key: usize) -> usize {
        let (from, to) = (self.starts[key] as usize, self.starts[key + 1] as usize);
        match self.column.width() {
            Some(width) => (to - from) * width,
            None => (self.column.offsets[to] - self.column.offsets[from]) as usize + 4 * (to - from),
        }
    }
}

/// Groups the values of one input.
pub(super) fn group_input(edge: u32, packets: &[&Arrived], place_of: &[u32]) -> Values {
    let keys = place_of.len();
    let mut starts = vec![0_u32; keys + 1];
    for local in packets.iter().flat_map(|packet| &packet.locals) {
        starts[place_of[*local as usize] as usize + 1] += 1;
    }
    for i in 0..keys {
        starts[i + 1] += starts[i];
    }
    let rows = starts[keys];
    let mut next = starts.clone();
    let widths = packets.iter().map(|packet| packet.values.as_ref().map_or(Some(0), Column::width));
    let width = widths.reduce(|a, b| if a == b { a } else { None }).flatten();
    let Some(width) = width else {
        return Values { edge, column: gather(packets, place_of, next, rows), starts };
    };
    let mut data = vec![0; rows as usize * width];
    for packet in packets {
        let Some(values) = &packet.values else { continue };
        let places = packet.locals.iter().map(|local| {
            let place = &mut next[place_of[*local as usize] as usize];
            *place += 1;
            *place as usize - 1
        });
        match width {
            0 => {}
            1 => places.zip(&values.data).for_each(|(place, byte)| data[place] = *byte),
            8 => {
                let (from, _) = values.data.as_chunks::<8>();
                let (to, _) = data.as_chunks_mut::<8>();
                places.zip(from).for_each(|(place, cell)| to[place] = *cell);
            }
            width => {
                let cells = values.data.chunks_exact(width);
                places.zip(cells).for_each(|(place, cell)| {
                    data[place * width..(place + 1) * width].copy_from_slice(cell);
                });
            }
        }
    }
    Values { edge, starts, column: Column { rows, offsets: Vec::new(), data } }
}

/// Collects cells of different widths: first where each belongs, then the cells in that order.
fn gather(packets: &[&Arrived], place_of: &[u32], mut next: Vec<u32>, rows: u32) -> Column {
    let mut from = vec![(0_u32, 0_u32); rows as usize];
    for (number, packet) in (0..).zip(packets) {
        for (row, local) in (0..).zip(&packet.locals) {
            let place = &mut next[place_of[*local as usize] as usize];
            from[*place as usize] = (number, row);
            *place += 1;
        }
    }
    let bytes = packets.iter().filter_map(|packet| packet.values.as_ref()).map(|values| values.data.len()).sum();
    let mut column = ColumnBuilder::with_capacity(rows as usize, bytes);
    for (packet, row) in from {
        let values = &packets[packet as usize].values;
        column.push(values.as_ref().map_or(&[], |values| values.cell(row as usize)));
    }
    column.finish()
}
