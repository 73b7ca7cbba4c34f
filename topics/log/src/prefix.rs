use std::collections::BTreeMap;

/// The contiguous finished prefix of one partition: what may be committed while records finish in
/// any order. Pure.
#[derive(Debug, Default)]
pub struct FinishedPrefix {
    /// Records that were taken and not yet passed by the prefix: offset → finished.
    open: BTreeMap<i64, bool>,
    /// One past the last offset taken.
    end: i64,
}

impl FinishedPrefix {
    /// Begins at a committed position.
    #[must_use]
    pub fn new(next: i64) -> Self {
        Self { open: BTreeMap::new(), end: next }
    }

    /// A record was taken; offsets must increase.
    pub fn take(&mut self, offset: i64) {
        debug_assert!(offset >= self.end, "offsets increase within a partition");
        self.open.insert(offset, false);
        self.end = offset + 1;
    }

    /// A record is finished. Unknown offsets are ignored: they were passed already.
    pub fn finish(&mut self, offset: i64) {
        if let Some(finished) = self.open.get_mut(&offset) {
            *finished = true;
        }
        while let Some(first) = self.open.first_entry() {
            if !*first.get() {
                break;
            }
            first.remove();
        }
    }

    /// The position that may be committed: the least unfinished offset, else one past the last taken.
    #[must_use]
    pub fn next(&self) -> i64 {
        self.open.first_key_value().map_or(self.end, |(&offset, _)| offset)
    }

    /// Records taken and not passed yet.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_prefix_never_passes_an_unfinished_record(
            gaps in proptest::collection::vec(1_i64..5, 1..40), order in any::<prop::sample::Index>(), seed in any::<u64>(),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(10, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut prefix = FinishedPrefix::new(10);
            for &offset in &offsets { prefix.take(offset); }
            let mut shuffled = offsets.clone();
            let mut state = seed | 1;
            for i in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                shuffled.swap(i, usize::try_from(state >> 33).expect("31 bits") % (i + 1));
            }
            let stop = order.index(shuffled.len() + 1);
            for &offset in &shuffled[..stop] { prefix.finish(offset); }
            let unfinished = shuffled[stop..].iter().copied().min();
            prop_assert_eq!(prefix.next(), unfinished.unwrap_or(offsets[offsets.len() - 1] + 1));
        }
    }
}
