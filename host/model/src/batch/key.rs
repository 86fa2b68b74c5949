//! Key groups: the fixed buckets in which keyed state is kept and moved.
//!
//! Invariant: a key's group depends on the key's bytes and the number of groups alone, for ever: the hash is part of
//! the format of checkpoints.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The hash of an encoded key.
#[inline]
pub fn key_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The key group of a hash: `(hash >> 32) * groups >> 32`.
#[inline]
pub fn key_group(hash: u64, groups: u32) -> u32 {
    (((hash >> 32) * u64::from(groups)) >> 32) as u32
}

/// How a job's keys are spread: into key groups, and runs of key groups into parts.
///
/// A part is what one call updates and one piece of output holds. Parts are fixed for a job and not made for a number
/// of workers, so the same calls happen with 1 worker and with 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitioning {
    /// The number of key groups.
    pub groups: u32,
    /// The number of parts; at most the number of groups.
    pub parts: u32,
}

impl Default for Partitioning {
    fn default() -> Self {
        Partitioning { groups: 256, parts: 32 }
    }
}

impl Partitioning {
    /// The key group of a hash.
    #[inline]
    pub fn group(self, hash: u64) -> u32 {
        key_group(hash, self.groups)
    }

    /// The part that a key group belongs to.
    #[inline]
    pub fn part(self, group: u32) -> u32 {
        group * self.parts / self.groups
    }

    /// The worker, of `workers`, that owns a part.
    #[inline]
    pub fn owner(self, part: u32, workers: usize) -> usize {
        part as usize * workers / self.parts as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These values are stored in checkpoints: a change of any of them loses state.
    #[test]
    fn hash_and_groups_are_what_they_always_were() {
        assert_eq!(key_hash(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(key_hash(b"word"), 0xe3ce_369c_f66c_5c55);
        assert_eq!(key_group(0, 256), 0);
        assert_eq!(key_group(u64::MAX, 256), 255);
        assert_eq!(key_group(0x8000_0000_0000_0000, 256), 128);
    }

    #[test]
    fn parts_are_runs_of_groups_and_workers_own_runs_of_parts() {
        let p = Partitioning { groups: 256, parts: 64 };
        let parts: Vec<u32> = (0..256).map(|group| p.part(group)).collect();
        assert!(parts.is_sorted() && parts[0] == 0 && parts[255] == 63);
        for workers in [1, 2, 3, 7, 64, 100] {
            let owners: Vec<usize> = (0..64).map(|part| p.owner(part, workers)).collect();
            assert!(owners.is_sorted() && owners.iter().all(|owner| *owner < workers));
        }
    }
}
