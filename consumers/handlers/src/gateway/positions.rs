//! How far each partition was read, and what must be written to pass it. Pure.

use std::time::Duration;

use miso_log::Append;
use tokio::time::Instant;

/// Positions that nothing depends on are committed so often. After a crash so much is read again.
pub const LAZY_COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// And after so many events.
pub const LAZY_COMMIT_EVENTS: usize = 100_000;

/// Positions by partition.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    partitions: Vec<Slot>,
    /// Events passed since the last commit of all.
    passed: usize,
    /// When the oldest of them was passed.
    since: Option<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    /// `None`: nothing uncommitted.
    next: Option<i64>,
    records: Vec<Append>,
}

/// One transaction to be made.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) partition: i32,
    pub(crate) next: i64,
    pub(crate) records: Vec<Append>,
}

impl Positions {
    fn slot(&mut self, partition: i32) -> &mut Slot {
        let index = usize::try_from(partition).unwrap_or_default();
        if index >= self.partitions.len() {
            self.partitions.resize_with(index + 1, Slot::default);
        }
        &mut self.partitions[index]
    }

    /// An event was looked at; `out` is emptied into what its partition must write.
    pub(crate) fn pass_one(&mut self, partition: i32, next: i64, out: &mut Vec<Append>) {
        let slot = self.slot(partition);
        slot.next = Some(next);
        if !out.is_empty() {
            slot.records.append(out);
        }
        self.passed += 1;
    }

    /// Events up to `next` were passed.
    pub(crate) fn pass(&mut self, partition: i32, next: i64, mut records: Vec<Append>) {
        self.pass_one(partition, next, &mut records);
    }

    /// The partition is not ours any more.
    pub(crate) fn forget(&mut self, partition: i32) {
        *self.slot(partition) = Slot::default();
    }

    /// What one partition must write.
    pub(crate) fn take(&mut self, partition: i32) -> Option<Write> {
        let slot = std::mem::take(self.slot(partition));
        Some(Write { partition, next: slot.next?, records: slot.records })
    }

    /// What must be written now: partitions with records; or, when `all` is asked for or enough has
    /// been passed, every partition that moved.
    pub(crate) fn take_due(&mut self, all: bool) -> Vec<Write> {
        let all = all || self.passed >= LAZY_COMMIT_EVENTS;
        if all {
            self.passed = 0;
            self.since = None;
        } else if self.since.is_none() && self.passed > 0 {
            self.since = Some(Instant::now());
        }
        let mut due = Vec::new();
        for (partition, slot) in (0..).zip(&mut self.partitions) {
            if let Some(next) = slot.next
                && (all || !slot.records.is_empty())
            {
                due.push(Write { partition, next, records: std::mem::take(&mut slot.records) });
                slot.next = None;
            }
        }
        due
    }

    /// When bare positions must be committed; `None` while there are none.
    pub(crate) fn flush_at(&self) -> Option<Instant> {
        self.since.map(|since| since + LAZY_COMMIT_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use miso_log::catalogue::PARKED;

    use super::*;

    fn record() -> Append {
        Append::new(PARKED, 0, vec![1], 0)
    }

    fn due(positions: &mut Positions, all: bool) -> Vec<(i32, i64, usize)> {
        positions.take_due(all).iter().map(|write| (write.partition, write.next, write.records.len())).collect()
    }

    #[test]
    fn records_are_written_at_once_and_bare_positions_later() {
        let mut positions = Positions::default();
        positions.pass_one(3, 10, &mut Vec::new());
        positions.pass_one(3, 11, &mut vec![record()]);
        positions.pass_one(5, 7, &mut Vec::new());
        assert_eq!(due(&mut positions, false), [(3, 11, 1)]);
        assert!(positions.flush_at().is_some());
        assert_eq!(due(&mut positions, false), []);
        positions.pass_one(3, 12, &mut Vec::new());
        assert_eq!(due(&mut positions, true), [(3, 12, 0), (5, 7, 0)]);
        assert!(positions.flush_at().is_none());
        assert_eq!(due(&mut positions, true), []);
    }

    #[test]
    fn a_partition_that_went_away_writes_nothing() {
        let mut positions = Positions::default();
        positions.pass_one(3, 10, &mut vec![record()]);
        positions.forget(3);
        assert_eq!(due(&mut positions, true), []);
    }

    #[test]
    fn after_many_events_positions_are_committed_without_waiting() {
        let mut positions = Positions::default();
        for next in 1..=LAZY_COMMIT_EVENTS {
            positions.pass_one(1, i64::try_from(next).expect("small"), &mut Vec::new());
        }
        assert_eq!(due(&mut positions, false), [(1, LAZY_COMMIT_EVENTS as i64, 0)]);
    }
}
