//! The home of one handler group: its sessions, who owns which guild, what was sent and acknowledged,
//! and what may be committed. Pure: messages, events and the time come in; ledger records, frames,
//! commits and reading positions come out. Nothing here waits or does I/O.
//!
//! Every event of a partition is in one of four states: not read yet (at or beyond `end`), open (read,
//! nobody can take it now), sent (a session has it), or finished. One rule covers waiting, redelivery,
//! moves and restarts: whenever an open event may have become deliverable, the partition is read again
//! from its first open event, and only what is open or new is dispatched.

mod commit;
mod deliver;
mod ids;
mod item;
mod members;
mod moves;
mod packing;
mod partition;
mod restore;
mod resuming;
mod routing;
mod session;
mod sessions;
mod slice;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use miso_model::{Balance, HandlerGroup, LogRecord, SLOTS, Sent};

use crate::frame::BATCH_BYTES;
use crate::wire::{ConnectionId, ToEdge};

pub(crate) use commit::{CommitPlan, PlannedRecord};
pub(crate) use item::FILLER;
pub(crate) use restore::{LedgerEntry, Restored, restore};
pub(crate) use session::Wishes;
pub(crate) use slice::Slice;
pub(crate) use view::View;

use deliver::RuleMemo;
use ids::IdMap;
use item::Item;
use members::AskedBy;
use partition::Partition;
use routing::Route;
use session::{ASK_DEADLINE_MS, Session};
use sessions::WaitingIdentify;

/// Sessions of one group, connected or not, at most; one more client is closed with 4000.
pub(crate) const MAX_SESSIONS: usize = 1_024;

/// What a home is told at its start.
#[derive(Debug, Clone)]
pub(crate) struct HomeConfig {
    /// `resume_gateway_url`: no query, no trailing slash.
    pub(crate) public_url: String,
    /// As in HELLO, milliseconds.
    pub(crate) heartbeat_interval_ms: i64,
    /// How long a session that nobody takes over can be resumed, milliseconds.
    pub(crate) session_ttl_ms: i64,
    /// How long an IDENTIFY is held while Discord's first READY is not there, milliseconds.
    pub(crate) identify_hold_ms: i64,
}

/// A change of what the group's reader follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Read the partition from this offset on; what is in hand of it is stale.
    From(i32, i64),
    /// Read it no more; what is in hand of it is stale.
    Stop(i32),
}

/// Events to be fetched from the log, for a client that resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replay {
    pub(crate) session: usize,
    pub(crate) attempt: u64,
    /// (partition, offset).
    pub(crate) places: Vec<(i32, i64)>,
}

/// What is to be done, in this order: `sessions` and `ledger` appended in one call and awaited, then
/// the rest.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// New sessions' checkpoints, and the group's first: key and value.
    pub(crate) sessions: Vec<(String, Vec<u8>)>,
    /// Ledger records, encoded.
    pub(crate) ledger: Vec<Vec<u8>>,
    /// Messages to edges, in order per connection.
    pub(crate) to_edges: Vec<(ConnectionId, ToEdge)>,
    pub(crate) reading: Vec<Reading>,
    pub(crate) replays: Vec<Replay>,
    /// Commands for Discord's gateway.
    pub(crate) commands: Vec<miso_model::GatewayCommand>,
    /// Records that cannot be read: (partition, offset).
    pub(crate) unreadable: Vec<(i32, i64)>,
    /// Dispatches written.
    pub(crate) dispatched: u64,
}

impl Effects {
    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.ledger.is_empty()
            && self.to_edges.is_empty()
            && self.reading.is_empty()
            && self.replays.is_empty()
            && self.commands.is_empty()
            && self.unreadable.is_empty()
    }
}

/// What became of a record that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It needs nothing more of the reader.
    Taken,
    /// Every client's window is full: offer it again when [`Core::wants_events`] says so.
    Full,
    /// Its partition waits; what is in hand of it is stale.
    Paused,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Core {
    group: Arc<HandlerGroup>,
    config: HomeConfig,
    epoch: i64,
    sessions: Vec<Option<Box<Session>>>,
    by_id: HashMap<Arc<str>, usize>,
    by_connection: HashMap<ConnectionId, usize>,
    waiting: VecDeque<WaitingIdentify>,
    routes: IdMap<Route>,
    partitions: Vec<Partition>,
    asked: HashMap<String, AskedBy>,
    asked_order: VecDeque<String>,
    own_user: u64,
    upstream_shards: i32,
    next_request: u64,
    next_attempt: u64,
    moving: Vec<u64>,
    last_move_ms: i64,
    memo: RuleMemo,
    effects: Effects,
    /// Partitions to be read again from their first open event.
    reread: BTreeSet<i32>,
    /// Something may have become deliverable.
    recheck: bool,
    coverage_changed: bool,
    ended: Vec<Arc<str>>,
    last_commit_ms: i64,
    last_checkpoint_ms: i64,
    checkpoint_offset: i64,
    is_checkpointed: bool,
    is_dirty: bool,
    /// One past the last ledger record of this group that is known to be in the log.
    ledger_next: i64,
}

impl Core {
    /// A home that begins where [`restore`] left off.
    pub(crate) fn new(group: Arc<HandlerGroup>, config: HomeConfig, epoch: i64, restored: Restored, now: i64) -> Self {
        let mut core = Self {
            group,
            config,
            epoch,
            sessions: Vec::new(),
            by_id: HashMap::new(),
            by_connection: HashMap::new(),
            waiting: VecDeque::new(),
            routes: IdMap::default(),
            partitions: restored.partitions,
            asked: HashMap::new(),
            asked_order: VecDeque::new(),
            own_user: 0,
            upstream_shards: 1,
            next_request: now.unsigned_abs() << 16,
            next_attempt: 0,
            moving: Vec::new(),
            last_move_ms: 0,
            memo: RuleMemo::default(),
            effects: Effects::default(),
            reread: BTreeSet::new(),
            recheck: false,
            coverage_changed: false,
            ended: restored.ended,
            last_commit_ms: now,
            last_checkpoint_ms: now,
            checkpoint_offset: restored.ledger_next,
            is_checkpointed: restored.is_checkpointed,
            is_dirty: false,
            ledger_next: restored.ledger_next,
        };
        for (request, asked) in restored.asked {
            core.remember_asked(request, asked);
        }
        for session in restored.sessions {
            let index = core.sessions.len();
            core.by_id.insert(Arc::clone(&session.id), index);
            if !core.is_by_event() {
                let last = session.next - 1;
                core.routes.extend(session.guilds.iter().map(|&guild| (guild, Route::restored(index, last))));
            }
            core.sessions.push(Some(Box::new(session)));
        }
        core
    }

    /// The group's settings have changed.
    pub(crate) fn set_group(&mut self, group: Arc<HandlerGroup>) {
        self.group = group;
    }

    /// Ledger records up to here are in the log.
    pub(crate) fn ledger_reached(&mut self, next: i64) {
        self.ledger_next = self.ledger_next.max(next);
    }

    /// Whether records should be offered: some client can take more.
    pub(crate) fn wants_events(&self) -> bool {
        self.live().any(|session| !session.is_full())
    }

    fn live(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().flatten().map(|session| &**session).filter(|session| session.is_live())
    }

    fn session(&self, index: usize) -> Option<&Session> {
        self.sessions.get(index)?.as_deref()
    }

    fn session_mut(&mut self, index: usize) -> Option<&mut Session> {
        self.sessions.get_mut(index)?.as_deref_mut()
    }

    fn partition_mut(&mut self, partition: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// Retention has removed what was not read below `earliest`.
    pub(crate) fn skip_to(&mut self, partition: i32, earliest: i64) {
        if let Some(partition) = self.partition_mut(partition) {
            partition.skip_to(earliest);
            self.is_dirty = true;
        }
    }

    fn is_by_event(&self) -> bool {
        self.group.balance == Balance::Event
    }

    /// Time has passed: graces, questions, deadlines, moves.
    pub(crate) fn tick(&mut self, now: i64, view: &dyn View) {
        self.retry_identify(now, view);
        for index in 0..self.sessions.len() {
            self.settle(index, now);
            self.ask(index, now);
            self.check_deadlines(index, now);
        }
        self.move_guilds(now);
    }

    fn settle(&mut self, index: usize, now: i64) {
        let grace = self.group.ack_grace_ms;
        let Some(session) = self.sessions.get_mut(index).and_then(Option::as_deref_mut) else { return };
        for item in session.settle(now, grace) {
            if let Item::Event { partition, offset, .. } = item
                && let Some(partition) = usize::try_from(partition).ok().and_then(|p| self.partitions.get_mut(p))
            {
                partition.acknowledge(offset);
                self.is_dirty = true;
            }
        }
    }

    fn ask(&mut self, index: usize, now: i64) {
        let Some(session) = self.session_mut(index) else { return };
        if let Some(connection) = session.connection()
            && session.should_ask(now)
        {
            session.asked_at = Some(now);
            session.last_ask = now;
            self.flush_frames(index, now);
            self.effects.to_edges.push((connection, ToEdge::Ask));
        }
    }

    /// When there is something to do next, Unix milliseconds; no new plan while one is being carried out.
    pub(crate) fn next_deadline(&self, now: i64, is_committing: bool) -> Option<i64> {
        let mut next = i64::MAX;
        let mut at = |time: Option<i64>| next = next.min(time.unwrap_or(i64::MAX));
        if !self.waiting.is_empty() {
            at(Some(now + sessions::IDENTIFY_RETRY_MS));
        }
        for (index, session) in self.sessions.iter().enumerate() {
            let Some(session) = session else { continue };
            at(session.next_ask());
            at(session.next_settle(self.group.ack_grace_ms));
            at(session.asked_at.map(|asked| asked + ASK_DEADLINE_MS));
            at(self.session_deadline(index));
            if session.is_live() && !session.todo.is_empty() && !session.is_full() {
                at(Some(now));
            }
        }
        at(self.next_move(now));
        at(self.next_commit().filter(|_| !is_committing));
        (next < i64::MAX).then_some(next)
    }

    /// Everything to be done since the last call. Sessions that have room get their waiting snapshots.
    pub(crate) fn take_effects(&mut self, now: i64, view: &dyn View) -> Effects {
        for index in 0..self.sessions.len() {
            self.pump(index, view);
        }
        self.update_reading();
        for index in 0..self.sessions.len() {
            self.log_sent(index);
            self.flush_frames(index, now);
        }
        std::mem::take(&mut self.effects)
    }

    /// The ledger learns of what a session is about to be sent, once per batch.
    fn log_sent(&mut self, index: usize) {
        let epoch = self.epoch;
        let Some(session) = self.session_mut(index) else { return };
        if session.logged + 1 >= session.next {
            return;
        }
        let sent = Sent {
            home_epoch: epoch,
            session_id: session.id.to_string(),
            first_sequence: session.logged + 1,
            items: session.packed_after(session.logged),
        };
        let count = session.next - 1 - session.logged;
        session.logged = session.next - 1;
        self.effects.ledger.push(sent.to_bytes());
        self.effects.dispatched += count.unsigned_abs();
    }

    fn flush_frames(&mut self, index: usize, now: i64) {
        let Some(session) = self.session_mut(index) else { return };
        if session.out.is_empty() {
            return;
        }
        let frames = session.out.take();
        session.sent(now);
        if let Some(connection) = session.connection() {
            self.effects.to_edges.push((connection, ToEdge::Frames(frames)));
        }
    }

    /// A batch that has grown large is cut: its frames follow in order, after the same ledger append.
    fn cut_batch(&mut self, index: usize, now: i64) {
        if self.session(index).is_some_and(|session| session.out.len() >= BATCH_BYTES) {
            self.flush_frames(index, now);
        }
    }

    /// Which partitions are read, and which again.
    fn update_reading(&mut self) {
        if std::mem::take(&mut self.coverage_changed) {
            for number in 0..SLOTS {
                let wanted = self.live().any(|session| session.slice.covers_partition(number));
                let Some(partition) = self.partition_mut(number) else { continue };
                if wanted && !partition.reading {
                    partition.reading = true;
                    self.reread.insert(number);
                } else if !wanted && partition.reading {
                    partition.reading = false;
                    self.effects.reading.push(Reading::Stop(number));
                }
            }
        }
        if std::mem::take(&mut self.recheck) {
            for number in 0..SLOTS {
                if self.may_release(number) {
                    self.reread.insert(number);
                }
            }
        }
        for number in std::mem::take(&mut self.reread) {
            if let Some(partition) = self.partition_mut(number).filter(|partition| partition.reading) {
                let from = partition.start();
                self.effects.reading.push(Reading::From(number, from));
            }
        }
    }

    /// Whether an event that waits in this partition could be sent now.
    fn may_release(&self, number: i32) -> bool {
        let Some(partition) = usize::try_from(number).ok().and_then(|p| self.partitions.get(p)) else { return false };
        partition.reading
            && !partition.open.is_empty()
            && partition.held.iter().any(|(&key, &in_guild)| self.is_deliverable(key, in_guild))
    }
}
