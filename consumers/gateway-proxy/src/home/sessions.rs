//! The life of a session: IDENTIFY, heartbeats, being away, its end.

use std::sync::Arc;

use bytes::Bytes;
use miso_model::{Ended, LogRecord, SLOTS};

use super::item::Item;
use super::routing::Route;
use super::session::{ASK_DEADLINE_MS, Phase, Session, Todo};
use super::{Core, MAX_SESSIONS, View, Wishes};
use crate::close_code;
use crate::wire::{ConnectionId, ToEdge};

/// IDENTIFYs that wait for Discord's first READY, at most; one more is closed with 4000.
const MAX_WAITING: usize = 1_024;
/// How often it is looked whether Discord's first READY has come, milliseconds.
pub(super) const IDENTIFY_RETRY_MS: i64 = 100;
/// Added to two heartbeat intervals before a silent client is closed, milliseconds.
const SILENCE_SLACK_MS: i64 = 5_000;

/// An IDENTIFY that waits for Discord's first READY.
#[derive(Debug)]
pub(super) struct WaitingIdentify {
    pub(super) connection: ConnectionId,
    id: Arc<str>,
    wishes: Wishes,
    since: i64,
}

impl Core {
    /// A client with a new session. `id` is the session's.
    pub(crate) fn identify(&mut self, now: i64, view: &dyn View, connection: ConnectionId, id: &str, wishes: Wishes) {
        if self.by_connection.contains_key(&connection) || self.waiting.iter().any(|w| w.connection == connection) {
            self.close(connection, close_code::ALREADY_AUTHENTICATED, "already authenticated");
            return;
        }
        let open = self.sessions.iter().flatten().count();
        if open >= MAX_SESSIONS || self.waiting.len() >= MAX_WAITING {
            self.close(connection, close_code::RESUMABLE, "too many sessions in this group; try again later");
            return;
        }
        self.waiting.push_back(WaitingIdentify { connection, id: id.into(), wishes, since: now });
        self.retry_identify(now, view);
    }

    /// Those that waited for Discord's first READY.
    pub(super) fn retry_identify(&mut self, now: i64, view: &dyn View) {
        if self.waiting.is_empty() {
            return;
        }
        if let Some((own_user, user)) = view.own_user() {
            self.own_user = own_user;
            for waiting in std::mem::take(&mut self.waiting) {
                self.begin(now, view, waiting, &user);
            }
            return;
        }
        while self.waiting.front().is_some_and(|waiting| waiting.since + self.config.identify_hold_ms <= now) {
            let Some(waiting) = self.waiting.pop_front() else { return };
            self.close(waiting.connection, close_code::RESUMABLE, "Discord has not answered yet; try again");
        }
    }

    fn begin(&mut self, now: i64, view: &dyn View, waiting: WaitingIdentify, user: &Bytes) {
        let WaitingIdentify { connection, id, wishes, .. } = waiting;
        let index = self.sessions.iter().position(Option::is_none).unwrap_or_else(|| {
            self.sessions.push(None);
            self.sessions.len() - 1
        });
        let session = Session::new(Arc::clone(&id), wishes, Phase::Live(connection), now);
        self.sessions[index] = Some(Box::new(session));
        self.by_id.insert(Arc::clone(&id), index);
        self.by_connection.insert(connection, index);
        let guilds = self.guilds_of(view, wishes.slice);
        let ready = self.ready(view, index, user, &guilds);
        if let Some(session) = self.session_mut(index) {
            session.push(|_| Item::Ready, "READY", ready.as_bytes());
        }
        self.offer_guilds(index, &guilds);
        self.coverage_changed = true;
        self.recheck = true;
        self.is_dirty = true;
        // In the log before READY: a client never holds a session id that a restart does not know.
        if let Some(checkpoint) = self.first_checkpoint(index) {
            self.effects.sessions.push((id.to_string(), checkpoint));
        }
        // From the first session on, the ledger on top of the group's checkpoint says what was sent.
        if !self.is_checkpointed {
            let checkpoint = self.group_checkpoint(now);
            self.effects.sessions.push(checkpoint);
        }
        self.end_covered(now);
    }

    /// Guilds of a slice, without those whose join the group has yet to read: a join is a join.
    pub(super) fn guilds_of(&self, view: &dyn View, slice: super::Slice) -> Vec<u64> {
        let mut guilds = Vec::new();
        for number in (0..SLOTS).filter(|&number| slice.covers_partition(number)) {
            let Some(partition) = usize::try_from(number).ok().and_then(|p| self.partitions.get(p)) else { continue };
            let position = partition.open.first().copied().unwrap_or(partition.end);
            let of_partition = view.guild_ids(number).into_iter().filter(|&guild| slice.covers(guild));
            guilds.extend(of_partition.filter(|&guild| view.joined_at(guild).is_none_or(|joined| joined < position)));
        }
        guilds
    }

    /// What nobody owns is the session's; what others own is not there for it.
    pub(super) fn offer_guilds(&mut self, index: usize, guilds: &[u64]) {
        let by_event = self.is_by_event();
        for &guild in guilds {
            let todo = if by_event {
                Some(Todo::Snapshot(guild))
            } else if let Some(route) = self.routes.get(&guild).filter(|route| route.is_guild) {
                let owner = self.session(route.owner);
                owner.is_some_and(Session::is_live).then_some(Todo::Gone(guild))
            } else {
                self.routes.insert(guild, Route::guild(index));
                if let Some(session) = self.session_mut(index) {
                    session.guilds.insert(guild);
                }
                Some(Todo::Snapshot(guild))
            };
            if let (Some(todo), Some(session)) = (todo, self.session_mut(index)) {
                session.todo.push_back(todo);
            }
        }
    }

    pub(super) fn ready(&self, view: &dyn View, index: usize, user: &Bytes, guilds: &[u64]) -> String {
        let Some(session) = self.session(index) else { return String::new() };
        let listed: Vec<String> = guilds.iter().map(|id| format!(r#"{{"id":"{id}","unavailable":true}}"#)).collect();
        let shard = session.shard.map_or(String::new(), |(index, count)| format!(r#","shard":[{index},{count}]"#));
        let application = view.application();
        let application = application.as_deref().and_then(|json| std::str::from_utf8(json).ok()).unwrap_or("{}");
        format!(
            r#"{{"v":{version},"user":{user},"private_channels":[],"guilds":[{guilds}],"session_id":"{id}","session_type":"normal","resume_gateway_url":{url},"application":{application}{shard},"user_settings":{{}},"relationships":[],"presences":[],"guild_join_requests":[],"geo_ordered_rtc_regions":[],"_trace":["miso"]}}"#,
            version = session.version,
            user = std::str::from_utf8(user).unwrap_or("{}"),
            guilds = listed.join(","),
            id = session.id,
            url = serde_json::Value::from(self.config.public_url.as_str()),
        )
    }

    /// A heartbeat; the edge has answered it.
    pub(crate) fn heartbeat(&mut self, now: i64, connection: ConnectionId, sequence: Option<i64>) {
        let Some(index) = self.by_connection.get(&connection).copied() else { return };
        let Some(session) = self.session_mut(index) else { return };
        session.heard_at = now;
        session.asked_at = None;
        if let Some(sequence) = sequence {
            session.acknowledge(sequence, now);
        }
        if session.was_full && !session.is_full() {
            session.was_full = false;
            self.recheck = true;
        }
    }

    /// A connection is gone, for reasons of the client's. 1000 and 1001 end the session.
    pub(crate) fn closed(&mut self, now: i64, connection: ConnectionId, code: Option<u16>) {
        self.waiting.retain(|waiting| waiting.connection != connection);
        let Some(index) = self.by_connection.remove(&connection) else { return };
        self.coverage_changed = true;
        if matches!(code, Some(1000 | 1001)) {
            self.end(index, now, "the client closed it");
        } else {
            self.away(index, now);
        }
    }

    fn away(&mut self, index: usize, now: i64) {
        self.coverage_changed = true;
        if let Some(session) = self.session_mut(index) {
            session.leave(now);
        }
        self.cancel_moves_of(index);
    }

    /// Closes a client whose session goes on.
    fn drop_client(&mut self, index: usize, now: i64, why: &'static str) {
        if let Some(connection) = self.session(index).and_then(Session::connection) {
            self.by_connection.remove(&connection);
            self.flush_frames(index, now);
            self.close(connection, close_code::RESUMABLE, why);
            self.away(index, now);
        }
    }

    pub(super) fn close(&mut self, connection: ConnectionId, code: u16, why: &'static str) {
        self.effects.to_edges.push((connection, ToEdge::Close(code, why)));
    }

    pub(super) fn check_deadlines(&mut self, index: usize, now: i64) {
        let Some(session) = self.session(index) else { return };
        if session.asked_at.is_some_and(|asked| asked + ASK_DEADLINE_MS <= now) {
            self.drop_client(index, now, "op 1 was not answered in time; resume");
        } else if session.connection().is_some() && self.silence_ends(session) <= now {
            self.drop_client(index, now, "no heartbeat in time; resume");
        } else if let Phase::Away(since) = session.phase {
            if since + self.config.session_ttl_ms <= now {
                self.end(index, now, "nobody resumed it");
            } else if since + self.group.resume_grace_ms <= now && self.is_covered_by_others(index, session.slice) {
                self.end(index, now, "another session took over");
            }
        }
    }

    fn silence_ends(&self, session: &Session) -> i64 {
        session.heard_at + 2 * self.config.heartbeat_interval_ms + SILENCE_SLACK_MS
    }

    pub(super) fn session_deadline(&self, index: usize) -> Option<i64> {
        let session = self.session(index)?;
        match session.phase {
            Phase::Live(_) | Phase::Replaying(..) => Some(self.silence_ends(session)),
            Phase::Away(since) if self.is_covered_by_others(index, session.slice) => {
                Some(since + self.group.resume_grace_ms)
            }
            Phase::Away(since) => Some(since + self.config.session_ttl_ms),
        }
    }

    /// Sessions whose grace is over and that somebody covers now.
    pub(super) fn end_covered(&mut self, now: i64) {
        for index in 0..self.sessions.len() {
            self.check_deadlines(index, now);
        }
    }

    /// Ends a session: what it had not finished is open again, its guilds go to others.
    pub(super) fn end(&mut self, index: usize, now: i64, reason: &str) {
        let Some(mut session) = self.sessions.get_mut(index).and_then(Option::take) else { return };
        self.cancel_moves_of(index);
        self.by_id.remove(&session.id);
        if let Some(connection) = session.connection() {
            self.by_connection.remove(&connection);
        }
        let ended = Ended { home_epoch: self.epoch, session_id: session.id.to_string(), reason: reason.to_owned() };
        self.effects.ledger.push(ended.to_bytes());
        for item in session.items.drain(..) {
            if let Item::Event { partition, offset, .. } = item {
                if let Some(state) = self.partition_mut(partition) {
                    state.reopen(offset);
                }
                self.reread.insert(partition);
            }
        }
        self.forget_asked_of(&session.id);
        self.routes.retain(|_, route| route.is_guild || route.owner != index);
        self.ended.push(session.id);
        self.hand_on(index, now);
        self.coverage_changed = true;
        self.recheck = true;
        self.is_dirty = true;
    }

    /// The guilds of a session that has ended go to those that cover them, the least loaded first.
    fn hand_on(&mut self, index: usize, _now: i64) {
        let mut orphans: Vec<u64> =
            self.routes.iter().filter(|(_, route)| route.owner == index).map(|(&guild, _)| guild).collect();
        orphans.sort_unstable();
        for guild in orphans {
            match self.least_loaded(|session| session.slice.covers(guild)) {
                None => drop(self.routes.remove(&guild)),
                Some(next) => {
                    self.routes.insert(guild, Route::guild(next));
                    if let Some(session) = self.session_mut(next) {
                        session.guilds.insert(guild);
                        session.todo.push_back(Todo::Snapshot(guild));
                        session.is_dirty = true;
                    }
                }
            }
        }
    }

    /// Asks every client to acknowledge what it has, before a shutdown.
    pub(crate) fn ask_all(&mut self, now: i64) {
        for index in 0..self.sessions.len() {
            let Some(session) = self.session_mut(index).filter(|s| s.unacked() > 0) else { continue };
            if let (Some(connection), None) = (session.connection(), session.asked_at) {
                session.asked_at = Some(now);
                self.flush_frames(index, now);
                self.effects.to_edges.push((connection, ToEdge::Ask));
            }
        }
    }

    /// Whether every client has acknowledged everything.
    pub(crate) fn is_drained(&self) -> bool {
        self.live().all(|session| session.unacked() == 0)
    }

    /// Sends every client away to resume: op 7, or a close where op 7 must not be (before READY).
    pub(crate) fn send_away(&mut self, now: i64) {
        for waiting in std::mem::take(&mut self.waiting) {
            self.close(waiting.connection, close_code::RESUMABLE, "restarting; try again");
        }
        for index in 0..self.sessions.len() {
            let Some(session) = self.session(index) else { continue };
            match session.phase {
                Phase::Live(connection) => {
                    self.flush_frames(index, now);
                    self.effects.to_edges.push((connection, ToEdge::Reconnect));
                }
                Phase::Replaying(connection, _) => self.close(connection, close_code::RESUMABLE, "restarting; resume"),
                Phase::Away(_) => continue,
            }
            self.away(index, now);
        }
        self.by_connection.clear();
    }
}
