//! Questions about offsets. They block: call them from threads that may.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;

use super::client::{Clients, Polled, QUESTION_TIMEOUT, Quiet, poll_now};

/// `ListOffsets`: the end as a read_committed reader sees it.
const LATEST: i64 = -1;
/// `ListOffsets`: the oldest offset.
const EARLIEST: i64 = -2;

/// One consumer that never reads, for all questions.
pub(super) struct Meta {
    consumer: BaseConsumer<Quiet>,
}

impl Meta {
    pub(super) fn open(clients: &Clients) -> KafkaResult<Arc<Self>> {
        let consumer = clients.asking(&clients.named("miso.questions")).create_with_context(Quiet::default())?;
        Ok(Arc::new(Self { consumer }))
    }

    /// Where each partition ends: the offset that the next visible record has at the least. Open
    /// transactions are not passed.
    pub(super) fn ends(&self, topic: &str, partitions: impl Iterator<Item = i32>) -> KafkaResult<BTreeMap<i32, i64>> {
        self.ask(topic, partitions, LATEST)
    }

    /// The oldest offset of each partition.
    pub(super) fn beginnings(&self, topic: &str, partitions: impl Iterator<Item = i32>) -> KafkaResult<BTreeMap<i32, i64>> {
        self.ask(topic, partitions, EARLIEST)
    }

    /// The first offset at or after a time; `None` when there is none.
    pub(super) fn at(&self, topic: &str, partition: i32, time_ms: i64) -> KafkaResult<Option<i64>> {
        let found = self.ask(topic, std::iter::once(partition), time_ms.max(0))?;
        Ok(found.get(&partition).copied().filter(|&offset| offset >= 0))
    }

    fn ask(&self, topic: &str, partitions: impl Iterator<Item = i32>, time: i64) -> KafkaResult<BTreeMap<i32, i64>> {
        self.drain();
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(topic, partition, Offset::from_raw(time))?;
        }
        if list.count() == 0 {
            return Ok(BTreeMap::new());
        }
        let found = self.consumer.offsets_for_times(list, QUESTION_TIMEOUT)?;
        found
            .elements()
            .iter()
            .map(|element| {
                element.error()?;
                Ok((element.partition(), element.offset().to_raw().unwrap_or(-1)))
            })
            .collect()
    }

    /// Whether the broker answers.
    pub(super) fn check(&self, topic: &str) -> KafkaResult<()> {
        self.drain();
        let metadata = self.consumer.fetch_metadata(Some(topic), QUESTION_TIMEOUT)?;
        match metadata.topics().first().and_then(|topic| topic.error()) {
            Some(error) => Err(KafkaError::MetadataFetch(error.into())),
            None => Ok(()),
        }
    }

    /// All groups that the cluster knows.
    pub(super) fn groups(&self) -> KafkaResult<Vec<String>> {
        self.drain();
        let list = self.consumer.fetch_group_list(None, QUESTION_TIMEOUT)?;
        Ok(list.groups().iter().map(|group| group.name().to_owned()).collect())
    }

    /// librdkafka's words, which nobody else takes.
    fn drain(&self) {
        while !matches!(poll_now(&self.consumer), Polled::Empty) {}
    }
}
