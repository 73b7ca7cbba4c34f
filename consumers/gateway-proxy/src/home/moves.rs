//! Guilds move until the members of a slice have about as many each. Each move: its dispatch stops,
//! the owner is asked to acknowledge, and after the grace the guild goes away there and comes here.

use super::Core;
use super::commit::acknowledged;
use super::session::{Session, Todo};

/// A guild moves at most so often, milliseconds: 50 a second.
const MOVE_EVERY_MS: i64 = 20;
/// Guilds on their way at once, at most; more wait.
const MAX_MOVING: usize = 128;

impl Core {
    pub(super) fn move_guilds(&mut self, now: i64) {
        self.finish_moves();
        if self.is_by_event() {
            return;
        }
        let mut budget = ((now - self.last_move_ms) / MOVE_EVERY_MS).min(50);
        while budget > 0 && self.moving.len() < MAX_MOVING {
            let Some((guild, from, to)) = self.next_candidate() else { return };
            self.last_move_ms = now;
            budget -= 1;
            self.begin_move(guild, from, to);
        }
    }

    /// The most loaded session, and one that covers one of its guilds and has at least two fewer.
    fn next_candidate(&self) -> Option<(u64, usize, usize)> {
        let mut live: Vec<(usize, &Session)> = self
            .sessions
            .iter()
            .enumerate()
            .filter_map(|(index, session)| Some((index, session.as_deref()?)))
            .filter(|(_, session)| session.is_live())
            .collect();
        if live.len() < 2 {
            return None;
        }
        let mut counts: Vec<i64> = vec![0; self.sessions.len()];
        for (index, session) in &live {
            counts[*index] = i64::try_from(session.guilds.len()).unwrap_or(i64::MAX);
        }
        for guild in &self.moving {
            if let Some(route) = self.routes.get(guild)
                && let Some(to) = route.moving_to
            {
                counts[route.owner] -= 1;
                counts[to] += 1;
            }
        }
        live.sort_by_key(|(index, _)| counts[*index]);
        for (from, most) in live.iter().rev() {
            for (to, least) in &live {
                if counts[*from] - counts[*to] < 2 {
                    break;
                }
                if !most.slice.overlaps(least.slice) {
                    continue;
                }
                let moves = |guild: &&u64| {
                    least.slice.covers(**guild) && self.routes.get(guild).is_some_and(|route| route.moving_to.is_none())
                };
                if let Some(&guild) = most.guilds.iter().find(moves) {
                    return Some((guild, *from, *to));
                }
            }
        }
        None
    }

    fn begin_move(&mut self, guild: u64, from: usize, to: usize) {
        if let Some(route) = self.routes.get_mut(&guild) {
            route.moving_to = Some(to);
            self.moving.push(guild);
        }
        if let Some(session) = self.session_mut(from) {
            session.is_wanted = true;
        }
        self.finish_moves();
    }

    /// Moves whose owner has finished everything of the guild.
    fn finish_moves(&mut self) {
        let mut index = 0;
        while index < self.moving.len() {
            let guild = self.moving[index];
            let route = self.routes.get(&guild).copied();
            let Some((route, to)) = route.and_then(|route| Some((route, route.moving_to?))) else {
                self.moving.swap_remove(index);
                continue;
            };
            let settled = self.session(route.owner).map_or(i64::MAX, |owner| owner.settled);
            if route.last_sequence > settled {
                index += 1;
                continue;
            }
            self.moving.swap_remove(index);
            self.hand_over(guild, route.owner, to, route.told_at.is_some());
        }
        if self.moving.is_empty() {
            for session in self.sessions.iter_mut().flatten() {
                session.is_wanted = false;
            }
        }
    }

    fn hand_over(&mut self, guild: u64, from: usize, to: usize, was_told: bool) {
        if let Some(route) = self.routes.get_mut(&guild) {
            route.owner = to;
            route.moving_to = None;
            route.told_at = None;
            route.last_sequence = 0;
        }
        let epoch = self.epoch;
        if let Some(session) = self.session_mut(from) {
            session.guilds.remove(&guild);
            session.is_dirty = true;
            // Before the next owner gets anything of the guild: a home that dies now would deliver what its
            // last owner had acknowledged again, and after newer events.
            let acknowledged = acknowledged(session, epoch);
            self.effects.ledger.extend(acknowledged);
        }
        if was_told {
            self.push_gone(from, guild);
        }
        if let Some(session) = self.session_mut(to) {
            session.guilds.insert(guild);
            session.todo.push_back(Todo::Snapshot(guild));
            session.is_dirty = true;
        }
        self.recheck = true;
        metrics::counter!("miso_proxy_guild_moves_total").increment(1);
    }

    /// A session goes: what was on its way from or to it stays where it is.
    pub(super) fn cancel_moves_of(&mut self, index: usize) {
        let routes = &mut self.routes;
        self.moving.retain(|guild| {
            let Some(route) = routes.get_mut(guild) else { return false };
            if route.owner == index || route.moving_to == Some(index) {
                route.moving_to = None;
                return false;
            }
            true
        });
        self.recheck = true;
    }

    pub(super) fn next_move(&self, now: i64) -> Option<i64> {
        // Guilds on their way wait for graces, which have deadlines of their own.
        if self.is_by_event() || self.moving.len() >= MAX_MOVING {
            return None;
        }
        self.next_candidate()?;
        Some((self.last_move_ms + MOVE_EVERY_MS).max(now + 1))
    }
}
