//! Following a topic as a group: the loop that message, event and fact handlers share.

mod held;
mod positions;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::future::join_all;
use miso_log::{
    Append, Batch, Consumer, ConsumerEvent, LogError, Owner, Record, SharedLog, Topic, TransactError, Waits,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::held::{Done, Held};
use self::positions::{Positions, Write};
use crate::parked::gap;
use crate::{HandlersError, Joins};

pub(crate) use self::held::Work;
pub use self::held::{WAITING_RECORDS, WORKS_AT_ONCE};
pub use self::positions::{LAZY_COMMIT_EVENTS, LAZY_COMMIT_INTERVAL};

/// What a group does with the records of its topic.
pub(crate) trait Handler: Send {
    /// The consumer group.
    const GROUP: &'static str;
    /// What it follows.
    const TOPIC: Topic;

    /// Looks at a record; pushes what is to be appended in the transaction that passes it. What takes longer
    /// is given as work: the record's partition waits for it, others do not. Who gives work gathers nothing
    /// of the record.
    fn record(&mut self, record: &Record, out: &mut Vec<Append>) -> impl Future<Output = Option<Work>> + Send;

    /// Takes what was gathered of the partition's records, the last of which is below `next`: it is
    /// appended in the transaction that passes them. Never asked twice for the same records, unless
    /// they are read again.
    fn gathered(&mut self, partition: i32, next: i64) -> Vec<Append>;

    /// How long the partition's position, and with it what was gathered, may wait for its commit.
    fn patience(&self, partition: i32) -> Duration;

    /// The partition is another's, or is read again from its committed position: what was gathered of
    /// it is void.
    fn forget(&mut self, partition: i32);

    /// Resolves when something beside the records has changed the handler. Cancel-safe.
    fn update(&mut self) -> impl Future<Output = Result<(), HandlersError>> + Send;
}

/// Follows the handler's topic until cancelled.
pub(crate) async fn follow<H: Handler>(
    log: SharedLog,
    handler: H,
    joins: &Joins,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    let consumer = Consumer::join(log, H::GROUP, H::TOPIC).await?;
    let mut follower = Follower {
        consumer,
        handler,
        owners: HashMap::new(),
        positions: Positions::default(),
        held: Held::default(),
        waits: Waits::default(),
        cancel,
    };
    loop {
        let flush_at = follower.positions.flush_at();
        tokio::select! {
            biased;
            () = follower.cancel.cancelled() => return follower.write(true).await,
            updated = follower.handler.update() => updated?,
            () = async { tokio::time::sleep_until(flush_at.unwrap_or_else(Instant::now)).await }, if flush_at.is_some() => {
                follower.write(false).await?;
            }
            (done, behind) = follower.held.done() => {
                follower.resume(done, behind).await;
                follower.write(false).await?;
            }
            event = follower.consumer.next(), if follower.held.has_room() => match event {
                Ok(ConsumerEvent::Assigned(owner)) => {
                    follower.forget(owner.partition());
                    follower.owners.insert(owner.partition(), owner);
                }
                Ok(ConsumerEvent::Joined) => joins.joined(H::GROUP),
                Ok(ConsumerEvent::Batch(batch)) => follower.batch(&batch).await?,
                Ok(ConsumerEvent::Revoked(revocation)) => {
                    // What is not done yet is the next owner's.
                    follower.held.forget(revocation.partition);
                    follower.flush(revocation.partition).await?;
                    follower.owners.remove(&revocation.partition);
                    revocation.release();
                }
                Ok(ConsumerEvent::Lost(partition)) => follower.forget(partition),
                Ok(ConsumerEvent::Gap { partition, from, to }) => {
                    while follower.held.holds(partition) {
                        let (done, behind) = follower.held.done().await;
                        follower.resume(done, behind).await;
                    }
                    let record = gap(H::GROUP, H::TOPIC, partition, from, to);
                    follower.positions.pass(partition, to, vec![record]);
                    follower.flush(partition).await?;
                }
                Err(LogError::Unavailable(reason)) => {
                    follower.waits.wait("records cannot be read", &reason, &follower.cancel).await;
                }
                Err(error) => return Err(error.into()),
            },
        }
    }
}

struct Follower<H> {
    consumer: Consumer,
    handler: H,
    owners: HashMap<i32, Owner>,
    positions: Positions,
    held: Held,
    waits: Waits,
    cancel: CancellationToken,
}

impl<H: Handler> Follower<H> {
    async fn batch(&mut self, batch: &Batch) -> Result<(), HandlersError> {
        let mut out = Vec::new();
        for record in batch.iter() {
            if self.held.holds(record.partition) {
                self.held.wait(record.clone());
            } else {
                self.look(record, &mut out).await;
            }
        }
        self.write(false).await
    }

    /// `out` is empty before and after.
    async fn look(&mut self, record: &Record, out: &mut Vec<Append>) {
        match self.handler.record(record, out).await {
            None => self.positions.pass_one(record.partition, record.offset + 1, out),
            Some(work) => self.held.begin(record, std::mem::take(out), work),
        }
    }

    /// A work is done: its record is passed, and those behind it are looked at up to the next work.
    async fn resume(&mut self, done: Done, behind: VecDeque<Record>) {
        self.positions.pass(done.partition, done.next, done.appends);
        let mut out = Vec::new();
        for record in behind {
            if self.held.holds(record.partition) {
                self.held.wait(record);
            } else {
                self.look(&record, &mut out).await;
            }
        }
    }

    /// Commits everything of one partition that was passed.
    async fn flush(&mut self, partition: i32) -> Result<(), HandlersError> {
        let writes = self.positions.take(partition).into_iter().collect();
        self.transact(writes).await
    }

    /// Writes what is due; with `all` every position that moved.
    async fn write(&mut self, all: bool) -> Result<(), HandlersError> {
        let handler = &self.handler;
        let writes = self.positions.take_due(all, Instant::now(), |partition| handler.patience(partition));
        self.transact(writes).await
    }

    /// All partitions at once: they share the log's commits.
    async fn transact(&mut self, mut writes: Vec<Write>) -> Result<(), HandlersError> {
        for write in &mut writes {
            write.records.extend(self.handler.gathered(write.partition, write.next));
        }
        while !writes.is_empty() {
            let attempts = writes.into_iter().filter_map(|write| {
                let owner = self.owners.get(&write.partition)?.clone();
                let offset = self.consumer.offset(write.partition, write.next);
                Some(attempt(owner, offset, write))
            });
            let mut again = Vec::new();
            let mut aborted = None;
            for (write, result) in join_all(attempts).await {
                match result {
                    Ok(_) => {}
                    Err(TransactError::Fenced(_)) => self.forget(write.partition),
                    Err(TransactError::Retry(reason)) => {
                        again.push(write);
                        aborted = Some(reason);
                    }
                    Err(TransactError::Refused(reason)) => return Err(LogError::Refused(reason).into()),
                }
            }
            writes = again;
            match aborted {
                Some(reason) => self.waits.wait("a transaction was aborted", &reason, &self.cancel).await,
                None => self.waits.reset(),
            }
            // On the way out it is tried no second time: the records are read again.
            if self.cancel.is_cancelled() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn forget(&mut self, partition: i32) {
        self.owners.remove(&partition);
        self.positions.forget(partition);
        self.held.forget(partition);
        self.handler.forget(partition);
    }
}

async fn attempt(
    owner: Owner,
    offset: miso_log::OffsetCommit,
    write: Write,
) -> (Write, Result<Vec<i64>, TransactError>) {
    let result = owner.transact(write.records.clone(), vec![offset]).await;
    (write, result)
}
