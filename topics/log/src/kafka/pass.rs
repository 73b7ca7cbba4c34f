//! How far a catch-up pass has come. Pure.
//!
//! A pass reads each partition from a reader's position to the end that the partition had when the
//! pass began. Offsets have holes (transactions leave marks, aborted records are skipped), so a
//! position reaches the end either by a record or because the broker says that nothing more is
//! there; the reader then stands at the end and meets the head of the topic.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Pass {
    at: BTreeMap<i32, i64>,
    /// Partitions that have not reached their end, with it.
    open: BTreeMap<i32, i64>,
}

impl Pass {
    /// From `wants` to `ends`. Partitions that stand at their end already are not read.
    pub(super) fn new(wants: &[(i32, i64)], ends: &BTreeMap<i32, i64>) -> Self {
        let at: BTreeMap<i32, i64> = wants.iter().copied().collect();
        let open = ends
            .iter()
            .filter(|&(partition, &end)| at.get(partition).is_some_and(|&next| next < end))
            .map(|(&partition, &end)| (partition, end))
            .collect();
        Self { at, open }
    }

    /// What is still to be read: partition → from.
    pub(super) fn reading(&self) -> BTreeMap<i32, i64> {
        self.open.keys().map(|&partition| (partition, self.at[&partition])).collect()
    }

    /// A record came. Whether it is one that the reader has not seen.
    pub(super) fn record(&mut self, partition: i32, offset: i64) -> bool {
        let Some(next) = self.at.get_mut(&partition).filter(|next| offset >= **next) else { return false };
        *next = offset + 1;
        let next = *next;
        if self.open.get(&partition).is_some_and(|&end| next >= end) {
            self.open.remove(&partition);
        }
        true
    }

    /// Nothing more is in the partition.
    pub(super) fn exhausted(&mut self, partition: i32) {
        if let Some(end) = self.open.remove(&partition)
            && let Some(next) = self.at.get_mut(&partition)
        {
            *next = end.max(*next);
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Where the reader stands now.
    pub(super) fn positions(&self) -> Vec<(i32, i64)> {
        self.at.iter().map(|(&partition, &next)| (partition, next)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(ends: &[(i32, i64)]) -> BTreeMap<i32, i64> {
        ends.iter().copied().collect()
    }

    #[test]
    fn a_reader_passes_the_marks_of_transactions_at_the_end() {
        let mut pass = Pass::new(&[(0, 3), (1, 8)], &ends(&[(0, 6), (1, 8)]));
        assert_eq!(pass.reading(), ends(&[(0, 3)]), "partition 1 is at its end");
        assert!(pass.record(0, 4));
        assert!(!pass.is_done(), "5 may be a record");
        pass.exhausted(0);
        assert!(pass.is_done());
        assert_eq!(pass.positions(), [(0, 6), (1, 8)]);
    }

    #[test]
    fn records_beyond_the_end_count_and_old_ones_do_not() {
        let mut pass = Pass::new(&[(0, 3)], &ends(&[(0, 5)]));
        assert!(!pass.record(0, 2));
        assert!(pass.record(0, 9));
        assert!(pass.is_done());
        pass.exhausted(0);
        assert_eq!(pass.positions(), [(0, 10)], "never back");
        assert!(!pass.record(7, 1), "not asked for");
    }
}
