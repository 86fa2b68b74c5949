//! Packets: rows on their way between operators, with their place in the batch.
//!
//! Invariant: the packets of one edge and batch, sorted by [`Packet::order`], are the same for any number of workers.

use std::sync::Arc;

use wasmstream_model::batch::Rows;

/// Rows of one edge and batch.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// The edge on which the rows came into the stage that made them; 0 where a keyed operator did.
    pub via: u32,
    /// The chunk or part that the rows come from.
    pub chunk: u32,
    /// Which packet of that chunk or part this is.
    pub sub: u64,
    /// The rows.
    pub rows: Rows,
    /// The header record, for CSV.
    pub header: Option<Arc<[u8]>>,
}

impl Packet {
    /// What sorts the packets of one edge.
    pub fn order(&self) -> (u32, u32, u64) {
        (self.via, self.chunk, self.sub)
    }
}
