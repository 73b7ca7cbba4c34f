//! How many events a second go from the log through home and edge to one client, on loopback:
//! `cargo run --release -p miso-gateway-proxy --example delivery_rate [events] [bytes] [per second]`.
//! Producer, fold, proxy and client share this process; its CPU time is printed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use futures_util::{SinkExt as _, StreamExt as _};
use miso_discord_state::{DiscordState, StateConfig};
use miso_gateway_proxy::{Proxy, ProxyConfig};
use miso_groups::Groups;
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, SharedLog};
use miso_model::{EventView, GuildId, slot};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_websockets::{ClientBuilder, Message};

const SECRET: &str = "secret-of-the-measurement";
const GUILDS: u64 = 100;
const BATCH: u64 = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let events = arguments.next().transpose()?.unwrap_or(500_000);
    let bytes = usize::try_from(arguments.next().transpose()?.unwrap_or(1_200))?;
    let rate = arguments.next().transpose()?.unwrap_or(0);
    let dir = tempfile::tempdir()?;
    let log: SharedLog = Arc::new(EmbeddedLog::open(EmbeddedConfig::new(dir.path().join("log.db"))).await?);
    let cancel = CancellationToken::new();
    let groups = Groups::start(Arc::clone(&log), vec![("g".into(), SECRET.into())], cancel.clone()).await?;
    let state = DiscordState::start(Arc::clone(&log), StateConfig::default(), cancel.clone());
    let ready = br#"{"user":{"id":"1"},"application":{"id":"1","flags":8953856},"guilds":[]}"#;
    log.append(vec![Append::new(GATEWAY_EVENTS, 0, event(0, 0, "READY", None, ready), 0)]).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let config = ProxyConfig::new(format!("ws://{address}"));
    let proxy = Proxy::start(config, Arc::clone(&log), state, groups, cancel.clone()).await?;
    let serving = tokio::spawn(Arc::new(proxy).serve(listener, Router::new(), cancel.clone()));
    let (socket, _) = ClientBuilder::new()
        .uri(&format!("ws://{address}/?v=10"))?
        .connect_on(TcpStream::connect(address).await?)
        .await?;
    let (mut sink, mut source) = socket.split();
    let identify = format!(r#"{{"op":2,"d":{{"token":"{SECRET}","intents":37376,"properties":{{}}}}}}"#);
    sink.send(Message::text(identify)).await?;
    let started = Instant::now();
    let cpu = cpu_seconds();
    let producer = tokio::spawn(produce(log, events, bytes, rate));
    let (mut received, mut sequence) = (0_u64, 0_u64);
    let mut latencies = Vec::new();
    while received < events {
        let message = source.next().await.ok_or("closed")??;
        if let Some((code, why)) = message.as_close() {
            return Err(format!("closed with {}: {why}", u16::from(code)).into());
        }
        let payload = message.into_payload();
        if payload.starts_with(br#"{"t":"MESSAGE_CREATE""#) {
            received += 1;
            sequence += 1;
            if received.is_multiple_of(97)
                && let Some(at) = sent_at(&payload)
            {
                latencies.push(now_us().saturating_sub(at));
            }
        } else if payload.starts_with(br#"{"t":"READY""#) {
            sequence += 1;
        } else if payload.len() < 60 && payload.windows(7).any(|window| window == b"\"op\":1,") {
            sink.send(Message::text(format!(r#"{{"op":1,"d":{sequence}}}"#))).await?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    producer.await??;
    latencies.sort_unstable();
    let at = |part: usize| latencies.get(latencies.len() * part / 1_000).copied().unwrap_or(0);
    let cpu = cpu_seconds() - cpu;
    println!(
        "{events} events of {bytes} bytes: {:.0}/s, latency p50 {} us, p99 {} us, {:.1} us of CPU each",
        f64::from(u32::try_from(events)?) / seconds,
        at(500),
        at(990),
        cpu * 1e6 / f64::from(u32::try_from(events)?),
    );
    cancel.cancel();
    serving.abort();
    Ok(())
}

async fn produce(log: SharedLog, events: u64, bytes: usize, rate: u64) -> Result<(), miso_log::AppendError> {
    let started = Instant::now();
    let mut number = 0;
    let padding = "x".repeat(bytes.saturating_sub(90));
    let batch = if rate == 0 { BATCH } else { (rate / 1_000).max(1) };
    while number < events {
        let mut records = Vec::with_capacity(usize::try_from(batch).unwrap_or(1));
        for _ in 0..batch.min(events - number) {
            let guild = (1_000 * 48 + number % GUILDS) << 22;
            let d = format!(r#"{{"at":{:020},"id":"{number}","guild_id":"{guild}","content":"{padding}"}}"#, now_us());
            records.push(Append::new(
                GATEWAY_EVENTS,
                slot(guild),
                event(number, 1, "MESSAGE_CREATE", Some(guild), d.as_bytes()),
                0,
            ));
            number += 1;
        }
        log.append(records).await?;
        if let Some(rate) = std::num::NonZeroU64::new(rate) {
            let due = Duration::from_micros(number * 1_000_000 / rate);
            tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
        }
    }
    Ok(())
}

fn event(sequence: u64, epoch: i64, event_type: &str, guild: Option<u64>, d: &[u8]) -> Vec<u8> {
    let view = EventView {
        shard: 0,
        shard_count: 1,
        session_id: "up",
        sequence: i64::try_from(sequence).unwrap_or(0),
        epoch,
        received_at_ms: 0,
        event_type,
        guild_id: guild.map(GuildId),
        channel_id: None,
        user_id: None,
        d,
    };
    view.encode().to_vec()
}

fn sent_at(payload: &[u8]) -> Option<u64> {
    let at = payload.windows(5).position(|window| window == b"\"at\":")? + 5;
    std::str::from_utf8(payload.get(at..at + 20)?).ok()?.parse().ok()
}

fn now_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0)
}

/// User and system time of this process, seconds (Linux).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
