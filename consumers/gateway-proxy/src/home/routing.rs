//! Who gets the events of a guild, a channel or a user.

use super::ids::affinity;
use super::session::Session;
use super::{Core, Slice};

/// Owners of channels and users that are remembered, at most; beyond it those whose events are all
/// acknowledged are forgotten (they get the same owner again).
const MAX_ROUTES: usize = 200_000;
/// Unacknowledged events that count as a difference in load when guilds are given out.
const LOAD_STEP: i64 = 4_096;

/// The owner of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) owner: usize,
    /// Last sequence of the owner's session that carried an event of this key.
    pub(super) last_sequence: i64,
    /// A guild stays with its owner until it moves; other keys are only kept together while
    /// something is unacknowledged.
    pub(super) is_guild: bool,
    /// The owner knows the guild as available; up to this offset, events are in what it was told.
    pub(super) told_at: Option<i64>,
    /// Its next owner, once everything is acknowledged.
    pub(super) moving_to: Option<usize>,
}

impl Route {
    pub(super) fn guild(owner: usize) -> Self {
        Self { owner, last_sequence: 0, is_guild: true, told_at: None, moving_to: None }
    }

    pub(super) fn other(owner: usize) -> Self {
        Self { owner, last_sequence: 0, is_guild: false, told_at: None, moving_to: None }
    }

    /// From a checkpoint: the session had been told, and what it was sent up to `last_sequence` may be
    /// of this guild.
    pub(super) fn restored(owner: usize, last_sequence: i64) -> Self {
        Self { told_at: Some(0), last_sequence, ..Self::guild(owner) }
    }
}

impl Core {
    /// The session that gets the next event of a key; chosen now if nobody is. `None`: nobody can be.
    pub(super) fn resolve(&mut self, key: u64, in_guild: bool) -> Option<usize> {
        if let Some(route) = self.routes.get(&key) {
            if route.is_guild {
                return Some(route.owner);
            }
            if self.session(route.owner).is_some_and(|owner| route.last_sequence > owner.settled) {
                return Some(route.owner);
            }
        }
        let owner = self.choose(key, in_guild)?;
        let by_guild = in_guild && !self.is_by_event();
        if self.routes.len() >= MAX_ROUTES {
            self.forget_routes();
        }
        self.routes.insert(key, if by_guild { Route::guild(owner) } else { Route::other(owner) });
        if by_guild && let Some(session) = self.session_mut(owner) {
            session.guilds.insert(key);
            session.is_dirty = true;
            session.is_urgent = true;
        }
        Some(owner)
    }

    fn choose(&self, key: u64, in_guild: bool) -> Option<usize> {
        if self.is_by_event() || in_guild {
            return self.least_loaded(|session| session.slice.covers(key));
        }
        // The same session after a restart, whether connected by then or not.
        let all = self.sessions.iter().enumerate().filter_map(|(index, session)| Some((index, session.as_deref()?)));
        all.filter(|(_, session)| session.slice.covers(key))
            .max_by_key(|(_, session)| affinity(key, &session.id))
            .map(|(index, _)| index)
    }

    /// The connected session with the least to do.
    pub(super) fn least_loaded(&self, covers: impl Fn(&Session) -> bool) -> Option<usize> {
        let all = self.sessions.iter().enumerate().filter_map(|(index, session)| Some((index, session.as_deref()?)));
        all.filter(|(_, session)| session.is_live() && covers(session))
            .min_by_key(|(_, session)| (session.unacked() / LOAD_STEP, session.guilds.len(), session.unacked()))
            .map(|(index, _)| index)
    }

    /// Whether an event of this key could be sent now.
    pub(super) fn is_deliverable(&self, key: u64, in_guild: bool) -> bool {
        let takes = |index: usize| self.session(index).is_some_and(|session| session.is_live() && !session.is_full());
        match self.routes.get(&key) {
            Some(route) if route.is_guild => route.moving_to.is_none() && takes(route.owner),
            Some(route) if self.session(route.owner).is_some_and(|owner| route.last_sequence > owner.settled) => {
                takes(route.owner)
            }
            _ => self.choose(key, in_guild).is_some_and(takes),
        }
    }

    fn forget_routes(&mut self) {
        let sessions = &self.sessions;
        self.routes.retain(|_, route| {
            let settled = sessions.get(route.owner).and_then(Option::as_deref).map(|owner| owner.settled);
            route.is_guild || settled.is_some_and(|settled| route.last_sequence > settled)
        });
    }

    /// Whether a connected session, other than this one, covers a slice.
    pub(super) fn is_covered_by_others(&self, index: usize, slice: Slice) -> bool {
        self.sessions.iter().enumerate().any(|(other, session)| {
            other != index && session.as_deref().is_some_and(|s| s.is_live() && s.slice.contains(slice))
        })
    }
}
