//! Drives the shards of one partition of `gateway.commands`: polls their connections, appends what
//! came, sends what handlers asked for. The decisions are in `session`, `outbox`, `identify` and
//! `commands`; this task alone touches their state, so nothing is locked and no event crosses a
//! channel.

mod commands;
mod connections;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use miso_log::catalogue::GATEWAY_CHECKPOINTS;
use miso_log::{Append, Owner, SharedLog, TransactError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use twilight_gateway::{Config, ConfigBuilder, Intents, MessageSender};

use crate::claim::{self, Claimed, NotClaimed};
use crate::commands::CommandQueue;
use crate::config::GatewayConfig;
use crate::connection::{Connection, Turns};
use crate::discord::{self, Upstream};
use crate::error::GatewayError;
use crate::identify::IdentifyGate;
use crate::incoming::CommandReader;
use crate::intake::lost;
use crate::outbox::{Identity, Outbox, Standing, Transaction};
use crate::route::{owner_of, shards_of};
use crate::run::now_ms;
use crate::session::{Lost, Session, ShardSession};
use crate::status::{ShardStatus, StatusBoard};

/// First and longest wait before a transaction that did not happen is tried again.
const COMMIT_RETRY: Duration = Duration::from_millis(50);
const COMMIT_RETRY_LIMIT: Duration = Duration::from_secs(1);
/// A partition that is handed back is settled within this.
const SETTLE: Duration = Duration::from_secs(4);
/// How often Discord is asked for the day's limit while it is used up.
const BUDGET_EVERY: Duration = Duration::from_secs(60);
/// Members up to which Discord lists all of a guild in GUILD_CREATE: its greatest value.
const LARGE_THRESHOLD: u64 = 250;

type Committing = Pin<Box<dyn Future<Output = Result<Vec<i64>, TransactError>> + Send>>;
type Asking = Pin<Box<dyn Future<Output = Option<u32>> + Send>>;

/// What every owner of a process shares.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) upstream: Upstream,
    pub(crate) client: reqwest::Client,
    pub(crate) log: SharedLog,
    pub(crate) board: StatusBoard,
    /// IDENTIFYs left of the day's limit, as far as this process knows.
    pub(crate) remaining: Arc<AtomicU32>,
}

/// How far a shard's connection is.
enum Link {
    /// Not before this.
    Wait(Instant),
    /// Wants to IDENTIFY and waits for its turn.
    Turn,
    /// `Connecting` waits for its commit.
    Marked,
    Open {
        sender: MessageSender,
        close: Option<oneshot::Sender<()>>,
    },
    Fatal,
}

struct ShardRun {
    session: ShardSession,
    link: Link,
    /// Number of its current connection.
    generation: u64,
    commands: CommandQueue,
    /// A connection that asked for its IDENTIFY and has not got it.
    turn: Option<oneshot::Sender<()>>,
    /// Whether its status says that it is live.
    shown_live: bool,
}

struct Run {
    common: Common,
    owner: Owner,
    /// Configuration of every connection, without its session.
    template: Config<Turns>,
    turns: Turns,
    shards: BTreeMap<i32, ShardRun>,
    connections: SelectAll<Connection>,
    gate: IdentifyGate,
    outbox: Outbox,
    buffer_bytes: usize,
    commit: Option<(Transaction, Option<i64>, Committing)>,
    commit_retries: u32,
    commit_after: Option<Instant>,
    commands: CommandReader,
    asking: Option<Asking>,
    asked_at: Option<Instant>,
    stopping: bool,
}

/// Owns one partition until it is stopped, or taken away (`Ok` then too).
///
/// # Errors
/// When the log refuses for good.
pub(crate) async fn run(common: Common, owner: Owner, stop: CancellationToken) -> Result<(), GatewayError> {
    let claimed = loop {
        let attempt = claim::claim(&common.log, &owner, &common.config.address, now_ms());
        match tokio::select! {
            () = stop.cancelled() => return Ok(()),
            claimed = attempt => claimed,
        } {
            Ok(claimed) => break claimed,
            Err(NotClaimed::Fenced) => return Ok(()),
            Err(NotClaimed::Log(miso_log::LogError::Unavailable(reason))) => {
                tracing::warn!(reason, partition = owner.partition(), "the shards' partition cannot be claimed now");
                tokio::time::sleep_until((Instant::now() + COMMIT_RETRY_LIMIT).into()).await;
            }
            Err(NotClaimed::Log(error)) => return Err(error.into()),
        }
    };
    let mut run = Run::new(common, owner, claimed).await?;
    run.work(&stop).await
}

impl Run {
    async fn new(common: Common, owner: Owner, claimed: Claimed) -> Result<Self, GatewayError> {
        let partition = owner.partition();
        let upstream = &common.upstream;
        let count = upstream.shard_count;
        let now = Instant::now();
        let identity = Identity { partition, epoch: claimed.epoch, shard_count: count };
        let mut standings = BTreeMap::new();
        let mut retired = Vec::new();
        for ((shard, of), checkpoint) in claimed.left.checkpoints {
            let session = checkpoint.session_id.map(|id| Session { id, resume_url: checkpoint.resume_url });
            if of == count && owner_of(shard, upstream.max_concurrency) == partition && (0..count).contains(&shard) {
                let standing = Standing { session, sequence: checkpoint.sequence, state: checkpoint.state };
                standings.insert(shard, standing);
            } else {
                let mut session = ShardSession::new(session, checkpoint.sequence);
                retired.push((shard, of, session.lost("shard count changed")));
            }
        }
        let shards: BTreeMap<i32, ShardRun> = shards_of(partition, count, upstream.max_concurrency)
            .map(|shard| {
                let standing = standings.get(&shard);
                let session = standing.and_then(|standing| standing.session.clone());
                let session = ShardSession::new(session, standing.map_or(0, |standing| standing.sequence));
                let commands = CommandQueue::default();
                (
                    shard,
                    ShardRun { session, link: Link::Wait(now), generation: 0, commands, turn: None, shown_live: false },
                )
            })
            .collect();
        let unseen: Vec<i32> =
            standings.iter().filter(|(_, standing)| standing.is_unseen()).map(|(&shard, _)| shard).collect();
        let mut outbox = Outbox::new(identity, standings);
        for shard in unseen {
            let reason = "a session may have begun whose READY was not appended";
            lost(&mut outbox, shard, &Lost { session_id: String::new(), after_sequence: 0, reason });
        }
        for (shard, of, lost) in retired {
            tracing::warn!(shard, count = of, "a shard's session is given up: the number of shards changed");
            outbox.retire(shard, of, lost.as_ref(), now_ms());
        }
        let interval = common.config.identify_interval;
        let not_before = if claimed.rested { now } else { now + interval };
        let remaining = common.remaining.load(Ordering::Relaxed);
        let gate = IdentifyGate::new(interval, upstream.max_concurrency, not_before, remaining);
        let owners = i32::min(i32::min(miso_log::catalogue::OWNERS, upstream.max_concurrency), count).max(1);
        let turns = Turns::default();
        let template =
            ConfigBuilder::new(common.config.bare_token().to_owned(), Intents::from_bits_retain(upstream.intents))
                .large_threshold(LARGE_THRESHOLD)
                .queue(turns.clone())
                .build();
        Ok(Self {
            buffer_bytes: common.config.buffer_bytes / usize::try_from(owners).unwrap_or(1),
            commands: CommandReader::open(&common.log, partition).await?,
            common,
            owner,
            template,
            turns,
            shards,
            connections: SelectAll::new(),
            gate,
            outbox,
            commit: None,
            commit_retries: 0,
            commit_after: None,
            asking: None,
            asked_at: None,
            stopping: false,
        })
    }

    async fn work(&mut self, stop: &CancellationToken) -> Result<(), GatewayError> {
        let mut settle_by = None;
        loop {
            let now = Instant::now();
            if stop.is_cancelled() && settle_by.is_none() {
                settle_by = Some(now + SETTLE);
                self.stop_intake();
            }
            if let Some(by) = settle_by {
                let is_settled = self.outbox.is_empty() && self.commit.is_none() && self.connections.is_empty();
                if is_settled || now >= by {
                    return self.hand_back(now).await;
                }
            } else {
                self.advance(now);
            }
            self.begin_commit(now);
            let deadline = [settle_by, self.next_at(now)].into_iter().flatten().min();
            let takes_commands = !self.stopping && !self.shards.values().any(|shard| shard.commands.is_full());
            tokio::select! {
                () = stop.cancelled(), if settle_by.is_none() => {}
                result = committing(&mut self.commit), if self.commit.is_some() => {
                    if !self.commit_ended(result)? {
                        return Ok(());
                    }
                }
                Some(burst) = self.connections.next(), if !self.connections.is_empty() => self.burst(burst),
                incoming = self.commands.next(), if takes_commands => self.take_commands(incoming)?,
                remaining = asking(&mut self.asking), if self.asking.is_some() => {
                    self.asking = None;
                    if let Some(remaining) = remaining {
                        self.common.remaining.store(remaining, Ordering::Relaxed);
                    }
                }
                () = sleep_until(deadline), if deadline.is_some() => {}
            }
        }
    }

    /// Everything that time or an earlier step has made possible.
    fn advance(&mut self, now: Instant) {
        for (&shard, run) in &mut self.shards {
            if matches!(run.link, Link::Wait(until) if until <= now) {
                if run.session.session.is_some() {
                    run.link = Link::Marked;
                    self.outbox.connecting(shard);
                } else {
                    run.link = Link::Turn;
                    self.gate.ask(shard);
                }
            }
        }
        for (shard, turn) in self.turns.take() {
            if let Some(run) = self.shards.get_mut(&shard) {
                self.gate.ask(shard);
                run.turn = Some(turn);
            }
        }
        self.gate.set_remaining(self.common.remaining.load(Ordering::Relaxed));
        for shard in self.gate.admit(now) {
            if let Some(run) = self.shards.get_mut(&shard)
                && matches!(run.link, Link::Turn)
            {
                run.link = Link::Marked;
                self.outbox.connecting(shard);
            }
        }
        for (&shard, run) in &mut self.shards {
            if run.turn.is_some() && self.gate.is_admitted(shard) {
                self.gate.granted(shard, now);
                let _ = self
                    .common
                    .remaining
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
                metrics::counter!("miso_gateway_identifies_total").increment(1);
                if let Some(turn) = run.turn.take() {
                    // Nobody there: the connection has just ended.
                    let _ = turn.send(());
                }
            }
            // Only what is in the log is safe: a READY that is not would be lost with this process.
            if run.session.is_live() && !run.shown_live && self.outbox.has_committed(shard, &run.session) {
                run.shown_live = true;
                self.common.board.set(shard, ShardStatus::Live);
            }
            if let Link::Open { sender, .. } = &run.link
                && run.session.is_live()
            {
                while let Some(command) = run.commands.next(now) {
                    if sender.send(command.json).is_ok() {
                        metrics::counter!("miso_gateway_commands_sent_total").increment(1);
                    }
                    if command.offset >= 0 {
                        self.commands.finish(command.offset);
                    }
                }
            }
        }
        if self.commands.to_commit().is_some()
            && let Some((&shard, _)) = self.shards.first_key_value()
        {
            self.outbox.touch(shard);
        }
        if self.gate.is_exhausted() && self.asking.is_none() && self.asked_at.is_none_or(|at| now - at >= BUDGET_EVERY)
        {
            tracing::error!("the day's IDENTIFYs are used up to the reserve; shards wait until Discord's count resets");
            self.asked_at = Some(now);
            let (client, config) = (self.common.client.clone(), Arc::clone(&self.common.config));
            self.asking =
                Some(Box::pin(
                    async move { discord::ask(&client, &config).await.ok().map(|upstream| upstream.remaining) },
                ));
        }
    }

    /// When [`advance`](Self::advance) or a commit is worth another try.
    fn next_at(&self, now: Instant) -> Option<Instant> {
        let shards = self.shards.values().filter_map(|run| match run.link {
            Link::Wait(until) => Some(until),
            Link::Open { .. } if run.session.is_live() && !run.commands.is_empty() => run.commands.next_at(now),
            _ => None,
        });
        let budget = if self.gate.is_exhausted() { self.asked_at.map(|at| at + BUDGET_EVERY) } else { None };
        let commit = if self.commit.is_none() && !self.outbox.is_empty() { self.commit_after } else { None };
        shards.chain(self.gate.next_at()).chain(budget).chain(commit).min()
    }

    fn begin_commit(&mut self, now: Instant) {
        if self.commit.is_some() || self.commit_after.is_some_and(|after| now < after) {
            return;
        }
        let now_ms = now_ms();
        let Some(mut transaction) = self.outbox.transaction(now_ms) else { return };
        // Only with everything that waits: a command that was passed on goes before its position.
        let position = self.commands.to_commit().filter(|_| self.outbox.is_all(&transaction));
        let commands = position.as_ref().map(|position| position.next);
        let records = std::mem::take(&mut transaction.records);
        let owner = self.owner.clone();
        let committing: Committing =
            Box::pin(async move { owner.transact(records, position.into_iter().collect()).await });
        self.commit = Some((transaction, commands, committing));
    }

    /// False when the partition is another's now.
    fn commit_ended(&mut self, result: Result<Vec<i64>, TransactError>) -> Result<bool, GatewayError> {
        let Some((transaction, commands, _)) = self.commit.take() else { return Ok(true) };
        match result {
            Ok(_) => {
                if self.commit_retries > 0 {
                    tracing::info!(waited = self.outbox.bytes(), "the log takes events again");
                }
                (self.commit_retries, self.commit_after) = (0, None);
                metrics::counter!("miso_gateway_events_total").increment(transaction.events as u64);
                metrics::histogram!("miso_gateway_transaction_events").record(transaction.events as f64);
                if let Some(next) = commands {
                    self.commands.committed(next);
                }
                for shard in self.outbox.committed(&transaction) {
                    self.open(shard);
                }
                metrics::gauge!("miso_gateway_buffer_bytes").set(self.outbox.bytes() as f64);
                Ok(true)
            }
            Err(TransactError::Retry(reason)) => {
                if self.commit_retries == 0 {
                    tracing::warn!(reason, "the log takes no events now; they wait");
                }
                let wait = COMMIT_RETRY.saturating_mul(1 << self.commit_retries.min(8)).min(COMMIT_RETRY_LIMIT);
                self.commit_retries = self.commit_retries.saturating_add(1);
                self.commit_after = Some(Instant::now() + wait);
                metrics::counter!("miso_gateway_commit_retries_total").increment(1);
                Ok(true)
            }
            Err(TransactError::Fenced(partition)) => {
                tracing::warn!(partition, "these shards are another process's now");
                Ok(false)
            }
            Err(TransactError::Refused(reason)) => Err(GatewayError::Refused(reason)),
        }
    }

    fn stop_intake(&mut self) {
        self.stopping = true;
        self.close_all();
    }

    /// Everything is settled, or the time is over. A claim that is handed back spares the next owner
    /// its wait.
    async fn hand_back(&mut self, now: Instant) -> Result<(), GatewayError> {
        if self.gate.is_rested(now) && self.commit.is_none() {
            let partition = self.owner.partition();
            let released = Append::tombstone(GATEWAY_CHECKPOINTS, partition, claim::claim_key(partition), now_ms());
            let _ = tokio::time::timeout(COMMIT_RETRY_LIMIT, self.owner.transact(vec![released], Vec::new())).await;
        }
        Ok(())
    }
}

async fn committing(commit: &mut Option<(Transaction, Option<i64>, Committing)>) -> Result<Vec<i64>, TransactError> {
    match commit {
        Some((_, _, committing)) => committing.await,
        None => std::future::pending().await,
    }
}

async fn asking(asking: &mut Option<Asking>) -> Option<u32> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
