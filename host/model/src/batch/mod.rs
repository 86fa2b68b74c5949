//! Rows in columns, and where a row goes by its key.

mod column;
mod key;
mod rows;

pub use column::{Column, ColumnBuilder, ColumnError};
pub use key::{Partitioning, key_group, key_hash};
pub use rows::{Rows, RowsBuilder};
