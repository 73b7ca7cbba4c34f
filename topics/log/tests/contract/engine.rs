//! What the suite needs of an engine, and the topics it works on.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use miso_log::{Append, Consumer, ConsumerEvent, Durability, Kept, Owner, Reader, Record, SharedLog, Topic, TopicSpec};

/// An engine under test: one file, one cluster. Each test has its own topics.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Opens the log with these topics, creating what is missing. What was opened before is closed
    /// by the test.
    async fn open(&self, catalogue: &[Topic]) -> SharedLog;

    /// Has compaction run over what is there, or waits until it has.
    async fn compact(&self, log: &SharedLog, topic: Topic);

    /// Has retention remove the records below `before` of a partition. Those of the suite are two
    /// hours old in a topic that keeps one, younger ones follow.
    async fn expire(&self, log: &SharedLog, topic: Topic, partition: i32, before: i64);
}

/// Partitions of the suite's topics.
pub(crate) const PARTITIONS: i32 = 4;
/// What topic `brief` keeps.
pub(crate) const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Bound of the suite's large records.
pub(crate) const LARGE: usize = 8 * 1_024 * 1_024;

/// Topics that no other test uses.
#[derive(Clone, Copy)]
pub(crate) struct Topics {
    pub(crate) events: Topic,
    pub(crate) actions: Topic,
    pub(crate) latest: Topic,
    pub(crate) brief: Topic,
}

impl Topics {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{}-{}-{number}", std::process::id(), now_ms() % 1_000_000_000);
        Self::named(&unique)
    }

    pub(crate) fn named(unique: &str) -> Self {
        Self {
            events: topic(&format!("events-{unique}"), Kept::Forever, Durability::Ordered),
            actions: topic(&format!("actions-{unique}"), Kept::Forever, Durability::Synced),
            latest: topic(&format!("latest-{unique}"), Kept::Compacted, Durability::Ordered),
            brief: topic(&format!("brief-{unique}"), Kept::For(HOUR_MS), Durability::Ordered),
        }
    }

    pub(crate) fn all(self) -> Vec<Topic> {
        vec![self.events, self.actions, self.latest, self.brief]
    }
}

pub(crate) fn topic(name: &str, kept: Kept, durability: Durability) -> Topic {
    Topic(Box::leak(Box::new(TopicSpec {
        name: Box::leak(name.to_owned().into_boxed_str()),
        partition_by: "the test",
        partitions: PARTITIONS,
        kept,
        durability,
        max_record_bytes: LARGE,
        records: &[],
        owner: "test",
        readers: "test",
        holds: "records of one test",
    })))
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("fits")
}

pub(crate) fn record(topic: Topic, partition: i32, value: impl Into<String>) -> Append {
    Append::new(topic, partition, value.into().into_bytes(), now_ms())
}

pub(crate) fn keyed(topic: Topic, partition: i32, key: &str, value: &str) -> Append {
    Append::keyed(topic, partition, key.to_owned().into_bytes(), value.to_owned().into_bytes(), now_ms())
}

pub(crate) fn aged(topic: Topic, partition: i32, value: &str, timestamp_ms: i64) -> Append {
    Append::new(topic, partition, value.to_owned().into_bytes(), timestamp_ms)
}

pub(crate) fn text(record: &Record) -> String {
    String::from_utf8(record.value.clone().expect("a value").to_vec()).expect("utf-8")
}

/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {PATIENCE:?}: {what}"),
    }
}

/// The next `count` records of a reader.
pub(crate) async fn take(reader: &mut Reader, count: usize) -> Vec<Record> {
    within("records of a reader", async {
        let mut records = Vec::new();
        while records.len() < count {
            records.extend(reader.next().await.expect("a batch").iter().cloned());
        }
        records
    })
    .await
}

/// All partitions from offset 0 on.
pub(crate) fn from_start() -> Vec<(i32, i64)> {
    (0..PARTITIONS).map(|partition| (partition, 0)).collect()
}

/// Takes events until this many partitions are owned; what else comes is an error.
pub(crate) async fn own(consumer: &mut Consumer, count: usize) -> Vec<Owner> {
    within("assignments", async {
        let mut owners = Vec::new();
        while owners.len() < count {
            match consumer.next().await.expect("an event") {
                ConsumerEvent::Assigned(owner) => owners.push(owner),
                ConsumerEvent::Batch(_) | ConsumerEvent::Joined => {}
                other => panic!("{other:?} before {count} assignments"),
            }
        }
        owners
    })
    .await
}
