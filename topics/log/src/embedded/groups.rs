//! The groups of this process: a coordinator on its own thread, independent of the roles' runtimes,
//! so that a role that is aborted is noticed and fenced.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::Inner;
use super::assignment::{Assignment, Step};
use super::queue::{Change, Work, WriteError};
use crate::member::MEMBER_EVENTS;
use crate::{Append, LogError, Member, MemberEvent, OffsetCommit, Owner, Revocation, Topic, Transact, TransactError};

/// How long a member may keep a revoked partition. Then it is fenced and told `Lost`.
pub const REVOCATION_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests to the coordinator that wait; beyond it callers wait.
const COORDINATOR_QUEUE: usize = 1_024;

/// What owners and the writer see of a group: which generation of each partition is current.
#[derive(Debug)]
pub(super) struct Share {
    name: Arc<str>,
    topic: Topic,
    /// 0: nobody.
    current: Vec<AtomicU64>,
}

impl Share {
    pub(super) fn is_current(&self, partition: i32, generation: u64) -> bool {
        self.slot(partition).is_some_and(|slot| slot.load(Ordering::Acquire) == generation)
    }

    fn set(&self, partition: i32, generation: u64) {
        if let Some(slot) = self.slot(partition) {
            slot.store(generation, Ordering::Release);
        }
    }

    fn slot(&self, partition: i32) -> Option<&AtomicU64> {
        usize::try_from(partition).ok().and_then(|partition| self.current.get(partition))
    }
}

/// An owner's way to the writer.
struct GroupOwner {
    share: Arc<Share>,
    inner: Arc<Inner>,
}

#[async_trait]
impl Transact for GroupOwner {
    async fn transact(
        &self,
        partition: i32,
        generation: u64,
        records: Vec<Append>,
        offsets: Vec<OffsetCommit>,
    ) -> Result<Vec<i64>, TransactError> {
        let refused = |error: &dyn std::fmt::Display| TransactError::Refused(error.to_string());
        let records = self.inner.validated(records).map_err(|error| refused(&error))?;
        self.inner.validate_offsets(&offsets).map_err(|error| refused(&error))?;
        let owner = Some((Arc::clone(&self.share), partition, generation));
        match self.inner.queue.submit(Work::Change(Change { owner, records, offsets })).await {
            Ok(offsets) => Ok(offsets),
            Err(WriteError::Fenced(partition)) => Err(TransactError::Fenced(partition)),
            Err(WriteError::Unavailable(reason)) => Err(TransactError::Retry(reason)),
            Err(WriteError::Closed) => Err(TransactError::Fenced(partition)),
        }
    }

    fn is_current(&self, partition: i32, generation: u64) -> bool {
        self.share.is_current(partition, generation)
    }
}

enum Input {
    Join { group: String, topic: Topic, answer: oneshot::Sender<Result<Member, LogError>> },
    Left { group: Arc<str>, member: u64 },
    Released { group: Arc<str>, member: u64, partition: i32, in_time: bool },
    Commit { offsets: Vec<OffsetCommit>, answer: oneshot::Sender<Result<(), LogError>> },
}

/// The way to the coordinator.
#[derive(Debug)]
pub(super) struct Groups {
    inputs: mpsc::Sender<Input>,
}

/// The coordinator before its thread runs.
pub(super) struct Coordinator {
    inputs: mpsc::Receiver<Input>,
    /// For the tasks that watch members; weak, so that they end with the log.
    to_self: mpsc::WeakSender<Input>,
    groups: BTreeMap<Arc<str>, Group>,
    last_id: u64,
}

struct Group {
    share: Arc<Share>,
    assignment: Assignment,
    members: BTreeMap<u64, mpsc::Sender<Result<MemberEvent, LogError>>>,
}

impl Groups {
    pub(super) fn new() -> (Self, Coordinator) {
        let (inputs, received) = mpsc::channel(COORDINATOR_QUEUE);
        let to_self = inputs.downgrade();
        let coordinator = Coordinator { inputs: received, to_self, groups: BTreeMap::new(), last_id: 0 };
        (Self { inputs }, coordinator)
    }

    async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<Result<T, LogError>>) -> Input) -> Result<T, LogError> {
        let (answer, answered) = oneshot::channel();
        self.inputs.send(input(answer)).await.map_err(|_| LogError::Closed)?;
        answered.await.unwrap_or(Err(LogError::Closed))
    }

    pub(super) async fn join(&self, group: &str, topic: Topic) -> Result<Member, LogError> {
        let group = group.to_owned();
        self.ask(|answer| Input::Join { group, topic, answer }).await
    }

    /// Commits positions of groups without members.
    pub(super) async fn commit(&self, offsets: Vec<OffsetCommit>) -> Result<(), LogError> {
        self.ask(|answer| Input::Commit { offsets, answer }).await
    }
}

impl Coordinator {
    /// The thread's loop, until `end` resolves. All members end with it.
    pub(super) async fn run(mut self, inner: Weak<Inner>, mut end: oneshot::Receiver<()>) {
        loop {
            let input = tokio::select! {
                biased;
                _ = &mut end => break,
                input = self.inputs.recv() => input,
            };
            let (Some(input), Some(inner)) = (input, inner.upgrade()) else { break };
            match input {
                Input::Join { group, topic, answer } => {
                    let joined = self.join(group, topic);
                    let id = self.last_id;
                    let group = joined.as_ref().ok().map(|(group, _)| Arc::clone(group));
                    if answer.send(joined.map(|(_, member)| member)).is_ok()
                        && let Some(name) = group
                    {
                        self.rebalance(&inner, &name).await;
                        if let Some(events) = self.groups.get(&name).and_then(|group| group.members.get(&id)) {
                            let _ = events.try_send(Ok(MemberEvent::Joined));
                        }
                    }
                }
                Input::Left { group, member } => self.left(&inner, &group, member).await,
                Input::Released { group, member, partition, in_time } => {
                    self.released(&inner, &group, member, (partition, in_time)).await;
                }
                Input::Commit { offsets, answer } => {
                    let _ = answer.send(self.commit(&inner, offsets).await);
                }
            }
        }
        for group in self.groups.values() {
            group.share.current.iter().for_each(|current| current.store(0, Ordering::Release));
        }
    }

    fn join(&mut self, group: String, topic: Topic) -> Result<(Arc<str>, Member), LogError> {
        let partitions = usize::try_from(topic.partitions).unwrap_or(0);
        let name: Arc<str> = group.into();
        let group = self.groups.entry(Arc::clone(&name)).or_insert_with(|| Group {
            share: Arc::new(Share {
                name: Arc::clone(&name),
                topic,
                current: (0..partitions).map(|_| AtomicU64::new(0)).collect(),
            }),
            assignment: Assignment::new(partitions),
            members: BTreeMap::new(),
        });
        if group.share.topic != topic {
            return Err(LogError::Refused(format!(
                "group {name} has members on topic {}; it cannot be joined on {} too",
                group.share.topic.name, topic.name
            )));
        }
        self.last_id += 1;
        let id = self.last_id;
        let (events, received) = mpsc::channel(MEMBER_EVENTS);
        let (left, gone) = oneshot::channel();
        group.members.insert(id, events);
        group.assignment.join(id);
        let to_self = self.to_self.clone();
        let of = Arc::clone(&name);
        tokio::spawn(async move {
            let _ = gone.await;
            if let Some(inputs) = to_self.upgrade() {
                let _ = inputs.send(Input::Left { group: of, member: id }).await;
            }
        });
        Ok((name, Member::new(received, left)))
    }

    async fn left(&mut self, inner: &Arc<Inner>, name: &Arc<str>, member: u64) {
        let Some(group) = self.groups.get_mut(name) else { return };
        if group.members.remove(&member).is_none() {
            return;
        }
        for partition in group.assignment.leave(member) {
            group.share.set(partition, 0);
        }
        if group.assignment.is_empty() {
            self.groups.remove(name);
        } else {
            self.rebalance(inner, name).await;
        }
    }

    async fn released(&mut self, inner: &Arc<Inner>, name: &Arc<str>, member: u64, (partition, in_time): (i32, bool)) {
        let Some(group) = self.groups.get_mut(name) else { return };
        if !group.assignment.released(member, partition) {
            return;
        }
        group.share.set(partition, 0);
        if !in_time {
            tracing::warn!(group = %name, partition, "a member kept a revoked partition too long; it is fenced");
            if let Some(events) = group.members.get(&member) {
                let _ = events.try_send(Ok(MemberEvent::Lost(partition)));
            }
        }
        self.rebalance(inner, name).await;
    }

    async fn commit(&self, inner: &Inner, offsets: Vec<OffsetCommit>) -> Result<(), LogError> {
        if let Some(busy) = offsets.iter().find(|offset| self.groups.contains_key(&*offset.group)) {
            return Err(LogError::Refused(format!(
                "group {} has members: its positions are moved by their owners",
                busy.group
            )));
        }
        let change = Change { owner: None, records: Vec::new(), offsets };
        inner.queue.submit(Work::Change(change)).await.map(drop).map_err(WriteError::into_log_error)
    }

    /// Carries the assignment's steps out. Before a partition is given away, everything that its
    /// last owner had queued is settled: an empty change has passed the writer.
    async fn rebalance(&mut self, inner: &Arc<Inner>, name: &Arc<str>) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let steps = group.assignment.rebalance();
        if steps.iter().any(|step| matches!(step, Step::Assign { .. })) {
            let barrier = Change { owner: None, records: Vec::new(), offsets: Vec::new() };
            if matches!(inner.queue.submit(Work::Change(barrier)).await, Err(WriteError::Closed)) {
                return;
            }
        }
        for step in steps {
            let (member, event) = match step {
                Step::Assign { member, partition } => {
                    self.last_id += 1;
                    group.share.set(partition, self.last_id);
                    let adapter = Arc::new(GroupOwner { share: Arc::clone(&group.share), inner: Arc::clone(inner) });
                    let owner = Owner::new(Arc::clone(&group.share.name), partition, self.last_id, adapter);
                    (member, MemberEvent::Assigned(owner))
                }
                Step::Revoke { member, partition } => {
                    let (release, released) = oneshot::channel();
                    let to_self = self.to_self.clone();
                    let of = Arc::clone(name);
                    tokio::spawn(async move {
                        let in_time = tokio::time::timeout(REVOCATION_TIMEOUT, released).await.is_ok();
                        if let Some(inputs) = to_self.upgrade() {
                            let input = Input::Released { group: of, member, partition, in_time };
                            let _ = inputs.send(input).await;
                        }
                    });
                    (member, MemberEvent::Revoked(Revocation::new(partition, release)))
                }
            };
            let Some(events) = group.members.get(&member) else { continue };
            if let Err(mpsc::error::TrySendError::Full(_)) = events.try_send(Ok(event)) {
                // It takes no events at all: as good as gone. Its events end, it learns `Closed`.
                let to_self = self.to_self.clone();
                let of = Arc::clone(name);
                tokio::spawn(async move {
                    if let Some(inputs) = to_self.upgrade() {
                        let _ = inputs.send(Input::Left { group: of, member }).await;
                    }
                });
            }
        }
    }
}
