//! From a record of the log to a frame of a session.

use miso_model::EventView;
use serde::Deserialize;

use super::item::Item;
use super::partition::{Known, LOOK_AHEAD};
use super::routing::Route;
use super::session::Todo;
use super::{Core, Flow, Reading, View};
use crate::gating;
use crate::intents::{self, Rule};

/// Snapshots given to a session in one go, at most; events of other guilds pass between.
const SNAPSHOTS_AT_ONCE: usize = 200;
/// Bytes of snapshots given in one go.
const SNAPSHOT_BYTES_AT_ONCE: usize = 4 * 1_024 * 1_024;

/// The rule of the event type seen last: runs of one type are the normal case.
#[derive(Debug)]
pub(super) struct RuleMemo {
    event_type: String,
    rule: Rule,
    gated: bool,
}

impl Default for RuleMemo {
    fn default() -> Self {
        Self { event_type: String::new(), rule: intents::rule(""), gated: false }
    }
}

impl RuleMemo {
    fn of(&mut self, event_type: &str) -> (Rule, bool) {
        if self.event_type != event_type {
            event_type.clone_into(&mut self.event_type);
            self.rule = intents::rule(event_type);
            self.gated = gating::is_gated(event_type);
        }
        (self.rule, self.gated)
    }
}

/// What decides who gets an event: guild, else channel, else user, else nothing (0).
fn key_of(event: &EventView<'_>, by_event: bool) -> (u64, bool) {
    let channel = event.channel_id.map(|id| id.0);
    match event.guild_id {
        Some(guild) => (channel.filter(|_| by_event).unwrap_or(guild.0), true),
        None => (channel.or(event.user_id.map(|id| id.0)).unwrap_or(0), false),
    }
}

impl Core {
    /// Offers the next record of a partition.
    pub(crate) fn dispatch(&mut self, now: i64, view: &dyn View, partition: i32, offset: i64, value: &[u8]) -> Flow {
        let Some(state) = self.partition_mut(partition) else { return Flow::Taken };
        let known = state.look(offset);
        if known == Known::Settled {
            state.finish(offset);
            return Flow::Taken;
        }
        let event = match EventView::decode(value) {
            Ok(Some(event)) => event,
            // ShardReady, GatewayGap: for the fold.
            Ok(None) => return self.finish(partition, offset),
            Err(_) => {
                self.effects.unreadable.push((partition, offset));
                return self.finish(partition, offset);
            }
        };
        let listed = self.group.events.is_empty() || self.group.events.iter().any(|listed| listed == event.event_type);
        if !listed || matches!(event.event_type, "READY" | "RESUMED") {
            return self.finish(partition, offset);
        }
        self.upstream_shards = event.shard_count.max(1);
        if matches!(event.event_type, "GUILD_MEMBERS_CHUNK" | "RATE_LIMITED") {
            return self.reply(now, partition, offset, &event);
        }
        let by_event = self.is_by_event();
        let (key, in_guild) = key_of(&event, by_event);
        let (rule, gated) = self.memo.of(event.event_type);
        let Some(index) = self.resolve(key, in_guild) else {
            return self.hold(partition, offset, key, in_guild);
        };
        let own_user = self.own_user;
        let is_moving = self.routes.get(&key).is_some_and(|route| route.moving_to.is_some());
        let is_held = self.partition_mut(partition).is_some_and(|p| !p.held.is_empty() && p.held.contains_key(&key));
        let Some(session) = self.session(index) else { return self.hold(partition, offset, key, in_guild) };
        if !rule.delivers(session.intents, in_guild) && !concerns_own_user(&event, own_user) {
            return self.finish(partition, offset);
        }
        if is_held || is_moving || !session.is_live() {
            return self.hold(partition, offset, key, in_guild);
        }
        if session.is_full() {
            self.note_full();
            if self.wants_events() {
                return self.hold(partition, offset, key, in_guild);
            }
            return Flow::Full;
        }
        let place = Place { index, partition, offset, key, gated, in_guild };
        if in_guild && !by_event {
            self.deliver_of_guild(now, view, place, &event);
        } else if event.event_type == "GUILD_CREATE" && !view.is_join(event.guild_id.map_or(0, |id| id.0), offset) {
            return self.finish(partition, offset);
        } else {
            self.deliver(now, place, &event);
        }
        Flow::Taken
    }

    fn finish(&mut self, partition: i32, offset: i64) -> Flow {
        if let Some(partition) = self.partition_mut(partition) {
            partition.finish(offset);
        }
        Flow::Taken
    }

    /// Nobody can take it now: it waits, and so does everything of its key behind it.
    pub(super) fn hold(&mut self, partition: i32, offset: i64, key: u64, in_guild: bool) -> Flow {
        let Some(state) = self.partition_mut(partition) else { return Flow::Taken };
        if offset >= state.end && state.open.len() >= LOOK_AHEAD {
            // Read again from the first open event when somebody can take it.
            state.held.insert(key, in_guild);
            self.effects.reading.push(Reading::Stop(partition));
            return Flow::Paused;
        }
        state.hold(offset, key, in_guild);
        self.is_dirty = true;
        Flow::Taken
    }

    /// Remembers who is full, so that their acknowledgement releases what waits.
    fn note_full(&mut self) {
        for session in self.sessions.iter_mut().flatten() {
            session.was_full |= session.is_live() && session.is_full();
        }
    }

    fn deliver_of_guild(&mut self, now: i64, view: &dyn View, place: Place, event: &EventView<'_>) {
        let Place { index, partition, offset, key: guild, .. } = place;
        let told_at = self.routes.get(&guild).and_then(|route| route.told_at);
        match event.event_type {
            "GUILD_CREATE" if !view.is_join(guild, offset) => {
                if told_at.is_some_and(|told| offset < told) {
                    self.finish(partition, offset);
                    return;
                }
                if told_at.is_some() {
                    self.push_gone(index, guild);
                }
                // State has folded this event: the snapshot carries it, and moves with the guild.
                if self.push_snapshot(index, guild, view) {
                    self.finish(partition, offset);
                } else {
                    self.deliver(now, place, event);
                }
            }
            "GUILD_CREATE" => {
                self.deliver(now, place, event);
                if let Some(route) = self.routes.get_mut(&guild) {
                    route.told_at = Some(offset + 1);
                }
            }
            "GUILD_DELETE" => {
                self.deliver(now, place, event);
                self.guild_deleted(index, guild, is_outage(event.d));
            }
            _ => {
                if told_at.is_none() {
                    self.push_snapshot(index, guild, view);
                }
                self.deliver(now, place, event);
            }
        }
    }

    fn guild_deleted(&mut self, index: usize, guild: u64, is_outage: bool) {
        if is_outage {
            if let Some(route) = self.routes.get_mut(&guild) {
                route.told_at = None;
            }
            return;
        }
        // Kept until acknowledged would be for its order only, and nothing follows but a new join.
        self.routes.remove(&guild);
        self.moving.retain(|&moving| moving != guild);
        if let Some(session) = self.session_mut(index) {
            session.guilds.remove(&guild);
            session.is_urgent = true;
        }
    }

    fn deliver(&mut self, now: i64, place: Place, event: &EventView<'_>) {
        let Place { index, partition, offset, key, gated, in_guild } = place;
        let own_user = self.own_user;
        let Some(session) = self.session_mut(index) else { return };
        let stripped = (gated && session.intents & intents::MESSAGE_CONTENT == 0)
            .then(|| gating::strip(event.event_type, event.d, own_user, in_guild))
            .flatten();
        let d = stripped.as_deref().unwrap_or(event.d);
        let sequence = session.push(|bytes| Item::Event { partition, offset, bytes }, event.event_type, d);
        if let Some(route) = self.routes.get_mut(&key) {
            route.last_sequence = sequence;
        }
        if let Some(state) = self.partition_mut(partition) {
            state.send(offset);
        }
        self.is_dirty = true;
        self.cut_batch(index, now);
    }

    /// Sends an event of the log to a session, its `d` changed; for replies to one session only.
    pub(super) fn deliver_changed(&mut self, now: i64, index: usize, place: (i32, i64), event_type: &str, d: &[u8]) {
        let (partition, offset) = place;
        if let Some(session) = self.session_mut(index) {
            session.push(|bytes| Item::Event { partition, offset, bytes }, event_type, d);
        }
        if let Some(state) = self.partition_mut(partition) {
            state.send(offset);
        }
        self.is_dirty = true;
        self.cut_batch(index, now);
    }

    /// GUILD_CREATE from state; the session knows the guild as available then. `false`: state does
    /// not know it, or the session has no use for it.
    pub(super) fn push_snapshot(&mut self, index: usize, guild: u64, view: &dyn View) -> bool {
        let by_event = self.is_by_event();
        let Some(session) = self.session_mut(index) else { return false };
        if session.intents & intents::GUILDS == 0 {
            if let Some(route) = self.routes.get_mut(&guild) {
                route.told_at = Some(0);
            }
            return false;
        }
        let Some(snapshot) = view.snapshot(guild, session.large_threshold) else { return false };
        session.push(|bytes| Item::Snapshot { guild, bytes }, "GUILD_CREATE", &snapshot.d);
        if by_event {
            // Nobody owns it: these are the guilds that the session was told of.
            session.guilds.insert(guild);
        } else if let Some(route) = self.routes.get_mut(&guild) {
            route.told_at = Some(snapshot.next_offset);
        }
        true
    }

    pub(super) fn push_gone(&mut self, index: usize, guild: u64) {
        if let Some(session) = self.session_mut(index)
            && session.intents & intents::GUILDS != 0
        {
            session.push(|_| Item::Gone(guild), "GUILD_DELETE", gone(guild).as_bytes());
        }
    }

    /// Gives a session the snapshots that wait for it, as far as its window has room.
    pub(super) fn pump(&mut self, index: usize, view: &dyn View) {
        let mut bytes = 0;
        for _ in 0..SNAPSHOTS_AT_ONCE {
            let Some(session) = self.session_mut(index) else { return };
            if !session.is_live() || session.is_full() || bytes > SNAPSHOT_BYTES_AT_ONCE {
                return;
            }
            let before = session.out.len();
            let by_event = self.is_by_event();
            let Some(session) = self.session_mut(index) else { return };
            match session.todo.pop_front() {
                None => return,
                Some(Todo::Gone(guild)) => {
                    if self.routes.get(&guild).is_none_or(|route| route.owner != index) {
                        self.push_gone(index, guild);
                    }
                }
                Some(Todo::Snapshot(guild)) => {
                    let is_due = |route: &Route| route.owner == index && route.told_at.is_none();
                    if by_event || self.routes.get(&guild).is_some_and(is_due) {
                        self.push_snapshot(index, guild, view);
                    }
                }
            }
            bytes += self.session(index).map_or(0, |session| session.out.len().saturating_sub(before));
        }
    }
}

/// Where an event stands and who gets it.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: usize,
    partition: i32,
    offset: i64,
    key: u64,
    gated: bool,
    in_guild: bool,
}

/// `d` of a GUILD_DELETE of a guild that is there, but not for this session.
pub(super) fn gone(guild: u64) -> String {
    format!(r#"{{"id":"{guild}","unavailable":true}}"#)
}

/// Events that Discord sends without their intent when they are about the bot itself.
fn concerns_own_user(event: &EventView<'_>, own_user: u64) -> bool {
    event.event_type == "GUILD_MEMBER_UPDATE" && event.user_id.is_some_and(|user| user.0 == own_user)
}

/// A GUILD_DELETE because of an outage, not because the bot left.
fn is_outage(d: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Deleted {
        #[serde(default)]
        unavailable: bool,
    }
    serde_json::from_slice::<Deleted>(d).is_ok_and(|deleted| deleted.unavailable)
}
