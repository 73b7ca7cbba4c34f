//! What the gateway would append.

use std::collections::BTreeMap;

use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::{Append, SharedLog};
use miso_model::{ChannelId, EventView, GuildId, LogRecord, SLOTS, ShardReady, UserId, slot};
use serde_json::{Value, json};

pub(crate) const OWN_USER: u64 = 7 << 22;

/// Unix milliseconds: retention goes by what a record says.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("small")
}

pub(crate) struct Upstream {
    pub(crate) log: SharedLog,
    sequence: i64,
    next: BTreeMap<i32, i64>,
}

/// The id of guild number `n`; guild `n` is in slot `n % 48`.
pub(crate) fn guild(n: u64) -> u64 {
    (1_000 * 48 + n) << 22
}

/// The only channel of a guild.
pub(crate) fn channel(guild: u64) -> u64 {
    guild + 1
}

impl Upstream {
    pub(crate) fn new(log: SharedLog) -> Self {
        Self { log, sequence: 0, next: BTreeMap::new() }
    }

    /// One past the last offset appended to a partition.
    pub(crate) fn next_offset(&self, partition: i32) -> i64 {
        self.next.get(&partition).copied().unwrap_or(0)
    }

    /// READY, with the guilds that every partition is told.
    pub(crate) async fn ready(&mut self, guilds: &[u64]) {
        let listed: Vec<Value> = guilds.iter().map(|id| json!({"id": id.to_string(), "unavailable": true})).collect();
        let d = json!({
            "v": 10, "user": {"id": OWN_USER.to_string(), "username": "miso", "bot": true}, "guilds": listed,
            "application": {"id": OWN_USER.to_string(), "flags": (1 << 15) | (1 << 19)}, "session_id": "up", "shard": [0, 1],
        });
        let ready = self.encode("READY", None, None, None, &d);
        let mut records = vec![Append::new(GATEWAY_EVENTS, 0, ready, now())];
        for partition in 0..SLOTS {
            let of_partition = guilds.iter().copied().filter(|&guild| slot(guild) == partition);
            let record = ShardReady {
                shard: 0,
                shard_count: 1,
                session_id: "up".to_owned(),
                epoch: 1,
                at_ms: now(),
                guild_ids: of_partition.map(GuildId).collect(),
            };
            records.push(Append::new(GATEWAY_EVENTS, partition, record.to_bytes(), now()));
        }
        self.append(records).await;
    }

    pub(crate) async fn guild_create(&mut self, id: u64) {
        let d = json!({
            "id": id.to_string(), "name": format!("guild {id}"), "unavailable": false, "member_count": 2, "roles": [],
            "channels": [{"id": channel(id).to_string(), "type": 0, "name": "general"}], "threads": [], "voice_states": [],
            "members": [
                {"user": {"id": OWN_USER.to_string(), "username": "miso"}, "roles": []},
                {"user": {"id": "4194304", "username": "alice"}, "roles": []},
            ],
            "unknown_field": {"kept": true},
        });
        self.event("GUILD_CREATE", Some(id), None, None, &d).await;
    }

    /// The bot is invited: Discord leaves `unavailable` out.
    pub(crate) async fn guild_join(&mut self, id: u64) {
        let d = json!({
            "id": id.to_string(), "name": "new", "member_count": 1, "roles": [], "channels": [], "threads": [],
            "voice_states": [], "members": [],
        });
        self.event("GUILD_CREATE", Some(id), None, None, &d).await;
    }

    /// Messages numbered `numbers` in a guild's channel, in one transaction.
    pub(crate) async fn messages(&mut self, guild: u64, numbers: std::ops::Range<u64>) {
        let channel = channel(guild);
        let records = numbers
            .map(|number| {
                let d = message(guild, number, &format!("message {number}"));
                let value = self.encode("MESSAGE_CREATE", Some(guild), Some(channel), Some(4_194_304), &d);
                Append::new(GATEWAY_EVENTS, slot(guild), value, now())
            })
            .collect();
        self.append(records).await;
    }

    /// As [`messages`](Self::messages), one in each guild in turn.
    pub(crate) async fn spread(&mut self, guilds: &[u64], numbers: std::ops::Range<u64>) {
        let records = numbers
            .map(|number| {
                let guild = guilds[usize::try_from(number).expect("small") % guilds.len()];
                let d = message(guild, number, &format!("message {number}"));
                let value = self.encode("MESSAGE_CREATE", Some(guild), Some(channel(guild)), Some(4_194_304), &d);
                Append::new(GATEWAY_EVENTS, slot(guild), value, now())
            })
            .collect();
        self.append(records).await;
    }

    pub(crate) async fn event(
        &mut self,
        event_type: &str,
        guild: Option<u64>,
        channel: Option<u64>,
        user: Option<u64>,
        d: &Value,
    ) -> i64 {
        let value = self.encode(event_type, guild, channel, user, d);
        let partition = slot(guild.or(channel).or(user).unwrap_or(0));
        self.append(vec![Append::new(GATEWAY_EVENTS, partition, value, now())]).await
    }

    /// Bytes that are no record.
    pub(crate) async fn garbage(&mut self, guild: u64) {
        self.append(vec![Append::new(GATEWAY_EVENTS, slot(guild), vec![1, 2, 3], now())]).await;
    }

    fn encode(
        &mut self,
        event_type: &str,
        guild: Option<u64>,
        channel: Option<u64>,
        user: Option<u64>,
        d: &Value,
    ) -> Vec<u8> {
        self.sequence += 1;
        let d = d.to_string();
        let view = EventView {
            shard: 0,
            shard_count: 1,
            session_id: "up",
            sequence: self.sequence,
            epoch: 1,
            received_at_ms: now(),
            event_type,
            guild_id: guild.map(GuildId),
            channel_id: channel.map(ChannelId),
            user_id: user.map(UserId),
            d: d.as_bytes(),
        };
        view.encode().to_vec()
    }

    async fn append(&mut self, records: Vec<Append>) -> i64 {
        let partitions: Vec<i32> = records.iter().map(|record| record.partition).collect();
        let offsets = self.log.append(records).await.expect("the log takes events");
        for (partition, offset) in partitions.into_iter().zip(&offsets) {
            self.next.insert(partition, offset + 1);
        }
        offsets.last().copied().unwrap_or(0)
    }
}

pub(crate) fn message(guild: u64, number: u64, content: &str) -> Value {
    json!({
        "id": ((number + 1) << 22).to_string(), "channel_id": channel(guild).to_string(), "guild_id": guild.to_string(),
        "content": content, "author": {"id": "4194304", "username": "alice"}, "mentions": [], "embeds": [], "attachments": [],
    })
}
