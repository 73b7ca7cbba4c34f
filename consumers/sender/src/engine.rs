//! The one task that owns the sender's state: it reads actions, asks the scheduler what goes next,
//! commits intents, sends, commits outcomes. What it decides is decided in pure modules; here it acts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS};
use miso_log::{Batch, LogError, Member, MemberEvent, ReadError, Reader, SharedLog, TransactError};
use miso_model::{Action, Outcome, SLOTS};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::bucket::Moment;
use crate::clock::Clock;
use crate::config::SenderConfig;
use crate::follow_up::follow_up_bytes;
use crate::handle::{Command, GetError, SenderHandle};
use crate::ledger::ActionAt;
use crate::look::Looked;
use crate::nonce::Nonce;
use crate::part::{Entry, Part, Phase};
use crate::scheduler::{Decision, Limits, Scheduler, Ticket};
use crate::takeover::{GROUP, Takeover, take_over};
use crate::upstream::{Answer, Tried, Upstream};
use crate::verdict::Repeat;
use crate::{SenderError, look};

/// Actions read and not finished, at most; beyond it the others wait in the log.
pub const MAX_OPEN: usize = 50_000;
/// Bodies up to this size wait in memory with their action, bytes; larger ones are read when due.
pub const RIDE_ALONG: usize = 8 * 1_024;
/// Bodies that wait in memory, together, bytes; beyond it they are read when due.
pub const RIDE_ALONG_TOTAL: usize = 64 * 1_024 * 1_024;
/// What is in flight at a shutdown or a hand-back has so long to end.
const DRAIN: Duration = Duration::from_secs(4);
/// Webhooks known to be gone, at most; then the list starts anew.
pub(crate) const MAX_GONE: usize = 10_000;
/// Pause after the log could not be read.
const LOG_PAUSE: Duration = Duration::from_millis(200);

/// Where a request comes from.
pub(crate) enum Source {
    Action { partition: i32, at: ActionAt },
    Get { reply: Option<oneshot::Sender<Result<Answer, GetError>>> },
}

/// A request that is not finished.
pub(crate) struct Live {
    pub(crate) source: Source,
    /// Without its body when that is read when due.
    pub(crate) action: Box<Action>,
    pub(crate) body_here: bool,
    pub(crate) tokened: bool,
    pub(crate) callback: bool,
    pub(crate) major: Box<str>,
    pub(crate) repeat: Repeat,
    pub(crate) nonce: Nonce,
    /// Of the last intent; 0: none yet.
    pub(crate) attempt: i32,
    pub(crate) uncertain_since_ms: Option<i64>,
    /// An earlier owner's intent, to be judged when it is granted.
    pub(crate) recovering: bool,
    /// It is one of those its order key waits for.
    pub(crate) holds_key: bool,
    /// The lease ran out between intent and bytes: the same intent again.
    pub(crate) refence: bool,
    pub(crate) intent_offset: Option<i64>,
    pub(crate) intent_ms: i64,
    /// Identical retries that take its result.
    pub(crate) followers: Vec<(ActionAt, Box<Action>)>,
    /// Its outcome is decided and on its way into the ledger.
    pub(crate) settled: bool,
}

pub(crate) enum Done {
    TakenOver {
        partition: i32,
        assignment: u64,
        found: Result<Option<Box<Takeover>>, SenderError>,
    },
    Intents {
        partition: i32,
        assignment: u64,
        tickets: Vec<Ticket>,
        began: Moment,
        result: Result<Vec<i64>, TransactError>,
    },
    Outcomes {
        partition: i32,
        assignment: u64,
        entries: Vec<Entry>,
        result: Result<Vec<i64>, TransactError>,
    },
    Released {
        partition: i32,
        assignment: u64,
    },
    Tried {
        ticket: Ticket,
        tried: Tried,
    },
    /// A connection could be made again.
    Reached,
    BodyGone {
        ticket: Ticket,
    },
    Looked {
        ticket: Ticket,
        looked: Looked,
    },
    Copied {
        partition: i32,
        assignment: u64,
        at: ActionAt,
        action: Box<Action>,
        outcome: Option<Box<Outcome>>,
    },
}

/// With nothing due the engine wakes so often, for nothing.
const IDLE: Duration = Duration::from_secs(3_600);

pub(crate) struct Engine {
    pub(crate) config: SenderConfig,
    pub(crate) log: SharedLog,
    pub(crate) handle: Arc<SenderHandle>,
    pub(crate) clock: Clock,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) scheduler: Scheduler,
    pub(crate) parts: BTreeMap<i32, Part>,
    pub(crate) lives: HashMap<Ticket, Live>,
    pub(crate) works: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Requests whose bytes have left since the last turn.
    pub(crate) left: Arc<Mutex<Vec<(Ticket, Moment)>>>,
    pub(crate) gone_webhooks: HashSet<Box<str>>,
    pub(crate) riding: usize,
    pub(crate) parked: usize,
    /// Discord cannot be reached; a work tries to.
    pub(crate) reaching: bool,
    pub(crate) failure: Option<SenderError>,
    member: Member,
    actions: Reader,
    interactions: Reader,
    commands: mpsc::Receiver<Command>,
    token: watch::Receiver<String>,
    constrained: Arc<AtomicBool>,
    assignments: u64,
    draining: bool,
    share: Option<u32>,
    decisions: Vec<Decision>,
}

impl Engine {
    pub(crate) async fn new(
        config: SenderConfig,
        log: SharedLog,
        handle: Arc<SenderHandle>,
    ) -> Result<Self, SenderError> {
        let upstream = Arc::new(Upstream::new(&config.api_url, config.request_timeout)?);
        let member = log.join(GROUP, REST_ACTIONS).await?;
        let (commands_in, commands) = mpsc::channel(crate::handle::MAX_COMMANDS);
        handle.install(commands_in);
        let limits = Limits { invalid: config.invalid_limit, edge_pause: config.edge_pause };
        Ok(Self {
            actions: log.reader(REST_ACTIONS, &[]),
            interactions: log.reader(REST_INTERACTIONS, &[]),
            token: config.token.clone(),
            constrained: handle.constrained(),
            scheduler: Scheduler::new(limits),
            clock: Clock::start(),
            parts: BTreeMap::new(),
            lives: HashMap::new(),
            works: FuturesUnordered::new(),
            left: Arc::default(),
            gone_webhooks: Default::default(),
            riding: 0,
            parked: 0,
            reaching: false,
            failure: None,
            assignments: 0,
            draining: false,
            share: None,
            decisions: Vec::new(),
            config,
            log,
            handle,
            upstream,
            member,
            commands,
        })
    }

    /// Runs until cancelled (then drains) or until an error that a restart may mend.
    pub(crate) async fn run(mut self, cancel: CancellationToken) -> Result<(), SenderError> {
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        let mut woken_at = None;
        loop {
            let now = self.clock.now();
            self.turn(now);
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.draining && self.parts.is_empty() {
                return Ok(());
            }
            let wake = self.next_wake();
            if wake != woken_at {
                woken_at = wake;
                let at = wake.unwrap_or(now + IDLE);
                sleep.as_mut().reset(self.clock.instant(at).into());
            }
            let room = !self.draining && self.lives.len() + self.parked < MAX_OPEN;
            tokio::select! {
                () = cancel.cancelled(), if !self.draining => self.drain_all(),
                Some(done) = self.works.next(), if !self.works.is_empty() => {
                    self.done(done);
                    while let Some(Some(done)) = self.works.next().now_or_never() {
                        self.done(done);
                    }
                }
                event = self.member.next() => {
                    self.member_event(event).await?;
                    while let Some(event) = self.member.next().now_or_never() {
                        self.member_event(event).await?;
                    }
                }
                batch = self.actions.next(), if room => self.read(batch, false).await?,
                batch = self.interactions.next(), if room => self.read(batch, true).await?,
                Some(command) = self.commands.recv() => self.command(command),
                Ok(()) = self.token.changed() => self.scheduler.token_changed(),
                () = &mut sleep => {
                    // A sleep that is over stays over: without a new end it would spin.
                    sleep.as_mut().reset(self.clock.instant(now + IDLE).into());
                    woken_at = None;
                }
            }
        }
    }

    fn turn(&mut self, now: Moment) {
        for (ticket, at) in self.left.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.scheduler.sent(ticket, at);
        }
        self.update_share(now);
        self.scheduler.hold(self.parts.values().any(|part| matches!(part.phase, Phase::Starting)));
        let now_ms = self.clock.now_ms();
        let mut decisions = std::mem::take(&mut self.decisions);
        loop {
            self.scheduler.poll(now, now_ms, &mut decisions);
            if decisions.is_empty() {
                break;
            }
            for decision in decisions.drain(..) {
                self.decided(decision, now, now_ms);
            }
        }
        self.decisions = decisions;
        self.start_transactions(now, now_ms);
        self.constrained.store(self.scheduler.constrained(), Ordering::Relaxed);
    }

    fn next_wake(&self) -> Option<Moment> {
        let parts = self.parts.values().map(|part| match part.phase {
            Phase::Draining { until, .. } => until,
            // A running transaction wakes by its end, not by the clock.
            _ if part.changed && part.is_live() && part.outcomes_running.is_none() => part.checkpoint_due,
            _ => Moment::MAX,
        });
        let share = self.parts.values().filter(|part| part.is_live()).map(|part| part.share_from);
        let share = share.filter(|from| *from > self.clock.now());
        let own = parts.chain(share).min().filter(|at| *at < Moment::MAX);
        [own, self.scheduler.next_wake()].into_iter().flatten().min()
    }

    /// This process's share of the global limit: that of its partitions.
    fn update_share(&mut self, now: Moment) {
        if self.config.global_per_second == 0 {
            return;
        }
        let live = self.parts.values().filter(|part| !matches!(part.phase, Phase::Starting) && part.share_from <= now);
        let live = u32::try_from(live.count()).unwrap_or_default();
        let slots = u32::try_from(SLOTS).unwrap_or(1);
        let share = self.config.global_per_second * live / slots;
        if self.share != Some(share) {
            self.share = Some(share);
            self.scheduler.set_global(Some(share));
        }
    }

    async fn member_event(&mut self, event: Result<MemberEvent, LogError>) -> Result<(), SenderError> {
        match event {
            Ok(MemberEvent::Assigned(owner)) => {
                let partition = owner.partition();
                self.drop_part(partition);
                self.assignments += 1;
                let assignment = self.assignments;
                self.parts.insert(partition, Part::new(owner.clone(), assignment));
                let work = take_over(Arc::clone(&self.log), owner, self.clock, self.config.address.clone());
                self.works.push(
                    work.map(move |found| Done::TakenOver {
                        partition,
                        assignment,
                        found: found.map(|found| found.map(Box::new)),
                    })
                    .boxed(),
                );
                if self.draining {
                    self.drop_part(partition);
                }
            }
            Ok(MemberEvent::Revoked(revocation)) => {
                let partition = revocation.partition;
                self.drain(partition, Some(revocation));
            }
            Ok(MemberEvent::Lost(partition)) => {
                tracing::warn!(partition, "a partition of the sender went to another process");
                self.drop_part(partition);
            }
            Ok(MemberEvent::Joined) => {}
            Err(LogError::Unavailable(reason)) => {
                tracing::warn!(reason, "the log is away; the sender waits");
                tokio::time::sleep(LOG_PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn drain_all(&mut self) {
        self.draining = true;
        for partition in self.parts.keys().copied().collect::<Vec<_>>() {
            self.drain(partition, None);
        }
    }

    /// Stops intake of a partition; what is in flight may end.
    fn drain(&mut self, partition: i32, revocation: Option<miso_log::Revocation>) {
        self.actions.remove(partition);
        self.interactions.remove(partition);
        let until = self.clock.now() + DRAIN;
        let now_ms = self.clock.now_ms();
        let Some(part) = self.parts.get_mut(&partition) else { return };
        if matches!(part.phase, Phase::Starting) {
            self.drop_part(partition);
            return;
        }
        part.phase = Phase::Draining { _revocation: revocation, until, released: false };
        let now = self.clock.now();
        let queued: HashSet<Ticket> = part.intents.drain(..).collect();
        self.parked -= part.forget_parked();
        let waiting: Vec<(ActionAt, Ticket)> = part.tickets.iter().map(|(at, ticket)| (*at, *ticket)).collect();
        // Granted, its intent committed or being committed: it may be on its way.
        for (at, ticket) in waiting {
            let begun = self.lives.get(&ticket).is_some_and(|live| live.attempt > 0) && !queued.contains(&ticket);
            let busy = begun && self.scheduler.is_out(ticket);
            let settled = self.settled(partition, ticket);
            if !busy && !settled {
                self.forget(ticket, now, now_ms);
                if let Some(part) = self.parts.get_mut(&partition) {
                    part.tickets.remove(&at);
                }
            }
        }
    }

    fn settled(&self, partition: i32, ticket: Ticket) -> bool {
        self.parts.get(&partition).is_some_and(|part| part.outcomes.iter().any(|entry| entry.ticket == Some(ticket)))
    }

    /// Everything known of a partition goes: it is another's, or its role begins anew.
    pub(crate) fn drop_part(&mut self, partition: i32) {
        self.actions.remove(partition);
        self.interactions.remove(partition);
        let Some(mut part) = self.parts.remove(&partition) else { return };
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        self.parked -= part.forget_parked();
        for ticket in part.tickets.into_values() {
            self.forget(ticket, now, now_ms);
        }
    }

    /// Drops a job and its request.
    pub(crate) fn forget(&mut self, ticket: Ticket, now: Moment, now_ms: i64) {
        if let Some(live) = self.lives.remove(&ticket) {
            self.riding -= follow_up_bytes(&live.action);
            if live.body_here {
                self.riding -= live.action.body.len();
            }
            self.parked -= live.followers.len();
        }
        self.scheduler.finish(ticket, now, now_ms);
    }

    pub(crate) fn taken_over(&mut self, partition: i32, found: Option<Box<Takeover>>) {
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        let Some(mut found) = found else {
            self.drop_part(partition);
            return;
        };
        let Some(part) = self.parts.get_mut(&partition) else { return };
        part.begin(&mut found, self.config.takeover_wait);
        let open = part.open_intents.len();
        for bucket in &found.ledger.buckets {
            self.scheduler.restore_bucket(bucket, partition, now, now_ms);
        }
        let recent = part.invalid_ms.iter().filter_map(|at_ms| {
            let age = Duration::from_millis(u64::try_from(now_ms - at_ms).ok()?);
            now.checked_sub(age)
        });
        // What was in flight may have turned out invalid too.
        self.scheduler.restore_invalid(recent.chain(std::iter::repeat_n(now, open)));
        self.actions.seek(partition, found.from[0]);
        self.interactions.seek(partition, found.from[1]);
        if open > 0 {
            tracing::info!(partition, open, "intents of an earlier owner are to be settled");
            metrics::counter!("miso_sender_recovered_intents_total").increment(u64::try_from(open).unwrap_or_default());
        }
    }

    async fn read(&mut self, batch: Result<Batch, ReadError>, interactions: bool) -> Result<(), SenderError> {
        match batch {
            Ok(batch) => {
                let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
                for record in batch.iter() {
                    self.record(record, interactions, now, now_ms)?;
                }
            }
            Err(ReadError::BehindRetention { partition, wanted, earliest }) => {
                tracing::error!(partition, wanted, earliest, "retention removed actions before they were sent");
                let lost = u64::try_from(earliest - wanted).unwrap_or_default();
                metrics::counter!("miso_sender_lost_actions_total").increment(lost);
            }
            Err(ReadError::Unavailable(reason)) => {
                tracing::warn!(reason, "actions cannot be read; the sender waits");
                tokio::time::sleep(LOG_PAUSE).await;
            }
            Err(ReadError::Closed) => return Err(LogError::Closed.into()),
        }
        Ok(())
    }

    /// Looks for the result of a finished action, for a retry that takes it.
    pub(crate) fn copy_result(
        &mut self,
        partition: i32,
        assignment: u64,
        at: ActionAt,
        action: Box<Action>,
        origin: crate::adopt::Origin,
    ) {
        let log = Arc::clone(&self.log);
        self.works.push(
            async move {
                let outcome = look::find_outcome(&log, partition, origin.at, origin.accepted_ms).await;
                let outcome = outcome.unwrap_or_else(|error| {
                    tracing::warn!(error, "the result of an earlier action cannot be read");
                    None
                });
                Done::Copied { partition, assignment, at, action, outcome: outcome.map(Box::new) }
            }
            .boxed(),
        );
    }
}
