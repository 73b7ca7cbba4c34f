use bytes::Bytes;

use crate::Topic;

/// A record to be appended.
#[derive(Debug, Clone)]
pub struct Append {
    /// Where to.
    pub topic: Topic,
    /// Always explicit: see [`miso_model::slot`] and [`miso_model::key_partition`].
    pub partition: i32,
    /// The compaction key; empty where the topic is not compacted.
    pub key: Bytes,
    /// Avro single-object encoding; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Unix milliseconds.
    pub timestamp_ms: i64,
}

impl Append {
    /// A record without key.
    #[must_use]
    pub fn new(topic: Topic, partition: i32, value: impl Into<Bytes>, timestamp_ms: i64) -> Self {
        Self { topic, partition, key: Bytes::new(), value: Some(value.into()), timestamp_ms }
    }

    /// A record with a key.
    #[must_use]
    pub fn keyed(
        topic: Topic,
        partition: i32,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        timestamp_ms: i64,
    ) -> Self {
        Self { topic, partition, key: key.into(), value: Some(value.into()), timestamp_ms }
    }

    /// A tombstone: compaction removes the key.
    #[must_use]
    pub fn tombstone(topic: Topic, partition: i32, key: impl Into<Bytes>, timestamp_ms: i64) -> Self {
        Self { topic, partition, key: key.into(), value: None, timestamp_ms }
    }

    /// Bytes that count against the topic's bound: key and value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }

    /// Whether key and value are both empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A record as it stands in the log. Cloning copies no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Partition of the topic that was read.
    pub partition: i32,
    /// Increases within a partition, with holes.
    pub offset: i64,
    /// Unix milliseconds.
    pub timestamp_ms: i64,
    /// Empty where the topic is not compacted.
    pub key: Bytes,
    /// `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// A group's new position in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommit {
    /// The group whose position it is; not necessarily the owner's own.
    pub group: String,
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: i32,
    /// Offset of the next record to be read.
    pub next: i64,
}
