//! The fold over an embedded log: what other rooms see, restarts, and who writes the checkpoint.

use std::sync::Arc;
use std::time::Duration;

use miso_discord_state::{DiscordState, StateConfig};
use miso_log::catalogue::{DISCORD_STATE, GATEWAY_EVENTS, SCHEMAS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{
    ChannelId, EventView, GuildId, LogRecord, SLOTS, SchemaRecord, ShardReady, UserId, fingerprint_of, slot,
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(30);
const GUILD: GuildId = GuildId(5 << 22);
const OTHER: GuildId = GuildId(6 << 22);

/// A log in a temporary folder.
struct Bench {
    log: SharedLog,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { log: open(&folder).await, folder }
    }

    /// Closes the log and opens it again, as the next process does.
    async fn reopen(self) -> Self {
        self.log.close().await;
        drop(self.log);
        Self { log: open(&self.folder).await, folder: self.folder }
    }

    fn state(&self, checkpoint_interval: Duration) -> (Arc<DiscordState>, CancellationToken) {
        let cancel = CancellationToken::new();
        let config = StateConfig { checkpoint_interval };
        (DiscordState::start(Arc::clone(&self.log), config, cancel.clone()), cancel)
    }

    /// Appends events; answers the offset after the last.
    async fn events(&self, events: &[(&str, Value)]) -> i64 {
        let records = events.iter().map(|(event_type, d)| record(event_type, d)).collect();
        self.log.append(records).await.expect("appended").last().map_or(0, |last| last + 1)
    }

    /// Where the written checkpoint stands.
    async fn committed(&self, partition: i32) -> Option<i64> {
        self.log.committed("miso.state", GATEWAY_EVENTS, partition).await.expect("readable")
    }
}

async fn open(folder: &tempfile::TempDir) -> SharedLog {
    Arc::new(EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await.expect("a log"))
}

fn record(event_type: &str, d: &Value) -> Append {
    let id = |field: &str| d[field].as_str().and_then(|id| id.parse().ok());
    let guild_id =
        if event_type.starts_with("GUILD_CREATE") || event_type == "GUILD_DELETE" { id("id") } else { id("guild_id") };
    let d = d.to_string();
    let event = EventView {
        shard: 0,
        shard_count: 1,
        session_id: "s",
        sequence: 1,
        epoch: 1,
        received_at_ms: 1,
        event_type,
        guild_id: guild_id.map(GuildId),
        channel_id: None,
        user_id: None,
        d: d.as_bytes(),
    };
    Append::new(GATEWAY_EVENTS, guild_id.map_or(0, |id| slot(GuildId(id))), event.encode(), 1)
}

fn shard_ready(guilds: &[GuildId]) -> Vec<Append> {
    let ready = |partition| ShardReady {
        shard: 0,
        shard_count: 1,
        session_id: "s".to_owned(),
        epoch: 1,
        at_ms: 1,
        guild_ids: guilds.iter().copied().filter(|&guild| slot(guild) == partition).collect(),
    };
    (0..SLOTS).map(|partition| Append::new(GATEWAY_EVENTS, partition, ready(partition).to_bytes(), 1)).collect()
}

fn guild(id: GuildId) -> Value {
    json!({
        "id": id.to_string(), "name": "a guild", "member_count": 1, "x_new": [1, 2],
        "channels": [{"id": (id.0 + 1).to_string(), "name": "general"}], "threads": [], "voice_states": [],
        "roles": [{"id": id.to_string(), "name": "@everyone"}],
        "members": [{"user": {"id": "99"}, "roles": []}, {"user": {"id": "50"}, "roles": []}],
    })
}

fn ready() -> (&'static str, Value) {
    ("READY", json!({"user": {"id": "99", "username": "miso"}, "application": {"id": "98", "flags": 0}}))
}

/// Everything that a handler could be shown.
fn shown(state: &DiscordState) -> Vec<Value> {
    let ids = (0..SLOTS).flat_map(|partition| state.guild_ids(partition));
    ids.map(|id| {
        let snapshot = state.guild_snapshot(id).expect("complete");
        serde_json::from_slice(&snapshot.d).expect("JSON")
    })
    .collect()
}

async fn until_ready(state: &DiscordState) {
    timeout(DEADLINE, state.ready().wait_for(|ready| *ready)).await.expect("in time").expect("alive");
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep_until(Instant::now() + Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_record_is_folded_before_whoever_waits_goes_on() {
    let bench = Bench::start().await;
    let (state, _cancel) = bench.state(Duration::from_secs(60));
    until_ready(&state).await;
    assert_eq!((state.own_user(), state.shard_count(), state.guild_snapshot(GUILD)), (None, None, None));
    bench.log.append(shard_ready(&[GUILD])).await.expect("appended");
    bench.events(&[ready()]).await;
    let next = bench.events(&[("GUILD_CREATE", guild(GUILD))]).await;
    timeout(DEADLINE, state.wait_folded(slot(GUILD), next)).await.expect("in time");
    assert!(state.folded(slot(GUILD)) >= next);
    let snapshot = state.guild_snapshot(GUILD).expect("complete");
    assert!(snapshot.next_offset >= next && !snapshot.unavailable);
    let d: Value = serde_json::from_slice(&snapshot.d).expect("JSON");
    assert_eq!((&d["x_new"], &d["unavailable"]), (&json!([1, 2]), &json!(false)));
    assert_eq!(state.own_user().map(|own| own.id), Some(UserId(99)));
    let application: Value = serde_json::from_slice(&state.application().expect("known")).expect("JSON");
    assert_eq!(application, json!({"id": "98", "flags": 0}));
    assert_eq!(state.shard_count(), Some(1));
    assert_eq!(state.channel_guild(ChannelId(GUILD.0 + 1)), Some(GUILD));
    assert!(state.channel(ChannelId(GUILD.0 + 1)).is_some_and(|json| json.starts_with(b"{")));
    assert!(state.member(GUILD, UserId(50)).is_some() && state.role(GUILD, GUILD.0).is_some());
    assert!(state.was_initial(GUILD, next - 1));
    let joined = bench.events(&[("GUILD_CREATE", guild(OTHER))]).await;
    timeout(DEADLINE, state.wait_folded(slot(OTHER), joined)).await.expect("in time");
    assert!(!state.was_initial(OTHER, joined - 1), "no READY listed it");
}

#[tokio::test]
async fn a_restart_restores_the_checkpoint_and_folds_on_from_it() {
    let bench = Bench::start().await;
    bench.log.append(shard_ready(&[GUILD, OTHER])).await.expect("appended");
    bench.events(&[ready(), ("GUILD_CREATE", guild(GUILD)), ("GUILD_CREATE", guild(OTHER))]).await;
    let (state, cancel) = bench.state(Duration::from_millis(5));
    until_ready(&state).await;
    let next = state.folded(slot(GUILD));
    until("a checkpoint", async || bench.committed(slot(GUILD)).await == Some(next)).await;
    until("the other's", async || bench.committed(slot(OTHER)).await.is_some()).await;
    until("the bot's", async || bench.committed(0).await.is_some()).await;
    let before = shown(&state);
    // Aborted, not stopped: what comes now is in no checkpoint.
    drop(state);
    drop(cancel);
    let renamed = json!({"id": (GUILD.0 + 1).to_string(), "guild_id": GUILD.to_string(), "name": "renamed"});
    let left = json!({"id": OTHER.to_string()});
    bench.events(&[("CHANNEL_UPDATE", renamed), ("GUILD_DELETE", left)]).await;
    let bench = bench.reopen().await;
    let (state, cancel) = bench.state(Duration::from_secs(1));
    until_ready(&state).await;
    let after = shown(&state);
    assert_eq!((before.len(), after.len()), (2, 1));
    assert_eq!((&after[0]["channels"][0]["name"], &after[0]["roles"]), (&json!("renamed"), &before[0]["roles"]));
    assert_eq!(state.own_user().map(|own| own.id), Some(UserId(99)));
    assert_eq!((state.shard_count(), state.channel_guild(ChannelId(OTHER.0 + 1))), (Some(1), None));
    // A clean end writes what is left: after the cancellation nothing else does.
    let partition = slot(GUILD);
    let next = state.folded(partition);
    until("a checkpoint", async || bench.committed(partition).await == Some(next)).await;
    let update = json!({"id": GUILD.to_string(), "guild_id": GUILD.to_string(), "emojis": []});
    let next = bench.events(&[("GUILD_EMOJIS_UPDATE", update)]).await;
    state.wait_folded(partition, next).await;
    cancel.cancel();
    until("the last checkpoint", async || bench.committed(partition).await == Some(next)).await;
}

#[tokio::test]
async fn of_two_folds_one_writes_and_the_other_takes_over() {
    let bench = Bench::start().await;
    let (first, _first) = bench.state(Duration::from_millis(5));
    until_ready(&first).await;
    let (second, _second) = bench.state(Duration::from_millis(5));
    until_ready(&second).await;
    let next = bench.events(&[("GUILD_CREATE", guild(GUILD))]).await;
    second.wait_folded(slot(GUILD), next).await;
    first.wait_folded(slot(GUILD), next).await;
    assert_eq!(shown(&first), shown(&second));
    until("a checkpoint", async || bench.committed(slot(GUILD)).await.is_some_and(|at| at >= next)).await;
    drop(first);
    let next = bench
        .events(&[("CHANNEL_DELETE", json!({"id": (GUILD.0 + 1).to_string(), "guild_id": GUILD.to_string()}))])
        .await;
    until("the other's checkpoint", async || bench.committed(slot(GUILD)).await.is_some_and(|at| at >= next)).await;
    let (third, _third) = bench.state(Duration::from_secs(60));
    until_ready(&third).await;
    assert_eq!(shown(&third), shown(&second));
    assert_eq!(shown(&third)[0]["channels"], json!([]));
}

/// A checkpoint of more objects than a transaction takes is whole all the same.
#[tokio::test]
async fn a_large_guild_is_written_in_parts_and_restored_whole() {
    let bench = Bench::start().await;
    let mut large = guild(GUILD);
    large["members"] = (1_000..6_000_u64).map(|user| json!({"user": {"id": user.to_string()}, "roles": []})).collect();
    large["x_padding"] = "x".repeat(6_000_000).into();
    let next = bench.events(&[("GUILD_CREATE", large)]).await;
    let (state, _cancel) = bench.state(Duration::from_millis(5));
    until_ready(&state).await;
    until("a checkpoint", async || bench.committed(slot(GUILD)).await.is_some_and(|at| at >= next)).await;
    drop(state);
    let bench = bench.reopen().await;
    let (state, _cancel) = bench.state(Duration::from_secs(60));
    until_ready(&state).await;
    let restored = (1_000..6_000_u64).filter(|&user| state.member(GUILD, UserId(user)).is_some()).count();
    assert_eq!(restored, 5_000);
    assert!(state.guild(GUILD).expect("there").len() > 6_000_000);
}

#[tokio::test]
async fn unreadable_records_are_passed_over() {
    let bench = Bench::start().await;
    let partition = slot(GUILD);
    let records = vec![
        Append::new(GATEWAY_EVENTS, partition, &b"noise"[..], 1),
        Append::keyed(DISCORD_STATE, partition, "g/nonsense", &b"noise"[..], 1),
        record("GUILD_CREATE", &guild(GUILD)),
    ];
    bench.log.append(records).await.expect("appended");
    let (state, _cancel) = bench.state(Duration::from_secs(60));
    until_ready(&state).await;
    assert!(state.guild_snapshot(GUILD).is_some());
}

/// ShardReady as a later version might write it.
const NEWER: &str = r#"{"type":"record","name":"ShardReady","namespace":"miso.gateway","fields":[
    {"name":"shard","type":"int"},{"name":"shard_count","type":"int"},{"name":"session_id","type":"string"},
    {"name":"epoch","type":"long"},{"name":"at_ms","type":"long"},
    {"name":"guild_ids","type":{"type":"array","items":"long"}},{"name":"added","type":"string","default":""}]}"#;

/// A record is never passed over for want of its schema: what follows would be misread.
#[tokio::test]
async fn a_record_of_another_version_waits_for_its_schema() {
    let bench = Bench::start().await;
    let fingerprint = fingerprint_of(&apache_avro::Schema::parse_str(NEWER).expect("a schema"));
    let mut newer = vec![0xC3, 0x01];
    newer.extend_from_slice(&fingerprint.to_le_bytes());
    // Shard 0 of 1, session "s", epoch 1, time 1, one guild.
    newer.extend_from_slice(b"\x00\x02\x02s\x02\x02\x02");
    let mut zigzag = GUILD.0 << 1;
    while zigzag >= 0x80 {
        newer.push((zigzag & 0x7f) as u8 | 0x80);
        zigzag >>= 7;
    }
    // The guild's last byte, the end of the list, nothing added.
    newer.extend_from_slice(&[zigzag as u8, 0, 0]);
    bench.log.append(vec![Append::new(GATEWAY_EVENTS, slot(GUILD), newer, 1)]).await.expect("appended");
    let next = bench.events(&[("GUILD_CREATE", guild(GUILD))]).await;
    let (state, _cancel) = bench.state(Duration::from_secs(60));
    // Long enough for a fold that would not wait.
    assert!(timeout(Duration::from_millis(300), state.wait_folded(slot(GUILD), next)).await.is_err());
    let written = SchemaRecord { name: "miso.gateway.ShardReady".to_owned(), schema: NEWER.to_owned() };
    let key = format!("{fingerprint:016x}").into_bytes();
    bench.log.append(vec![Append::keyed(SCHEMAS, 0, key, written.to_bytes(), 1)]).await.expect("appended");
    timeout(DEADLINE, state.wait_folded(slot(GUILD), next)).await.expect("in time");
    assert!(state.was_initial(GUILD, next - 1), "the READY that listed it was understood");
}

#[tokio::test]
async fn permissions_members_and_age_are_answered_from_the_fold_and_after_a_restart() {
    let bench = Bench::start().await;
    let user = |id: u64| json!({"id": id.to_string(), "username": format!("u{id}")});
    let member = |id: u64, roles: &[&str]| json!({"user": user(id), "roles": roles});
    let everyone = GUILD.to_string();
    let created = json!({
        "id": everyone, "owner_id": "1", "member_count": 4,
        "roles": [
            {"id": everyone, "position": 0, "permissions": "3072"}, {"id": "50", "position": 1, "permissions": "8192"},
            {"id": "60", "position": 2, "permissions": "268435456", "managed": true}, {"id": "70", "position": 3, "permissions": "0"},
        ],
        "channels": [{"id": "500", "type": 0, "permission_overwrites": [{"id": everyone, "type": 0, "allow": "0", "deny": "2048"}]}],
        "threads": [{"id": "600", "type": 12, "parent_id": "500", "owner_id": "3"}],
        "members": [member(1, &[]), member(2, &["50"]), member(3, &[]), member(99, &["60"])], "voice_states": [],
    });
    bench.log.append(shard_ready(&[GUILD])).await.expect("appended");
    bench.events(&[ready(), ("GUILD_CREATE", created)]).await;
    let (state, cancel) = bench.state(Duration::from_millis(5));
    until_ready(&state).await;
    let asked = |state: &DiscordState| {
        let may = |user: u64, channel: Option<u64>| {
            state.member_permissions(GUILD, UserId(user), channel.map(ChannelId)).map(|bits| bits.0)
        };
        let mut members = Vec::new();
        let last = state.visit_members(GUILD, Some(UserId(1)), 2, |user, _, _| members.push(user.0));
        assert_eq!((members, last), (vec![2, 3], Some(UserId(3))));
        assert_eq!((may(1, None), may(1, Some(600))), (Some(u64::MAX), Some(u64::MAX)), "the owner");
        assert_eq!((may(2, None), may(2, Some(500))), (Some(3072 | 8192), Some(1024 | 8192)));
        assert_eq!((may(2, Some(600)), may(3, Some(600))), (Some(0), Some(1024)), "a private thread");
        assert_eq!((may(4, None), may(2, Some(501))), (None, None), "nobody and nowhere");
        assert_eq!(state.bot_permissions(GUILD, Some(ChannelId(500))).map(|bits| bits.0), Some(1024 | 268_435_456));
        assert_eq!(state.bot_can_assign(GUILD, 50), Some(Ok(())));
        assert!(state.bot_can_assign(GUILD, 70).is_some_and(|able| able.is_err()), "above");
        let roles = |roles: &[&str]| serde_json::from_value(json!({"roles": roles})).expect("a member");
        let outranks = |user: u64, own: &[&str], role| state.outranks(GUILD, UserId(user), &roles(own), role);
        assert_eq!(
            (outranks(1, &[], 70), outranks(2, &["60"], 50)),
            (Some(true), Some(true)),
            "the owner, and who is above"
        );
        assert_eq!(
            (outranks(2, &["50"], 50), outranks(3, &[], 50)),
            (Some(false), Some(false)),
            "at one's own, and without one"
        );
        assert_eq!(outranks(1, &[], 71), None, "no such role");
        assert_eq!((state.known_members(GUILD), state.folded_at_ms(slot(GUILD)).is_some()), (4, true));
        let mut seen = Vec::new();
        assert!(state.visit_roles(GUILD, |id, _| seen.push(id)) && !state.visit_roles(OTHER, |_, _| {}));
        assert_eq!(seen, [50, 60, 70, GUILD.0]);
    };
    asked(&state);
    until("a checkpoint", async || bench.committed(slot(GUILD)).await.is_some()).await;
    until("the bot's", async || bench.committed(0).await.is_some()).await;
    drop((state, cancel));
    let bench = bench.reopen().await;
    let (state, _cancel) = bench.state(Duration::from_secs(1));
    until_ready(&state).await;
    asked(&state);
}
