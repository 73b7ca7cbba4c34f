//! The head of a topic: one consumer of all its partitions, from the end at the start of reading
//! on, publishes what becomes visible in the topic's ring.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::Offset;

use super::client::{Clients, Polled, Quiet, passes, poll_now, signalling};
use super::meta::Meta;
use super::signal::Signal;
use super::stop::Stop;
use crate::{Record, Ring, Topic};

/// Records published together, at most.
const BATCH_RECORDS: usize = 1_000;
/// Bytes published together, about.
const BATCH_BYTES: usize = 2 * 1_024 * 1_024;
/// Pause before a broken start is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How long it sleeps when nothing comes.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Head {
    pub(super) clients: Clients,
    pub(super) meta: Arc<Meta>,
    pub(super) topic: Topic,
    pub(super) ring: Arc<Ring>,
    pub(super) stop: Arc<Stop>,
}

impl Head {
    /// Until the log closes.
    pub(super) fn run(self) {
        let signal = self.stop.signal();
        let name = self.clients.topic(self.topic);
        let mut positions: Option<BTreeMap<i32, i64>> = None;
        while !self.stop.is_stopped() {
            match self.read(&name, &mut positions, &signal) {
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!(topic = name, %error, "the head of a topic cannot be read; trying again");
                    signal.wait(RETRY);
                }
            }
        }
    }

    /// Reads from `positions` (at first: the ends) on.
    fn read(&self, name: &str, positions: &mut Option<BTreeMap<i32, i64>>, signal: &Arc<Signal>) -> KafkaResult<()> {
        let consumer = signalling(&self.clients.head(), Quiet::default(), signal)?;
        let at = self.start(name, positions)?;
        consumer.assign(&list(name, at)?)?;
        while !self.stop.is_stopped() {
            if !self.publish(&consumer, at)? {
                signal.wait(IDLE);
            }
        }
        Ok(())
    }

    /// Where to read from. Each partition is covered from its start position on, so that every
    /// record from there is in the ring once it is visible.
    fn start<'a>(
        &self,
        name: &str,
        positions: &'a mut Option<BTreeMap<i32, i64>>,
    ) -> KafkaResult<&'a mut BTreeMap<i32, i64>> {
        let partitions = 0..self.topic.partitions;
        match positions {
            None => {
                let ends = self.meta.ends(name, partitions)?;
                for (&partition, &end) in &ends {
                    self.ring.cover(partition, end);
                }
                Ok(positions.insert(ends))
            }
            Some(at) => {
                for (partition, beginning) in self.meta.beginnings(name, partitions)? {
                    if let Some(position) = at.get_mut(&partition)
                        && *position < beginning
                    {
                        tracing::error!(
                            topic = name,
                            partition,
                            from = *position,
                            to = beginning,
                            "retention removed records before they were read at the head"
                        );
                        *position = beginning;
                    }
                }
                Ok(at)
            }
        }
    }

    /// Whether it stopped at a bound, so that there may be more.
    fn publish(&self, consumer: &BaseConsumer<Quiet>, at: &mut BTreeMap<i32, i64>) -> KafkaResult<bool> {
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut failed = None;
        while records.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            match poll_now(consumer) {
                Polled::Message(message) => {
                    bytes += message.payload_len() + message.key_len();
                    at.insert(message.partition(), message.offset() + 1);
                    records.push(record(&message));
                }
                Polled::Error(error) if passes(&error) => {}
                Polled::Error(error) => {
                    failed = Some(error);
                    break;
                }
                Polled::Eof(_) => {}
                Polled::Empty => break,
            }
        }
        let more = records.len() >= BATCH_RECORDS || bytes >= BATCH_BYTES;
        self.ring.publish(records);
        failed.map_or(Ok(more), Err)
    }
}

pub(super) fn list(name: &str, at: &BTreeMap<i32, i64>) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(at.len());
    for (&partition, &offset) in at {
        list.add_partition_offset(name, partition, Offset::Offset(offset))?;
    }
    Ok(list)
}

pub(super) fn record(message: &BorrowedMessage<'_>) -> Record {
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().filter(|key| !key.is_empty()).map_or_else(Bytes::new, Bytes::copy_from_slice),
        value: message.payload().map(Bytes::copy_from_slice),
    }
}
