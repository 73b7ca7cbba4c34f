//! One handler session: what it was sent, what it acknowledged, how much it may still get. Pure.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use miso_model::SentItem;

use super::item::{Item, pack};
use super::slice::Slice;
use crate::frame::FrameBuffer;
use crate::wire::ConnectionId;

/// Events that a client may have unacknowledged; at the bound it gets nothing more until it
/// acknowledges.
pub(crate) const WINDOW_EVENTS: i64 = 65_536;
/// Bytes of JSON that a client may have unacknowledged; at the bound as above.
pub(crate) const WINDOW_BYTES: u64 = 64 * 1_024 * 1_024;
/// Sequences that a session may keep, acknowledged ones whose grace has not passed included; at the
/// bound as above.
pub(crate) const KEPT_SEQUENCES: usize = 5 * 65_536;
/// A client is asked to acknowledge when its oldest unacknowledged event is so old, milliseconds.
pub(crate) const ASK_AGE_MS: i64 = 1_000;
/// A client is asked at most so often, milliseconds: discord.py answers through its limiter of 110
/// per 60 s.
pub(crate) const ASK_EVERY_MS: i64 = 1_000;
/// The same while its window is half full. A client that fast (32,768 events within a second) has
/// no such limiter, and one question a second would bound it to one window a second.
pub(crate) const ASK_EVERY_FULL_MS: i64 = 200;
/// A client that has not answered op 1 so long is closed with 4000; its events go to others.
pub(crate) const ASK_DEADLINE_MS: i64 = 15_000;

/// A synthetic frame that waits for room in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Todo {
    Snapshot(u64),
    Gone(u64),
}

/// How a session's client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Gets events.
    Live(ConnectionId),
    /// Has resumed; what it missed is being read from the log. The number tells attempts apart.
    Replaying(ConnectionId, u64),
    /// Not connected since then, Unix milliseconds.
    Away(i64),
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: Arc<str>,
    /// As the client gave it.
    pub(crate) shard: Option<(i64, i64)>,
    pub(crate) slice: Slice,
    pub(crate) intents: u32,
    pub(crate) version: i32,
    pub(crate) large_threshold: usize,
    pub(crate) phase: Phase,
    /// The sequence that the next dispatch gets.
    pub(crate) next: i64,
    /// Last sequence that a heartbeat named.
    pub(crate) acked: i64,
    /// Last sequence whose grace has passed: its events are finished.
    pub(crate) settled: i64,
    /// Last sequence that the ledger has.
    pub(crate) logged: i64,
    /// Sequence of the last `Acked` in the ledger.
    pub(crate) acked_logged: i64,
    /// What stands behind `settled + 1 ..= next - 1`.
    pub(crate) items: VecDeque<Item>,
    unacked_bytes: u64,
    /// Acknowledged, the grace running: (sequence, since), milliseconds.
    grace: VecDeque<(i64, i64)>,
    /// Last sequence of a batch and when it was sent, milliseconds.
    sent_at: VecDeque<(i64, i64)>,
    pub(crate) asked_at: Option<i64>,
    pub(crate) last_ask: i64,
    /// A guild waits for its acknowledgement to move away.
    pub(crate) is_wanted: bool,
    pub(crate) heard_at: i64,
    pub(crate) was_full: bool,
    pub(crate) todo: VecDeque<Todo>,
    pub(crate) out: FrameBuffer,
    pub(crate) guilds: BTreeSet<u64>,
    /// Changed since its checkpoint.
    pub(crate) is_dirty: bool,
    pub(crate) is_urgent: bool,
    pub(crate) checkpointed_at: i64,
    /// Offset of the ledger that its last checkpoint names.
    pub(crate) checkpoint_offset: i64,
}

/// What a client said of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    pub(crate) shard: Option<(i64, i64)>,
    pub(crate) slice: Slice,
    pub(crate) intents: u32,
    pub(crate) version: i32,
    pub(crate) large_threshold: usize,
}

impl Session {
    pub(crate) fn new(id: Arc<str>, wishes: Wishes, phase: Phase, now: i64) -> Self {
        Self {
            id,
            shard: wishes.shard,
            slice: wishes.slice,
            intents: wishes.intents,
            version: wishes.version,
            large_threshold: wishes.large_threshold,
            phase,
            next: 1,
            acked: 0,
            settled: 0,
            logged: 0,
            acked_logged: 0,
            items: VecDeque::new(),
            unacked_bytes: 0,
            grace: VecDeque::new(),
            sent_at: VecDeque::new(),
            asked_at: None,
            last_ask: i64::MIN / 2,
            is_wanted: false,
            heard_at: now,
            was_full: false,
            todo: VecDeque::new(),
            out: FrameBuffer::default(),
            guilds: BTreeSet::new(),
            is_dirty: true,
            is_urgent: true,
            checkpointed_at: now,
            checkpoint_offset: 0,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        match self.phase {
            Phase::Live(connection) | Phase::Replaying(connection, _) => Some(connection),
            Phase::Away(_) => None,
        }
    }

    /// Sequences sent and not acknowledged.
    pub(crate) fn unacked(&self) -> i64 {
        self.next - 1 - self.acked
    }

    pub(crate) fn is_full(&self) -> bool {
        self.unacked() >= WINDOW_EVENTS || self.unacked_bytes >= WINDOW_BYTES || self.items.len() >= KEPT_SEQUENCES
    }

    fn is_half_full(&self) -> bool {
        self.unacked() >= WINDOW_EVENTS / 2
            || self.unacked_bytes >= WINDOW_BYTES / 2
            || (self.items.len() >= KEPT_SEQUENCES / 2 && self.unacked() > 0)
    }

    /// Gives the next sequence to an item and writes its frame.
    pub(crate) fn push(&mut self, item: impl FnOnce(u32) -> Item, event_type: &str, d: &[u8]) -> i64 {
        let sequence = self.next;
        let bytes = self.out.dispatch(event_type, sequence, d);
        let item = item(bytes);
        self.unacked_bytes += item.bytes();
        self.items.push_back(item);
        self.next += 1;
        self.is_dirty = true;
        sequence
    }

    /// The frames that were written go out now.
    pub(crate) fn sent(&mut self, now: i64) {
        self.sent_at.push_back((self.next - 1, now));
    }

    /// A heartbeat. A sequence beyond what was sent (some libraries begin with the old session's) or
    /// behind the last acknowledges nothing.
    pub(crate) fn acknowledge(&mut self, sequence: i64, now: i64) {
        if sequence <= self.acked || sequence >= self.next {
            return;
        }
        for index in self.acked - self.settled..sequence - self.settled {
            self.unacked_bytes -= self.item(index).map_or(0, Item::bytes);
        }
        self.acked = sequence;
        self.grace.push_back((sequence, now));
        while self.sent_at.front().is_some_and(|&(last, _)| last <= sequence) {
            self.sent_at.pop_front();
        }
        self.is_dirty = true;
    }

    fn item(&self, index: i64) -> Option<&Item> {
        self.items.get(usize::try_from(index).ok()?)
    }

    /// The client resumed and names what it has: everything up to `sequence`, nothing beyond.
    pub(crate) fn rewind(&mut self, sequence: i64, now: i64) {
        self.acked = sequence;
        self.grace.clear();
        if sequence > self.settled {
            self.grace.push_back((sequence, now));
        }
        self.unacked_bytes =
            self.items.iter().skip(usize::try_from(sequence - self.settled).unwrap_or(0)).map(Item::bytes).sum();
        self.sent_at.clear();
        self.asked_at = None;
        self.is_dirty = true;
    }

    /// The client is gone: what it acknowledged within the grace is not finished.
    pub(crate) fn leave(&mut self, now: i64) {
        self.phase = Phase::Away(now);
        self.grace.clear();
        self.sent_at.clear();
        self.asked_at = None;
        self.is_wanted = false;
        self.todo.clear();
        self.out.clear();
        self.is_dirty = true;
    }

    /// Items that are finished now, their grace having passed; oldest first.
    pub(crate) fn settle(&mut self, now: i64, grace_ms: i64) -> impl Iterator<Item = Item> + '_ {
        let mut until = self.settled;
        while let Some(&(sequence, since)) = self.grace.front().filter(|_| self.is_live()) {
            if since + grace_ms > now {
                break;
            }
            until = until.max(sequence);
            self.grace.pop_front();
        }
        let count = usize::try_from(until - self.settled).unwrap_or(0).min(self.items.len());
        if count > 0 {
            self.settled = until;
            self.is_dirty = true;
        }
        self.items.drain(..count)
    }

    /// Whether op 1 is due.
    pub(crate) fn should_ask(&self, now: i64) -> bool {
        self.next_ask().is_some_and(|at| at <= now)
    }

    /// When op 1 will be due, milliseconds; `None` while there is nothing to ask for, or it was asked.
    pub(crate) fn next_ask(&self) -> Option<i64> {
        if !self.is_live() || self.asked_at.is_some() || self.unacked() == 0 {
            return None;
        }
        if self.is_half_full() {
            return Some(self.last_ask + ASK_EVERY_FULL_MS);
        }
        let due = if self.is_wanted { i64::MIN } else { self.sent_at.front()?.1 + ASK_AGE_MS };
        Some(due.max(self.last_ask + ASK_EVERY_MS))
    }

    /// When the next grace passes, milliseconds.
    pub(crate) fn next_settle(&self, grace_ms: i64) -> Option<i64> {
        self.grace.front().filter(|_| self.is_live()).map(|&(_, since)| since + grace_ms)
    }

    /// Items of the sequences after `after`, as the ledger has them.
    pub(crate) fn packed_after(&self, after: i64) -> Vec<SentItem> {
        let skip = usize::try_from(after - self.settled).unwrap_or(0);
        pack(self.items.iter().skip(skip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let wishes = Wishes { shard: None, slice: Slice::WHOLE, intents: 1, version: 10, large_threshold: 50 };
        Session::new("s".into(), wishes, Phase::Live(1), 0)
    }

    fn event(session: &mut Session, offset: i64) {
        session.push(|bytes| Item::Event { partition: 3, offset, bytes }, "X", b"{}");
    }

    #[test]
    fn an_acknowledgement_settles_after_its_grace_and_only_while_connected() {
        let mut session = session();
        (0..4).for_each(|offset| event(&mut session, offset));
        session.sent(0);
        session.acknowledge(2, 100);
        assert_eq!(session.settle(1_000, 2_000).count(), 0);
        assert_eq!(session.settle(2_100, 2_000).count(), 2);
        session.acknowledge(3, 2_200);
        session.leave(2_300);
        assert_eq!(session.settle(9_000, 2_000).count(), 0);
        assert_eq!((session.settled, session.acked, session.items.len()), (2, 3, 2));
    }

    #[test]
    fn a_heartbeat_beyond_what_was_sent_acknowledges_nothing() {
        let mut session = session();
        event(&mut session, 0);
        session.acknowledge(40, 0);
        assert_eq!(session.acked, 0);
    }

    #[test]
    fn a_client_is_asked_when_its_oldest_event_is_a_second_old_or_its_window_half_full() {
        let mut session = session();
        event(&mut session, 0);
        session.sent(5_000);
        assert_eq!(session.next_ask(), Some(6_000));
        session.asked_at = Some(6_000);
        session.last_ask = 6_000;
        assert_eq!(session.next_ask(), None);
        session.asked_at = None;
        (0..WINDOW_EVENTS / 2).for_each(|offset| event(&mut session, offset));
        assert_eq!(session.next_ask(), Some(6_000 + ASK_EVERY_FULL_MS));
        assert!(!session.is_full());
        (0..WINDOW_EVENTS / 2).for_each(|offset| event(&mut session, offset));
        assert!(session.is_full());
        session.acknowledge(WINDOW_EVENTS, 6_000);
        assert!(!session.is_full());
    }
}
