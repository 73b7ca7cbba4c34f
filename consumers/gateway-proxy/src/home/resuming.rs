//! RESUME: what a client has missed goes out again under its numbers, then RESUMED, then what waits.

use std::collections::HashMap;

use bytes::Bytes;
use miso_model::EventView;

use super::item::Item;
use super::routing::Route;
use super::session::{Phase, Todo};
use super::{Core, FILLER, Replay, View, deliver};
use crate::wire::{ConnectionId, ToEdge};
use crate::{close_code, gating, intents};

impl Core {
    /// A client that wants to go on where it was.
    pub(crate) fn resume(&mut self, now: i64, view: &dyn View, connection: ConnectionId, id: &str, sequence: i64) {
        if self.by_connection.contains_key(&connection) || self.waiting.iter().any(|w| w.connection == connection) {
            self.close(connection, close_code::ALREADY_AUTHENTICATED, "already authenticated");
            return;
        }
        let found = self.by_id.get(id).copied();
        let Some((index, session)) = found.and_then(|index| Some((index, self.session(index)?))) else {
            self.effects.to_edges.push((connection, ToEdge::InvalidSession));
            return;
        };
        if sequence >= session.next {
            self.close(connection, close_code::INVALID_SEQUENCE, "this sequence was never sent");
            return;
        }
        if sequence < session.settled {
            self.effects.to_edges.push((connection, ToEdge::InvalidSession));
            return;
        }
        if let Some(old) = session.connection() {
            self.by_connection.remove(&old);
            self.close(old, close_code::RESUMABLE, "the session was resumed on another connection");
        }
        if let Some((own_user, _)) = view.own_user() {
            self.own_user = own_user;
        }
        self.by_connection.insert(connection, index);
        self.next_attempt += 1;
        let attempt = self.next_attempt;
        self.coverage_changed = true;
        let Some(session) = self.session_mut(index) else { return };
        session.leave(now);
        session.rewind(sequence, now);
        session.heard_at = now;
        session.phase = Phase::Replaying(connection, attempt);
        let skip = usize::try_from(sequence - session.settled).unwrap_or(0);
        let places: Vec<(i32, i64)> = session
            .items
            .iter()
            .skip(skip)
            .filter_map(|item| match item {
                Item::Event { partition, offset, .. } => Some((*partition, *offset)),
                _ => None,
            })
            .collect();
        if places.is_empty() {
            self.replayed(now, view, index, attempt, &HashMap::new());
        } else {
            self.effects.replays.push(Replay { session: index, attempt, places });
        }
    }

    /// The events for a [`Replay`] were fetched: value by (partition, offset). Everything after the
    /// client's sequence goes out again under its own number, then RESUMED, then what waits.
    pub(crate) fn replayed(
        &mut self,
        now: i64,
        view: &dyn View,
        index: usize,
        attempt: u64,
        events: &HashMap<(i32, i64), Bytes>,
    ) {
        let Some(session) = self.session(index) else { return };
        let Phase::Replaying(connection, current) = session.phase else { return };
        if current != attempt {
            return;
        }
        let skip = usize::try_from(session.acked - session.settled).unwrap_or(0);
        let first = session.settled + 1 + i64::try_from(skip).unwrap_or(0);
        let items: Vec<Item> = session.items.iter().skip(skip).cloned().collect();
        let mut frames = Vec::new();
        for (sequence, item) in (first..).zip(items) {
            let rendered = self.render(view, index, &item, events);
            let (event_type, d) = rendered.unwrap_or_else(|| split(FILLER));
            let Some(session) = self.session_mut(index) else { return };
            session.out.dispatch(&event_type, sequence, &d);
            if session.out.len() >= crate::frame::BATCH_BYTES {
                frames.push(session.out.take());
            }
        }
        let Some(session) = self.session_mut(index) else { return };
        if !session.out.is_empty() {
            frames.push(session.out.take());
        }
        session.phase = Phase::Live(connection);
        session.sent(now);
        self.effects.to_edges.extend(frames.into_iter().map(|frames| (connection, ToEdge::Frames(frames))));
        let Some(session) = self.session_mut(index) else { return };
        session.push(|_| Item::Resumed, "RESUMED", b"{\"_trace\":[\"miso\"]}");
        let slice = session.slice;
        let guilds = self.guilds_of(view, slice);
        let owned = self.session(index).map(|session| session.guilds.clone()).unwrap_or_default();
        // What it owned and had not been told yet, and what nobody owns by now.
        let is_fresh = |guild: &u64| !self.routes.contains_key(guild) && !owned.contains(guild);
        let fresh: Vec<u64> = guilds.into_iter().filter(is_fresh).collect();
        self.offer_guilds(index, &fresh);
        let last = self.session(index).map_or(0, |session| session.next - 1);
        for guild in owned {
            if !self.is_by_event() && !self.routes.contains_key(&guild) {
                self.routes.insert(guild, Route::restored(index, last));
            }
            let untold = |route: &Route| route.is_guild && route.owner == index && route.told_at.is_none();
            if self.routes.get(&guild).is_some_and(untold)
                && let Some(session) = self.session_mut(index)
            {
                session.todo.push_back(Todo::Snapshot(guild));
            }
        }
        self.coverage_changed = true;
        self.recheck = true;
        self.is_dirty = true;
        self.end_covered(now);
    }

    /// A dispatch that was sent before, as it is today: event type and `d`.
    fn render(
        &self,
        view: &dyn View,
        index: usize,
        item: &Item,
        events: &HashMap<(i32, i64), Bytes>,
    ) -> Option<(String, Vec<u8>)> {
        let session = self.session(index)?;
        let snapshot = |guild: u64| view.snapshot(guild, session.large_threshold);
        match item {
            Item::Event { partition, offset, .. } => {
                let event = EventView::decode(events.get(&(*partition, *offset))?).ok()??;
                let d = if matches!(event.event_type, "GUILD_MEMBERS_CHUNK" | "RATE_LIMITED") {
                    self.reply_for_client(event.event_type, event.d)
                } else if gating::is_gated(event.event_type) && session.intents & intents::MESSAGE_CONTENT == 0 {
                    gating::strip(event.event_type, event.d, self.own_user, event.guild_id.is_some())
                } else {
                    None
                };
                Some((event.event_type.to_owned(), d.unwrap_or_else(|| event.d.to_vec())))
            }
            Item::Snapshot { guild, .. } => Some(match snapshot(*guild) {
                Some(snapshot) => ("GUILD_CREATE".to_owned(), snapshot.d.to_vec()),
                None => ("GUILD_DELETE".to_owned(), deliver::gone(*guild).into_bytes()),
            }),
            Item::Gone(guild) => Some(("GUILD_DELETE".to_owned(), deliver::gone(*guild).into_bytes())),
            Item::Ready => {
                let (_, user) = view.own_user()?;
                let ready = self.ready(view, index, &user, &self.guilds_of(view, session.slice));
                Some(("READY".to_owned(), ready.into_bytes()))
            }
            Item::Resumed => Some(("RESUMED".to_owned(), b"{\"_trace\":[\"miso\"]}".to_vec())),
            Item::Members { index: chunk, request } => {
                let d = Self::members_chunks(view, request)?.into_iter().nth(usize::try_from(*chunk).ok()?)?;
                Some(("GUILD_MEMBERS_CHUNK".to_owned(), d.into_bytes()))
            }
            Item::Other(text) => Some(split(text)),
        }
    }

    /// The log could not give a replay (it is closed, or was cut): the client tries again.
    pub(crate) fn replay_failed(&mut self, now: i64, index: usize, attempt: u64) {
        let Some(session) = self.session_mut(index) else { return };
        if let Phase::Replaying(connection, current) = session.phase
            && current == attempt
        {
            session.leave(now);
            self.by_connection.remove(&connection);
            self.close(connection, close_code::RESUMABLE, "the log cannot be read now; resume again");
        }
    }
}

/// Event type and `d` of an [`Item::Other`].
fn split(text: &str) -> (String, Vec<u8>) {
    let (event_type, d) = text.split_once(' ').unwrap_or((text, "{}"));
    (event_type.to_owned(), d.as_bytes().to_vec())
}
