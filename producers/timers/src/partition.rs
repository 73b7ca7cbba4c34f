//! The owner of one partition of `timers`: reads, sleeps, asks.

use std::sync::Arc;
use std::time::Duration;

use miso_log::catalogue::{AGGREGATES, BOT_REQUESTS, TIMERS};
use miso_log::{Append, Batch, LogError, Owned, ReadError, Reader, Schemas, SharedLog, TransactError, Waits};
use miso_model::{Aggregate, LogRecord, Request, TimerRecord};
use serde_json::json;

use crate::schedule::{Due, Schedule};
use crate::{GROUP, TIMER_DUE, TimersError};

/// Requests in one transaction, at most; what is due beyond goes into the next.
const FIRE_BATCH: usize = 256;
/// One sleep, at most: a clock that was set, or a machine that slept, is noticed so soon.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

struct Partition {
    partition: i32,
    owned: Owned,
    log: SharedLog,
    schemas: Arc<Schemas>,
    schedule: Schedule,
    waits: Waits,
}

/// Why following the topic ended.
enum Ended {
    /// The partition is ours no more, or must be handed back.
    Leave,
    /// Something is missing here: read all again.
    Incomplete,
}

pub(crate) async fn run(owned: Owned, log: SharedLog, schemas: Arc<Schemas>) -> Result<(), TimersError> {
    let partition = owned.owner.partition();
    let mut this = Partition { partition, owned, log, schemas, schedule: Schedule::default(), waits: Waits::default() };
    loop {
        match this.follow().await {
            Ok(Ended::Leave) => return Ok(()),
            Ok(Ended::Incomplete) => {}
            Err(LogError::Unavailable(reason)) => {
                if this.wait("timers cannot be read", &reason).await {
                    return Ok(());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Partition {
    /// Reads the partition to its end of now, then follows it and asks for what is due.
    async fn follow(&mut self) -> Result<Ended, LogError> {
        self.schedule = Schedule::default();
        let bounds = self.log.bounds(TIMERS, self.partition).await?;
        let mut reader = self.log.reader(TIMERS, &[(self.partition, bounds.earliest)]);
        let stop = self.owned.stop.clone();
        let ends = [(self.partition, bounds.latest)];
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Ended::Leave),
                batch = reader.next_before(&ends) => batch,
            };
            match batch {
                Ok(Some(batch)) => self.apply(&batch).await,
                Ok(None) => break,
                // Compaction took what is overwritten anyway.
                Err(ReadError::BehindRetention { .. }) => {}
                Err(error) => return Err(of_read(error)),
            }
        }
        self.waits.reset();
        self.live(&mut reader).await
    }

    async fn live(&mut self, reader: &mut Reader) -> Result<Ended, LogError> {
        let stop = self.owned.stop.clone();
        loop {
            if self.schedule.is_short() {
                return Ok(Ended::Incomplete);
            }
            let next_ms = self.schedule.next_ms();
            let sleep = async {
                match next_ms {
                    Some(next_ms) => tokio::time::sleep(until(next_ms)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Ended::Leave),
                batch = reader.next() => match batch {
                    Ok(batch) => self.apply(&batch).await,
                    // A timer's end may be among what was not seen.
                    Err(ReadError::BehindRetention { .. }) => return Ok(Ended::Incomplete),
                    Err(error) => return Err(of_read(error)),
                },
                () = sleep => {
                    if self.ask().await? {
                        return Ok(Ended::Leave);
                    }
                }
            }
        }
    }

    async fn apply(&mut self, batch: &Batch) {
        for record in batch.iter() {
            let Ok(id) = std::str::from_utf8(&record.key) else { continue };
            let Some(value) = &record.value else {
                self.schedule.remove(id);
                continue;
            };
            let timer = match self.schemas.decode_waiting::<TimerRecord>(value).await {
                Ok(timer) => timer,
                Err(error) => {
                    tracing::error!(partition = self.partition, offset = record.offset, %error, "a timer cannot be read");
                    continue;
                }
            };
            match timer.aggregate.parse::<Aggregate>() {
                Ok(aggregate) => self.schedule.set(id, aggregate, timer.due_ms),
                Err(error) => {
                    tracing::error!(partition = self.partition, offset = record.offset, %error, "a timer of nobody");
                }
            }
        }
    }

    /// Asks for all that is due; whether the partition is ours no more.
    async fn ask(&mut self) -> Result<bool, LogError> {
        loop {
            let now_ms = now_ms();
            let due = self.schedule.take_due(now_ms, FIRE_BATCH);
            if due.is_empty() {
                return Ok(false);
            }
            for due in &due {
                let late_ms = u32::try_from((now_ms - due.due_ms).max(0)).unwrap_or(u32::MAX);
                if due.again {
                    metrics::counter!("miso_timers_requests_repeated_total").increment(1);
                } else {
                    metrics::histogram!("miso_timers_late_seconds").record(f64::from(late_ms) / 1_000.0);
                }
            }
            let requests: Vec<Append> = due.iter().map(|due| request(due, now_ms)).collect();
            metrics::counter!("miso_timers_requests_total").increment(requests.len() as u64);
            loop {
                match self.owned.owner.transact(requests.clone(), Vec::new()).await {
                    Ok(_) => break self.waits.reset(),
                    Err(TransactError::Fenced(_)) => return Ok(true),
                    Err(TransactError::Retry(reason)) => {
                        if self.wait("a transaction was aborted", &reason).await {
                            return Ok(true);
                        }
                    }
                    Err(TransactError::Refused(reason)) => return Err(LogError::Refused(reason)),
                }
            }
        }
    }

    /// A pause; whether the partition must be handed back.
    async fn wait(&mut self, what: &str, error: &impl std::fmt::Display) -> bool {
        self.waits.wait(what, error, &self.owned.stop).await;
        self.owned.stop.is_cancelled() || !self.owned.owner.is_current()
    }
}

/// The request's id is the timer and its time: a repeat takes effect once, a moved timer is another.
fn request(due: &Due, now_ms: i64) -> Append {
    let request = Request {
        request_id: format!("{}:{}", due.id, due.due_ms),
        aggregate: due.aggregate.to_string(),
        kind: TIMER_DUE.to_owned(),
        expected_version: None,
        actor: "timers".to_owned(),
        body: json!({"timer_id": &*due.id, "due_ms": due.due_ms}).to_string().into(),
        at_ms: now_ms,
    };
    Append::new(BOT_REQUESTS, due.aggregate.partition(AGGREGATES), request.to_bytes(), now_ms)
}

fn until(at_ms: i64) -> Duration {
    let left = u64::try_from(at_ms - now_ms()).unwrap_or(0);
    Duration::from_millis(left).min(LONGEST_SLEEP)
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn of_read(error: ReadError) -> LogError {
    match error {
        ReadError::Closed => LogError::Closed,
        ReadError::Unavailable(reason) => LogError::Unavailable(reason),
        ReadError::BehindRetention { .. } => LogError::Unavailable(format!("{GROUP}: {error}")),
    }
}
