//! A member of a group: a consumer that only owns, and reads nothing (readers do).

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Context as TaskContext;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionListElem};
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::sync::{mpsc, oneshot};

use super::appender::check;
use super::assignment::Assignment;
use super::client::{Clients, HasQuiet, Polled, Quiet, poll_now, signalling};
use super::signal::Signal;
use super::stop::Stop;
use super::transactions::Request;
use crate::{
    Append, AppendError, LogError, MemberEvent, OffsetCommit, Owner, Revocation, Topic, Transact, TransactError,
};

/// A member hands a partition back within this; then it is fenced.
const REVOCATION_TIME: Duration = Duration::from_secs(5);
/// How often a member looks at a revocation that is running out.
const REVOCATION_TICK: Duration = Duration::from_millis(100);
/// How long one question about earlier owners' transactions waits for its answer; it is asked again until
/// there is one.
const EARLIER_OWNERS_TRY: Duration = Duration::from_secs(1);
/// After so long it is said that the answer is missing: transactions may be open for 5 s, and the broker looks
/// for those that are over every 10 s unless told otherwise.
const EARLIER_OWNERS_LONG: Duration = Duration::from_secs(20);
/// How long it sleeps when nothing happens.
const IDLE: Duration = Duration::from_secs(1);

/// What owners and both threads of a member share.
pub(super) struct Membership {
    group: Arc<str>,
    catalogue: Vec<Topic>,
    assignment: Mutex<Assignment<ConsumerGroupMetadata>>,
    changed: Condvar,
    /// Held while a call waits for room: calls keep the order of their first poll. `None`: left.
    queue: tokio::sync::Mutex<Option<mpsc::Sender<Request>>>,
}

impl Membership {
    pub(super) fn new(group: &str, catalogue: Vec<Topic>, queue: mpsc::Sender<Request>) -> Arc<Self> {
        Arc::new(Self {
            group: group.into(),
            catalogue,
            assignment: Mutex::default(),
            changed: Condvar::new(),
            queue: tokio::sync::Mutex::new(Some(queue)),
        })
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    fn assignment(&self) -> MutexGuard<'_, Assignment<ConsumerGroupMetadata>> {
        self.assignment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Assignment<ConsumerGroupMetadata>) -> T) -> T {
        let changed = change(&mut self.assignment());
        self.changed.notify_all();
        changed
    }

    /// Answers `Fenced` to those whose owner is no more; what fences the others, taken in the same
    /// moment.
    pub(super) fn admit(&self, requests: &mut Vec<Request>) -> Option<(Arc<ConsumerGroupMetadata>, u64)> {
        let assignment = self.assignment();
        let metadata = assignment.metadata();
        let (current, fenced): (Vec<_>, Vec<_>) = std::mem::take(requests)
            .into_iter()
            .partition(|request| metadata.is_some() && assignment.is_current(request.partition, request.generation));
        let version = assignment.version();
        drop(assignment);
        for request in fenced {
            let _ = request.reply.send(Err(TransactError::Fenced(request.partition)));
        }
        *requests = current;
        if requests.is_empty() {
            return None;
        }
        metadata.map(|metadata| (metadata, version))
    }

    /// Whether the assignment changed since `version`, waiting for it.
    pub(super) fn wait_changed(&self, version: u64, at_most: Duration) -> bool {
        let assignment = self.assignment();
        let (assignment, _) = self
            .changed
            .wait_timeout_while(assignment, at_most, |assignment| assignment.version() == version)
            .unwrap_or_else(PoisonError::into_inner);
        assignment.version() != version
    }

    fn close(&self) {
        self.change(Assignment::close);
        self.queue.blocking_lock().take();
    }
}

#[async_trait]
impl Transact for Membership {
    async fn transact(
        &self,
        partition: i32,
        generation: u64,
        records: Vec<Append>,
        offsets: Vec<OffsetCommit>,
    ) -> Result<Vec<i64>, TransactError> {
        check(&self.catalogue, &records).map_err(|error| match error {
            AppendError::Unavailable(reason) => TransactError::Retry(reason),
            refused => TransactError::Refused(refused.to_string()),
        })?;
        let known = |offset: &OffsetCommit| {
            self.catalogue.contains(&offset.topic)
                && (0..offset.topic.partitions).contains(&offset.partition)
                && offset.next >= 0
        };
        if let Some(wrong) = offsets.iter().find(|offset| !known(offset)) {
            return Err(TransactError::Refused(format!("no such position: {wrong:?}")));
        }
        let (reply, answer) = oneshot::channel();
        {
            let queue = self.queue.lock().await;
            let request = Request { partition, generation, records, offsets, reply };
            match &*queue {
                Some(queue) if self.is_current(partition, generation) && queue.send(request).await.is_ok() => {}
                _ => return Err(TransactError::Fenced(partition)),
            }
        }
        answer.await.unwrap_or(Err(TransactError::Fenced(partition)))
    }

    fn is_current(&self, partition: i32, generation: u64) -> bool {
        self.assignment().is_current(partition, generation)
    }
}

/// The consumer's context: rebalances are only noted in the callback and dealt with outside, so
/// that a revocation can wait for its member while the consumer is polled.
#[derive(Debug, Default)]
struct Callbacks {
    quiet: Quiet,
    rebalances: Mutex<VecDeque<Rebalance>>,
    leaving: AtomicBool,
}

#[derive(Debug)]
enum Rebalance {
    Assign(Vec<i32>),
    Revoke(Vec<i32>),
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.quiet.log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.quiet.error(error, reason);
    }
}

impl HasQuiet for Callbacks {
    fn quiet(&self) -> &Quiet {
        &self.quiet
    }
}

impl ConsumerContext for Callbacks {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: Code, list: &mut TopicPartitionList) {
        self.quiet.mark_handled();
        let assign = code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.leaving.load(Ordering::Acquire) {
            // Nobody owns anything any more.
            let _ = if assign { consumer.incremental_assign(list) } else { consumer.incremental_unassign(list) };
            return;
        }
        let partitions = list.elements().iter().map(TopicPartitionListElem::partition).collect();
        let rebalance = if assign { Rebalance::Assign(partitions) } else { Rebalance::Revoke(partitions) };
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    }
}

/// Partitions that are being handed back.
struct Revoking {
    all: Vec<i32>,
    /// Not let go yet.
    waiting: BTreeMap<i32, oneshot::Receiver<()>>,
    until: Instant,
}

/// The member's thread.
pub(super) struct MemberThread {
    name: String,
    fence_topic: String,
    membership: Arc<Membership>,
    consumer: BaseConsumer<Callbacks>,
    signal: Arc<Signal>,
    stop: Arc<Stop>,
    events: mpsc::Sender<Result<MemberEvent, LogError>>,
    revoking: Option<Revoking>,
    /// The outage was told.
    told: bool,
    /// It does not take its events.
    stuck: bool,
    /// [`MemberEvent::Joined`] was told.
    joined: bool,
}

impl MemberThread {
    pub(super) fn join(
        clients: &Clients,
        membership: Arc<Membership>,
        topic: Topic,
        stop: Arc<Stop>,
        events: mpsc::Sender<Result<MemberEvent, LogError>>,
    ) -> Result<Self, KafkaError> {
        let signal = stop.signal();
        let group = clients.named(membership.group());
        let consumer = signalling(&clients.member(&group), Callbacks::default(), &signal)?;
        let name = clients.topic(topic);
        consumer.subscribe(&[&name])?;
        Ok(Self {
            name,
            fence_topic: clients.fence_topic(),
            membership,
            consumer,
            signal,
            stop,
            events,
            revoking: None,
            told: false,
            stuck: false,
            joined: false,
        })
    }

    /// Until the member is dropped or the log closes.
    pub(super) fn run(mut self, mut left: oneshot::Receiver<()>, clients: &Clients) {
        let waker = self.signal.waker();
        let mut cx = TaskContext::from_waker(&waker);
        while !self.stop.is_stopped() && !self.stuck && Pin::new(&mut left).poll(&mut cx).is_pending() {
            while !matches!(poll_now(&self.consumer), Polled::Empty) {}
            while let Some(rebalance) = self.next_rebalance() {
                match rebalance {
                    Rebalance::Assign(partitions) => {
                        let mut is_gone = || Pin::new(&mut left).poll(&mut cx).is_ready();
                        self.assign(&partitions, &mut is_gone);
                    }
                    Rebalance::Revoke(partitions) => self.revoke(partitions),
                }
            }
            self.settle_revocation(&mut cx);
            if self.consumer.context().quiet.take_away() && !std::mem::replace(&mut self.told, true) {
                self.tell(Err(LogError::Unavailable(clients.unavailable("no broker answers"))));
            }
            self.signal.wait(if self.revoking.is_some() { REVOCATION_TICK } else { IDLE });
        }
        self.leave();
    }

    fn next_rebalance(&self) -> Option<Rebalance> {
        self.consumer.context().rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn assign(&mut self, partitions: &[i32], is_gone: &mut dyn FnMut() -> bool) {
        // The membership is looked at before the assignment is acknowledged: until then librdkafka
        // does not rejoin, so it is the one in which the partitions were given.
        let metadata = self.consumer.group_metadata().map(Arc::new);
        // What stays ours goes on under the new membership while the rest is waited for.
        self.membership.change(|assignment| assignment.renew(metadata.clone()));
        let decided = self.wait_for_earlier_owners(partitions, is_gone);
        let lost = self.consumer.assignment_lost();
        let list = self.list(partitions);
        if let Err(error) = self.consumer.incremental_assign(&list).and_then(|()| self.consumer.pause(&list)) {
            tracing::warn!(group = self.membership.group(), %error, "an assignment could not be taken");
        }
        if lost {
            // What was lost is revoked next.
            self.membership.change(|assignment| assignment.renew(None));
            return;
        }
        if !decided {
            // The member ends: nothing is told to it any more.
            return;
        }
        self.told = false;
        let owners = self.membership.change(|assignment| {
            assignment.renew(metadata);
            assignment.assign(partitions)
        });
        for (partition, generation) in owners {
            let adapter: Arc<dyn Transact> = Arc::clone(&self.membership) as _;
            let owner = Owner::new(Arc::clone(&self.membership.group), partition, generation, adapter);
            self.tell(Ok(MemberEvent::Assigned(owner)));
        }
        if !std::mem::replace(&mut self.joined, true) {
            self.tell(Ok(MemberEvent::Joined));
        }
    }

    /// What earlier owners of the partitions could still commit is decided when this answers `true`, see
    /// `transactions`. That may take as long as the broker lets their transactions be open: until then the
    /// group's next rebalance waits for this member too. `false`: the member ends.
    fn wait_for_earlier_owners(&self, partitions: &[i32], is_gone: &mut dyn FnMut() -> bool) -> bool {
        let mut fences = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            fences.add_partition(&self.fence_topic, partition);
        }
        let (began, mut said) = (Instant::now(), false);
        while !partitions.is_empty() {
            let asked = self.consumer.committed_offsets(fences.clone(), EARLIER_OWNERS_TRY);
            if asked.is_ok_and(|found| found.elements().iter().all(|fence| fence.error().is_ok())) {
                break;
            }
            if self.stop.is_stopped() || is_gone() {
                return false;
            }
            if began.elapsed() > EARLIER_OWNERS_LONG && !std::mem::replace(&mut said, true) {
                tracing::warn!(
                    group = self.membership.group(),
                    "what earlier owners of partitions could still commit is undecided for long: look at the broker"
                );
            }
            self.signal.wait(REVOCATION_TICK);
        }
        // What the waits may have swallowed is looked for again.
        self.signal.notify();
        true
    }

    fn revoke(&mut self, partitions: Vec<i32>) {
        if self.consumer.assignment_lost() {
            let lost = self.membership.change(|assignment| {
                assignment.renew(None);
                assignment.fence(&partitions)
            });
            for partition in lost {
                self.tell(Ok(MemberEvent::Lost(partition)));
            }
            self.unassign(&partitions);
            return;
        }
        // Still ours: nobody else gets them before they are unassigned. The generation is a new one.
        let metadata = self.consumer.group_metadata().map(Arc::new);
        self.membership.change(|assignment| assignment.renew(metadata));
        let mut waiting = BTreeMap::new();
        for &partition in &partitions {
            let (released, receiver) = oneshot::channel();
            waiting.insert(partition, receiver);
            self.tell(Ok(MemberEvent::Revoked(Revocation::new(partition, released))));
        }
        self.revoking = Some(Revoking { all: partitions, waiting, until: Instant::now() + REVOCATION_TIME });
    }

    fn settle_revocation(&mut self, cx: &mut TaskContext<'_>) {
        let Some(mut revoking) = self.revoking.take() else { return };
        let late = Instant::now() >= revoking.until;
        let mut gone = Vec::new();
        revoking.waiting.retain(|&partition, receiver| {
            let released = late || Pin::new(receiver).poll(cx).is_ready();
            if released {
                gone.push(partition);
            }
            !released
        });
        if !gone.is_empty() {
            let fenced = self.membership.change(|assignment| assignment.fence(&gone));
            for partition in fenced.into_iter().filter(|_| late) {
                self.tell(Ok(MemberEvent::Lost(partition)));
            }
        }
        if revoking.waiting.is_empty() {
            self.unassign(&revoking.all);
        } else {
            self.revoking = Some(revoking);
        }
    }

    fn unassign(&self, partitions: &[i32]) {
        if let Err(error) = self.consumer.incremental_unassign(&self.list(partitions)) {
            tracing::warn!(group = self.membership.group(), %error, "a revocation could not be acknowledged");
        }
    }

    /// A member that does not take its events is as good as gone: it is fenced and leaves.
    fn tell(&mut self, event: Result<MemberEvent, LogError>) {
        if self.events.try_send(event).is_err() {
            self.membership.change(Assignment::close);
            self.stuck = true;
        }
    }

    fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            // The end: nothing is fetched, for it is paused before that is looked up.
            list.add_partition(&self.name, partition).set_offset(Offset::End).ok();
        }
        list
    }

    /// Fences, acknowledges what is open, leaves the group (when the consumer is dropped).
    fn leave(mut self) {
        self.membership.close();
        let context = self.consumer.context();
        context.leaving.store(true, Ordering::Release);
        while let Some(rebalance) = self.next_rebalance() {
            match rebalance {
                Rebalance::Assign(partitions) => {
                    let _ = self.consumer.incremental_assign(&self.list(&partitions));
                }
                Rebalance::Revoke(partitions) => self.unassign(&partitions),
            }
        }
        if let Some(revoking) = self.revoking.take() {
            self.unassign(&revoking.all);
        }
    }
}
