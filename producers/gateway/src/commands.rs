//! What one shard sends for handlers (ops 3, 4, 8, 31, 43), within Discord's limits. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Commands that wait for one shard, at most. At the bound the reader of `gateway.commands` pauses;
/// what comes later stays in the log.
pub(crate) const QUEUE: usize = 1_000;
/// Discord closes a connection (4008) after 120 sends in 60 s; heartbeats and IDENTIFY need the rest.
const SENDS: usize = 100;
/// Presence updates (op 3) in 60 s.
const PRESENCES: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// Discord's bound of a payload, bytes: more closes the connection (4002).
pub(crate) const PAYLOAD_BYTES: usize = 4_096;

/// Opcodes that handlers may send.
pub(crate) const OPS: [i32; 5] = [3, 4, 8, 31, 43];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Where it stands in `gateway.commands`.
    pub(crate) offset: i64,
    pub(crate) op: i32,
    /// The whole payload.
    pub(crate) json: String,
}

/// Commands of one shard.
#[derive(Debug, Default)]
pub(crate) struct CommandQueue {
    presence: Option<Command>,
    /// The presence that stands: a new session needs it again.
    sent_presence: Option<String>,
    others: VecDeque<Command>,
    sends: VecDeque<Instant>,
    presences: VecDeque<Instant>,
}

impl CommandQueue {
    /// Takes a command; answers the offset of an older presence that it makes pointless.
    pub(crate) fn push(&mut self, command: Command) -> Option<i64> {
        if command.op == 3 {
            return self.presence.replace(command).map(|old| old.offset).filter(|&offset| offset >= 0);
        }
        self.others.push_back(command);
        None
    }

    pub(crate) fn is_full(&self) -> bool {
        self.others.len() >= QUEUE
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.presence.is_none() && self.others.is_empty()
    }

    /// A new session begins without a presence: the last one is sent again, unless a newer one waits.
    pub(crate) fn session_began(&mut self) {
        if let (None, Some(json)) = (&self.presence, self.sent_presence.take()) {
            self.presence = Some(Command { offset: -1, op: 3, json });
        }
    }

    /// A connection begins with its windows empty.
    pub(crate) fn connection_began(&mut self) {
        self.sends.clear();
    }

    /// The next command that may be sent now.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Command> {
        if !has_room(&mut self.sends, SENDS, now) {
            return None;
        }
        if self.presence.is_some() && has_room(&mut self.presences, PRESENCES, now) {
            let command = self.presence.take()?;
            self.presences.push_back(now);
            self.sends.push_back(now);
            self.sent_presence = Some(command.json.clone());
            return Some(command);
        }
        let command = self.others.pop_front()?;
        self.sends.push_back(now);
        Some(command)
    }

    /// When [`next`](Self::next) may have something, if anything waits.
    pub(crate) fn next_at(&self, now: Instant) -> Option<Instant> {
        let free = |sent: &VecDeque<Instant>, limit: usize| match sent.len() < limit {
            true => now,
            false => sent.front().map_or(now, |&first| first + WINDOW),
        };
        let send = free(&self.sends, SENDS);
        if !self.others.is_empty() {
            return Some(send);
        }
        self.presence.as_ref().map(|_| send.max(free(&self.presences, PRESENCES)))
    }

    /// Gives up everything, such as when the shard is fatal; answers the offsets.
    pub(crate) fn clear(&mut self) -> Vec<i64> {
        let all = self.presence.take().into_iter().chain(self.others.drain(..));
        all.map(|command| command.offset).filter(|&offset| offset >= 0).collect()
    }
}

fn has_room(sent: &mut VecDeque<Instant>, limit: usize, now: Instant) -> bool {
    while sent.front().is_some_and(|&first| now.duration_since(first) >= WINDOW) {
        sent.pop_front();
    }
    sent.len() < limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(offset: i64, op: i32) -> Command {
        Command { offset, op, json: format!("{offset}") }
    }

    #[test]
    fn only_the_latest_presence_is_sent_and_five_a_minute() {
        let now = Instant::now();
        let mut queue = CommandQueue::default();
        assert_eq!(queue.push(command(1, 3)), None);
        assert_eq!(queue.push(command(2, 3)), Some(1), "the older one is finished");
        assert_eq!(queue.next(now).map(|sent| sent.offset), Some(2));
        for offset in 3..7 {
            queue.push(command(offset, 3));
            assert_eq!(queue.next(now).map(|sent| sent.offset), Some(offset));
        }
        queue.push(command(7, 3));
        queue.push(command(8, 4));
        assert_eq!(queue.next(now).map(|sent| sent.offset), Some(8), "others pass a presence that must wait");
        assert_eq!((queue.next(now), queue.next_at(now)), (None, Some(now + WINDOW)));
        assert_eq!(queue.next(now + WINDOW).map(|sent| sent.offset), Some(7));
    }

    #[test]
    fn a_connection_is_never_sent_more_than_its_share_of_the_minute() {
        let now = Instant::now();
        let mut queue = CommandQueue::default();
        assert!((0..150).all(|offset| queue.push(command(offset, 8)).is_none()));
        let sent = std::iter::from_fn(|| queue.next(now)).count();
        assert_eq!(sent, SENDS);
        assert_eq!(queue.next_at(now), Some(now + WINDOW));
        queue.connection_began();
        assert_eq!(queue.next(now).map(|sent| sent.offset), Some(100), "in order, nothing skipped");
    }

    #[test]
    fn a_new_session_gets_the_standing_presence_again() {
        let now = Instant::now();
        let mut queue = CommandQueue::default();
        queue.push(command(1, 3));
        queue.next(now);
        queue.session_began();
        assert_eq!(queue.next(now).map(|sent| (sent.offset, sent.json)), Some((-1, "1".to_owned())));
        queue.push(command(2, 3));
        queue.session_began();
        assert_eq!(queue.next(now).map(|sent| sent.offset), Some(2));
    }
}
