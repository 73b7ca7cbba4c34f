//! Transactions of a membership: producers with fresh transactional ids that take turns, one thread, one
//! broker transaction for all calls that wait (group commit).
//!
//! They take turns because the broker answers the end of a transaction before its markers are written, and
//! refuses the next one of the same producer until they are; librdkafka then pauses for 20 ms. Transactions
//! still follow each other: the next begins when the one before has ended.
//!
//! What makes it safe: every transaction also commits, under the membership, a position in the fence
//! topic's partition of each of its owners. The broker checks the membership when it takes that, so it
//! takes none once the partition is another's; and one that it took is undecided until the transaction
//! ends. A later owner asks for that position before it is told of its partition (`membership`), and the
//! broker does not answer while it is undecided: whatever an earlier owner could still commit is in the
//! log by then, or never. So the positions can be on their way together with the records. In the log is not
//! yet visible: an owner reads up to its own claim, or to what `bounds` calls the latest, never just to what it
//! sees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::Offset;
use tokio::sync::{mpsc, oneshot};

use super::client::{Clients, TRANSACTION_TIMEOUT_MS};
use super::delivery::{Deliveries, Producer};
use super::groups::Groups;
use super::membership::Membership;
use super::stop::Stop;
use crate::{Append, OffsetCommit, TransactError};

/// Transactions of a membership that wait, at most. At the bound callers wait, in their order.
pub const TRANSACTION_QUEUE: usize = 256;
/// One broker transaction takes waiting calls until it has so many bytes of records; a single call
/// may be larger.
pub const TRANSACTION_BYTES: usize = 8 * 1_024 * 1_024;
/// Producers that take turns.
const PRODUCERS: usize = 2;
/// How long a delivered transaction may look undelivered before its commit is asked for all the same.
const SETTLED_WITHIN: Duration = Duration::from_millis(50);
/// After the broker refused the membership: how long to wait for the rebalance that decides.
const REBALANCE_WAIT: Duration = Duration::from_secs(3);
/// How often a transaction follows its owner into a new membership before its caller decides.
const REBALANCE_TRIES: u32 = 3;

/// One call of [`Owner::transact`](crate::Owner::transact).
pub(super) struct Request {
    pub(super) partition: i32,
    pub(super) generation: u64,
    pub(super) records: Vec<Append>,
    pub(super) offsets: Vec<OffsetCommit>,
    pub(super) reply: oneshot::Sender<Result<Vec<i64>, TransactError>>,
}

impl Request {
    fn bytes(&self) -> usize {
        self.records.iter().map(Append::len).sum()
    }

    fn answer(self, result: Result<Vec<i64>, TransactError>) {
        // The caller may have gone; the transaction stands all the same.
        let _ = self.reply.send(result);
    }
}

/// Why a broker transaction was aborted.
enum Aborted {
    /// The broker refuses the membership: a rebalance is on its way.
    Membership(String),
    /// Anything else.
    Other(String),
}

pub(super) struct Transactions {
    clients: Clients,
    groups: Arc<Groups>,
    membership: Arc<Membership>,
    stop: Arc<Stop>,
    producers: [Option<Producer>; PRODUCERS],
    /// Whose turn it is.
    turn: usize,
}

impl Transactions {
    pub(super) fn new(clients: Clients, groups: Arc<Groups>, membership: Arc<Membership>, stop: Arc<Stop>) -> Self {
        Self { clients, groups, membership, stop, producers: [const { None }; PRODUCERS], turn: 0 }
    }

    /// Until the membership ends.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        for turn in 0..PRODUCERS {
            self.turn = turn;
            if let Err(error) = self.ready() {
                tracing::debug!(%error, "no transactional producer yet");
            }
        }
        while let Some(first) = requests.blocking_recv() {
            let mut bytes = first.bytes();
            let mut batch = vec![first];
            while bytes < TRANSACTION_BYTES {
                let Ok(request) = requests.try_recv() else { break };
                bytes += request.bytes();
                batch.push(request);
            }
            self.settle(batch, 1);
        }
    }

    /// Answers all of them.
    fn settle(&mut self, mut requests: Vec<Request>, attempt: u32) {
        let Some((metadata, version)) = self.membership.admit(&mut requests) else {
            return;
        };
        let began = Instant::now();
        match self.attempt(&requests, &metadata) {
            Ok(mut offsets) => {
                metrics::histogram!("miso_log_commit_seconds").record(began.elapsed().as_secs_f64());
                metrics::counter!("miso_log_append_records_total").increment(offsets.len() as u64);
                for request in requests {
                    let rest = offsets.split_off(request.records.len());
                    request.answer(Ok(std::mem::replace(&mut offsets, rest)));
                }
            }
            Err(aborted) => {
                metrics::counter!("miso_log_transaction_aborts_total").increment(1);
                self.aborted(requests, aborted, version, attempt);
            }
        }
    }

    fn aborted(&mut self, requests: Vec<Request>, aborted: Aborted, version: u64, attempt: u32) {
        match aborted {
            Aborted::Membership(_)
                if attempt < REBALANCE_TRIES && self.membership.wait_changed(version, REBALANCE_WAIT) =>
            {
                self.settle(requests, attempt + 1);
            }
            Aborted::Other(_) if requests.len() > 1 => {
                for request in requests {
                    self.settle(vec![request], attempt);
                }
            }
            Aborted::Membership(reason) | Aborted::Other(reason) => {
                for request in requests {
                    request.answer(Err(TransactError::Retry(reason.clone())));
                }
            }
        }
    }

    /// One broker transaction; the offsets of all records in order.
    fn attempt(&mut self, requests: &[Request], metadata: &ConsumerGroupMetadata) -> Result<Vec<i64>, Aborted> {
        self.turn = (self.turn + 1) % PRODUCERS;
        self.ready().map_err(|error| Aborted::Other(self.clients.does_not_serve(&error)))?;
        let Some(producer) = &self.producers[self.turn] else {
            return Err(Aborted::Other("no producer".to_owned()));
        };
        let written = self.write(producer, requests, metadata);
        let outcome = written.and_then(|offsets| self.end(producer).map(|()| offsets));
        outcome.map_err(|error| {
            let aborted = match error.rdkafka_error_code() {
                Some(
                    code @ (RDKafkaErrorCode::UnknownMemberId
                    | RDKafkaErrorCode::IllegalGeneration
                    | RDKafkaErrorCode::FencedInstanceId
                    | RDKafkaErrorCode::RebalanceInProgress),
                ) => Aborted::Membership(format!("the group is rebalancing ({code})")),
                _ => Aborted::Other(reason(&error)),
            };
            self.abort(matches!(aborted, Aborted::Membership(_)));
            aborted
        })
    }

    /// Everything but the end. See the module for the order.
    fn write(
        &self,
        producer: &Producer,
        requests: &[Request],
        metadata: &ConsumerGroupMetadata,
    ) -> KafkaResult<Vec<i64>> {
        producer.begin_transaction()?;
        let records: Vec<&Append> = requests.iter().flat_map(|request| &request.records).collect();
        let delivered = self.send(producer, &records)?;
        let timeout = Duration::from_millis(u64::from(TRANSACTION_TIMEOUT_MS));
        let own = self.membership.group();
        let mut positions = positions(requests);
        let of_own = positions.remove(own).unwrap_or_default();
        for (group, positions) in positions {
            let memberless = self.groups.memberless(group)?;
            producer.send_offsets_to_transaction(&self.list(&positions)?, &memberless, timeout)?;
        }
        let mut list = self.list(&of_own)?;
        let owners: BTreeSet<i32> = requests.iter().map(|request| request.partition).collect();
        for partition in owners {
            list.add_partition_offset(&self.clients.fence_topic(), partition, Offset::Offset(0))?;
        }
        producer.send_offsets_to_transaction(&list, metadata, timeout)?;
        let Some(delivered) = delivered else { return Ok(Vec::new()) };
        let offsets = delivered.blocking_recv().unwrap_or(Err(KafkaError::Canceled))?;
        settled(producer);
        Ok(offsets)
    }

    /// Hands all records to librdkafka; `None` where there are none.
    fn send(&self, producer: &Producer, records: &[&Append]) -> KafkaResult<Option<Delivered>> {
        if records.is_empty() {
            return Ok(None);
        }
        let (deliveries, done) = Deliveries::of(records.len());
        for (index, record) in records.iter().enumerate() {
            if let Err(error) = producer.send(&self.clients.topic(record.topic), record, &deliveries, index) {
                (index..records.len()).for_each(|index| deliveries.fail(index, error.clone()));
                return Err(error);
            }
        }
        Ok(Some(done))
    }

    /// Commits. While the broker does not answer the outcome is open, so it asks until it does: a
    /// transaction that timed out meanwhile is known as aborted then.
    fn end(&self, producer: &Producer) -> KafkaResult<()> {
        loop {
            match producer.commit_transaction(Duration::from_millis(u64::from(TRANSACTION_TIMEOUT_MS))) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && !self.stop.is_stopped() => {
                    tracing::warn!(
                        group = self.membership.group(),
                        error = error.string(),
                        "the broker does not answer a commit"
                    );
                }
                Err(KafkaError::Flush(_)) if !self.stop.is_stopped() => {}
                ended => return ended,
            }
        }
    }

    /// Leaves a producer that can begin again, or none. Only one whose every request was `answered` goes on: a
    /// position that is still on its way to a slow broker would become part of its next transaction.
    fn abort(&mut self, answered: bool) {
        let Some(producer) = &self.producers[self.turn] else { return };
        let dead = producer.client().fatal_error().is_some();
        let time = Duration::from_millis(u64::from(TRANSACTION_TIMEOUT_MS));
        if dead || producer.abort_transaction(time).is_err() || !answered {
            // What it left open the broker aborts when its time is over.
            self.producers[self.turn] = None;
        }
    }

    /// The producer whose turn it is can begin a transaction.
    fn ready(&mut self) -> KafkaResult<()> {
        if self.producers[self.turn].is_none() {
            let id = self.clients.named(&format!("{}.{}", self.membership.group(), fresh()));
            let producer = Producer::new(&self.clients.transactional(&id))?;
            producer.init_transactions(Duration::from_millis(u64::from(TRANSACTION_TIMEOUT_MS)))?;
            self.producers[self.turn] = Some(producer);
        }
        Ok(())
    }

    fn list(&self, positions: &Positions<'_>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(positions.len() + 1);
        for (&(topic, partition), &next) in positions {
            list.add_partition_offset(&self.clients.named(topic), partition, Offset::Offset(next))?;
        }
        Ok(list)
    }
}

/// Answers with the records' offsets when all are delivered.
type Delivered = oneshot::Receiver<KafkaResult<Vec<i64>>>;

/// (topic, partition) → next.
type Positions<'a> = BTreeMap<(&'a str, i32), i64>;

/// The last position of each group and partition.
fn positions(requests: &[Request]) -> BTreeMap<&str, Positions<'_>> {
    let mut positions: BTreeMap<&str, Positions<'_>> = BTreeMap::new();
    for offset in requests.iter().flat_map(|request| &request.offsets) {
        positions
            .entry(offset.group.as_str())
            .or_default()
            .insert((offset.topic.0.name, offset.partition), offset.next);
    }
    positions
}

/// Waits until librdkafka counts the records as delivered too, a moment after the last report: its commit
/// would wait for them in steps of 100 ms.
fn settled(producer: &Producer) {
    let until = Instant::now() + SETTLED_WITHIN;
    while producer.in_flight_count() > 0 && Instant::now() < until {
        std::thread::yield_now();
    }
}

fn reason(error: &KafkaError) -> String {
    match error {
        KafkaError::Transaction(error) => error.string(),
        error => error.to_string(),
    }
}

/// Never the same twice: process, time, count.
fn fresh() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("{}-{nanos:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{BOT_REQUESTS, TIMERS};

    fn request(offsets: &[(&str, crate::Topic, i32, i64)]) -> Request {
        let offsets = offsets
            .iter()
            .map(|&(group, topic, partition, next)| OffsetCommit { group: group.to_owned(), topic, partition, next })
            .collect();
        Request { partition: 0, generation: 1, records: Vec::new(), offsets, reply: oneshot::channel().0 }
    }

    #[test]
    fn calls_that_share_a_transaction_commit_the_last_position_of_each_partition() {
        let requests = [
            request(&[("a", BOT_REQUESTS, 1, 5), ("b", TIMERS, 0, 7)]),
            request(&[("a", BOT_REQUESTS, 1, 9), ("a", BOT_REQUESTS, 2, 1)]),
        ];
        let positions = positions(&requests);
        assert_eq!(positions["a"], BTreeMap::from([(("bot.requests", 1), 9), (("bot.requests", 2), 1)]));
        assert_eq!(positions["b"], BTreeMap::from([(("timers", 0), 7)]));
    }

    #[test]
    fn transactional_ids_are_never_reused() {
        assert_ne!(fresh(), fresh());
    }
}
