//! Asking Discord for members that the fold does not know: of a large guild only those are known who did
//! something. What Discord answers comes as an event, is folded, and is known from then on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use miso_discord_state::DiscordState;
use miso_http::{now_ms, random_id};
use miso_log::catalogue::GATEWAY_COMMANDS;
use miso_log::{Append, SharedLog};
use miso_model::{GatewayCommand, GuildId, LogRecord, slot};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

/// The same is asked again after so long, milliseconds.
const AGAIN_MS: i64 = 60_000;
/// Questions in [`AGAIN_MS`], at most; beyond it what is known is the answer. A shard may send 120 commands
/// a minute, and handlers want theirs.
pub const MAX_QUESTIONS: usize = 30;
/// Members that Discord answers a search with, at most: its own bound.
const ANSWERED: u32 = 100;
/// How long the answer is waited for; what comes later is known at the next search.
const PATIENCE: Duration = Duration::from_millis(800);
/// Discord's op for it.
const REQUEST_GUILD_MEMBERS: i32 = 8;

/// Where questions go: nowhere in a process that cannot append.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    log: Option<SharedLog>,
    recent: Mutex<Recent>,
}

impl Asking {
    pub(crate) fn new(log: SharedLog) -> Self {
        Self { log: Some(log), recent: Mutex::default() }
    }

    /// Asks for members whose names begin so, and waits until an event of the guild's partition tells of more
    /// members than were known, [`PATIENCE`] at the longest. Whether it did.
    pub(crate) async fn ask(&self, state: &DiscordState, guild: GuildId, query: &str) -> bool {
        let (Some(log), Some(shards)) = (&self.log, state.shard_count()) else { return false };
        if !self.recent.lock().unwrap_or_else(PoisonError::into_inner).note(guild, query, now_ms()) {
            return false;
        }
        let known = state.known_members(guild);
        let partition = slot(guild);
        let mut folded = state.folded(partition);
        let shards = u64::try_from(shards).unwrap_or(1).max(1);
        let shard = i32::try_from((guild.0 >> 22) % shards).unwrap_or(0);
        let nonce = random_id();
        let d = json!({"guild_id": guild, "query": query, "limit": ANSWERED, "nonce": nonce}).to_string();
        let command =
            GatewayCommand { op: REQUEST_GUILD_MEMBERS, shard, request_id: nonce, d: d.into(), at_ms: now_ms() };
        // The first owner passes on what is another's.
        let record = Append::new(GATEWAY_COMMANDS, 0, command.to_bytes(), command.at_ms);
        if let Err(error) = log.append(vec![record]).await {
            tracing::debug!(%error, "members cannot be asked for from here");
            return false;
        }
        let until = Instant::now() + PATIENCE;
        while state.known_members(guild) == known {
            if timeout_at(until, state.wait_folded(partition, folded + 1)).await.is_err() {
                return false;
            }
            folded = state.folded(partition);
        }
        true
    }
}

/// What was asked lately. Pure: the time comes in.
#[derive(Debug, Default)]
struct Recent {
    asked: HashMap<(GuildId, String), i64>,
    order: VecDeque<(GuildId, String)>,
}

impl Recent {
    /// Notes a question; false when it was asked lately, or too many were.
    fn note(&mut self, guild: GuildId, query: &str, now_ms: i64) -> bool {
        while let Some(oldest) = self.order.front() {
            if self.asked.get(oldest).is_some_and(|at| now_ms - at < AGAIN_MS) {
                break;
            }
            self.asked.remove(oldest);
            self.order.pop_front();
        }
        let question = (guild, query.to_owned());
        if self.order.len() >= MAX_QUESTIONS || self.asked.contains_key(&question) {
            return false;
        }
        self.asked.insert(question.clone(), now_ms);
        self.order.push_back(question);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_asked_once_a_minute_and_not_too_much_at_all() {
        let mut recent = Recent::default();
        assert!(recent.note(GuildId(1), "a", 0) && recent.note(GuildId(2), "a", 1));
        assert!(!recent.note(GuildId(1), "a", AGAIN_MS - 1));
        assert!(recent.note(GuildId(1), "a", AGAIN_MS));
        let more = (0..100).filter(|n| recent.note(GuildId(3), &n.to_string(), AGAIN_MS)).count();
        assert_eq!(more, MAX_QUESTIONS - 2, "with the two that are still remembered");
        assert!(recent.note(GuildId(3), "x", 2 * AGAIN_MS + 1));
        assert_eq!(recent.order.len(), recent.asked.len());
    }
}
