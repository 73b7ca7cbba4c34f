//! Given these events, when that one comes, then the state is so. And: a restored fold is the fold.

mod replay;
mod rules;

use miso_model::{EventView, GuildId, LogRecord, ShardReady};
use serde_json::{Value, json};

use crate::partition::Partition;
use crate::snapshot;

pub(super) const GUILD: u64 = 7;
pub(super) const BOT: u64 = 99;

/// A record of `gateway.events`.
pub(super) fn record(event_type: &str, d: &Value) -> Vec<u8> {
    let guild = match event_type {
        "GUILD_CREATE" | "GUILD_UPDATE" | "GUILD_DELETE" => &d["id"],
        _ => &d["guild_id"],
    };
    let d = d.to_string();
    EventView {
        shard: 0,
        shard_count: 1,
        session_id: "s",
        sequence: 1,
        epoch: 1,
        received_at_ms: 0,
        event_type,
        guild_id: guild.as_str().and_then(|id| id.parse().ok()).map(GuildId),
        channel_id: None,
        user_id: None,
        d: d.as_bytes(),
    }
    .encode()
    .to_vec()
}

pub(super) fn shard_ready(guilds: &[u64]) -> Vec<u8> {
    let guild_ids = guilds.iter().copied().map(GuildId).collect();
    ShardReady { shard: 0, shard_count: 1, session_id: "s".into(), epoch: 1, at_ms: 0, guild_ids }.to_bytes()
}

/// A fold that hands out offsets.
#[derive(Default)]
pub(super) struct Given {
    pub(super) partition: Partition,
    pub(super) next: i64,
}

impl Given {
    /// A guild with a channel, a thread in it, two roles, the bot and a member in a voice channel.
    pub(super) fn guild() -> Self {
        Self::default().then("GUILD_CREATE", &guild(GUILD))
    }

    pub(super) fn then(self, event_type: &str, d: &Value) -> Self {
        self.then_record(&record(event_type, d))
    }

    pub(super) fn then_record(mut self, record: &[u8]) -> Self {
        self.partition.fold(self.next, record).expect("folds");
        self.next += 1;
        self
    }

    pub(super) fn snapshot(&self, guild: u64) -> Option<Value> {
        let own = json!({"id": BOT.to_string(), "bot": true}).to_string();
        let found = self.partition.complete(guild)?;
        Some(serde_json::from_slice(&snapshot::render(found, Some((BOT, &own)), 250)).expect("JSON"))
    }

    pub(super) fn d(&self) -> Value {
        self.snapshot(GUILD).expect("the guild")
    }
}

pub(super) fn guild(id: u64) -> Value {
    json!({
        "id": id.to_string(), "name": "first", "unavailable": false, "member_count": 2, "large": false,
        "joined_at": "2020-01-01T00:00:00Z", "x_unknown": {"n": 1.5}, "emojis": [{"id": "60"}], "stickers": [],
        "guild_scheduled_events": [], "stage_instances": [],
        "channels": [{"id": "20", "name": "general", "type": 0, "x_new": true}, {"id": "21", "type": 2}],
        "threads": [{"id": "30", "parent_id": "20", "name": "thread"}],
        "roles": [{"id": id.to_string(), "name": "@everyone"}, {"id": "40", "name": "mod"}],
        "voice_states": [{"user_id": "50", "channel_id": "21"}],
        "members": [{"user": {"id": "50", "username": "ada"}, "roles": ["40"]}, {"user": {"id": BOT.to_string()}, "roles": []}],
        "presences": [{"user": {"id": "50"}, "status": "online"}],
    })
}

/// The object with this id in a list.
pub(super) fn find(list: &Value, id: &str) -> Option<Value> {
    list.as_array()?.iter().find(|element| element["id"] == *id || element["user"]["id"] == *id).cloned()
}
