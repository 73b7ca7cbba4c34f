//! The role: which owners run in this process.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use miso_log::catalogue::GATEWAY_COMMANDS;
use miso_log::{Owned, SharedLog, run_owned};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::GatewayConfig;
use crate::connection;
use crate::discord::{self, Upstream, UpstreamError};
use crate::error::GatewayError;
use crate::owner::{self, Common};
use crate::route::shards_of;
use crate::status::{GatewayStatus, JOINING, STARTING, ShardStatus, StatusBoard};

/// Owning a partition of `gateway.commands` in this group is owning its shards.
pub(crate) const GROUP: &str = "miso.gateway";
/// First and longest wait before Discord is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const ASK_AGAIN_LIMIT: Duration = Duration::from_secs(60);
/// Wait after Discord refused the token: each refusal counts against the address.
const REFUSED_AGAIN: Duration = Duration::from_secs(300);

/// Runs upstream shards until cancelled: those of the partitions that this process is given.
///
/// May be aborted at any point: what was not committed Discord replays to the next RESUME.
///
/// # Errors
/// [`GatewayError`]; a restart may mend it.
pub async fn run(config: GatewayConfig, log: SharedLog, cancel: CancellationToken) -> Result<(), GatewayError> {
    run_with_status(config, log, watch::Sender::default(), cancel).await
}

/// As [`run`]; `status` says at all times how the shards stand.
///
/// # Errors
/// As [`run`].
pub async fn run_with_status(
    config: GatewayConfig,
    log: SharedLog,
    status: watch::Sender<GatewayStatus>,
    cancel: CancellationToken,
) -> Result<(), GatewayError> {
    let starting = Some(STARTING.to_owned());
    status.send_replace(GatewayStatus { problem: starting, ..GatewayStatus::default() });
    let client = reqwest::Client::builder().build().map_err(|error| GatewayError::Client(error.to_string()))?;
    let board = StatusBoard(status);
    let config = Arc::new(config);
    let upstream = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        upstream = upstream(&client, &config, &board) => upstream,
    };
    tracing::info!(
        shards = upstream.shard_count,
        max_concurrency = upstream.max_concurrency,
        identifies_left = upstream.remaining,
        intents = upstream.intents,
        "the gateway is known"
    );
    let remaining = Arc::new(AtomicU32::new(upstream.remaining));
    let common = Common { config, upstream, client, log, board, remaining };
    let log = Arc::clone(&common.log);
    let board = common.board.clone();
    // A standby is ready without a shard, but only the group can say that it is one.
    let joined = move || board.problem(None);
    run_owned(log, GROUP, GATEWAY_COMMANDS, cancel, joined, move |Owned { owner, stop }| {
        let (common, upstream) = (common.clone(), &common.upstream);
        let shards: Vec<i32> = shards_of(owner.partition(), upstream.shard_count, upstream.max_concurrency).collect();
        for &shard in &shards {
            common.board.set(shard, ShardStatus::Waiting);
        }
        async move {
            let board = common.board.clone();
            let result = owner::run(common, owner, stop).await;
            board.remove(shards.into_iter());
            result
        }
    })
    .await
}

/// Asks until Discord answers; the reason of its silence is the role's problem meanwhile.
async fn upstream(client: &reqwest::Client, config: &GatewayConfig, board: &StatusBoard) -> Upstream {
    let mut wait = ASK_AGAIN;
    let mut said = None;
    loop {
        let (reason, pause) = match discord::ask(client, config).await {
            Ok(upstream) if connection::is_address(&upstream.url) => {
                board.problem(Some(JOINING.to_owned()));
                return upstream;
            }
            Ok(_) => ("Discord's answer holds no websocket address".to_owned(), wait),
            Err(UpstreamError::Refused(reason)) => (reason, REFUSED_AGAIN),
            Err(UpstreamError::Unavailable(reason)) => (reason, wait),
        };
        if said.as_ref() != Some(&reason) {
            tracing::error!(reason, "the gateway cannot be started yet");
            said = Some(reason.clone());
        }
        board.problem(Some(reason));
        tokio::time::sleep_until(tokio::time::Instant::now() + pause).await;
        wait = (wait * 2).min(ASK_AGAIN_LIMIT);
    }
}

/// The wall clock, Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
