//! Places in the log, packed for the ledger: zigzag varints of differences. Pure.

use miso_model::SLOTS;

/// Packs (partition, offset) pairs in order: the partition, then the offset minus the one before of
/// the same partition (the first: minus 0).
#[derive(Debug)]
pub(crate) struct Packer {
    last: [i64; SLOTS as usize],
    bytes: Vec<u8>,
}

impl Packer {
    pub(crate) fn new() -> Self {
        Self { last: [0; SLOTS as usize], bytes: Vec::new() }
    }

    pub(crate) fn push(&mut self, partition: i32, offset: i64) {
        put(&mut self.bytes, i64::from(partition));
        let index = usize::try_from(partition).unwrap_or(0) % self.last.len();
        put(&mut self.bytes, offset.wrapping_sub(self.last[index]));
        self.last[index] = offset;
    }

    /// What was packed; the packer begins anew.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.last = [0; SLOTS as usize];
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// The pairs that [`Packer`] packed. `None` when the bytes are not its own.
pub(crate) fn unpack(mut bytes: &[u8]) -> Option<Vec<(i32, i64)>> {
    let mut last = [0_i64; SLOTS as usize];
    let mut pairs = Vec::new();
    while !bytes.is_empty() {
        let partition = i32::try_from(get(&mut bytes)?).ok()?;
        let before = last.get_mut(usize::try_from(partition).ok()?)?;
        *before = before.wrapping_add(get(&mut bytes)?);
        pairs.push((partition, *before));
    }
    Some(pairs)
}

/// Ascending offsets, each minus the one before.
pub(crate) fn pack_offsets(offsets: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut last = 0;
    for offset in offsets {
        put(&mut bytes, offset.wrapping_sub(last));
        last = offset;
    }
    bytes
}

/// The offsets that [`pack_offsets`] packed.
pub(crate) fn unpack_offsets(mut bytes: &[u8]) -> Option<Vec<i64>> {
    let mut last = 0_i64;
    let mut offsets = Vec::new();
    while !bytes.is_empty() {
        last = last.wrapping_add(get(&mut bytes)?);
        offsets.push(last);
    }
    Some(offsets)
}

fn put(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while zigzag >= 0x80 {
        out.push((zigzag & 0x7f) as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn get(bytes: &mut &[u8]) -> Option<i64> {
    let mut zigzag = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        zigzag |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_comes_out(pairs in proptest::collection::vec((0..SLOTS, any::<i64>()), 0..100)) {
            let mut packer = Packer::new();
            for &(partition, offset) in &pairs {
                packer.push(partition, offset);
            }
            prop_assert_eq!(unpack(&packer.take()), Some(pairs));
        }

        #[test]
        fn foreign_bytes_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = unpack(&bytes);
            let _ = unpack_offsets(&bytes);
        }
    }

    #[test]
    fn neighbours_take_two_bytes_each() {
        let mut packer = Packer::new();
        for offset in 1_000_000..1_001_000 {
            packer.push(7, offset);
        }
        assert!(packer.take().len() < 2_010);
        assert_eq!(unpack_offsets(&pack_offsets([3, 9, 10].into_iter())), Some(vec![3, 9, 10]));
    }
}
