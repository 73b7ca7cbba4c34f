//! Positions of groups, asked and committed without being a member. Everything here blocks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use super::client::{COMMITTED_TIMEOUT, Clients, Polled, Quiet, poll_now};
use crate::{LogError, OffsetCommit, Topic};

/// Clients kept for groups that were asked about lately (a client belongs to one group). At the
/// bound the one unused for the longest goes.
const GROUP_CLIENTS: usize = 16;
/// A client unused for so long goes.
const IDLE: Duration = Duration::from_secs(30);
/// Groups without members whose metadata is kept. At the bound all are forgotten and asked again.
const MEMBERLESS: usize = 10_000;

/// What is known of groups.
pub(super) struct Groups {
    clients: Clients,
    consumers: Mutex<HashMap<String, Asking>>,
    memberless: Mutex<HashMap<String, Arc<ConsumerGroupMetadata>>>,
}

struct Asking {
    consumer: Arc<BaseConsumer<Quiet>>,
    used: Instant,
}

impl Groups {
    pub(super) fn new(clients: &Clients) -> Arc<Self> {
        Arc::new(Self { clients: clients.clone(), consumers: Mutex::default(), memberless: Mutex::default() })
    }

    fn consumers(&self) -> MutexGuard<'_, HashMap<String, Asking>> {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn consumer(&self, group: &str) -> KafkaResult<Arc<BaseConsumer<Quiet>>> {
        let now = Instant::now();
        if let Some(asking) = self.consumers().get_mut(group) {
            asking.used = now;
            while !matches!(poll_now(&asking.consumer), Polled::Empty) {}
            return Ok(Arc::clone(&asking.consumer));
        }
        let consumer = self.clients.asking(&self.clients.named(group)).create_with_context(Quiet::default())?;
        let consumer = Arc::new(consumer);
        let mut consumers = self.consumers();
        let evicted = (consumers.len() >= GROUP_CLIENTS)
            .then(|| consumers.iter().min_by_key(|(_, asking)| asking.used).map(|(group, _)| group.clone()))
            .flatten()
            .and_then(|oldest| consumers.remove(&oldest));
        consumers.insert(group.to_owned(), Asking { consumer: Arc::clone(&consumer), used: now });
        drop(consumers);
        drop(evicted);
        Ok(consumer)
    }

    /// Lets go of clients that nobody uses.
    pub(super) fn forget_idle(&self) {
        let now = Instant::now();
        let idle: Vec<Asking> = self
            .consumers()
            .extract_if(|_, asking| now.duration_since(asking.used) > IDLE)
            .map(|(_, asking)| asking)
            .collect();
        drop(idle);
    }

    /// Lets go of all clients.
    pub(super) fn close(&self) {
        let all = std::mem::take(&mut *self.consumers());
        drop(all);
    }

    /// Committed positions; waits for transactions that are about to commit or abort one.
    pub(super) fn committed(
        &self,
        group: &str,
        wanted: impl Iterator<Item = (Topic, i32)>,
    ) -> KafkaResult<BTreeMap<(String, i32), i64>> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in wanted {
            list.add_partition(&self.clients.topic(topic), partition);
        }
        let found = self.consumer(group)?.committed_offsets(list, COMMITTED_TIMEOUT)?;
        let mut positions = BTreeMap::new();
        for element in found.elements() {
            element.error()?;
            if let Offset::Offset(next) = element.offset() {
                positions.insert((element.topic().to_owned(), element.partition()), next);
            }
        }
        Ok(positions)
    }

    /// What a transaction sends along for the positions of a group that has no members.
    pub(super) fn memberless(&self, group: &str) -> KafkaResult<Arc<ConsumerGroupMetadata>> {
        let known = |groups: &Mutex<HashMap<String, Arc<ConsumerGroupMetadata>>>| {
            groups.lock().unwrap_or_else(PoisonError::into_inner).get(group).cloned()
        };
        if let Some(metadata) = known(&self.memberless) {
            return Ok(metadata);
        }
        let metadata = self.consumer(group)?.group_metadata().ok_or(KafkaError::Canceled)?;
        let metadata = Arc::new(metadata);
        let mut memberless = self.memberless.lock().unwrap_or_else(PoisonError::into_inner);
        if memberless.len() >= MEMBERLESS {
            memberless.clear();
        }
        memberless.insert(group.to_owned(), Arc::clone(&metadata));
        Ok(metadata)
    }

    /// Commits positions of groups without members.
    pub(super) fn commit(&self, offsets: &[OffsetCommit]) -> Result<(), LogError> {
        let mut by_group: BTreeMap<&str, Vec<&OffsetCommit>> = BTreeMap::new();
        for offset in offsets {
            by_group.entry(&offset.group).or_default().push(offset);
        }
        for (group, offsets) in by_group {
            self.commit_group(group, &offsets).map_err(|error| match error.rdkafka_error_code() {
                Some(
                    RDKafkaErrorCode::UnknownMemberId
                    | RDKafkaErrorCode::IllegalGeneration
                    | RDKafkaErrorCode::RebalanceInProgress,
                ) => LogError::Refused(format!(
                    "group {group} has members, who commit its positions themselves: stop them first"
                )),
                _ => self.clients.log_error(&error),
            })?;
        }
        Ok(())
    }

    fn commit_group(&self, group: &str, offsets: &[&OffsetCommit]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for offset in offsets {
            list.add_partition_offset(
                &self.clients.topic(offset.topic),
                offset.partition,
                Offset::Offset(offset.next),
            )?;
        }
        self.consumer(group)?.commit(&list, CommitMode::Sync)
    }
}
