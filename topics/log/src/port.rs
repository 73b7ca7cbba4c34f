use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Append, Member, OffsetCommit, Reader, Topic};

/// An append was not accepted. What was not accepted is not in the log, unless said otherwise.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The engine cannot take it now (broker down, disk full). It may be appended again later; on
    /// Kafka a timed-out append may or may not have happened.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// A record is larger than its topic's bound. It never fits: do not retry.
    #[error("a record of {bytes} bytes is larger than the {bound} bytes that topic {topic} takes")]
    TooLarge {
        /// Key and value.
        bytes: usize,
        /// [`TopicSpec::max_record_bytes`](crate::TopicSpec::max_record_bytes).
        bound: usize,
        /// The topic.
        topic: &'static str,
    },
    /// The engine refuses it for good: no such partition, a corrupt file.
    #[error("the log refused the records: {0}")]
    Refused(String),
}

/// Anything else that can go wrong at the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// Not now: wait and try again.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// Another process writes this file; says which file and what to do.
    #[error("{0}")]
    InUse(String),
    /// For good: what to mend is in the text.
    #[error("{0}")]
    Refused(String),
    /// The log was closed by its process.
    #[error("the log is closed")]
    Closed,
}

/// Offsets that a partition holds now: `earliest..latest`, half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest offset that a reader may ask for.
    pub earliest: i64,
    /// One past the last record that is there, those of undecided transactions included: who reads
    /// up to it ([`Reader::next_before`](crate::Reader::next_before)) sees every record that was
    /// appended or committed before the question, waiting for what is undecided.
    pub latest: i64,
}

/// How far a group is behind in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: i32,
    /// The group's position; `None` when it never committed there.
    pub next: Option<i64>,
    /// Records not yet passed. Exact on the embedded log; on Kafka offsets have holes, so it is an
    /// upper bound, and 0 exactly when all is consumed.
    pub records: i64,
}

/// The log port. Every adapter must pass the contract suite.
///
/// - A record is visible to readers only when its transaction is committed; readers see all records
///   of a partition in offset order, each once.
/// - `append` and `transact` return when their records are visible (on Kafka those of a transaction a
///   moment later; [`Bounds::latest`] counts them at once) and, where any topic concerned is
///   [`Durability::Synced`](crate::Durability::Synced), on disk. Others are on disk within 50 ms.
/// - Appends of one caller to one partition keep their order, also when not awaited one by one.
#[async_trait]
pub trait Log: Send + Sync + Debug {
    /// Appends all records, atomically per call on the embedded log and per partition on Kafka;
    /// answers their offsets in the order given.
    ///
    /// # Errors
    /// See [`AppendError`].
    async fn append(&self, records: Vec<Append>) -> Result<Vec<i64>, AppendError>;

    /// Joins a group; the topic's partitions are shared among its members. Answers before any
    /// assignment.
    ///
    /// # Errors
    /// [`LogError::Refused`] when the topic is not in the catalogue the log was opened with.
    async fn join(&self, group: &str, topic: Topic) -> Result<Member, LogError>;

    /// Reads partitions of one topic from the given offsets on, without a group.
    fn reader(&self, topic: Topic, from: &[(i32, i64)]) -> Reader;

    /// What a partition holds.
    ///
    /// # Errors
    /// [`LogError::Unavailable`].
    async fn bounds(&self, topic: Topic, partition: i32) -> Result<Bounds, LogError>;

    /// The first offset whose timestamp is at or after `time_ms`; `latest` when there is none.
    ///
    /// # Errors
    /// [`LogError::Unavailable`].
    async fn offset_at(&self, topic: Topic, partition: i32, time_ms: i64) -> Result<i64, LogError>;

    /// A group's committed position.
    ///
    /// # Errors
    /// [`LogError::Unavailable`].
    async fn committed(&self, group: &str, topic: Topic, partition: i32) -> Result<Option<i64>, LogError>;

    /// Commits positions of a group that has no members, such as the start of a new handler group.
    ///
    /// # Errors
    /// [`LogError::Refused`] while the group has members.
    async fn commit(&self, offsets: Vec<OffsetCommit>) -> Result<(), LogError>;

    /// Where a group stands, over all partitions where it has a position.
    ///
    /// # Errors
    /// [`LogError::Unavailable`].
    async fn lag(&self, group: &str) -> Result<Vec<PartitionLag>, LogError>;

    /// All groups that have a position anywhere.
    ///
    /// # Errors
    /// [`LogError::Unavailable`].
    async fn groups(&self) -> Result<Vec<String>, LogError>;

    /// Whether the offsets of a topic's partitions come from one count, and readers that follow several
    /// see them in its order: then reading all at once gives the same order each time.
    fn has_one_order(&self) -> bool {
        false
    }

    /// The topics that the log was opened with.
    fn topics(&self) -> &[Topic];

    /// `Ok` when the engine answers; for readiness.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] with what to do.
    async fn check(&self) -> Result<(), LogError>;

    /// Ends all members and readers, flushes, releases the engine. Idempotent.
    async fn close(&self);
}

/// A log, shared by all rooms of a process.
pub type SharedLog = Arc<dyn Log>;
