//! Plain appends: one idempotent producer for the process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use super::client::Clients;
use super::delivery::{Deliveries, Producer};
use crate::{Append, AppendError, Kept, Topic};

/// An append that the broker has not acknowledged after so long fails as unavailable.
pub const APPEND_TIMEOUT_MS: u32 = 10_000;
/// Records that wait for the broker, over all callers. At the bound callers wait, in their order,
/// until there is room or their turn's records time out.
pub const APPEND_BUFFER_RECORDS: u32 = 200_000;
/// The same in KiB.
pub const APPEND_BUFFER_KIB: u32 = 128 * 1_024;

#[derive(Debug)]
pub(super) struct Appender {
    clients: Clients,
    /// Replaced when librdkafka declares it dead (such as after the broker lost data).
    producer: Mutex<Arc<Holder>>,
    /// Held while one call's records enter the buffer: calls keep the order of their first poll.
    turn: tokio::sync::Mutex<()>,
}

struct Holder(Producer);

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Producer")
    }
}

/// Checks what can be checked before anything is sent.
pub(super) fn check(catalogue: &[Topic], records: &[Append]) -> Result<(), AppendError> {
    for record in records {
        let topic = record.topic;
        if !catalogue.contains(&topic) {
            return Err(AppendError::Refused(format!("topic {topic:?} is not in the log's catalogue")));
        }
        if !(0..topic.partitions).contains(&record.partition) {
            return Err(AppendError::Refused(format!(
                "topic {topic:?} has no partition {}, only 0..{}",
                record.partition, topic.partitions
            )));
        }
        if topic.kept == Kept::Compacted && record.key.is_empty() {
            return Err(AppendError::Refused(format!("topic {topic:?} is compacted: its records need a key")));
        }
        if record.len() > topic.max_record_bytes {
            return Err(AppendError::TooLarge {
                bytes: record.len(),
                bound: topic.max_record_bytes,
                topic: topic.0.name,
            });
        }
    }
    Ok(())
}

impl Appender {
    pub(super) fn open(clients: &Clients) -> Result<Self, KafkaError> {
        let producer = Mutex::new(Arc::new(Holder(create(clients)?)));
        Ok(Self { clients: clients.clone(), producer, turn: tokio::sync::Mutex::new(()) })
    }

    pub(super) async fn append(&self, records: Vec<Append>) -> Result<Vec<i64>, AppendError> {
        check(&self.clients.config().catalogue, &records)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let (deliveries, done) = Deliveries::of(records.len());
        {
            let _turn = self.turn.lock().await;
            let producer = self.producer().map_err(|error| self.unavailable(&error))?;
            for (index, record) in records.iter().enumerate() {
                if let Err(error) =
                    enter(&producer.0, &self.clients.topic(record.topic), record, &deliveries, index).await
                {
                    (index..records.len()).for_each(|index| deliveries.fail(index, error.clone()));
                    break;
                }
            }
        }
        match done.await {
            Ok(Ok(offsets)) => {
                metrics::counter!("miso_log_append_records_total").increment(offsets.len() as u64);
                Ok(offsets)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(AppendError::Unavailable("the log is closing".to_owned())),
        }
    }

    /// What is in the buffer is delivered, or fails, within the time given. Blocks.
    pub(super) fn flush(&self, at_most: Duration) {
        let producer = Arc::clone(&self.producer.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = producer.0.flush(at_most);
    }

    fn producer(&self) -> Result<Arc<Holder>, KafkaError> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = producer.0.client().fatal_error() {
            tracing::warn!(%code, reason, "the producer is replaced");
            *producer = Arc::new(Holder(create(&self.clients)?));
        }
        Ok(Arc::clone(&producer))
    }

    fn failed(&self, error: &KafkaError) -> AppendError {
        match error.rdkafka_error_code() {
            Some(
                code @ (RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidRecord
                | RDKafkaErrorCode::TopicAuthorizationFailed),
            ) => AppendError::Refused(format!("Kafka at {}: {code}", self.clients.config().brokers)),
            _ => self.unavailable(error),
        }
    }

    fn unavailable(&self, error: &KafkaError) -> AppendError {
        AppendError::Unavailable(self.clients.does_not_serve(error))
    }
}

fn create(clients: &Clients) -> Result<Producer, KafkaError> {
    Producer::new(&clients.appender(APPEND_TIMEOUT_MS, APPEND_BUFFER_RECORDS, APPEND_BUFFER_KIB))
}

/// Into librdkafka's buffer; waits while it is full.
async fn enter(
    producer: &Producer,
    topic: &str,
    record: &Append,
    deliveries: &Arc<Deliveries>,
    index: usize,
) -> Result<(), KafkaError> {
    let room = producer.room();
    loop {
        let mut waiting = std::pin::pin!(room.notified());
        waiting.as_mut().enable();
        match producer.send(topic, record, deliveries, index) {
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => waiting.await,
            sent => return sent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{BOT_FACTS, TIMERS};

    #[test]
    fn a_record_above_its_topics_bound_is_refused_with_both_sizes() {
        let large = Append::new(BOT_FACTS, 0, vec![0; BOT_FACTS.max_record_bytes + 1], 0);
        match check(&[BOT_FACTS], &[large]) {
            Err(AppendError::TooLarge { bytes, bound, topic }) => {
                assert_eq!((bytes, bound, topic), (bound + 1, BOT_FACTS.max_record_bytes, "bot.facts"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_topics_and_partitions_and_missing_keys_are_refused() {
        let known = |partition| Append::new(BOT_FACTS, partition, "x", 0);
        assert!(check(&[BOT_FACTS], &[known(0), known(BOT_FACTS.partitions - 1)]).is_ok());
        for wrong in [known(-1), known(BOT_FACTS.partitions), Append::new(TIMERS, 0, "x", 0)] {
            assert!(matches!(check(&[BOT_FACTS], &[wrong]), Err(AppendError::Refused(_))));
        }
        let keyless = Append::new(TIMERS, 0, "x", 0);
        assert!(matches!(check(&[TIMERS], &[keyless]), Err(AppendError::Refused(_))));
    }
}
