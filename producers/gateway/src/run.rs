//! The role: which owners run in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use miso_log::catalogue::GATEWAY_COMMANDS;
use miso_log::{LogError, MemberEvent, Revocation, SharedLog};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::GatewayConfig;
use crate::discord::{self, Upstream, UpstreamError};
use crate::error::GatewayError;
use crate::owner::{self, Common};
use crate::status::{GatewayStatus, StatusBoard};

/// Owning a partition of `gateway.commands` in this group is owning its shards.
pub(crate) const GROUP: &str = "miso.gateway";
/// First and longest wait before Discord is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const ASK_AGAIN_LIMIT: Duration = Duration::from_secs(60);
/// Wait after Discord refused the token: each refusal counts against the address.
const REFUSED_AGAIN: Duration = Duration::from_secs(300);
/// Owners have so long to settle when the role ends.
const SETTLE: Duration = Duration::from_secs(6);

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
    status.send_replace(GatewayStatus::default());
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
    Owners { common, tasks: JoinSet::new(), running: BTreeMap::new() }.work(&cancel).await
}

/// Asks until Discord answers; the reason of its silence is the role's problem meanwhile.
async fn upstream(client: &reqwest::Client, config: &GatewayConfig, board: &StatusBoard) -> Upstream {
    let mut wait = ASK_AGAIN;
    let mut said = None;
    loop {
        let (reason, pause) = match discord::ask(client, config).await {
            Ok(upstream) if owner::is_address(&upstream.url) => {
                board.problem(None);
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

struct Running {
    stop: CancellationToken,
    task: AbortHandle,
    /// Which of the partition's tasks: an old one may end after a new one began.
    number: u64,
    revocation: Option<Revocation>,
}

struct Owners {
    common: Common,
    tasks: JoinSet<(i32, u64, Result<(), GatewayError>)>,
    running: BTreeMap<i32, Running>,
}

impl Owners {
    async fn work(mut self, cancel: &CancellationToken) -> Result<(), GatewayError> {
        let mut member = self.common.log.join(GROUP, GATEWAY_COMMANDS).await?;
        let mut number = 0;
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                event = member.next() => match event {
                    Ok(MemberEvent::Assigned(owner)) => {
                        let partition = owner.partition();
                        let stop = CancellationToken::new();
                        let common = self.common.clone();
                        let token = stop.clone();
                        number += 1;
                        let task = self.tasks.spawn(async move { (partition, number, owner::run(common, owner, token).await) });
                        if let Some(old) = self.running.insert(partition, Running { stop, task, number, revocation: None }) {
                            old.task.abort();
                        }
                    }
                    Ok(MemberEvent::Revoked(revocation)) => {
                        if let Some(running) = self.running.get_mut(&revocation.partition) {
                            running.stop.cancel();
                            running.revocation = Some(revocation);
                        }
                    }
                    Ok(MemberEvent::Lost(partition)) => {
                        if let Some(lost) = self.running.remove(&partition) {
                            lost.task.abort();
                        }
                    }
                    Err(LogError::Closed) => return Err(LogError::Closed.into()),
                    Err(error) => tracing::warn!(%error, "membership in {GROUP} is troubled"),
                },
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => self.ended(ended)?,
            }
        }
        for running in self.running.values() {
            running.stop.cancel();
        }
        let settled = async {
            while let Some(ended) = self.tasks.join_next().await {
                self.ended(ended)?;
            }
            Ok(())
        };
        // The tasks that are late die with the set.
        tokio::time::timeout(SETTLE, settled).await.unwrap_or(Ok(()))
    }

    fn ended(
        &mut self,
        ended: Result<(i32, u64, Result<(), GatewayError>), tokio::task::JoinError>,
    ) -> Result<(), GatewayError> {
        match ended {
            Ok((partition, number, result)) => {
                if self.running.get(&partition).is_some_and(|running| running.number == number)
                    && let Some(Running { revocation: Some(revocation), .. }) = self.running.remove(&partition)
                {
                    revocation.release();
                }
                result
            }
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => Err(GatewayError::Task(error.to_string())),
        }
    }
}

/// The wall clock, Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
