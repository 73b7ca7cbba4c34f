//! What operators look at: the log itself, read from explicit offsets. Nothing here joins a group or
//! moves a position.

mod actions;
mod groups;
mod mask;
mod shards;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use miso_groups::Groups;
use miso_log::{Record, Schemas, SharedLog, Topic};
use tokio::sync::OnceCell;

pub use actions::ACTIONS_LOOKED_AT;
pub(crate) use actions::{ActionsSeen, Fate};
pub(crate) use groups::{GroupSeen, Member};
pub(crate) use mask::masked;
pub(crate) use topics::PartitionSeen;

use crate::failure::Failure;

/// How long a page reads the log, at most; then it says that the log is slow.
pub const READ_PATIENCE: Duration = Duration::from_secs(10);
/// Records of a compacted topic that are read, at most; the rest is left out.
pub const COMPACTED: usize = 20_000;

/// Records of one partition among which the newest of a topic are looked for, at most.
const NEWEST_OF_PARTITION: usize = 200;
/// Bytes of the records that a page reads, at most; the rest is left out.
pub const READ_BYTES: usize = 64 * 1_024 * 1_024;

/// The log and what is made of it.
pub(crate) struct Operations {
    pub(crate) log: SharedLog,
    /// Handler groups, where the process keeps them.
    pub(crate) groups: Option<Arc<Groups>>,
    schemas: OnceCell<Schemas>,
}

impl Operations {
    pub(crate) fn new(log: SharedLog, groups: Option<Arc<Groups>>) -> Self {
        Self { log, groups, schemas: OnceCell::new() }
    }

    /// Every schema that records are read with.
    pub(crate) async fn schemas(&self) -> Result<&Schemas, Failure> {
        within(self.schemas.get_or_try_init(|| Schemas::open(Arc::clone(&self.log)))).await
    }

    /// The newest records of a topic, `count` at most, the newest first.
    pub(crate) async fn newest(&self, topic: Topic, only: Option<i32>, count: usize) -> Result<Vec<Record>, Failure> {
        let of_one = if only.is_some() { count } else { count.min(NEWEST_OF_PARTITION) };
        let back = i64::try_from(of_one).unwrap_or(i64::MAX);
        let mut spans = Vec::new();
        for (partition, bounds) in self.bounds(topic).await? {
            if only.is_none_or(|only| only == partition) {
                spans.push((partition, bounds.earliest.max(bounds.latest.saturating_sub(back)), bounds.latest));
            }
        }
        let mut records = self.read(topic, &spans, usize::MAX).await?;
        records.sort_by_key(|record| std::cmp::Reverse((record.timestamp_ms, record.offset)));
        records.truncate(count);
        Ok(records)
    }

    /// Records of the last `ms` milliseconds, oldest first per partition; not all, where there are more than
    /// `most`: false then.
    pub(crate) async fn since(&self, topic: Topic, from_ms: i64, most: usize) -> Result<(Vec<Record>, bool), Failure> {
        let mut spans = Vec::new();
        for (partition, bounds) in self.bounds(topic).await? {
            if bounds.latest > bounds.earliest {
                let from = within(self.log.offset_at(topic, partition, from_ms)).await?;
                spans.push((partition, from, bounds.latest));
            }
        }
        let records = self.read(topic, &spans, most).await?;
        let complete = records.len() < most;
        Ok((records, complete))
    }

    /// Every record that a compacted topic keeps, [`COMPACTED`] at most; a later one of a key counts.
    pub(crate) async fn kept(&self, topic: Topic) -> Result<Vec<Record>, Failure> {
        let spans: Vec<_> =
            self.bounds(topic).await?.into_iter().map(|(at, bounds)| (at, bounds.earliest, bounds.latest)).collect();
        self.read(topic, &spans, COMPACTED).await
    }

    /// Records at `from..to` of partitions, `most` and [`READ_BYTES`] at most.
    pub(crate) async fn read(
        &self,
        topic: Topic,
        spans: &[(i32, i64, i64)],
        most: usize,
    ) -> Result<Vec<Record>, Failure> {
        let spans: Vec<_> = spans.iter().filter(|(_, from, to)| from < to).collect();
        let from: Vec<(i32, i64)> = spans.iter().map(|(partition, from, _)| (*partition, *from)).collect();
        let ends: Vec<(i32, i64)> = spans.iter().map(|(partition, _, to)| (*partition, *to)).collect();
        let mut records: Vec<Record> = Vec::new();
        if from.is_empty() {
            return Ok(records);
        }
        let mut reader = self.log.reader(topic, &from);
        let mut bytes = 0;
        let reading = async {
            while let Some(batch) = reader.next_before(&ends).await? {
                let before = |record: &&Record| {
                    ends.iter().any(|(partition, end)| *partition == record.partition && record.offset < *end)
                };
                for record in batch.iter().filter(before).take(most - records.len()) {
                    bytes += record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len);
                    records.push(record.clone());
                }
                if records.len() >= most || bytes >= READ_BYTES {
                    break;
                }
            }
            Ok::<(), miso_log::ReadError>(())
        };
        within(reading).await?;
        Ok(records)
    }

    async fn bounds(&self, topic: Topic) -> Result<Vec<(i32, miso_log::Bounds)>, Failure> {
        let one = |partition| async move { Ok((partition, self.log.bounds(topic, partition).await?)) };
        let all = futures_util::future::try_join_all((0..topic.partitions).map(one));
        within::<_, miso_log::LogError>(all).await
    }
}

/// What the log answers in time.
pub(crate) async fn within<T, E: std::fmt::Display>(asked: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
    match tokio::time::timeout(READ_PATIENCE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failure::new(503, "log-unavailable", "The log does not answer", error.to_string())),
        Err(_) => {
            let detail = format!("The log did not answer within {} s. Ask for less.", READ_PATIENCE.as_secs());
            Err(Failure::new(503, "log-slow", "The log is slow", detail))
        }
    }
}
