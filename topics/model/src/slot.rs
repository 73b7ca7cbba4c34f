//! Which partition a key belongs to. Partitions are always set explicitly, never by a client
//! library's hash, so every process and every language agrees.

/// Partitions of `gateway.events`, `discord.state` and `rest.actions`: divisible by 2, 3, 4, 6, 8,
/// 12, 16 and 24. Fixed when the log is created.
pub const SLOTS: i32 = 48;

/// The slot of a snowflake: `(id >> 22) % SLOTS`. A connection with shard `[i, n]`, n dividing
/// [`SLOTS`], reads only the slots congruent to i modulo n.
#[must_use]
pub fn slot(id: impl Into<u64>) -> i32 {
    i32::try_from((id.into() >> 22) % u64::from(SLOTS.cast_unsigned())).expect("below SLOTS")
}

/// The partition, of `partitions`, of a key that is no snowflake: XXH3-64 (seed 0) modulo the count.
#[must_use]
pub fn key_partition(key: &str, partitions: i32) -> i32 {
    let hash = xxhash_rust::xxh3::xxh3_64(key.as_bytes());
    i32::try_from(hash % u64::from(partitions.cast_unsigned().max(1))).expect("below partitions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_discords_shard_formula() {
        for id in [0_u64, 1 << 22, 47 << 22, 48 << 22, 175_928_847_299_117_063] {
            for n in [1_u64, 2, 3, 4, 6, 8, 12, 16, 24, 48] {
                assert_eq!(u64::try_from(slot(id)).expect("positive") % n, (id >> 22) % n);
            }
        }
    }

    /// Test vectors for other languages: XXH3-64, seed 0, modulo the partition count.
    #[test]
    fn key_partitions_are_these() {
        assert_eq!(xxhash_rust::xxh3::xxh3_64(b""), 0x2d06_8005_38d3_94c2);
        let partitions = ["", "demo", "GET /users/{id}", "music"].map(|key| key_partition(key, 16));
        assert_eq!(partitions, [2, 0, 6, 10]);
    }
}
