//! A map whose keys are Discord's ids: mixed by one multiplication instead of hashed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Snowflakes are unique and not chosen by clients to collide: ids come from Discord.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }
    fn write_u64(&mut self, id: u64) {
        let mixed = (id ^ (id >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

/// By id.
pub(crate) type IdMap<V> = HashMap<u64, V, BuildHasherDefault<IdHasher>>;

/// A number that is the same everywhere for a key and a session: the greatest wins (rendezvous).
pub(crate) fn affinity(key: u64, session: &str) -> u64 {
    let mut hasher = IdHasher(key);
    for chunk in session.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let next = hasher.0.rotate_left(23) ^ u64::from_le_bytes(word);
        hasher.write_u64(next);
    }
    hasher.finish()
}
