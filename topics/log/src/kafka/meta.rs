//! Questions about offsets. They block: call them from threads that may.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::Offset;

use super::client::{Clients, Polled, QUESTION_TIMEOUT, Quiet, passes, poll_now};

/// `ListOffsets`: the end as a read_committed reader sees it.
const LATEST: i64 = -1;
/// `ListOffsets`: the oldest offset.
const EARLIEST: i64 = -2;

/// Pause before a question is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// Consumers that never read, for all questions.
pub(super) struct Meta {
    consumer: BaseConsumer<Quiet>,
    uncommitted: BaseConsumer<Quiet>,
}

impl Meta {
    pub(super) fn open(clients: &Clients) -> KafkaResult<Arc<Self>> {
        let group = clients.named("miso.questions");
        let consumer = clients.asking(&group).create_with_context(Quiet::default())?;
        let uncommitted = clients.asking_uncommitted(&group).create_with_context(Quiet::default())?;
        Ok(Arc::new(Self { consumer, uncommitted }))
    }

    /// Where each partition ends: the offset that the next visible record has at the least. Open
    /// transactions are not passed.
    pub(super) fn ends(&self, topic: &str, partitions: impl Iterator<Item = i32>) -> KafkaResult<BTreeMap<i32, i64>> {
        self.ask(&self.consumer, topic, partitions, LATEST)
    }

    /// One past the last record of a partition, also of transactions that are not decided. A
    /// transaction that was committed is visible only when its mark is written, a moment later; who
    /// reads up to here waits for that, and misses nothing that was committed before the question.
    pub(super) fn undecided_end(&self, topic: &str, partition: i32) -> KafkaResult<Option<i64>> {
        let ends = self.ask(&self.uncommitted, topic, std::iter::once(partition), LATEST)?;
        Ok(ends.get(&partition).copied())
    }

    /// The oldest offset of each partition.
    pub(super) fn beginnings(
        &self,
        topic: &str,
        partitions: impl Iterator<Item = i32>,
    ) -> KafkaResult<BTreeMap<i32, i64>> {
        self.ask(&self.consumer, topic, partitions, EARLIEST)
    }

    /// The first offset at or after a time; `None` when there is none.
    pub(super) fn at(&self, topic: &str, partition: i32, time_ms: i64) -> KafkaResult<Option<i64>> {
        let found = self.ask(&self.consumer, topic, std::iter::once(partition), time_ms.max(0))?;
        Ok(found.get(&partition).copied().filter(|&offset| offset >= 0))
    }

    /// Asks again while the answer is that leaders have just changed.
    #[expect(clippy::disallowed_methods, reason = "a pause between questions, on a thread that may block")]
    fn ask(
        &self,
        consumer: &BaseConsumer<Quiet>,
        topic: &str,
        partitions: impl Iterator<Item = i32>,
        time: i64,
    ) -> KafkaResult<BTreeMap<i32, i64>> {
        self.drain();
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(topic, partition, Offset::from_raw(time))?;
        }
        if list.count() == 0 {
            return Ok(BTreeMap::new());
        }
        let until = Instant::now() + QUESTION_TIMEOUT;
        loop {
            match ask_once(consumer, list.clone()) {
                Err(error) if (passes(&error) || is_unknown(&error)) && Instant::now() < until => {
                    consumer.fetch_metadata(Some(topic), QUESTION_TIMEOUT)?;
                    std::thread::sleep(AGAIN);
                }
                answer => return answer,
            }
        }
    }

    /// Whether the broker answers.
    pub(super) fn check(&self, topic: &str) -> KafkaResult<()> {
        self.drain();
        let metadata = self.consumer.fetch_metadata(Some(topic), QUESTION_TIMEOUT)?;
        match metadata.topics().first().and_then(MetadataTopic::error) {
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
        while !matches!(poll_now(&self.uncommitted), Polled::Empty) {}
    }
}

fn ask_once(consumer: &BaseConsumer<Quiet>, list: TopicPartitionList) -> KafkaResult<BTreeMap<i32, i64>> {
    let found = consumer.offsets_for_times(list, QUESTION_TIMEOUT)?;
    found
        .elements()
        .iter()
        .map(|element| {
            element.error()?;
            Ok((element.partition(), element.offset().to_raw().unwrap_or(-1)))
        })
        .collect()
}

/// A topic that was just created is not known everywhere at once.
fn is_unknown(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(code, Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition))
}
