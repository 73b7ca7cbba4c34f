//! `miso replay`: a range of events again, to one's own handlers, in a deployment of its own. Its log is a
//! folder that goes at the end, its Discord a server that writes down what it is asked: nothing reaches
//! production's log or Discord.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use miso_datasets::{Filter, Scan, Step, rfc3339};
use miso_discord_state::{DiscordState, StateConfig};
use miso_gateway_proxy::{Proxy, ProxyConfig};
use miso_groups::Groups;
use miso_log::{Append, Record, Schemas, SharedLog, Spans, catalogue};
use miso_model::{GatewayGap, LogRecord as _};
use miso_rest_ingress::IngressConfig;
use miso_sender::{Sender, SenderConfig, SenderHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::gets::SenderGets;
use crate::operator::{Acts, act, put_on_record};
use crate::verbs::capture::Capture;
use crate::verbs::progress::{Progress, grouped};
use crate::verbs::selection::Selection;
use crate::verbs::{UsageError, replay_state};

/// How often it is looked whether the handlers have everything.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So long nothing may be left to do before the replay ends: what a handler does with an event comes later.
const QUIET: Duration = Duration::from_secs(2);

/// Gives a range of events again to handlers that connect here; what they ask of Discord is captured, never sent
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  miso replay gateway.events -o @-1h:-30m --to-group music --capture actions.ndjson\n  \
    miso replay gateway.events -o @2026-11-20:@2026-11-21 --to-group music --rate 10x --guild 81384788765712384\n\n\
    The replay prints a token: start a handler with it and with the replay's address instead of the proxy's. Discord's\n\
    objects are those of now. The replay is put on record in the topic operator.acts. It ends when the handlers have\n\
    received everything and ask for nothing more."
)]
pub(crate) struct Replay {
    /// gateway.events
    topic: String,
    #[command(flatten)]
    selection: Selection,
    /// Name of the handler group, for its handlers
    #[arg(long, value_name = "GROUP")]
    to_group: String,
    /// Events a second, such as 500/s, or times as fast as they came, such as 1x or 10x
    #[arg(long, default_value = "500/s")]
    rate: String,
    /// Where what the handlers ask of Discord is written, one JSON object a line; else standard output
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Where handlers connect
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rate {
    PerSecond(f64),
    Times(f64),
}

impl Rate {
    fn parse(text: &str) -> Option<Self> {
        let positive = |text: &str| text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
        match (text.strip_suffix("/s"), text.strip_suffix('x')) {
            (Some(number), _) => positive(number).map(Self::PerSecond),
            (_, Some(number)) => positive(number).map(Self::Times),
            _ => None,
        }
    }

    /// When an event is due after the first one.
    fn due(self, index: u64, since_first_ms: i64) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a replay, to the millisecond")]
        let seconds = match self {
            Self::PerSecond(rate) => index as f64 / rate,
            Self::Times(times) => since_first_ms.max(0) as f64 / 1_000.0 / times,
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl Replay {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        if self.topic != catalogue::GATEWAY_EVENTS.name {
            return Err(UsageError(format!("only gateway.events can be replayed, not {:?}", self.topic)).into());
        }
        let rate = Rate::parse(&self.rate)
            .ok_or_else(|| UsageError(format!("--rate {:?} is none; write one such as 500/s, 1x or 10x", self.rate)))?;
        let range = self.selection.range("@-1h")?;
        let filter = self.selection.filter()?;
        let source = miso_log::open_reader(&config.log, "miso replay").await?;
        let spans = range.resolve(&*source, catalogue::GATEWAY_EVENTS, &self.selection.partition).await?;
        super::tell_missing(catalogue::GATEWAY_EVENTS, &spans.missing);
        if spans.is_empty() {
            return Err(UsageError(format!("gateway.events holds nothing in {range}")).into());
        }
        let acts = vec![act("Replayed", catalogue::GATEWAY_EVENTS.name, &spans.to_string(), false)];
        put_on_record(config, Acts { acts, records: Vec::new() }).await?;
        let folder = std::env::temp_dir().join(format!("miso-replay-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let ended = self.in_folder(&source, &spans, &filter, rate, &folder.display().to_string()).await;
        let _ = std::fs::remove_dir_all(&folder);
        ended
    }

    async fn in_folder(
        &self,
        source: &SharedLog,
        spans: &Spans,
        filter: &Filter,
        rate: Rate,
        folder: &str,
    ) -> anyhow::Result<ExitCode> {
        let log = miso_log::open(&format!("file:{folder}/replay.db"), "miso replay").await?;
        let schemas = Schemas::open(Arc::clone(source)).await?;
        replay_state::carry(source, &schemas, &log).await?;
        let cancel = CancellationToken::new();
        let deployment = Deployment::start(self, Arc::clone(&log), cancel.clone()).await?;
        let replayed = tokio::select! {
            replayed = replay(source, &log, spans, filter, rate) => Some(replayed?),
            _ = tokio::signal::ctrl_c() => None,
        };
        if replayed.is_some() {
            eprintln!("all are given; waiting until the handlers have them");
            tokio::select! {
                done = until_quiet(&log, &deployment.capture) => done?,
                _ = tokio::signal::ctrl_c() => eprintln!("miso: ended before the handlers had everything"),
            }
        }
        cancel.cancel();
        let captured = deployment.end().await?;
        log.close().await;
        eprintln!("replayed {} events, captured {captured} requests", grouped(replayed.unwrap_or(0)));
        Ok(ExitCode::SUCCESS)
    }
}

/// The proxy, the ingress and a sender whose Discord only writes down.
struct Deployment {
    capture: Arc<Capture>,
    tasks: tokio::task::JoinSet<anyhow::Result<()>>,
}

impl Deployment {
    async fn start(replay: &Replay, log: SharedLog, cancel: CancellationToken) -> anyhow::Result<Self> {
        let state = DiscordState::start(Arc::clone(&log), StateConfig::default(), cancel.clone());
        let groups = Groups::start(Arc::clone(&log), Vec::new(), cancel.clone()).await?;
        let credential = groups.add(&replay.to_group, false).await?;
        let listener = TcpListener::bind(replay.listen)
            .await
            .with_context(|| format!("{} cannot be listened on; choose another with --listen", replay.listen))?;
        let address = listener.local_addr()?;
        let capture = Arc::new(Capture::new(replay.capture.as_deref(), &credential)?);
        let discord = TcpListener::bind(("127.0.0.1", 0)).await?;
        let discord_url = format!("http://{}/api", discord.local_addr()?);
        let mut tasks = tokio::task::JoinSet::new();
        let (router, stop) = (Arc::clone(&capture).router(), cancel.clone());
        tasks.spawn(async move {
            let stopped = async move { stop.cancelled().await };
            Ok(axum::serve(discord, router).with_graceful_shutdown(stopped).await?)
        });
        let handle = SenderHandle::new();
        let (keep, token) = watch::channel(credential.clone());
        let mut sender = SenderConfig::new(&discord_url, token);
        sender.takeover_wait = Duration::ZERO;
        sender.global_per_second = 0;
        let (of, its, stop) = (Arc::clone(&log), Arc::clone(&handle), cancel.clone());
        tasks.spawn(async move {
            let _keep = keep;
            Ok(Sender::run(sender, of, its, stop).await?)
        });
        let public_url = format!("ws://{address}");
        let ingress = miso_rest_ingress::router(
            IngressConfig { public_url: public_url.clone(), shards: 1 },
            Arc::clone(&log),
            Arc::clone(&groups),
            Arc::clone(&state),
            Arc::new(SenderGets(handle)),
        );
        let proxy = Proxy::start(ProxyConfig::new(public_url), log, state, groups, cancel.clone()).await?;
        tasks.spawn(async move { Ok(Arc::new(proxy).serve(listener, ingress, cancel).await?) });
        eprintln!("handlers connect to http://{address}/api and ws://{address} with this token:\n{credential}");
        Ok(Self { capture, tasks })
    }

    /// How many requests were captured.
    async fn end(mut self) -> anyhow::Result<u64> {
        self.tasks.shutdown().await;
        self.capture.end()
    }
}

/// Appends the wanted events at their rate; answers how many.
async fn replay(
    source: &SharedLog,
    log: &SharedLog,
    spans: &Spans,
    filter: &Filter,
    rate: Rate,
) -> anyhow::Result<u64> {
    let schemas = Schemas::open(Arc::clone(source)).await?;
    let topic = catalogue::GATEWAY_EVENTS;
    let total = spans.spans.iter().map(|span| span.to - span.from).max().unwrap_or(0);
    let mut bar = Progress::new(u64::try_from(total).unwrap_or(0));
    let mut scan = Scan::new(source, topic, &spans.spans);
    let (begin, mut first_ms, mut given) = (Instant::now(), None, 0_u64);
    while let Some(step) = scan.next().await? {
        let Step::Records(batch) = step else { anyhow::bail!("retention removed part of the range meanwhile") };
        for record in batch.iter().filter(|record| scan.wants(record.partition, record.offset)) {
            if !filter.accepts(topic, record, &schemas).unwrap_or(false) {
                continue;
            }
            let since = record.timestamp_ms - *first_ms.get_or_insert(record.timestamp_ms);
            tokio::time::sleep_until(begin + rate.due(given, since)).await;
            log.append(vec![again(record)]).await?;
            given += 1;
            bar.draw("replay", given, given);
        }
    }
    bar.end();
    Ok(given)
}

fn again(record: &Record) -> Append {
    Append {
        topic: catalogue::GATEWAY_EVENTS,
        partition: record.partition,
        key: record.key.clone(),
        value: record.value.clone(),
        timestamp_ms: record.timestamp_ms,
    }
}

/// Until no group has anything left, and no request has come for a while.
async fn until_quiet(log: &SharedLog, capture: &Capture) -> anyhow::Result<()> {
    let (mut quiet, mut seen) = (Instant::now(), capture.count());
    loop {
        let mut left = 0;
        for group in log.groups().await? {
            left += log.lag(&group).await?.iter().map(|lag| lag.records).sum::<i64>();
        }
        let count = capture.count();
        if left > 0 || count != seen {
            (quiet, seen) = (Instant::now(), count);
        } else if quiet.elapsed() >= QUIET {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A gap's record: what the replay begins with, so that no event of it stands at the first offset, where the
/// objects that were carried over stand.
pub(crate) fn beginning(at_ms: i64) -> Append {
    let gap = GatewayGap {
        shard: 0,
        shard_count: 1,
        session_id: "replay".to_owned(),
        after_sequence: 0,
        reason: format!("replay, begun {}", rfc3339(at_ms)),
        at_ms,
    };
    Append::new(catalogue::GATEWAY_EVENTS, 0, gap.to_bytes(), at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_events_a_second_or_multiples_of_the_past() {
        assert_eq!(Rate::parse("500/s").map(|rate| rate.due(1_000, 0)), Some(Duration::from_secs(2)));
        assert_eq!(Rate::parse("10x").map(|rate| rate.due(5, 20_000)), Some(Duration::from_secs(2)));
        for wrong in ["", "fast", "0/s", "-1x", "x", "NaNx", "inf/s"] {
            assert_eq!(Rate::parse(wrong), None, "{wrong}");
        }
    }
}
