use std::sync::Arc;

use miso_bot_store::{BotStore, PrepareError, ProjectError, StoreError};
use miso_command_catalogue::Problem;
use miso_http::now_ms;
use miso_log::catalogue::{BOT_ANSWERS, BOT_FACTS, BOT_REQUESTS, BOT_SETTINGS, TIMERS};
use miso_log::{
    Append, LogError, OffsetCommit, Owned, ReadError, Record, Schemas, SharedLog, TransactError, Waits, run_owned,
};
use miso_model::{Answer, Fact, LogRecord, Request, Setting, TimerRecord};
use tokio_util::sync::CancellationToken;

use crate::CommandsError;
use crate::index::Asked;
use crate::parked::{gap, park};
use crate::plan::{Plan, Reply, plan};
use crate::problem::in_a_record;

/// The consumer group over `bot.requests`.
pub const GROUP: &str = "miso.decider";
/// Requests decided in one transaction, at most.
pub const DECIDE_BATCH: usize = 256;

/// Decides for the partitions that this process owns, until cancelled.
///
/// The order of steps is what makes it safe to be stopped anywhere: facts and offsets are one
/// transaction of the log; what the store misses of it is projected by the next owner before it
/// decides anything; an answer that was not given is given again to a caller that asks again.
/// `joined` is called when its group has given out its partitions.
pub(crate) async fn run(
    log: SharedLog,
    bot: BotStore,
    index: Asked,
    cancel: CancellationToken,
    joined: impl Fn() + Send,
) -> Result<(), CommandsError> {
    let mut waits = Waits::default();
    let schemas = loop {
        match Schemas::open(log.clone()).await {
            Ok(schemas) => break Arc::new(schemas),
            Err(LogError::Unavailable(reason)) => waits.wait("schemas cannot be read yet", &reason, &cancel).await,
            Err(error) => return Err(error.into()),
        }
        if cancel.is_cancelled() {
            return Ok(());
        }
    };
    let work = |owned: Owned| {
        let decider = Decider {
            partition: owned.owner.partition(),
            log: log.clone(),
            bot: bot.clone(),
            schemas: Arc::clone(&schemas),
            owned,
            index: index.clone(),
            position: 0,
            waits: Waits::default(),
        };
        decider.run()
    };
    run_owned(log.clone(), GROUP, BOT_REQUESTS, cancel, joined, work).await
}

/// The owner of one partition.
struct Decider {
    partition: i32,
    log: SharedLog,
    bot: BotStore,
    schemas: Arc<Schemas>,
    owned: Owned,
    index: Asked,
    /// Where the store's projection of this partition stands.
    position: i64,
    waits: Waits,
}

/// The partition is ours no more, or must be handed back: leave everything as it is.
struct Leave;

/// A record of `bot.requests`.
struct Item {
    offset: i64,
    /// What it says, or how it is parked.
    read: Result<Request, Append>,
}

impl Decider {
    async fn run(mut self) -> Result<(), CommandsError> {
        match self.work().await {
            Ok(()) | Err(Stop::Leave) => Ok(()),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    async fn work(&mut self) -> Result<(), Stop> {
        let start = loop {
            match self.start().await {
                Ok(start) => break start,
                Err(LogError::Unavailable(reason)) => self.wait("the log is away", &reason).await?,
                Err(error) => return Err(error.into()),
            }
        };
        self.catch_up().await?;
        let mut reader = self.log.reader(BOT_REQUESTS, &[(self.partition, start)]);
        let stop = self.owned.stop.clone();
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                batch = reader.next() => batch,
            };
            match batch {
                Ok(batch) => {
                    let records: Vec<Record> = batch.iter().cloned().collect();
                    for records in records.chunks(DECIDE_BATCH) {
                        let items = self.read(records).await;
                        self.decide(&items).await?;
                    }
                }
                Err(ReadError::BehindRetention { wanted, earliest, .. }) => self.report_gap(wanted, earliest).await?,
                Err(ReadError::Unavailable(reason)) => self.wait("requests cannot be read", &reason).await?,
                Err(ReadError::Closed) => return Err(LogError::Closed.into()),
            }
        }
    }

    async fn start(&self) -> Result<i64, LogError> {
        match self.log.committed(GROUP, BOT_REQUESTS, self.partition).await? {
            Some(next) => Ok(next),
            None => Ok(self.log.bounds(BOT_REQUESTS, self.partition).await?.earliest),
        }
    }

    /// Step 1: the store has projected the facts of this partition to their end. Only its owner
    /// writes them, so this holds from then on as long as each batch of facts is projected.
    async fn catch_up(&mut self) -> Result<(), Stop> {
        loop {
            let caught_up = async {
                let from = self.bot.position(self.partition).await?;
                self.bot.catch_up(&self.log, self.partition, from).await
            };
            match caught_up.await {
                Ok(position) => {
                    self.position = position;
                    self.waits.reset();
                    return Ok(());
                }
                Err(PrepareError::Store(error @ StoreError::Unavailable(_))) => {
                    self.wait("the store is away", &error).await?;
                }
                Err(PrepareError::Log(error @ LogError::Unavailable(_))) => {
                    self.wait("facts cannot be read", &error).await?;
                }
                Err(error) => return Err(Stop::Error(error.into())),
            }
        }
    }

    async fn read(&self, records: &[Record]) -> Vec<Item> {
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            let read = self.schemas.decode_waiting::<Request>(record.value.as_deref().unwrap_or_default()).await;
            items.push(Item { offset: record.offset, read: read.map_err(|error| park(record, &error)) });
        }
        items
    }

    /// Steps 2 to 6 for some records of `bot.requests`, in as many transactions as their decisions need.
    async fn decide(&mut self, mut items: &[Item]) -> Result<(), Stop> {
        while !items.is_empty() {
            let taken = self.decide_some(items).await?;
            items = &items[taken..];
        }
        Ok(())
    }

    /// Answers how many, one at least.
    async fn decide_some(&mut self, items: &[Item]) -> Result<usize, Stop> {
        let began = std::time::Instant::now();
        let requests: Vec<&Request> = items.iter().filter_map(|item| item.read.as_ref().ok()).collect();
        let plan = loop {
            match plan(&self.bot, &requests, (self.partition, self.position), now_ms()).await {
                Ok(plan) => break plan,
                Err(error @ StoreError::Unavailable(_)) => self.wait("the store is away", &error).await?,
                Err(error) => return Err(Stop::Error(error.into())),
            }
        };
        // Up to the first request that has to wait.
        let mut before = 0;
        let waits = |item: &Item| {
            item.read.is_ok() && {
                before += 1;
                before > plan.taken
            }
        };
        let taken = items.iter().position(waits).unwrap_or(items.len());
        let items = &items[..taken];
        let Some(last) = items.last() else { return Ok(0) };
        let parked = items.iter().filter_map(|item| item.read.as_ref().err().cloned());
        let committed = self.offset(last.offset + 1);
        if plan.facts.is_empty() {
            let mut records = self.answers(&plan, &[]);
            records.extend(self.timers(&plan));
            records.extend(parked);
            self.transact(records, vec![committed]).await.map_err(Stop::of_refused)?;
            self.index.ask(&plan.index);
            return Ok(taken);
        }
        // Step 4.
        let mut written = self.facts(&plan);
        written.extend(self.timers(&plan));
        written.extend(parked);
        let offsets = match self.transact(written, vec![committed]).await {
            Ok(offsets) => offsets,
            Err(Refused::Leave(leave)) => return Err(leave.into()),
            Err(Refused::TooLarge(_)) if taken > 1 => {
                for item in items {
                    Box::pin(self.decide_some(std::slice::from_ref(item))).await?;
                }
                return Ok(taken);
            }
            Err(Refused::TooLarge(reason)) => {
                self.refuse(last, &reason).await?;
                return Ok(taken);
            }
        };
        // Step 5.
        let facts: Vec<(i64, Fact)> = offsets.iter().copied().zip(plan.facts.iter().cloned()).collect();
        self.project(&facts).await?;
        self.index.ask(&plan.index);
        // Step 6.
        let answers = self.answers(&plan, &offsets);
        self.transact(answers, vec![]).await.map_err(Stop::of_refused)?;
        metrics::histogram!("miso_commands_decide_seconds").record(began.elapsed().as_secs_f64());
        metrics::counter!("miso_commands_facts_total").increment(plan.facts.len() as u64);
        Ok(taken)
    }

    /// Facts first, then the settings that they leave.
    fn facts(&self, plan: &Plan) -> Vec<Append> {
        let at = |fact: &Fact| Append::new(BOT_FACTS, self.partition, fact.to_bytes(), fact.at_ms);
        let mut records: Vec<Append> = plan.facts.iter().map(at).collect();
        let now = now_ms();
        records.extend(plan.settings().map(|(aggregate, state)| {
            let json = serde_json::to_vec(&state.settings).unwrap_or_default().into();
            let setting = Setting { version: state.version, json };
            Append::keyed(BOT_SETTINGS, self.partition, aggregate.clone(), setting.to_bytes(), now)
        }));
        records
    }

    fn timers(&self, plan: &Plan) -> Vec<Append> {
        let now = now_ms();
        let record = |(key, timer): (&String, &Option<TimerRecord>)| match timer {
            Some(timer) => Append::keyed(TIMERS, self.partition, key.clone(), timer.to_bytes(), now),
            None => Append::tombstone(TIMERS, self.partition, key.clone(), now),
        };
        plan.timers.iter().map(record).collect()
    }

    fn answers(&self, plan: &Plan, offsets: &[i64]) -> Vec<Append> {
        let now = now_ms();
        let answer = |reply: &Reply| match reply {
            Reply::Known(answer) => answer.clone(),
            Reply::OfFact(index) => {
                let fact = &plan.facts[*index];
                Answer {
                    request_id: fact.request_id.clone(),
                    aggregate: fact.aggregate.clone(),
                    status: fact.status,
                    body: fact.answer.clone(),
                    partition: self.partition,
                    position: offsets.get(*index).map_or(self.position, |offset| offset + 1),
                }
            }
            Reply::Refused { request_id, aggregate, problem } => Answer {
                request_id: request_id.clone(),
                aggregate: aggregate.clone(),
                status: problem.status.into(),
                body: in_a_record(problem).into(),
                partition: self.partition,
                position: self.position,
            },
        };
        let fits = |record: &Append| {
            let bytes = record.value.as_deref().map_or(0, <[u8]>::len);
            if bytes > BOT_ANSWERS.0.max_record_bytes {
                // Whoever asked waits in vain; the others must not.
                tracing::error!(partition = self.partition, bytes, "an answer is too large for bot.answers");
                metrics::counter!("miso_commands_answers_dropped_total").increment(1);
            }
            bytes <= BOT_ANSWERS.0.max_record_bytes
        };
        let record = |reply: &Reply| Append::new(BOT_ANSWERS, self.partition, answer(reply).to_bytes(), now);
        plan.replies.iter().map(record).filter(fits).collect()
    }

    /// Step 5. When somebody else moved the position (an earlier attempt of ours whose end we did not
    /// see), what is left is read from the log.
    async fn project(&mut self, facts: &[(i64, Fact)]) -> Result<(), Stop> {
        loop {
            match self.bot.project(self.partition, self.position, facts).await {
                Ok(position) => {
                    self.position = position;
                    self.waits.reset();
                    return Ok(());
                }
                Err(ProjectError::Moved(_)) => return self.catch_up().await,
                Err(ProjectError::Store(error @ StoreError::Unavailable(_))) => {
                    self.wait("the store is away", &error).await?;
                }
                Err(ProjectError::Store(error)) => return Err(Stop::Error(error.into())),
            }
        }
    }

    /// The fact or the settings of a single request do not fit into the log.
    async fn refuse(&mut self, item: &Item, reason: &str) -> Result<(), Stop> {
        let mut plan = Plan::default();
        if let Ok(request) = &item.read {
            let problem = Problem::new(413, "too-large", "The request is too large", reason);
            plan.replies.push(Reply::refused(request, problem));
        }
        let offset = self.offset(item.offset + 1);
        let answers = self.answers(&plan, &[]);
        self.transact(answers, vec![offset]).await.map(|_| ()).map_err(Stop::of_refused)
    }

    async fn report_gap(&mut self, from: i64, to: i64) -> Result<(), Stop> {
        tracing::error!(partition = self.partition, from, to, "retention removed requests before they were decided");
        metrics::counter!("miso_commands_gaps_total").increment(1);
        let record = gap(self.partition, from, to);
        let offset = self.offset(to);
        self.transact(vec![record], vec![offset]).await.map(|_| ()).map_err(Stop::of_refused)
    }

    fn offset(&self, next: i64) -> OffsetCommit {
        OffsetCommit { group: GROUP.to_owned(), topic: BOT_REQUESTS, partition: self.partition, next }
    }

    /// One transaction, tried until it happens or the partition is not ours any more.
    async fn transact(&mut self, records: Vec<Append>, offsets: Vec<OffsetCommit>) -> Result<Vec<i64>, Refused> {
        loop {
            match self.owned.owner.transact(records.clone(), offsets.clone()).await {
                Ok(positions) => {
                    self.waits.reset();
                    return Ok(positions);
                }
                Err(TransactError::Fenced(_)) => return Err(Refused::Leave(Leave)),
                Err(TransactError::Retry(reason)) => {
                    self.wait("a transaction was aborted", &reason).await.map_err(|_| Refused::Leave(Leave))?;
                }
                Err(TransactError::Refused(reason)) => return Err(Refused::TooLarge(reason)),
            }
        }
    }

    /// A pause; an error when the partition must be handed back.
    async fn wait(&mut self, what: &str, error: &impl std::fmt::Display) -> Result<(), Leave> {
        self.waits.wait(what, error, &self.owned.stop).await;
        if self.owned.stop.is_cancelled() || !self.owned.owner.is_current() { Err(Leave) } else { Ok(()) }
    }
}

/// Why an owner's work ends.
enum Stop {
    Leave,
    Error(CommandsError),
}

/// Why a transaction did not happen.
enum Refused {
    Leave(Leave),
    TooLarge(String),
}

impl Stop {
    /// Of records that always fit.
    fn of_refused(refused: Refused) -> Self {
        match refused {
            Refused::Leave(_) => Self::Leave,
            Refused::TooLarge(reason) => Self::Error(LogError::Refused(reason).into()),
        }
    }
}

impl From<Leave> for Stop {
    fn from(_: Leave) -> Self {
        Self::Leave
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::Error(error.into())
    }
}
