//! The index of keys of one operator on one worker.
//!
//! Keys of up to 12 bytes stand in the slot itself, so that most look-ups touch two cache lines: the table's and the
//! slot's. Longer ones stand in an arena.
//!
//! Invariant: a slot's number does not change while its key is in the index.

use hashbrown::HashTable;
use wasmstream_model::batch::key_hash;

/// The number of a key's slot.
pub type SlotId = u32;

/// The longest key that stands in its slot.
const INLINE: usize = 12;

/// A key: its length, and its bytes or where they are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key(u128);

impl Key {
    /// A key that stands in its slot. Bytes after its end are zero, so equal keys are equal numbers.
    #[inline]
    fn inline(bytes: &[u8]) -> Key {
        let mut head = [0; 16];
        head[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        // Fixed-size copies: a copy of unknown length costs a call.
        match bytes.len() {
            8..=INLINE => {
                head[4..12].copy_from_slice(&bytes[..8]);
                let tail = bytes.len() - 8;
                let last: [u8; 8] = bytes[tail..].try_into().unwrap_or_default();
                let word = if tail == 0 { 0 } else { u64::from_le_bytes(last) >> (64 - 8 * tail) };
                head[12..16].copy_from_slice(&(word as u32).to_le_bytes());
            }
            4..=7 => {
                let first: [u8; 4] = bytes[..4].try_into().unwrap_or_default();
                let tail = bytes.len() - 4;
                let last: [u8; 4] = bytes[tail..].try_into().unwrap_or_default();
                let word = if tail == 0 { 0 } else { u32::from_le_bytes(last) >> (32 - 8 * tail) };
                head[4..8].copy_from_slice(&first);
                head[8..12].copy_from_slice(&word.to_le_bytes());
            }
            _ => head[4..4 + bytes.len()].copy_from_slice(bytes),
        }
        Key(u128::from_le_bytes(head))
    }

    /// A key whose bytes stand at `start` in the arena.
    fn long(bytes: &[u8], start: u64) -> Key {
        let prefix: [u8; 4] = bytes[..4].try_into().unwrap_or_default();
        let low = u64::from(bytes.len() as u32) | (u64::from(u32::from_le_bytes(prefix)) << 32);
        Key((u128::from(start) << 64) | u128::from(low))
    }

    fn len(self) -> usize {
        self.0 as u32 as usize
    }

    fn start(self) -> usize {
        (self.0 >> 64) as usize
    }
}

struct Slot<P> {
    key: Key,
    payload: P,
}

/// Keys, each with a payload.
pub struct KeyIndex<P> {
    /// The upper half of a key's hash, and its slot.
    table: HashTable<(u32, SlotId)>,
    slots: Vec<Slot<P>>,
    free: Vec<SlotId>,
    arena: Vec<u8>,
    arena_garbage: usize,
}

impl<P> Default for KeyIndex<P> {
    fn default() -> Self {
        KeyIndex {
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            arena: Vec::new(),
            arena_garbage: 0,
        }
    }
}

impl<P: Default> KeyIndex<P> {
    /// The slot of a key; a new one with an empty payload where it has none. `hash` is [`key_hash`] of the key.
    #[inline]
    pub fn slot_of(&mut self, hash: u64, key: &[u8]) -> SlotId {
        let tag = (hash >> 32) as u32;
        let found = if key.len() <= INLINE {
            let inline = Key::inline(key);
            self.table.find(hash, |(t, slot)| *t == tag && self.slots[*slot as usize].key == inline)
        } else {
            self.table.find(hash, |(t, slot)| *t == tag && self.key(*slot) == key)
        };
        match found {
            Some((_, slot)) => *slot,
            None => self.insert(hash, key),
        }
    }

    #[cold]
    #[inline(never)]
    fn insert(&mut self, hash: u64, bytes: &[u8]) -> SlotId {
        let key = if bytes.len() <= INLINE {
            Key::inline(bytes)
        } else {
            let key = Key::long(bytes, self.arena.len() as u64);
            self.arena.extend_from_slice(bytes);
            key
        };
        let slot = Slot { key, payload: P::default() };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as SlotId
            }
        };
        let (slots, arena) = (&self.slots, &self.arena);
        self.table.insert_unique(hash, ((hash >> 32) as u32, id), |(_, slot)| {
            key_hash(&key_bytes(&slots[*slot as usize].key, arena))
        });
        id
    }

    /// Removes a key.
    pub fn remove(&mut self, id: SlotId) {
        let hash = key_hash(&key_bytes(&self.slots[id as usize].key, &self.arena));
        if let Ok(entry) = self.table.find_entry(hash, |(_, slot)| *slot == id) {
            entry.remove();
            let slot = &mut self.slots[id as usize];
            slot.payload = P::default();
            self.arena_garbage += if slot.key.len() > INLINE { slot.key.len() } else { 0 };
            self.free.push(id);
            if self.arena_garbage > (1 << 20) && self.arena_garbage * 2 > self.arena.len() {
                self.compact();
            }
        }
    }

    fn compact(&mut self) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.arena_garbage);
        for (_, id) in &self.table {
            let slot = &mut self.slots[*id as usize];
            if slot.key.len() > INLINE {
                let bytes = &self.arena[slot.key.start()..slot.key.start() + slot.key.len()];
                slot.key = Key::long(bytes, arena.len() as u64);
                arena.extend_from_slice(bytes);
            }
        }
        self.arena = arena;
        self.arena_garbage = 0;
    }
}

impl<P> KeyIndex<P> {
    /// The number of keys.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// What is kept under a key.
    #[inline]
    pub fn payload(&self, id: SlotId) -> &P {
        &self.slots[id as usize].payload
    }

    /// What is kept under a key, to change.
    #[inline]
    pub fn payload_mut(&mut self, id: SlotId) -> &mut P {
        &mut self.slots[id as usize].payload
    }

    /// The bytes of a long key, or a view of a short one; see [`KeyIndex::with_key`] for either.
    fn key(&self, id: SlotId) -> &[u8] {
        let key = self.slots[id as usize].key;
        if key.len() > INLINE { &self.arena[key.start()..key.start() + key.len()] } else { &[] }
    }

    /// Appends a key's bytes.
    #[inline]
    pub fn append_key(&self, id: SlotId, out: &mut Vec<u8>) {
        out.extend_from_slice(&key_bytes(&self.slots[id as usize].key, &self.arena));
    }

    /// The keys' order by bytes.
    pub fn compare(&self, a: SlotId, b: SlotId) -> std::cmp::Ordering {
        let bytes = |id: SlotId| key_bytes(&self.slots[id as usize].key, &self.arena);
        bytes(a).as_ref().cmp(bytes(b).as_ref())
    }

    /// The first 8 bytes of a key as a number whose order is that of the bytes, as far as it goes.
    #[inline]
    pub fn prefix(&self, id: SlotId) -> u64 {
        let key = self.slots[id as usize].key;
        let head = if key.len() > INLINE {
            let mut head = [0; 8];
            head.copy_from_slice(&self.arena[key.start()..key.start() + 8]);
            head
        } else {
            ((key.0 >> 32) as u64).to_le_bytes()
        };
        u64::from_be_bytes(head)
    }

    /// The bytes that the index takes, about.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<P>>()
            + self.table.capacity() * size_of::<(u32, SlotId)>()
            + self.arena.capacity()
    }
}

/// A key's bytes, wherever they stand.
struct KeyBytes<'a> {
    inline: [u8; 16],
    len: usize,
    long: Option<&'a [u8]>,
}

impl std::ops::Deref for KeyBytes<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        self.long.unwrap_or(&self.inline[4..4 + self.len])
    }
}

impl AsRef<[u8]> for KeyBytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[inline]
fn key_bytes<'a>(key: &Key, arena: &'a [u8]) -> KeyBytes<'a> {
    let len = key.len();
    let long = (len > INLINE).then(|| &arena[key.start()..key.start() + len]);
    KeyBytes { inline: key.0.to_le_bytes(), len: len.min(INLINE), long }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Drives the index and a plain map with the same random steps.
    #[test]
    fn the_index_is_a_map() {
        let mut index = KeyIndex::<u64>::default();
        let mut model: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut ids: BTreeMap<Vec<u8>, SlotId> = BTreeMap::new();
        let mut seed = 7_u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for step in 0..200_000 {
            let len = next(24) as usize;
            let key: Vec<u8> = (0..len).map(|_| b'a' + next(3) as u8 * u8::from(len > 2)).collect();
            if next(4) == 0 {
                if let Some(id) = ids.remove(&key) {
                    index.remove(id);
                    model.remove(&key);
                }
            } else {
                let id = index.slot_of(key_hash(&key), &key);
                assert!(ids.insert(key.clone(), id).is_none_or(|before| before == id), "slots stay");
                *index.payload_mut(id) += step;
                *model.entry(key).or_default() += step;
            }
        }
        assert_eq!(index.len(), model.len());
        let mut sorted: Vec<SlotId> = ids.values().copied().collect();
        sorted.sort_by(|a, b| index.prefix(*a).cmp(&index.prefix(*b)).then_with(|| index.compare(*a, *b)));
        for (id, (key, value)) in sorted.iter().zip(&model) {
            let mut bytes = Vec::new();
            index.append_key(*id, &mut bytes);
            assert_eq!((&bytes, index.payload(*id)), (key, value));
        }
    }
}
