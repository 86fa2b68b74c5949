//! Keyed state in memory: an index of keys, and what is kept under each.
//!
//! One look-up by hash finds a key's slot; everything else about the key hangs on the slot's number, which stays the same
//! for as long as the key is there.

mod index;

pub use index::{KeyIndex, SlotId};
