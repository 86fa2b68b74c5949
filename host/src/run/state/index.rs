//! The index of keys of one operator on one worker.
//!
//! A table of 8-byte entries (half a hash, and a slot's number), probed one after another, leads to slots. Keys of up to
//! 12 bytes stand in the slot itself, as two numbers that are made and compared without a branch; longer ones stand in an
//! arena. So a look-up touches two cache lines, and look-ups of different rows overlap in the processor.
//!
//! The table's hash is of no consequence for results and has a random seed, so that nobody can choose keys that collide.
//!
//! Invariant: a slot's number does not change while its key is in the index.

use std::hash::{BuildHasher, RandomState};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::run::packet::{BLOCK, KeySpan};

/// The number of a key's slot.
pub type SlotId = u32;

/// The longest key that stands in its slot.
const INLINE: usize = 12;
/// The table's size at the start.
const LEAST_TABLE: usize = 16;

/// A key: its length in the lower half of the first number; above it the first 4 bytes. The second number holds the next
/// 8 bytes, zero beyond the key's end, or where the key stands in the arena.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key([u64; 2]);

impl Key {
    /// The key `data[start..end]`, at most [`INLINE`] bytes.
    #[inline]
    fn inline(data: &[u8], start: usize, end: usize) -> Key {
        let len = end - start;
        let word = match data.get(start..start + 16) {
            Some(bytes) => u128::from_le_bytes(bytes.try_into().unwrap_or_default()),
            None => {
                let mut bytes = [0; 16];
                bytes[..len].copy_from_slice(&data[start..end]);
                u128::from_le_bytes(bytes)
            }
        };
        let own = word & ((1_u128 << (8 * len)) - 1);
        let key = (own << 32) | len as u128;
        Key([key as u64, (key >> 64) as u64])
    }

    /// A key whose bytes stand at `start` in the arena.
    fn long(bytes: &[u8], start: u64) -> Key {
        let prefix: [u8; 4] = bytes[..4].try_into().unwrap_or_default();
        Key([bytes.len() as u64 | (u64::from(u32::from_le_bytes(prefix)) << 32), start])
    }

    fn len(self) -> usize {
        self.0[0] as u32 as usize
    }

    fn is_long(self) -> bool {
        self.len() > INLINE
    }

    fn in_arena(self) -> std::ops::Range<usize> {
        let start = self.0[1] as usize;
        start..start + self.len()
    }
}

struct Slot<P> {
    key: Key,
    payload: P,
}

/// Keys, each with a payload.
pub struct KeyIndex<P> {
    /// Zero for an empty place; else half of the key's hash above the slot's number plus one.
    table: Vec<u64>,
    seeds: [u64; 2],
    keys: usize,
    slots: Vec<Slot<P>>,
    free: Vec<SlotId>,
    arena: Vec<u8>,
    arena_garbage: usize,
}

impl<P> Default for KeyIndex<P> {
    fn default() -> Self {
        let random = RandomState::new();
        KeyIndex {
            table: vec![0; LEAST_TABLE],
            seeds: [random.hash_one(0), random.hash_one(1)],
            keys: 0,
            slots: Vec::new(),
            free: Vec::new(),
            arena: Vec::new(),
            arena_garbage: 0,
        }
    }
}

/// Asks for a cache line ahead of its use.
#[inline]
fn prefetch<T>(line: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing; the address is a valid one all the same.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

const SLOT_BITS: u64 = 0xffff_ffff;

fn slot_in(entry: u64) -> usize {
    (entry & SLOT_BITS) as usize - 1
}

impl<P: Default> KeyIndex<P> {
    /// The slots of a block of keys in `data`; new ones with an empty payload where they have none. The table and the slots
    /// are asked for ahead, so that the block waits for memory once and not for each key.
    #[inline]
    pub fn slots_of(&mut self, data: &[u8], block: &[KeySpan], slots: &mut [SlotId; BLOCK]) {
        let mask = self.table.len() - 1;
        // A long key looks like none that stands in a slot, and is looked up by itself.
        let mut keys = [(Key([u64::MAX; 2]), 0); BLOCK];
        for ((key, hash), span) in keys.iter_mut().zip(block) {
            let (start, end) = (span.start as usize, span.end as usize);
            if end - start <= INLINE {
                *key = Key::inline(data, start, end);
                *hash = self.hash_inline(*key);
                prefetch(&self.table[*hash as usize & mask]);
            }
        }
        for ((_, hash), slot) in keys.iter().zip(slots.iter_mut()) {
            *slot = self.candidate(*hash);
            if let Some(line) = self.slots.get(*slot as usize) {
                prefetch(line);
            }
        }
        for (((key, _), slot), span) in keys.iter().zip(slots.iter_mut()).zip(block) {
            if self.slots.get(*slot as usize).is_none_or(|found| found.key != *key) {
                *slot = self.slot_of(data, span.start as usize, span.end as usize);
            }
        }
    }

    /// The first slot whose key may have this hash; [`SlotId::MAX`] where there is none.
    #[inline]
    fn candidate(&self, hash: u64) -> SlotId {
        let mask = self.table.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let entry = self.table[place];
            if entry == 0 {
                return SlotId::MAX;
            }
            if (entry ^ hash) >> 32 == 0 {
                return slot_in(entry) as SlotId;
            }
            place = (place + 1) & mask;
        }
    }

    /// The slot of the key `data[start..end]`; a new one with an empty payload where it has none.
    #[inline]
    pub fn slot_of(&mut self, data: &[u8], start: usize, end: usize) -> SlotId {
        if end - start > INLINE {
            return self.slot_of_long(&data[start..end]);
        }
        let key = Key::inline(data, start, end);
        let hash = self.hash_inline(key);
        match self.find(hash, |slot| slot.key == key) {
            Some(slot) => slot,
            None => self.insert(hash, key),
        }
    }

    #[inline(never)]
    fn slot_of_long(&mut self, bytes: &[u8]) -> SlotId {
        let hash = self.hash_long(bytes);
        let found = self.find(hash, |slot| slot.key.is_long() && self.arena[slot.key.in_arena()] == *bytes);
        found.unwrap_or_else(|| {
            let key = Key::long(bytes, self.arena.len() as u64);
            self.arena.extend_from_slice(bytes);
            self.insert(hash, key)
        })
    }

    #[inline]
    fn find(&self, hash: u64, is_key: impl Fn(&Slot<P>) -> bool) -> Option<SlotId> {
        let mask = self.table.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let entry = self.table[place];
            if entry == 0 {
                return None;
            }
            if (entry ^ hash) >> 32 == 0 && is_key(&self.slots[slot_in(entry)]) {
                return Some(slot_in(entry) as SlotId);
            }
            place = (place + 1) & mask;
        }
    }

    #[cold]
    #[inline(never)]
    fn insert(&mut self, hash: u64, key: Key) -> SlotId {
        if (self.keys + 1) * 2 > self.table.len() {
            self.grow();
        }
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
        put(&mut self.table, hash, id);
        self.keys += 1;
        id
    }

    fn grow(&mut self) {
        let mut table = vec![0; self.table.len() * 2];
        for entry in self.table.iter().filter(|entry| **entry != 0) {
            let slot = slot_in(*entry);
            put(&mut table, self.hash(self.slots[slot].key), slot as SlotId);
        }
        self.table = table;
    }

    /// Removes a key; nothing where it was removed before.
    pub fn remove(&mut self, id: SlotId) {
        let key = self.slots[id as usize].key;
        let mask = self.table.len() - 1;
        let mut place = self.hash(key) as usize & mask;
        while self.table[place] & SLOT_BITS != u64::from(id) + 1 {
            if self.table[place] == 0 {
                return;
            }
            place = (place + 1) & mask;
        }
        self.close_gap(place);
        self.keys -= 1;
        self.slots[id as usize].payload = P::default();
        self.free.push(id);
        self.arena_garbage += if key.is_long() { key.len() } else { 0 };
        if self.arena_garbage > (1 << 20) && self.arena_garbage * 2 > self.arena.len() {
            self.compact();
        }
    }

    /// Moves the entries behind an empty place up, so that probing never meets a gap.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.table.len() - 1;
        let mut place = gap;
        loop {
            place = (place + 1) & mask;
            let entry = self.table[place];
            if entry == 0 {
                break;
            }
            let home = self.hash(self.slots[slot_in(entry)].key) as usize & mask;
            if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(gap) & mask) {
                self.table[gap] = entry;
                gap = place;
            }
        }
        self.table[gap] = 0;
    }

    fn compact(&mut self) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.arena_garbage);
        for entry in self.table.iter().filter(|entry| **entry != 0) {
            let slot = &mut self.slots[slot_in(*entry)];
            if slot.key.is_long() {
                let bytes = &self.arena[slot.key.in_arena()];
                slot.key = Key::long(bytes, arena.len() as u64);
                arena.extend_from_slice(bytes);
            }
        }
        self.arena = arena;
        self.arena_garbage = 0;
    }
}

/// Enters a slot into a table that has room.
fn put(table: &mut [u64], hash: u64, id: SlotId) {
    let mask = table.len() - 1;
    let mut place = hash as usize & mask;
    while table[place] != 0 {
        place = (place + 1) & mask;
    }
    table[place] = (hash & !SLOT_BITS) | (u64::from(id) + 1);
}

impl<P> KeyIndex<P> {
    #[inline]
    fn hash_inline(&self, key: Key) -> u64 {
        let product = u128::from(key.0[0] ^ self.seeds[0]) * u128::from(key.0[1] ^ self.seeds[1]);
        (product as u64) ^ (product >> 64) as u64
    }

    fn hash_long(&self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.seeds[0])
    }

    fn hash(&self, key: Key) -> u64 {
        if key.is_long() { self.hash_long(&self.arena[key.in_arena()]) } else { self.hash_inline(key) }
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

    /// Calls `f` with a key's bytes.
    #[inline]
    pub fn with_key<R>(&self, id: SlotId, f: impl FnOnce(&[u8]) -> R) -> R {
        let key = self.slots[id as usize].key;
        if key.is_long() {
            return f(&self.arena[key.in_arena()]);
        }
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&((key.0[0] >> 32) as u32).to_le_bytes());
        bytes[4..].copy_from_slice(&key.0[1].to_le_bytes());
        f(&bytes[..key.len()])
    }

    /// Appends a key's bytes.
    #[inline]
    pub fn append_key(&self, id: SlotId, out: &mut Vec<u8>) {
        self.with_key(id, |key| out.extend_from_slice(key));
    }

    /// The keys' order by bytes.
    pub fn compare(&self, a: SlotId, b: SlotId) -> std::cmp::Ordering {
        self.with_key(a, |a| self.with_key(b, |b| a.cmp(b)))
    }

    /// The first 8 bytes of a key as a number whose order is that of the bytes, as far as it goes.
    #[inline]
    pub fn prefix(&self, id: SlotId) -> u64 {
        let key = self.slots[id as usize].key;
        // The first 4 bytes stand beside the length, for long keys too.
        let first = u64::from(((key.0[0] >> 32) as u32).swap_bytes()) << 32;
        let next = if key.is_long() {
            let start = key.in_arena().start + 4;
            u32::from_be_bytes(self.arena[start..start + 4].try_into().unwrap_or_default())
        } else {
            (key.0[1] as u32).swap_bytes()
        };
        first | u64::from(next)
    }
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
                let id = index.slot_of(&key, 0, key.len());
                assert!(ids.insert(key.clone(), id).is_none_or(|before| before == id), "slots stay");
                *index.payload_mut(id) += step;
                *model.entry(key).or_default() += step;
            }
        }
        assert_eq!(index.keys, model.len());
        let mut sorted: Vec<SlotId> = ids.values().copied().collect();
        sorted.sort_by(|a, b| index.prefix(*a).cmp(&index.prefix(*b)).then_with(|| index.compare(*a, *b)));
        for (id, (key, value)) in sorted.iter().zip(&model) {
            let mut bytes = Vec::new();
            index.append_key(*id, &mut bytes);
            assert_eq!((&bytes, index.payload(*id)), (key, value));
        }
    }
}
