use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use miso_bot_store::Store;
use miso_commands_api::{CommandsApi, CommandsConfig};
use miso_discord_state::{DiscordState, StateConfig};
use miso_handlers::{
    CommandsHandlerConfig, EventsHandlerConfig, Joins, MessagesHandlerConfig, run_commands, run_events, run_facts,
    run_messages,
};
use miso_log::catalogue::{
    BOT_ANSWERS, BOT_COMMANDS, BOT_FACTS, BOT_REQUESTS, BOT_SETTINGS, DISCORD_STATE, GATEWAY_EVENTS, PARKED,
    REST_ACTIONS, REST_INTERACTIONS, SCHEMAS, TIMERS,
};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::kafka::{KafkaConfig, KafkaLog};
use miso_log::{Append, SharedLog, Topic};
use miso_model::{Action, ChannelId, EventView, GuildId, LogRecord, ShardReady, UserId, slot};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A test waits for a condition so long, at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The bot.
pub(crate) const OWN: UserId = UserId(900 << 22);
/// Owns every guild.
pub(crate) const OWNER: u64 = 901 << 22;
/// A member without powers.
pub(crate) const MEMBER: u64 = 902 << 22;

/// Unix milliseconds: retention goes by the records' own times.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

/// The n-th guild.
pub(crate) fn guild(n: u64) -> u64 {
    (1_000 + n) << 22
}

/// The n-th channel of the n-th guild.
pub(crate) fn channel(n: u64) -> u64 {
    (2_000 + n) << 22
}

/// Another channel of the n-th guild.
pub(crate) fn side(n: u64) -> u64 {
    (3_000 + n) << 22
}

/// A channel of the n-th guild that members do not see.
pub(crate) fn hidden(n: u64) -> u64 {
    (4_000 + n) << 22
}

/// A role of the n-th guild that the bot can give.
pub(crate) fn role(n: u64) -> u64 {
    (6_000 + n) << 22
}

/// View channels, write, embed, read back.
const EVERYONE: u64 = 1 << 10 | 1 << 11 | 1 << 14 | 1 << 16;
/// Manage roles, and messages; attach files; react.
const BOT: u64 = 1 << 28 | 1 << 13 | 1 << 15 | 1 << 6;

/// The id in a field of an event, as the gateway finds it.
fn id_in(d: &Value, path: &str) -> Option<u64> {
    d.pointer(path)?.as_str()?.parse().ok()
}

/// A log, a store, Discord's state, and what Discord would say.
pub(crate) struct World {
    pub(crate) log: SharedLog,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) state: Arc<DiscordState>,
    cancel: CancellationToken,
    sequence: AtomicI64,
    message: AtomicU64,
    _folder: TempDir,
}

impl World {
    /// With so many guilds.
    pub(crate) async fn new(guilds: u64) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let log = log(&folder).await;
        let store = miso_bot_store::open(&format!("file:{}", folder.path().join("store.db").display())).await;
        let cancel = CancellationToken::new();
        let state = DiscordState::start(log.clone(), StateConfig::default(), cancel.clone());
        let message = AtomicU64::new(5_000);
        let store = store.expect("store");
        let world = Self { log, store, state, cancel, sequence: AtomicI64::new(1), message, _folder: folder };
        let ready = json!({"v": 10, "user": {"id": OWN, "username": "miso", "bot": true}, "guilds": [], "application": {"id": OWN, "flags": 0}});
        world.event("READY", None, &ready).await;
        // These guilds are nothing new.
        let known = (0..guilds).map(guild).map(GuildId);
        let told = (0..GATEWAY_EVENTS.partitions).map(|partition| {
            let guild_ids = known.clone().filter(|guild| slot(*guild) == partition).collect();
            let session_id = "session".to_owned();
            let ready = ShardReady { shard: 0, shard_count: 1, session_id, epoch: 1, at_ms: now_ms(), guild_ids };
            Append::new(GATEWAY_EVENTS, partition, ready.to_bytes(), now_ms())
        });
        world.log.append(told.collect()).await.expect("appends");
        for n in 0..guilds {
            let member = |id: u64, name: &str| json!({"user": {"id": id.to_string(), "username": name, "avatar": "a1"}, "roles": [], "joined_at": "2024-02-29T23:59:59Z"});
            let bot_role = ((7_000 + n) << 22).to_string();
            let mut bot = member(OWN.0, "miso");
            bot["roles"] = json!([bot_role]);
            let text = |id: u64, name: &str, position: u64| json!({"id": id.to_string(), "type": 0, "name": name, "position": position});
            let mut secret = text(hidden(n), "secret", 3);
            secret["permission_overwrites"] = json!([
                {"id": guild(n).to_string(), "type": 0, "allow": "0", "deny": "1024"},
                {"id": OWN, "type": 1, "allow": "1024", "deny": "0"},
            ]);
            let create = json!({
                "id": guild(n).to_string(), "name": format!("guild {n}"), "owner_id": OWNER.to_string(), "member_count": 3, "unavailable": false,
                "system_channel_id": side(n).to_string(),
                "channels": [text(channel(n), "bots", 1), text(side(n), "logs", 2), secret],
                "roles": [
                    {"id": guild(n).to_string(), "name": "@everyone", "permissions": EVERYONE.to_string(), "position": 0},
                    {"id": role(n).to_string(), "name": "Regulars", "permissions": "0", "position": 1},
                    {"id": bot_role, "name": "Miso", "permissions": BOT.to_string(), "position": 2},
                ],
                "members": [bot, member(OWNER, "owner"), member(MEMBER, "mia")],
                "emojis": [], "threads": [], "voice_states": [], "presences": [], "stage_instances": [],
            });
            world.event("GUILD_CREATE", Some(GuildId(guild(n))), &create).await;
        }
        world
    }

    /// Appends a dispatch; answers its offset.
    pub(crate) async fn event(&self, event_type: &str, guild: Option<GuildId>, d: &Value) -> i64 {
        let channel = id_in(d, "/channel_id");
        let user = id_in(d, "/user_id").or_else(|| id_in(d, "/author/id")).or_else(|| id_in(d, "/user/id"));
        let text = d.to_string();
        let view = EventView {
            shard: 0,
            shard_count: 1,
            session_id: "session",
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            epoch: 1,
            received_at_ms: now_ms(),
            event_type,
            guild_id: guild,
            channel_id: channel.map(ChannelId),
            user_id: user.map(UserId),
            d: text.as_bytes(),
        };
        let partition = guild.map_or_else(|| channel.map_or(0, slot), slot);
        let record = Append::new(GATEWAY_EVENTS, partition, view.encode(), view.received_at_ms);
        self.log.append(vec![record]).await.expect("appends")[0]
    }

    /// Says something in the channel of the n-th guild; answers the message's id.
    pub(crate) async fn say(&self, n: u64, user: u64, content: &str) -> String {
        self.say_with(n, user, content, &json!({})).await
    }

    /// The same, with more fields.
    pub(crate) async fn say_with(&self, n: u64, user: u64, content: &str, more: &Value) -> String {
        let id = (self.message.fetch_add(1, Ordering::Relaxed) << 22).to_string();
        let mut message = json!({
            "id": id, "channel_id": channel(n).to_string(), "guild_id": guild(n).to_string(), "type": 0, "content": content,
            "author": {"id": user.to_string(), "username": "someone", "avatar": null, "discriminator": "0"},
            "member": {"roles": [], "joined_at": "2024-02-29T23:59:59Z"}, "mentions": [],
        });
        for (field, value) in more.as_object().expect("object") {
            message[field] = value.clone();
        }
        self.event("MESSAGE_CREATE", Some(GuildId(guild(n))), &message).await;
        id
    }

    /// Bodies of all create-messages so far, by channel in order.
    pub(crate) async fn answers(&self) -> Vec<Value> {
        let mut bodies = Vec::new();
        for value in all(&self.log, REST_ACTIONS).await {
            let action = Action::from_bytes(&value).expect("reads");
            let mut body: Value = serde_json::from_slice(&action.body).expect("json");
            body["channel"] = json!(action.path.split('/').nth(2));
            bodies.push(body);
        }
        bodies
    }

    /// The embed that answers a message; waits for it.
    pub(crate) async fn answer_to(&self, message: &str) -> Value {
        let found = async {
            loop {
                let answers = self.answers().await;
                let mut of_message =
                    answers.iter().filter(|body| body["message_reference"]["message_id"] == json!(message));
                if let Some(body) = of_message.next() {
                    assert!(of_message.next().is_none(), "answered once");
                    return body["embeds"][0].clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("answered in time")
    }

    /// The commands API on a fresh port.
    pub(crate) async fn api(&self) -> Role {
        self.api_at(TcpListener::bind("127.0.0.1:0").await.expect("port"))
    }

    pub(crate) fn api_at(&self, listener: TcpListener) -> Role {
        self.api_with(listener, CommandsConfig { cluster_key: Some("key".to_owned()), ..CommandsConfig::default() })
    }

    /// The same, configured otherwise.
    pub(crate) fn api_with(&self, listener: TcpListener, config: CommandsConfig) -> Role {
        let address = listener.local_addr().expect("address");
        let api = CommandsApi::start(config, self.log.clone(), self.store.clone(), CancellationToken::new());
        let mut task = JoinSet::new();
        task.spawn(async move { api.serve(listener).await.expect("serves") });
        Role { address, _task: task }
    }

    /// Message, command, event and fact handlers, with the commands API at `address`.
    pub(crate) fn handlers(&self, address: SocketAddr, patience: Duration) -> Handlers {
        let mut config = CommandsHandlerConfig::new(format!("http://{address}"), Some("key".to_owned()));
        config.patience = patience;
        self.handlers_with(config)
    }

    /// The same, and members may say as much as they like.
    pub(crate) fn tireless_handlers(&self, address: SocketAddr) -> Handlers {
        let mut config = CommandsHandlerConfig::new(format!("http://{address}"), Some("key".to_owned()));
        (config.patience, config.uses_per_minute) = (PATIENCE, 0);
        self.handlers_with(config)
    }

    /// The same, configured otherwise.
    pub(crate) fn handlers_with(&self, config: CommandsHandlerConfig) -> Handlers {
        let mut handlers = self.passive(self.log.clone());
        let cancel = handlers.cancel.clone();
        handlers.tasks.spawn(run_commands(config, self.log.clone(), self.state.clone(), Joins::default(), cancel));
        handlers
    }

    /// Message, event and fact handlers on this log, which may be a wrapped one.
    pub(crate) fn passive(&self, log: SharedLog) -> Handlers {
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let state = self.state.clone();
        let messages = MessagesHandlerConfig { counts_within: Duration::from_millis(100) };
        tasks.spawn(run_messages(messages, log.clone(), state.clone(), Joins::default(), cancel.clone()));
        tasks.spawn(run_facts(log.clone(), state.clone(), Joins::default(), cancel.clone()));
        tasks.spawn(run_events(EventsHandlerConfig::default(), log, state, Joins::default(), cancel.clone()));
        Handlers { cancel, tasks }
    }
}

/// An embedded log in the folder; with `MISO_TEST_KAFKA`, fresh topics of that broker.
async fn log(folder: &TempDir) -> SharedLog {
    let catalogue = vec![
        GATEWAY_EVENTS,
        DISCORD_STATE,
        BOT_COMMANDS,
        BOT_REQUESTS,
        BOT_ANSWERS,
        BOT_FACTS,
        BOT_SETTINGS,
        REST_ACTIONS,
        REST_INTERACTIONS,
        PARKED,
        SCHEMAS,
        TIMERS,
    ];
    match std::env::var("MISO_TEST_KAFKA") {
        Ok(brokers) if !brokers.is_empty() => {
            let mut config = KafkaConfig::new(brokers);
            config.catalogue = catalogue;
            config.topic_prefix = Some(format!("handlers-{:x}", rand::random::<u64>()));
            config.replication = 1;
            Arc::new(KafkaLog::open(config).await.expect("log"))
        }
        Ok(_) | Err(_) => {
            let mut config = EmbeddedConfig::new(folder.path().join("log.db"));
            config.catalogue = catalogue;
            Arc::new(EmbeddedLog::open(config).await.expect("log"))
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// A running commands API; dropped, it is aborted.
pub(crate) struct Role {
    pub(crate) address: SocketAddr,
    _task: JoinSet<()>,
}

/// Running handlers; dropped, they are aborted.
pub(crate) struct Handlers {
    cancel: CancellationToken,
    tasks: JoinSet<Result<(), miso_handlers::HandlersError>>,
}

impl Handlers {
    /// Stops them in order.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        while let Some(ended) = tokio::time::timeout(PATIENCE, self.tasks.join_next()).await.expect("in time") {
            ended.expect("no panic").expect("no error");
        }
    }
}

/// All values of a topic, by partition in order.
pub(crate) async fn all(log: &SharedLog, topic: Topic) -> Vec<Vec<u8>> {
    let (mut from, mut ends) = (Vec::new(), Vec::new());
    for partition in 0..topic.partitions {
        let bounds = log.bounds(topic, partition).await.expect("bounds");
        from.push((partition, bounds.earliest));
        ends.push((partition, bounds.latest));
    }
    let mut reader = log.reader(topic, &from);
    let mut values = Vec::new();
    while let Some(batch) = reader.next_before(&ends).await.expect("reads") {
        values.extend(batch.iter().filter_map(|record| record.value.as_ref().map(|value| value.to_vec())));
    }
    values
}

/// Waits until a group has consumed everything of its topic.
pub(crate) async fn consumed(log: &SharedLog, group: &str, topic: Topic) {
    let done = async {
        while !has_consumed(log, group, topic).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.expect("consumed in time");
}

/// Partitions where the group never committed have no lag, but may have records.
async fn has_consumed(log: &SharedLog, group: &str, topic: Topic) -> bool {
    let lag = log.lag(group).await.expect("lag");
    for partition in 0..topic.partitions {
        let bounds = log.bounds(topic, partition).await.expect("bounds");
        let stands = lag.iter().find(|lag| lag.topic == topic && lag.partition == partition);
        let passed = stands.is_some_and(|lag| lag.next.is_some() && lag.records == 0);
        if !passed && bounds.latest > bounds.earliest {
            return false;
        }
    }
    true
}

/// The channel of a body that [`World::answers`] gave.
pub(crate) fn channel_of(body: &Value) -> ChannelId {
    body["channel"].as_str().and_then(|id| id.parse().ok()).expect("a channel")
}
