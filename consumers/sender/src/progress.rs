//! Which actions of a partition are finished: what may be committed, and what must be remembered
//! beyond it. Pure.

use std::collections::BTreeMap;

use miso_model::FinishedRange;

/// The contiguous finished prefix of one topic's partition, and the finished records above it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Taken and not passed by the prefix: offset → finished.
    taken: BTreeMap<i64, bool>,
    /// One past the last offset taken.
    end: i64,
    /// Finished under an earlier owner, not taken yet.
    before: BTreeMap<i64, i64>,
}

impl Progress {
    /// Begins at a committed offset; `finished` ranges above it were finished by earlier owners.
    #[must_use]
    pub fn new(next: i64, finished: impl Iterator<Item = (i64, i64)>) -> Self {
        Self { taken: BTreeMap::new(), end: next, before: finished.filter(|(_, to)| *to > next).collect() }
    }

    /// A record was read; `true`: it is still to be done. Offsets must increase.
    pub fn take(&mut self, offset: i64) -> bool {
        let done = self.before.range(..=offset).next_back().is_some_and(|(_, to)| offset < *to);
        self.taken.insert(offset, false);
        self.end = offset + 1;
        if done {
            self.finish(offset);
        }
        !done
    }

    /// A record is finished.
    pub fn finish(&mut self, offset: i64) {
        if let Some(finished) = self.taken.get_mut(&offset) {
            *finished = true;
        }
        while let Some(first) = self.taken.first_entry().filter(|first| *first.get()) {
            first.remove();
        }
        let next = self.next();
        while let Some(first) = self.before.first_entry().filter(|first| *first.get() <= next) {
            first.remove();
        }
    }

    /// What may be committed: the least unfinished offset, else one past the last taken.
    #[must_use]
    pub fn next(&self) -> i64 {
        self.taken.first_key_value().map_or(self.end, |(&offset, _)| offset)
    }

    /// Finished above [`Progress::next`], as half-open ranges in which nothing is unfinished.
    #[must_use]
    pub fn finished(&self, interactions: bool) -> Vec<FinishedRange> {
        let mut ranges: Vec<FinishedRange> = Vec::new();
        let mut open = false;
        for (&offset, &finished) in &self.taken {
            match ranges.last_mut() {
                Some(last) if finished && open => last.to = offset + 1,
                _ if finished => ranges.push(FinishedRange { interactions, from: offset, to: offset + 1 }),
                _ => {}
            }
            open = finished;
        }
        let later = self.before.iter().filter(|(_, to)| **to > self.end);
        ranges.extend(later.map(|(&from, &to)| FinishedRange { interactions, from: from.max(self.end), to }));
        ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Any order of finishing, a restart in the middle: nothing is done twice, nothing skipped.
        #[test]
        fn a_restart_repeats_nothing_and_skips_nothing(
            gaps in proptest::collection::vec(1_i64..4, 1..40),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..60),
            read in any::<prop::sample::Index>(),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(10, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut progress = Progress::new(10, std::iter::empty());
            for &offset in &offsets { prop_assert!(progress.take(offset)); }
            let mut done = BTreeSet::new();
            for index in order {
                let offset = offsets[index.index(offsets.len())];
                progress.finish(offset);
                done.insert(offset);
            }
            let first_open = offsets.iter().copied().find(|offset| !done.contains(offset));
            prop_assert_eq!(progress.next(), first_open.unwrap_or(offsets[offsets.len() - 1] + 1));
            let ranges = |progress: &Progress| progress.finished(false).into_iter().map(|range| (range.from, range.to)).collect::<Vec<_>>();
            let mut after = Progress::new(progress.next(), ranges(&progress).into_iter());
            let rest: Vec<i64> = offsets.iter().copied().filter(|offset| *offset >= progress.next()).collect();
            for &offset in &rest[..read.index(rest.len() + 1)] {
                prop_assert_eq!(after.take(offset), !done.contains(&offset));
            }
            let mut third = Progress::new(after.next(), ranges(&after).into_iter());
            for offset in offsets.into_iter().filter(|offset| *offset >= after.next()) {
                prop_assert_eq!(third.take(offset), !done.contains(&offset));
            }
        }
    }
}
