//! What is written when acknowledgements settle: one transaction with the acknowledgements, the
//! group's new positions, and now and then checkpoints.

use std::sync::Arc;

use miso_model::{Acked, Asked, GroupCheckpoint, GuildId, LogRecord, PartitionRead, SLOTS, SessionCheckpoint};

use super::Core;
use super::packing::pack_offsets;
use super::session::Session;

/// Settled acknowledgements are committed at most so often, milliseconds.
const COMMIT_EVERY_MS: i64 = 200;
/// What changed is checkpointed so often, milliseconds: the ledger that a takeover reads is bounded by it.
const CHECKPOINT_EVERY_MS: i64 = 10_000;
/// A checkpoint is renewed, though nothing changed, when the ledger has gone on by so many records.
const CHECKPOINT_LAG: i64 = 20_000;
/// Positions are committed anew so often though nothing moved, milliseconds: Kafka forgets idle ones.
const RECOMMIT_EVERY_MS: i64 = 60 * 60 * 1_000;

/// A record of a [`CommitPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PlannedRecord {
    /// For `proxy.ledger`.
    Ledger(Vec<u8>),
    /// For `proxy.sessions`: key and value; no value is a tombstone.
    Session(String, Option<Vec<u8>>),
}

/// One transaction. It carries the home's own offset besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitPlan {
    pub(crate) records: Vec<PlannedRecord>,
    /// (partition, next) of `gateway.events`, for the group's own positions.
    pub(crate) offsets: Vec<(i32, i64)>,
    /// Where a takeover must begin to read the ledger for this group.
    pub(crate) ledger_from: i64,
}

/// The record of what the session has settled, if the ledger does not have it yet.
pub(super) fn acknowledged(session: &mut Session, home_epoch: i64) -> Option<Vec<u8>> {
    if session.settled <= session.acked_logged {
        return None;
    }
    session.acked_logged = session.settled;
    let acked = Acked { home_epoch, session_id: session.id.to_string(), sequence: session.settled };
    Some(acked.to_bytes())
}

impl Core {
    /// The next transaction, if one is due. `ledger_head`: one past the last record that any group of
    /// this home has appended. The plan must be carried out until it succeeds, before the next is made.
    pub(crate) fn plan_commit(&mut self, now: i64, ledger_head: i64) -> Option<CommitPlan> {
        if now < self.last_commit_ms + COMMIT_EVERY_MS {
            return None;
        }
        self.build_plan(now, ledger_head, false)
    }

    /// The last transaction before a shutdown: everything is checkpointed.
    pub(crate) fn last_commit(&mut self, now: i64, ledger_head: i64) -> Option<CommitPlan> {
        self.build_plan(now, ledger_head, true)
    }

    fn build_plan(&mut self, now: i64, ledger_head: i64, all: bool) -> Option<CommitPlan> {
        self.ledger_next = self.ledger_next.max(ledger_head);
        let mut records = Vec::new();
        self.plan_acknowledgements(&mut records);
        let recommit = now >= self.last_commit_ms + RECOMMIT_EVERY_MS;
        let mut offsets = Vec::new();
        for (number, partition) in (0..SLOTS).zip(&mut self.partitions) {
            let next = partition.finished();
            if next != partition.committed || recommit {
                partition.committed = next;
                offsets.push((number, next));
            }
        }
        let has_ended = !self.ended.is_empty();
        let before = records.len();
        self.plan_sessions(now, all, &mut records);
        // A session's checkpoint forgets what it has finished, so the group's must be as new.
        let group_due = has_ended
            || records.len() > before
            || (self.is_dirty && (all || now >= self.last_checkpoint_ms + CHECKPOINT_EVERY_MS))
            || self.ledger_next - self.checkpoint_offset > CHECKPOINT_LAG;
        if group_due {
            let (key, value) = self.group_checkpoint(now);
            records.push(PlannedRecord::Session(key, Some(value)));
        }
        // With the group's checkpoint, which has reopened what they left.
        for id in std::mem::take(&mut self.ended) {
            records.push(PlannedRecord::Session(id.to_string(), None));
        }
        if records.is_empty() && offsets.is_empty() {
            return None;
        }
        self.last_commit_ms = now;
        Some(CommitPlan { records, offsets, ledger_from: self.ledger_from() })
    }

    fn plan_acknowledgements(&mut self, records: &mut Vec<PlannedRecord>) {
        let home_epoch = self.epoch;
        for session in self.sessions.iter_mut().flatten() {
            records.extend(acknowledged(session, home_epoch).map(PlannedRecord::Ledger));
        }
    }

    fn plan_sessions(&mut self, now: i64, all: bool, records: &mut Vec<PlannedRecord>) {
        let (epoch, ledger, group) = (self.epoch, self.ledger_next, Arc::clone(&self.group));
        for session in self.sessions.iter_mut().flatten() {
            let due =
                session.is_dirty && (all || session.is_urgent || now >= session.checkpointed_at + CHECKPOINT_EVERY_MS);
            if due || ledger - session.checkpoint_offset > CHECKPOINT_LAG {
                let checkpoint = checkpoint_of(session, &group.name, epoch, ledger).to_bytes();
                records.push(PlannedRecord::Session(session.id.to_string(), Some(checkpoint)));
                session.is_dirty = false;
                session.is_urgent = false;
                session.checkpointed_at = now;
                session.checkpoint_offset = ledger;
            }
        }
    }

    /// A new session's checkpoint: it must be in the log before its READY.
    pub(super) fn first_checkpoint(&mut self, index: usize) -> Option<Vec<u8>> {
        let (epoch, ledger, group) = (self.epoch, self.ledger_next, Arc::clone(&self.group));
        let session = self.session_mut(index)?;
        let mut checkpoint = checkpoint_of(session, &group.name, epoch, ledger);
        // READY follows in the ledger.
        checkpoint.next_sequence = 1;
        checkpoint.pending.clear();
        session.checkpoint_offset = ledger;
        session.is_urgent = false;
        Some(checkpoint.to_bytes())
    }

    /// The group's checkpoint as of now: key and value.
    pub(super) fn group_checkpoint(&mut self, now: i64) -> (String, Vec<u8>) {
        self.last_checkpoint_ms = now;
        self.checkpoint_offset = self.ledger_next;
        self.is_checkpointed = true;
        self.is_dirty = false;
        let partitions = (0..SLOTS).zip(&self.partitions).map(|(partition, state)| PartitionRead {
            partition,
            end: state.end,
            open: pack_offsets(state.open.iter().copied()).into(),
            done: pack_offsets(state.done.iter().copied()).into(),
        });
        let asked = self.asked_order.iter().filter_map(|request| {
            let by = self.asked.get(request)?;
            Some(Asked {
                home_epoch: self.epoch,
                request_id: request.clone(),
                session_id: by.session.to_string(),
                client_nonce: by.nonce.clone(),
            })
        });
        let checkpoint = GroupCheckpoint {
            group: self.group.name.clone(),
            partitions: partitions.collect(),
            asked: asked.collect(),
            ledger_offset: self.ledger_next,
            home_epoch: self.epoch,
        };
        (format!("group/{}", self.group.name), checkpoint.to_bytes())
    }

    fn ledger_from(&self) -> i64 {
        let sessions = self.sessions.iter().flatten().map(|session| session.checkpoint_offset);
        sessions.min().unwrap_or(i64::MAX).min(self.checkpoint_offset)
    }

    /// When a commit may be due, milliseconds.
    pub(super) fn next_commit(&self) -> Option<i64> {
        let has_acks = self.sessions.iter().flatten().any(|session| session.settled > session.acked_logged);
        let is_urgent = self.sessions.iter().flatten().any(|session| session.is_urgent && session.is_dirty);
        let has_moved = || self.partitions.iter().any(|partition| partition.finished() != partition.committed);
        if has_acks || is_urgent || !self.ended.is_empty() || (self.is_dirty && has_moved()) {
            return Some(self.last_commit_ms + COMMIT_EVERY_MS);
        }
        let sessions = self.sessions.iter().flatten();
        let checkpoint = sessions.filter(|s| s.is_dirty).map(|s| s.checkpointed_at + CHECKPOINT_EVERY_MS).min();
        let group = self.is_dirty.then_some(self.last_checkpoint_ms + CHECKPOINT_EVERY_MS);
        checkpoint.into_iter().chain(group).min()
    }
}

fn checkpoint_of(session: &Session, group: &str, home_epoch: i64, ledger_offset: i64) -> SessionCheckpoint {
    SessionCheckpoint {
        group: group.to_owned(),
        shard: session.shard.and_then(|(index, _)| i32::try_from(index).ok()),
        shard_count: session.shard.and_then(|(_, count)| i32::try_from(count).ok()),
        intents: i64::from(session.intents),
        version: session.version,
        large_threshold: i32::try_from(session.large_threshold).unwrap_or(i32::MAX),
        next_sequence: session.next,
        acked: session.settled,
        guilds: session.guilds.iter().copied().map(GuildId).collect(),
        pending_first: session.settled + 1,
        pending: session.packed_after(session.settled),
        ledger_offset,
        seen_ms: session.heard_at,
        home_epoch,
    }
}
