//! Apache Kafka, where `MISO_TEST_KAFKA` names a broker (`scripts/engines.sh start`).

use std::time::Duration;

use async_trait::async_trait;
use miso_log::kafka::{KafkaConfig, KafkaLog};
use miso_log::{SharedLog, Topic};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::engine::{Engine, PARTITIONS, keyed, within};

pub(crate) struct Kafka {
    pub(crate) brokers: String,
    prefix: String,
}

impl Kafka {
    /// The broker of the environment; without one the suite runs on the embedded engine only.
    pub(crate) fn given() -> Option<Self> {
        let brokers = std::env::var("MISO_TEST_KAFKA").ok().filter(|brokers| !brokers.is_empty())?;
        Some(Self::at(&brokers, &format!("contract-{}", std::process::id())))
    }

    pub(crate) fn at(brokers: &str, prefix: &str) -> Self {
        Self { brokers: brokers.to_owned(), prefix: prefix.to_owned() }
    }

    pub(crate) fn config(&self, catalogue: &[Topic]) -> KafkaConfig {
        let mut config = KafkaConfig::new(&self.brokers);
        config.catalogue = catalogue.to_vec();
        config.topic_prefix = Some(self.prefix.clone());
        config.replication = 1;
        // So that compaction strikes while the test looks.
        config.topic_settings =
            [("segment.ms", "300"), ("min.cleanable.dirty.ratio", "0.01"), ("delete.retention.ms", "0")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .to_vec();
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("a client")
    }
}

#[async_trait]
impl Engine for Kafka {
    async fn open(&self, catalogue: &[Topic]) -> SharedLog {
        std::sync::Arc::new(KafkaLog::open(self.config(catalogue)).await.expect("opens"))
    }

    /// Closes the segments by appending after their time, then waits until the cleaner has been
    /// there: the first record of a partition is one that a later one replaced.
    async fn compact(&self, log: &SharedLog, topic: Topic) {
        within("compaction", async {
            loop {
                tokio::time::sleep(Duration::from_millis(400)).await;
                let rolls = (0..PARTITIONS).map(|partition| keyed(topic, partition, "roll", "over")).collect();
                log.append(rolls).await.expect("appended");
                let mut reader = log.reader(topic, &[(0, 0)]);
                let first = reader.next().await.expect("read").iter().next().map(|record| record.offset);
                if first != Some(0) {
                    return;
                }
            }
        })
        .await;
    }

    async fn expire(&self, _log: &SharedLog, topic: Topic, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&format!("{}.{}", self.prefix, topic.name), partition, Offset::Offset(before))
            .expect("an offset");
        self.admin().delete_records(&list, &AdminOptions::new()).await.expect("deleted");
    }
}
