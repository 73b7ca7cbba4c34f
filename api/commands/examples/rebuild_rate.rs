//! How fast the read models are rebuilt from the facts, and how fast requests are decided:
//! `cargo run --release -p miso-commands-api --example rebuild_rate [FACTS]` (400,000 by default).
//!
//! Both run on the embedded log in a temporary folder; the store is SQLite there too, or what
//! `MISO_STORE` names (an empty PostgreSQL database).

use std::sync::Arc;
use std::time::Instant;

use miso_bot_store::facts::{
    ACTIVITY_COUNTED, ActivityCounted, COUNTS_ADDED, CountsAdded, HourCounts, LEVEL_REACHED, MemberCounted,
    SETTINGS_CHANGED,
};
use miso_bot_store::{BotStore, SCHEMA_VERSION, Store};
use miso_commands_api::{CommandsApi, CommandsConfig};
use miso_log::catalogue::{AGGREGATES, BOT_ANSWERS, BOT_FACTS, BOT_REQUESTS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{Aggregate, Fact, GuildId, LogRecord, Request, UserId};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

const GUILDS: usize = 500;
const MEMBERS: u64 = 200;
const REQUESTS: usize = 20_000;
/// Records in one append.
const APPEND: usize = 2_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let count = std::env::args().nth(1).map(|text| text.parse()).transpose()?.unwrap_or(400_000_usize);
    let folder = tempfile::tempdir()?;
    let log: SharedLog = Arc::new(EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await?);
    let url =
        std::env::var("MISO_STORE").unwrap_or_else(|_| format!("file:{}", folder.path().join("store.db").display()));
    let store = miso_bot_store::open(&url).await?;
    let bot = BotStore::prepare(store.clone(), &log, || 1).await?;
    write(&log, count).await?;

    let began = Instant::now();
    bot.rebuild(&log, 2, SCHEMA_VERSION).await?;
    let seconds = began.elapsed().as_secs_f64();
    println!("rebuild: {count} facts in {seconds:.2} s, {:.0} facts/s", count as f64 / seconds);

    decide(&log, store).await
}

/// What a busy bot's facts are: mostly activity, some counts and levels, few settings.
async fn write(log: &SharedLog, count: usize) -> Result<(), Failure> {
    let mut versions = vec![0_i64; GUILDS];
    let mut batch = Vec::with_capacity(APPEND);
    for n in 0..count {
        let index = n * 7 % GUILDS;
        versions[index] += 1;
        let aggregate = Aggregate::Guild(GuildId(175_928_847_299_117_063 + index as u64));
        let (kind, body) = body(n, versions[index]);
        let fact = Fact {
            aggregate: aggregate.to_string(),
            version: versions[index],
            kind: kind.to_owned(),
            request_id: format!("activity/{}/{n}/0", n % 48),
            actor: "handler/miso.messages".to_owned(),
            body: body.into(),
            answer: b"{}".to_vec().into(),
            status: 200,
            at_ms: 1_764_000_000_000 + n as i64,
        };
        batch.push(Append::new(BOT_FACTS, aggregate.partition(AGGREGATES), fact.to_bytes(), fact.at_ms));
        if batch.len() == APPEND {
            log.append(std::mem::take(&mut batch)).await?;
        }
    }
    log.append(batch).await?;
    Ok(())
}

fn body(n: usize, version: i64) -> (&'static str, Vec<u8>) {
    let user = |n: usize| UserId(80_351_110_224_678_912 + n as u64 % MEMBERS);
    let json = |value: &Value| value.to_string().into_bytes();
    match n % 20 {
        0 => {
            let module = json!({"version": version, "by": "user/1", "at_ms": 1, "values": {"prefix": "!"}});
            let body = json!({
                "module": "general", "module_version": version, "via": "panel", "before": {"prefix": ">"},
                "after": {"prefix": "!"}, "settings": {"general": module},
            });
            (SETTINGS_CHANGED, json(&body))
        }
        1 => (LEVEL_REACHED, json(&json!({"user": user(n), "level": 2, "channel": "5"}))),
        2..6 => {
            let counts = HourCounts {
                day: "2026-11-24".to_owned(),
                hour: n as i64 % 24,
                messages: 9,
                joins: 1,
                leaves: 0,
                commands: 2,
            };
            (COUNTS_ADDED, serde_json::to_vec(&CountsAdded { counts: vec![counts] }).unwrap_or_default())
        }
        _ => {
            let member = |n: usize| MemberCounted {
                user: user(n),
                xp_added: 10,
                xp: version * 10,
                level: 3,
                messages_added: 2,
                messages: version,
                hour: n as i64 % 24,
                window_ms: 1_764_000_000_000,
                window_xp: 10,
            };
            let members = (0..1 + n % 3).map(|more| member(n * 3 + more)).collect();
            (ACTIVITY_COUNTED, serde_json::to_vec(&ActivityCounted { members }).unwrap_or_default())
        }
    }
}

/// Requests that wait when an instance starts, up to the answer to the last.
async fn decide(log: &SharedLog, store: Arc<dyn Store>) -> Result<(), Failure> {
    let mut ends = Vec::new();
    for partition in 0..AGGREGATES {
        ends.push((partition, log.bounds(BOT_ANSWERS, partition).await?.latest));
    }
    let mut reader = log.reader(BOT_ANSWERS, &ends);
    let now_ms = miso_http::now_ms();
    let requests = (0..REQUESTS).map(|n| {
        let aggregate = Aggregate::Guild(GuildId(175_928_847_299_117_063 + (n % GUILDS) as u64));
        let members =
            json!({"members": [{"user": (n % 97).to_string(), "xp": 9, "messages": 1, "hour": 3, "at_ms": now_ms}]});
        let (kind, body) = match n % 4 {
            0 => ("ChangeSettings", json!({"module": "general", "set": {"prefix": "!"}})),
            1 => ("CountsObserved", json!({"counts": [{"day": "2026-11-24", "hour": 3, "messages": 5}]})),
            _ => ("ActivityObserved", members),
        };
        let request = Request {
            request_id: format!("rate/{n}"),
            aggregate: aggregate.to_string(),
            kind: kind.to_owned(),
            expected_version: None,
            actor: "handler/rate".to_owned(),
            body: body.to_string().into(),
            at_ms: now_ms,
        };
        Append::new(BOT_REQUESTS, aggregate.partition(AGGREGATES), request.to_bytes(), now_ms)
    });
    log.append(requests.collect()).await?;
    let cancel = CancellationToken::new();
    let api = CommandsApi::start(CommandsConfig::default(), log.clone(), store, cancel.clone());
    let began = Instant::now();
    let service = tokio::spawn(api.serve(TcpListener::bind("127.0.0.1:0").await?));
    let mut answered = 0;
    while answered < REQUESTS {
        answered += reader.next().await?.iter().count();
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("decide: {REQUESTS} requests in {seconds:.2} s, {:.0} requests/s", REQUESTS as f64 / seconds);
    cancel.cancel();
    Ok(service.await??)
}
