//! Requests a second for a guild of 10,000 members and 200 channels: `cargo run -p miso-data-api --example
//! request_rate` (`--release` for the real thing). Client and service share the cores.
//!
//! Measured 2026-11-24 on a 2-core virtual machine that did other work too, own code at opt-level 1, 8 connections: one member by
//! name 7,300/s, 25 that fit 6,900/s, 10,000 that fit 1,200/s (p50 6.5 ms), a page of 25 4,500/s, 200 channels with the bot's
//! permissions 1,400/s (p50 5.3 ms), 50 roles 5,600/s, the guild 38,000/s; while 500 members a second change, a search 6,400/s. The
//! first search of a guild, which reads its names: 12 ms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use miso_data_api::{DataApi, DataConfig};
use miso_discord_state::{DiscordState, StateConfig};
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{EventView, GuildId, slot};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const GUILD: GuildId = GuildId(1_000_000_000_000_000_000);
const MEMBERS: u64 = 10_000;
const CHANNELS: u64 = 200;
const CONNECTIONS: usize = 8;
const FOR: Duration = Duration::from_secs(3);
const KEY: &str = "key";

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn guild() -> Value {
    let everyone = GUILD.to_string();
    let role = |id: u64| json!({"id": id.to_string(), "name": "role", "position": id % 50, "permissions": "2048"});
    let roles: Vec<Value> = (1..50)
        .map(role)
        .chain([json!({"id": everyone, "name": "@everyone", "position": 0, "permissions": "1071698660929"})])
        .collect();
    let channels: Vec<Value> = (0..CHANNELS)
        .map(|n| {
            json!({"id": (7_000 + n).to_string(), "type": 0, "name": format!("channel-{n}"), "position": n, "parent_id": null,
                "topic": "What it is about", "permission_overwrites": [
                    {"id": everyone, "type": 0, "allow": "0", "deny": "2048"}, {"id": "7", "type": 0, "allow": "2048", "deny": "0"}]})
        })
        .collect();
    let members: Vec<Value> = (0..MEMBERS)
        .map(|n| {
            json!({"user": {"id": (100_000 + n).to_string(), "username": format!("person{n}"), "global_name": format!("Pérsön {n} Äöü"),
                "avatar": "0123456789abcdef0123456789abcdef", "discriminator": "0"}, "nick": null, "roles": ["7", "9"],
                "joined_at": "2020-01-01T00:00:00.000000+00:00", "mute": false, "deaf": false, "flags": 0})
        })
        .collect();
    json!({"id": everyone, "name": "Large", "owner_id": "100000", "member_count": MEMBERS, "roles": roles, "channels": channels,
        "threads": [], "members": members, "voice_states": [], "emojis": []})
}

async fn tell(log: &SharedLog, state: &DiscordState, event_type: &str, d: &Value) -> Outcome<()> {
    let in_guild = event_type.starts_with("GUILD");
    let text = d.to_string();
    let event = EventView {
        shard: 0,
        shard_count: 1,
        session_id: "s",
        sequence: 1,
        epoch: 1,
        received_at_ms: 1,
        event_type,
        guild_id: in_guild.then_some(GUILD),
        channel_id: None,
        user_id: None,
        d: text.as_bytes(),
    };
    let partition = if in_guild { slot(GUILD) } else { 0 };
    let at = log.append(vec![Append::new(GATEWAY_EVENTS, partition, event.encode(), 1)]).await?;
    state.wait_folded(partition, at[0] + 1).await;
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let log: SharedLog = Arc::new(EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await?);
    let cancel = CancellationToken::new();
    let state = DiscordState::start(Arc::clone(&log), StateConfig::default(), cancel.clone());
    state.ready().wait_for(|ready| *ready).await?;
    let ready = json!({"user": {"id": "99", "username": "miso"}, "application": {"id": "99", "flags": 0}});
    tell(&log, &state, "READY", &ready).await?;
    tell(&log, &state, "GUILD_CREATE", &guild()).await?;
    let config = DataConfig {
        cluster_key: KEY.to_owned(),
        api_url: "http://127.0.0.1:1/api".to_owned(),
        client_id: None,
        client_secret: None,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = tokio::spawn(DataApi::start(config, Arc::clone(&state), cancel.clone()).serve(listener));

    let first = Instant::now();
    let paths = [
        "/members?query=person9999",
        "/members?limit=25",
        "/members?query=son%204&limit=25",
        "/members?query=p%C3%A9r&limit=25",
        "/channels",
        "/roles",
        "",
    ];
    for path in paths {
        let url = format!("http://{address}/v1/guilds/{GUILD}{path}");
        if path == paths[0] {
            reqwest::Client::new().get(&url).bearer_auth(KEY).send().await?.error_for_status()?;
            println!("first search (the names are read)   {:.1} ms", first.elapsed().as_secs_f64() * 1e3);
        }
        measure(path, &url).await?;
    }
    // A guild in which somebody changes all the time: the names are compared again for every search.
    let busy = tokio::spawn({
        let (log, state) = (Arc::clone(&log), Arc::clone(&state));
        async move {
            for n in 0_u64.. {
                let user = json!({"id": (100_000 + n % MEMBERS).to_string(), "username": "changed"});
                let d = json!({"guild_id": GUILD, "user": user, "roles": [], "nick": format!("n{n}")});
                if tell(&log, &state, "GUILD_MEMBER_UPDATE", &d).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    measure(
        "search while members change",
        &format!("http://{address}/v1/guilds/{GUILD}/members?query=son%204&limit=25"),
    )
    .await?;
    busy.abort();
    cancel.cancel();
    service.await??;
    Ok(())
}

async fn measure(name: &str, url: &str) -> Outcome<()> {
    let end = Instant::now() + FOR;
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let url = url.to_owned();
        tasks.spawn(async move {
            let client = reqwest::Client::new();
            let mut times = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                client.get(&url).bearer_auth(KEY).send().await?.error_for_status()?.bytes().await?;
                times.push(began.elapsed());
            }
            Ok::<_, reqwest::Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        times.extend(ended??);
    }
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let rate = times.len() as f64 / FOR.as_secs_f64();
    println!("{name:34}  {rate:7.0}/s  p50 {:.2} ms  p99 {:.2} ms", at(50), at(99));
    Ok(())
}
