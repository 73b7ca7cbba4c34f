//! The loop of one group: messages of edges, batches of the log and the time go into the home; what it
//! decides is carried out in its order.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use miso_discord_state::DiscordState;
use miso_log::catalogue::{GATEWAY_COMMANDS, GATEWAY_EVENTS, OWNERS, PARKED};
use miso_log::{Append, Batch, ReadError, Reader};
use miso_model::{GatewayCommand, HandlerGap, HandlerGroup, LogRecord, SLOTS};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::fetch::fetch;
use super::foreign::translated;
use super::home_log::{HomeLog, append_until_done};
use super::takeover::Taken;
use crate::ProxyError;
use crate::home::{CommitPlan, Core, Effects, Flow, HomeConfig, Reading, Replay, View};
use crate::proxy::{Shared, now_ms};
use crate::wire::{ConnectionId, First, ToEdge, ToHome};

/// Messages of edges taken at once.
const INBOX: usize = 256;
/// Least time between two turns that only the clock asks for.
const LEAST_WAIT: Duration = Duration::from_millis(1);
/// Longest time without a turn: checkpoints of idle groups follow the ledger.
const MOST_WAIT: Duration = Duration::from_secs(60);
/// At a shutdown, clients get so long to acknowledge what they have.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// After the log could not be read, it is read again after so long.
const READ_AGAIN: Duration = Duration::from_millis(200);

/// One more client of the home.
#[derive(Debug)]
struct Edge {
    to_edge: mpsc::Sender<ToEdge>,
    overflow: CancellationToken,
}

type Commit = Pin<Box<dyn Future<Output = Result<(), ProxyError>> + Send>>;
type Fetched = (usize, u64, Result<HashMap<(i32, i64), Bytes>, ReadError>);

/// Runs the home of one group until it is told to stop; then drains it.
pub(super) async fn run(
    shared: Arc<Shared>,
    home_log: Arc<HomeLog>,
    taken: Arc<Taken>,
    mut settings: watch::Receiver<Arc<HandlerGroup>>,
    from_edges: mpsc::Receiver<ToHome>,
    stop: CancellationToken,
) -> Result<(), ProxyError> {
    let group = Arc::clone(&settings.borrow_and_update());
    let restored = taken.restore(&shared.log, &group).await?;
    drop(taken);
    let config = HomeConfig {
        public_url: shared.config.public_url.clone(),
        heartbeat_interval_ms: millis(shared.config.heartbeat_interval),
        session_ttl_ms: millis(shared.config.session_ttl),
        identify_hold_ms: millis(shared.config.identify_hold),
    };
    let core = Core::new(Arc::clone(&group), config, home_log.epoch, restored, now_ms());
    let mut turn = GroupLoop {
        name: group.name.clone(),
        reader: shared.log.reader(GATEWAY_EVENTS, &[]),
        shared,
        home_log,
        core,
        edges: HashMap::new(),
        from_edges,
        in_hand: None,
        translated: HashMap::new(),
        stale: 0,
        fetching: JoinSet::new(),
        committing: None,
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return turn.drain().await,
            result = turn.step(&mut settings) => result?,
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

struct GroupLoop {
    name: String,
    shared: Arc<Shared>,
    home_log: Arc<HomeLog>,
    core: Core,
    edges: HashMap<ConnectionId, Edge>,
    from_edges: mpsc::Receiver<ToHome>,
    reader: Reader,
    /// A batch of which records from this index on were not taken yet.
    in_hand: Option<(Batch, usize)>,
    /// Records of `in_hand` that another version wrote, as this version's.
    translated: HashMap<(i32, i64), Bytes>,
    /// Partitions (a bit each) whose records in `in_hand` will be read again.
    stale: u64,
    fetching: JoinSet<Fetched>,
    committing: Option<Commit>,
}

/// What woke the loop.
enum Woken {
    Inbox,
    Batch(Result<Batch, ReadError>),
    Fetched(Fetched),
    Committed(Result<(), ProxyError>),
    Time,
    Settings,
}

impl GroupLoop {
    fn view(&self) -> Arc<DiscordState> {
        Arc::clone(&self.shared.state)
    }

    /// One turn. Dropped only to drain or to die: an append under way may be lost in part then, and
    /// nothing was sent on the strength of it.
    async fn step(&mut self, settings: &mut watch::Receiver<Arc<HandlerGroup>>) -> Result<(), ProxyError> {
        let now = now_ms();
        let view = self.view();
        self.core.tick(now, &*view);
        self.offer(now, &*view);
        self.carry_out(now, &*view).await?;
        if self.committing.is_none()
            && let Some(plan) = self.core.plan_commit(now_ms(), self.home_log.head())
        {
            self.committing = Some(self.commit(plan));
        }
        let mut inbox = Vec::new();
        let woken = self.wait(&mut inbox, settings).await;
        let now = now_ms();
        match woken {
            Woken::Inbox => self.receive(now, &*view, inbox),
            Woken::Batch(Ok(batch)) => {
                wait_folded(&view, &batch).await;
                self.translated = translated(&self.shared.schemas, batch.iter()).await;
                self.stale = 0;
                self.in_hand = Some((batch, 0));
            }
            Woken::Batch(Err(error)) => self.read_failed(error).await?,
            Woken::Fetched((session, attempt, Ok(events))) => {
                self.core.replayed(now, &*view, session, attempt, &events);
            }
            Woken::Fetched((session, attempt, Err(error))) => {
                tracing::warn!(group = self.name, %error, "missed events cannot be read now");
                self.core.replay_failed(now, session, attempt);
            }
            Woken::Committed(result) => {
                self.committing = None;
                result?;
            }
            Woken::Settings => self.core.set_group(Arc::clone(&settings.borrow_and_update())),
            Woken::Time => {}
        }
        Ok(())
    }

    async fn wait(&mut self, inbox: &mut Vec<ToHome>, settings: &mut watch::Receiver<Arc<HandlerGroup>>) -> Woken {
        let wants = self.core.wants_events();
        if wants && self.in_hand.is_some() {
            return Woken::Time;
        }
        let now = now_ms();
        let deadline = self.core.next_deadline(now, self.committing.is_some());
        let wait = deadline.map_or(MOST_WAIT, |at| Duration::from_millis(u64::try_from(at - now).unwrap_or(0)));
        let committing = async {
            match &mut self.committing {
                Some(commit) => commit.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            count = self.from_edges.recv_many(inbox, INBOX) => if count > 0 { Woken::Inbox } else {
                // The partition's task holds the sender: without it this loop is about to be stopped.
                std::future::pending().await
            },
            result = committing => Woken::Committed(result),
            Some(Ok(fetched)) = self.fetching.join_next() => Woken::Fetched(fetched),
            batch = self.reader.next(), if wants && self.in_hand.is_none() => Woken::Batch(batch),
            changed = settings.changed() => if changed.is_ok() { Woken::Settings } else {
                std::future::pending().await
            },
            () = tokio::time::sleep(wait.clamp(LEAST_WAIT, MOST_WAIT)) => Woken::Time,
        }
    }

    fn receive(&mut self, now: i64, view: &dyn View, inbox: Vec<ToHome>) {
        for message in inbox {
            match message {
                ToHome::Open { connection, first, version, remote, to_edge, overflow } => {
                    self.edges.insert(connection, Edge { to_edge, overflow });
                    tracing::debug!(group = self.name, %remote, version, "a handler connects");
                    match first {
                        First::Identify(wishes) => {
                            let id = new_session_id();
                            self.core.identify(now, view, connection, &id, wishes);
                        }
                        First::Resume(resume) => {
                            self.core.resume(now, view, connection, &resume.session_id, resume.sequence);
                        }
                    }
                }
                ToHome::Heartbeat { connection, sequence } => self.core.heartbeat(now, connection, sequence),
                ToHome::Command { connection, op, d } => self.core.command(now, view, connection, op, &d),
                ToHome::Closed { connection, code } => {
                    self.edges.remove(&connection);
                    self.core.closed(now, connection, code);
                }
            }
        }
    }

    /// Offers what is in hand, as far as clients can take it.
    fn offer(&mut self, now: i64, view: &dyn View) {
        if !self.core.wants_events() {
            return;
        }
        let Some((batch, from)) = self.in_hand.take() else { return };
        let mut left = None;
        for (index, record) in batch.iter().enumerate().skip(from) {
            let bit = 1_u64 << (record.partition.clamp(0, SLOTS - 1));
            if self.stale & bit != 0 {
                continue;
            }
            let Some(value) = &record.value else { continue };
            let value = self.translated.get(&(record.partition, record.offset)).unwrap_or(value);
            match self.core.dispatch(now, view, record.partition, record.offset, value) {
                Flow::Taken => {}
                Flow::Paused => self.stale |= bit,
                Flow::Full => {
                    left = Some(index);
                    break;
                }
            }
        }
        self.in_hand = left.map(|index| (batch, index));
    }

    async fn carry_out(&mut self, now: i64, view: &dyn View) -> Result<(), ProxyError> {
        let effects = self.core.take_effects(now, view);
        if effects.is_empty() {
            return Ok(());
        }
        let Effects { sessions, ledger, to_edges, reading, replays, commands, unreadable, dispatched } = effects;
        // The ledger first: what a client sees can be sent again under the same number.
        if !sessions.is_empty() || !ledger.is_empty() {
            let next = self.home_log.append(sessions, ledger).await?;
            self.core.ledger_reached(next);
        }
        if to_edges.iter().any(|(_, message)| matches!(message, ToEdge::Frames(_))) {
            self.home_log.hold_lease().await?;
        }
        metrics::counter!("miso_proxy_dispatches_total").increment(dispatched);
        self.send(now, to_edges);
        self.follow(reading);
        for Replay { session, attempt, places } in replays {
            let shared = Arc::clone(&self.shared);
            self.fetching.spawn(async move { (session, attempt, fetch(&shared.log, &shared.schemas, places).await) });
        }
        for (partition, offset) in unreadable {
            metrics::counter!("miso_proxy_unreadable_records_total").increment(1);
            tracing::error!(group = self.name, partition, offset, "an event cannot be read and is passed over");
        }
        if !commands.is_empty() {
            let records = commands.iter().map(|command| self.command_record(command)).collect();
            append_until_done(&self.shared.log, records).await?;
        }
        Ok(())
    }

    fn command_record(&self, command: &GatewayCommand) -> Append {
        let partition = (command.shard % self.shared.config.max_concurrency.max(1)) % OWNERS;
        Append::new(GATEWAY_COMMANDS, partition, command.to_bytes(), command.at_ms)
    }

    fn send(&mut self, now: i64, to_edges: Vec<(ConnectionId, ToEdge)>) {
        for (connection, message) in to_edges {
            let ends = matches!(message, ToEdge::Close(..) | ToEdge::Reconnect | ToEdge::InvalidSession);
            let Some(edge) = self.edges.get(&connection) else { continue };
            let sent = edge.to_edge.try_send(message);
            if let Err(mpsc::error::TrySendError::Full(_)) = &sent {
                edge.overflow.cancel();
                self.core.closed(now, connection, None);
            }
            if ends || sent.is_err() {
                self.edges.remove(&connection);
            }
        }
    }

    fn follow(&mut self, reading: Vec<Reading>) {
        for change in reading {
            let partition = match change {
                Reading::From(partition, offset) => {
                    self.reader.seek(partition, offset);
                    partition
                }
                Reading::Stop(partition) => {
                    self.reader.remove(partition);
                    partition
                }
            };
            self.stale |= 1_u64 << (partition.clamp(0, SLOTS - 1));
        }
    }

    async fn read_failed(&mut self, error: ReadError) -> Result<(), ProxyError> {
        match error {
            ReadError::BehindRetention { partition, wanted, earliest } => {
                metrics::counter!("miso_proxy_gaps_total").increment(1);
                tracing::error!(
                    group = self.name,
                    partition,
                    from = wanted,
                    to = earliest,
                    "retention has removed events that the group had not read"
                );
                self.core.skip_to(partition, earliest);
                let at_ms = now_ms();
                let group = miso_groups::consumer_group(&self.name);
                let topic = GATEWAY_EVENTS.name.to_owned();
                let gap = HandlerGap { group, topic, partition, from: wanted, to: earliest, at_ms };
                append_until_done(&self.shared.log, vec![Append::new(PARKED, 0, gap.to_bytes(), at_ms)]).await?;
            }
            ReadError::Unavailable(reason) => {
                tracing::warn!(group = self.name, reason, "events cannot be read now");
                tokio::time::sleep(READ_AGAIN).await;
            }
            ReadError::Closed => return Err(error.into()),
        }
        Ok(())
    }

    fn commit(&self, plan: CommitPlan) -> Commit {
        let (home_log, name) = (Arc::clone(&self.home_log), self.name.clone());
        Box::pin(async move { home_log.commit(&name, &plan).await })
    }

    /// Asks clients to acknowledge, commits, sends them away to resume, checkpoints everything.
    async fn drain(mut self) -> Result<(), ProxyError> {
        let view = self.view();
        self.core.ask_all(now_ms());
        self.carry_out(now_ms(), &*view).await?;
        let until = tokio::time::Instant::now() + DRAIN_TIME;
        while !self.core.is_drained() {
            let mut inbox = Vec::new();
            match tokio::time::timeout_at(until, self.from_edges.recv_many(&mut inbox, INBOX)).await {
                Ok(count) if count > 0 => self.receive(now_ms(), &*view, inbox),
                _ => break,
            }
            self.carry_out(now_ms(), &*view).await?;
        }
        self.core.send_away(now_ms());
        self.carry_out(now_ms(), &*view).await?;
        if let Some(commit) = self.committing.take() {
            commit.await?;
        }
        if let Some(plan) = self.core.last_commit(now_ms(), self.home_log.head()) {
            self.home_log.commit(&self.name, &plan).await?;
        }
        Ok(())
    }
}

/// A record is folded before it is dispatched.
async fn wait_folded(state: &DiscordState, batch: &Batch) {
    let mut last = [-1_i64; SLOTS as usize];
    for record in batch.iter() {
        if let Some(last) = usize::try_from(record.partition).ok().and_then(|p| last.get_mut(p)) {
            *last = record.offset;
        }
    }
    for (partition, last) in (0..SLOTS).zip(last) {
        if last >= 0 {
            state.wait_folded(partition, last + 1).await;
        }
    }
}

/// 32 hexadecimal digits, as Discord's.
fn new_session_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
