//! A gateway session: its sequence numbers, its RESUME buffer, and what of it was already written to the connection.
//! The buffer is also the connection's queue: nothing is held twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::blast::TemplateSet;
use super::connection::Connection;
use crate::events::Event;
use crate::intents;

/// One dispatch, its sequence known from its place.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    Event(Arc<Event>),
    /// Message `number` of a blast, composed only when it is written.
    Blast {
        set: Arc<TemplateSet>,
        number: u64,
        at_us: u64,
    },
}

/// Why a RESUME is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoResume {
    /// The buffer no longer holds what the client misses, or the session ended: op 9 `false`.
    Gone,
    /// The client claims a sequence that was never sent: 4007.
    Ahead,
}

#[derive(Debug, Default)]
pub(crate) struct Buffer {
    events: VecDeque<Stored>,
    /// Sequence of `events[0]`; sequences begin at 1.
    first: u64,
    /// Highest sequence handed to the current connection.
    sent: u64,
    connection: Option<Arc<Connection>>,
    detached_us: u64,
    ended: bool,
}

/// A session as IDENTIFY made it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) shard: u64,
    pub(crate) shards: u64,
    pub(crate) intents: u64,
    capacity: usize,
    buffer: Mutex<Buffer>,
    /// Told whenever the connection took events: who generates faster than that waits here.
    pub(crate) drained: Notify,
}

impl Session {
    pub(crate) fn new(id: String, shard: u64, shards: u64, intents: u64, capacity: usize) -> Self {
        let buffer = Mutex::new(Buffer { first: 1, ..Buffer::default() });
        Self { id, shard, shards, intents, capacity, buffer, drained: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a guild's (or, without a guild, the account's) events belong to this shard.
    pub(crate) fn covers(&self, guild: Option<u64>) -> bool {
        guild.map_or(self.shard == 0, |guild| (guild >> 22) % self.shards == self.shard)
    }

    /// Whether this session gets `event`.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        self.covers(event.guild)
            && intents::needed_for(&event.kind, event.guild.is_some()).is_none_or(|needed| self.intents & needed != 0)
    }

    /// Appends dispatches; returns the sequence of the first. At the capacity the oldest is forgotten; if the connection
    /// had not even taken it yet, the session ends and the connection is closed with 4000, as for a client that is too slow.
    pub(crate) fn push(&self, stored: impl IntoIterator<Item = Stored>) -> u64 {
        let mut buffer = self.lock();
        let first = buffer.next();
        buffer.events.extend(stored);
        while buffer.events.len() > self.capacity {
            buffer.events.pop_front();
            buffer.first += 1;
        }
        if buffer.sent + 1 < buffer.first && !buffer.ended && buffer.connection.is_some() {
            buffer.ended = true;
            if let Some(connection) = buffer.connection.take() {
                connection.close(Some(4000), "too slow for the resume buffer");
            }
        }
        if let Some(connection) = &buffer.connection {
            connection.wake();
        }
        first
    }

    /// Dispatches not yet written; 0 for an ended session.
    pub(crate) fn unsent(&self) -> u64 {
        let buffer = self.lock();
        if buffer.ended { 0 } else { buffer.next() - 1 - buffer.sent }
    }

    /// Up to `limit` unsent dispatches with the sequence of the first, for the connection that owns the session now.
    pub(crate) fn take(&self, connection: u64, limit: usize, into: &mut Vec<Stored>) -> u64 {
        into.clear();
        let mut buffer = self.lock();
        if buffer.ended || buffer.connection.as_ref().is_none_or(|owner| owner.id != connection) {
            return 0;
        }
        let start = buffer.sent + 1;
        let skip = usize::try_from(start.saturating_sub(buffer.first)).unwrap_or(usize::MAX);
        into.extend(buffer.events.iter().skip(skip).take(limit).cloned());
        buffer.sent += into.len() as u64;
        drop(buffer);
        if !into.is_empty() {
            self.drained.notify_waiters();
        }
        start
    }

    /// Makes `connection` the owner; everything from the beginning is unsent.
    pub(crate) fn attach(&self, connection: Arc<Connection>) {
        self.lock().connection = Some(connection);
    }

    /// Takes the session over for a RESUME after `sequence`; returns the number of dispatches to replay.
    /// A connection that still held it is dropped.
    pub(crate) fn resume(&self, connection: Arc<Connection>, sequence: u64) -> Result<u64, NoResume> {
        let mut buffer = self.lock();
        if buffer.ended {
            return Err(NoResume::Gone);
        }
        if sequence >= buffer.next() {
            return Err(NoResume::Ahead);
        }
        if sequence + 1 < buffer.first {
            buffer.ended = true;
            return Err(NoResume::Gone);
        }
        if let Some(old) = buffer.connection.replace(connection) {
            old.drop_silently();
        }
        buffer.sent = sequence;
        Ok(buffer.next() - 1 - sequence)
    }

    /// The connection is gone; the session waits for a RESUME.
    pub(crate) fn detach(&self, connection: u64, now_us: u64) {
        let mut buffer = self.lock();
        if buffer.connection.as_ref().is_some_and(|owner| owner.id == connection) {
            buffer.connection = None;
            buffer.detached_us = now_us;
        }
    }

    /// No RESUME any more; frees the buffer.
    pub(crate) fn end(&self) {
        let mut buffer = self.lock();
        let next = buffer.next();
        buffer.ended = true;
        buffer.connection = None;
        buffer.events = VecDeque::new();
        buffer.first = next;
        drop(buffer);
        self.drained.notify_waiters();
    }

    pub(crate) fn connection(&self) -> Option<Arc<Connection>> {
        self.lock().connection.clone()
    }

    /// When the session lost its connection; `None` while it has one.
    pub(crate) fn detached_us(&self) -> Option<u64> {
        let buffer = self.lock();
        buffer.connection.is_none().then_some(buffer.detached_us)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// (last sequence given out, last sequence written).
    pub(crate) fn progress(&self) -> (u64, u64) {
        let buffer = self.lock();
        (buffer.next() - 1, buffer.sent)
    }
}

impl Buffer {
    fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &'static str) -> Stored {
        Stored::Event(Arc::new(Event::new(kind, &serde_json::json!({}))))
    }

    #[test]
    fn resume_replays_exactly_what_was_not_seen_and_refuses_what_is_forgotten() {
        let session = Session::new("s".to_owned(), 0, 1, 0, 4);
        session.attach(Connection::detached(1));
        assert_eq!(session.push([event("READY"), event("A"), event("B")]), 1);
        let mut taken = Vec::new();
        assert_eq!(session.take(1, 10, &mut taken), 1);
        assert_eq!(taken.len(), 3);
        session.detach(1, 5);
        assert_eq!(session.push([event("C")]), 4);
        assert_eq!(session.resume(Connection::detached(2), 2), Ok(2));
        assert_eq!(session.take(1, 10, &mut taken), 0, "the old connection owns nothing any more");
        assert_eq!(session.take(2, 10, &mut taken), 3);
        assert_eq!(session.resume(Connection::detached(3), 5), Err(NoResume::Ahead));
        session.push([event("D"), event("E")]);
        assert_eq!(session.resume(Connection::detached(3), 1), Err(NoResume::Gone));
        assert!(session.has_ended());
    }

    #[test]
    fn a_client_slower_than_the_buffer_loses_its_session() {
        let session = Session::new("s".to_owned(), 0, 1, 0, 2);
        session.attach(Connection::detached(1));
        session.push([event("A"), event("B"), event("C")]);
        assert!(session.has_ended());
        assert_eq!(session.unsent(), 0);
    }
}
