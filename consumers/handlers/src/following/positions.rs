//! How far each partition was read, and what must be written to pass it. Pure.

use std::time::Duration;

use miso_log::Append;
use tokio::time::Instant;

/// Positions that nothing depends on are committed so often. After a crash so much is read again.
pub const LAZY_COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// And after so many records.
pub const LAZY_COMMIT_EVENTS: usize = 100_000;

/// Positions by partition.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    partitions: Vec<Slot>,
    /// Records passed since the last commit of all.
    passed: usize,
    /// When the next bare position must be committed.
    flush_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    /// `None`: nothing uncommitted.
    next: Option<i64>,
    /// When that was noticed.
    since: Option<Instant>,
    records: Vec<Append>,
}

/// One transaction to be made.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) partition: i32,
    pub(crate) next: i64,
    pub(crate) records: Vec<Append>,
}

impl Slot {
    fn take(&mut self, partition: i32) -> Option<Write> {
        let slot = std::mem::take(self);
        Some(Write { partition, next: slot.next?, records: slot.records })
    }
}

impl Positions {
    fn slot(&mut self, partition: i32) -> &mut Slot {
        let index = usize::try_from(partition).unwrap_or_default();
        if index >= self.partitions.len() {
            self.partitions.resize_with(index + 1, Slot::default);
        }
        &mut self.partitions[index]
    }

    /// A record was looked at; `out` is emptied into what its partition must write.
    pub(crate) fn pass_one(&mut self, partition: i32, next: i64, out: &mut Vec<Append>) {
        let slot = self.slot(partition);
        slot.next = Some(next);
        if !out.is_empty() {
            slot.records.append(out);
        }
        self.passed += 1;
    }

    /// Records up to `next` were passed.
    pub(crate) fn pass(&mut self, partition: i32, next: i64, mut records: Vec<Append>) {
        self.pass_one(partition, next, &mut records);
    }

    /// The partition is not ours any more.
    pub(crate) fn forget(&mut self, partition: i32) {
        *self.slot(partition) = Slot::default();
    }

    /// What one partition must write.
    pub(crate) fn take(&mut self, partition: i32) -> Option<Write> {
        self.slot(partition).take(partition)
    }

    /// What must be written now: partitions with records; those whose bare position has waited as long
    /// as `patience` of theirs allows; or, when `all` is asked for or enough has been passed, every
    /// partition that moved.
    pub(crate) fn take_due(&mut self, all: bool, now: Instant, patience: impl Fn(i32) -> Duration) -> Vec<Write> {
        let all = all || self.passed >= LAZY_COMMIT_EVENTS;
        if all {
            self.passed = 0;
        }
        self.flush_at = None;
        let mut due = Vec::new();
        for (partition, slot) in (0..).zip(&mut self.partitions) {
            if slot.next.is_none() {
                continue;
            }
            let flush_at = *slot.since.get_or_insert(now) + patience(partition);
            if all || !slot.records.is_empty() || flush_at <= now {
                due.extend(slot.take(partition));
            } else {
                self.flush_at = Some(self.flush_at.map_or(flush_at, |earlier| earlier.min(flush_at)));
            }
        }
        due
    }

    /// When bare positions must be committed; `None` while there are none.
    pub(crate) fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }
}

#[cfg(test)]
mod tests {
    use miso_log::catalogue::PARKED;

    use super::*;

    fn record() -> Append {
        Append::new(PARKED, 0, vec![1], 0)
    }

    fn due(positions: &mut Positions, all: bool, now: Instant) -> Vec<(i32, i64, usize)> {
        let patience = |partition| LAZY_COMMIT_INTERVAL * if partition == 5 { 10 } else { 1 };
        let due = positions.take_due(all, now, patience);
        due.iter().map(|write| (write.partition, write.next, write.records.len())).collect()
    }

    #[test]
    fn records_are_written_at_once_and_bare_positions_when_their_patience_is_over() {
        let mut positions = Positions::default();
        let now = Instant::now();
        positions.pass_one(3, 10, &mut Vec::new());
        positions.pass_one(3, 11, &mut vec![record()]);
        positions.pass_one(4, 2, &mut Vec::new());
        positions.pass_one(5, 7, &mut Vec::new());
        assert_eq!(due(&mut positions, false, now), [(3, 11, 1)]);
        assert_eq!(positions.flush_at(), Some(now + LAZY_COMMIT_INTERVAL));
        assert_eq!(due(&mut positions, false, now + LAZY_COMMIT_INTERVAL / 2), []);
        positions.pass_one(4, 3, &mut Vec::new());
        assert_eq!(due(&mut positions, false, now + LAZY_COMMIT_INTERVAL), [(4, 3, 0)]);
        assert_eq!(positions.flush_at(), Some(now + LAZY_COMMIT_INTERVAL * 10));
        positions.pass_one(3, 12, &mut Vec::new());
        assert_eq!(due(&mut positions, true, now), [(3, 12, 0), (5, 7, 0)]);
        assert!(positions.flush_at().is_none());
        assert_eq!(due(&mut positions, true, now), []);
    }

    #[test]
    fn a_partition_that_went_away_writes_nothing() {
        let mut positions = Positions::default();
        positions.pass_one(3, 10, &mut vec![record()]);
        positions.forget(3);
        assert_eq!(due(&mut positions, true, Instant::now()), []);
    }

    #[test]
    fn after_many_records_positions_are_committed_without_waiting() {
        let mut positions = Positions::default();
        for next in 1..=LAZY_COMMIT_EVENTS {
            positions.pass_one(1, i64::try_from(next).expect("small"), &mut Vec::new());
        }
        assert_eq!(due(&mut positions, false, Instant::now()), [(1, LAZY_COMMIT_EVENTS as i64, 0)]);
    }
}
