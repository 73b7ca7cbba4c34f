//! What a group has read of one partition, and what of it is unfinished. Pure.

use std::collections::BTreeSet;

use super::ids::IdMap;

/// Events of one partition that were read and can be sent to nobody yet, at most; then the partition
/// waits.
pub(crate) const LOOK_AHEAD: usize = 10_000;

/// What is known of a record that the reader gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Never read before.
    New,
    /// Read before, not sent to anybody.
    Open,
    /// Sent, finished or filtered: nothing is to be done.
    Settled,
}

/// One partition of `gateway.events`, as one group reads it.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// One past the last record read. Records below are finished, unless they are in `sent` or `open`.
    pub(crate) end: i64,
    /// Sent to a session and not finished. After a restart some may lie beyond `end`.
    pub(crate) sent: BTreeSet<i64>,
    /// Read, to be sent.
    pub(crate) open: BTreeSet<i64>,
    /// After a restart: finished, though beyond `end`.
    pub(crate) done: BTreeSet<i64>,
    /// Nothing beyond is in `sent` or `done` from before a restart.
    pub(crate) restored_until: i64,
    /// Keys (guild, channel, user; whether a guild) that have open events: later ones wait behind them.
    pub(crate) held: IdMap<bool>,
    /// Whether the reader follows it.
    pub(crate) reading: bool,
    /// The position that was committed last.
    pub(crate) committed: i64,
}

impl Partition {
    pub(crate) fn new(committed: i64) -> Self {
        Self { end: committed, committed, restored_until: -1, ..Self::default() }
    }

    pub(crate) fn look(&self, offset: i64) -> Known {
        if offset >= self.end {
            let is_known =
                offset <= self.restored_until && (self.sent.contains(&offset) || self.done.contains(&offset));
            return if is_known { Known::Settled } else { Known::New };
        }
        if self.open.contains(&offset) { Known::Open } else { Known::Settled }
    }

    /// The record needs no more: it is filtered, or was settled before.
    pub(crate) fn finish(&mut self, offset: i64) {
        if offset >= self.end {
            self.end = offset + 1;
            if offset <= self.restored_until {
                self.done.remove(&offset);
            }
        } else {
            self.open.remove(&offset);
        }
    }

    /// The record goes to a session.
    pub(crate) fn send(&mut self, offset: i64) {
        self.finish(offset);
        self.sent.insert(offset);
    }

    /// The record can go to nobody now.
    pub(crate) fn hold(&mut self, offset: i64, key: u64, in_guild: bool) {
        self.end = self.end.max(offset + 1);
        self.open.insert(offset);
        self.held.insert(key, in_guild);
    }

    /// A session has it and may do its work.
    pub(crate) fn acknowledge(&mut self, offset: i64) {
        if self.sent.first() == Some(&offset) {
            self.sent.pop_first();
        } else {
            self.sent.remove(&offset);
        }
        if offset >= self.end {
            self.done.insert(offset);
        }
    }

    /// The session that had it is gone: it must be sent again.
    pub(crate) fn reopen(&mut self, offset: i64) {
        if self.sent.remove(&offset) && offset < self.end {
            self.open.insert(offset);
        }
    }

    /// Nothing below `earliest` can be read any more.
    pub(crate) fn skip_to(&mut self, earliest: i64) {
        self.open = self.open.split_off(&earliest);
        self.end = self.end.max(earliest);
    }

    /// Where to read (again), so that everything open is met in order before anything new.
    pub(crate) fn start(&mut self) -> i64 {
        self.held.clear();
        self.open.first().copied().unwrap_or(self.end)
    }

    /// The position that may be committed: the least unfinished offset.
    pub(crate) fn finished(&self) -> i64 {
        let open = self.open.first().copied().unwrap_or(self.end);
        let sent = self.sent.first().copied().unwrap_or(self.end);
        open.min(sent).min(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_the_least_unfinished_offset() {
        let mut partition = Partition::new(10);
        partition.send(10);
        partition.finish(11);
        partition.hold(12, 1, true);
        partition.send(13);
        assert_eq!(partition.finished(), 10);
        partition.acknowledge(10);
        assert_eq!(partition.finished(), 12);
        partition.acknowledge(13);
        assert_eq!(partition.finished(), 12);
        assert_eq!(partition.start(), 12);
        partition.send(12);
        partition.acknowledge(12);
        assert_eq!(partition.finished(), 14);
    }

    #[test]
    fn a_reopened_record_is_met_again_and_a_settled_one_is_not() {
        let mut partition = Partition::new(0);
        (0..4).for_each(|offset| partition.send(offset));
        partition.acknowledge(1);
        partition.reopen(2);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|o| partition.look(o)),
            [Known::Settled, Known::Settled, Known::Open, Known::Settled, Known::New]
        );
        assert_eq!(partition.start(), 2);
        assert_eq!(partition.finished(), 0);
    }
}
