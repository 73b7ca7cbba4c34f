//! How many messages that are no commands the message handler passes a second.
//! `cargo run --release -p miso-handlers --example message_rate`
//!
//! First the glance at a message alone: decoding the envelope and telling that the content begins with
//! no prefix. Then the whole handler on an embedded log: read, look, count, commit; in guilds that
//! changed nothing, and in guilds that count activity while a thousand people wait for words.
//!
//! Measured 2026-11-24 with `cargo run` (own code at opt-level 1) on a busy 2-core virtual machine, records
//! of 1.4 kB with 120 words: a glance 2 to 5 million, the handler 350,000 to 530,000, with activity and
//! words 24,000 to 42,000 messages a second.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use miso_discord_state::{DiscordState, StateConfig};
use miso_handlers::{Joins, MESSAGES_GROUP, MessagesHandlerConfig, may_be_command, run_messages};
use miso_log::catalogue::{AGGREGATES, ALL, BOT_SETTINGS, GATEWAY_EVENTS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{Aggregate, ChannelId, EventView, GuildId, LogRecord, Setting, UserId, slot};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const ROUNDS: u32 = 2_000_000;
const MESSAGES: u64 = 200_000;
const GUILDS: u64 = 500;
const LISTENERS: u64 = 1_000;

fn d(guild: u64, user: u64) -> String {
    let filler = "lorem ipsum ".repeat(60);
    format!(
        r#"{{"type":0,"tts":false,"timestamp":"2026-11-24T07:00:00.000000+00:00","pinned":false,"nonce":"1","mentions":[],"mention_roles":[],"mention_everyone":false,"member":{{"roles":["1","2","3"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2020-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"avatar":null}},"id":"1300000000000000000","flags":0,"embeds":[],"edited_timestamp":null,"content":"{filler}","components":[],"channel_id":"1200000000000000000","author":{{"username":"someone","id":"{user}","global_name":"Someone","discriminator":"0","avatar":"0123456789abcdef"}},"attachments":[],"guild_id":"{guild}"}}"#
    )
}

fn record(guild: u64, user: u64, now_ms: i64) -> Append {
    let d = d(guild, user);
    let event = EventView {
        shard: 0,
        shard_count: 1,
        session_id: "0123456789abcdef0123456789abcdef",
        sequence: 1,
        epoch: 1,
        received_at_ms: now_ms,
        event_type: "MESSAGE_CREATE",
        guild_id: Some(GuildId(guild)),
        channel_id: Some(ChannelId(1_200_000_000_000_000_000)),
        user_id: Some(UserId(user)),
        d: d.as_bytes(),
    };
    Append::new(GATEWAY_EVENTS, slot(GuildId(guild)), event.encode(), now_ms)
}

fn glance() {
    let record = record(1_000, 3, 1).value.unwrap_or_default();
    let began = Instant::now();
    let mut commands = 0_u32;
    for _ in 0..ROUNDS {
        let event = EventView::decode(black_box(&record)).ok().flatten().expect("an event");
        commands += u32::from(event.event_type == "MESSAGE_CREATE" && may_be_command(event.d, b">"));
    }
    let rate = f64::from(ROUNDS) / began.elapsed().as_secs_f64();
    println!("a glance: {} bytes a record, {commands} commands, {rate:.0} messages/s", record.len());
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn setting(aggregate: Aggregate, module: &str, values: &Value) -> Append {
    let json = json!({module: {"version": 1, "by": "user/1", "at_ms": 1, "values": values}});
    let setting = Setting { version: 1, json: json.to_string().into() };
    let partition = aggregate.partition(AGGREGATES);
    Append::keyed(BOT_SETTINGS, partition, aggregate.to_string(), setting.to_bytes(), now_ms())
}

async fn whole(name: &str, settings: Vec<Append>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = EmbeddedConfig::new(folder.path().join("log.db"));
    config.catalogue = ALL.to_vec();
    let log: SharedLog = Arc::new(EmbeddedLog::open(config).await.expect("a log"));
    if !settings.is_empty() {
        log.append(settings).await.expect("appended");
    }
    let mut made = 0;
    while made < MESSAGES {
        let batch = (made..MESSAGES.min(made + 1_000)).map(|n| record((n % GUILDS + 1) << 22, n % 7_919 + 1, now_ms()));
        log.append(batch.collect()).await.expect("appended");
        made += 1_000;
    }
    let cancel = CancellationToken::new();
    let state = DiscordState::start(log.clone(), StateConfig::default(), cancel.clone());
    // The fold of the state is another's work.
    let _ = state.ready().wait_for(|ready| *ready).await;
    let began = Instant::now();
    // Counts are told once, at the end.
    let config = MessagesHandlerConfig { counts_within: Duration::from_millis(500) };
    let handler = tokio::spawn(run_messages(config, log.clone(), state, Joins::default(), cancel.clone()));
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let lag = log.lag(MESSAGES_GROUP).await.expect("lag");
        let all = lag.len() == usize::try_from(GATEWAY_EVENTS.partitions).unwrap_or_default();
        if all && lag.iter().all(|partition| partition.records == 0) {
            break;
        }
    }
    let rate = MESSAGES as f64 / began.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} messages/s");
    cancel.cancel();
    let _ = handler.await;
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    glance();
    whole("the handler, nothing set", Vec::new()).await;
    let guilds = (1..=GUILDS).map(|n| Aggregate::Guild(GuildId(n << 22)));
    let mut settings: Vec<Append> = guilds.map(|guild| setting(guild, "activity", &json!({"enabled": true}))).collect();
    for user in 1..=LISTENERS {
        let words = json!({"keywords": [{"word": format!("word{user}")}, {"word": "a rare one"}]});
        settings.push(setting(Aggregate::User(UserId(1_000_000 + user)), "notifications", &words));
    }
    whole("the handler, activity and 1000 listeners", settings).await;
}
