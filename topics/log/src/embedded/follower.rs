//! The log of a second process: it reads the file that another process writes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::file::{advice, check_topic, check_version, connect_reader};
use super::heads::{PartitionHead, TopicHead};
use super::read::{self, Found, ReadPool};
use crate::{
    Append, AppendError, Bounds, Fetched, Kept, Log, LogError, Member, OffsetCommit, PartitionLag, ReadError, Reader,
    Ring, Source, Topic,
};

/// How often a reader at the end looks again. Each look is one short read transaction on pages that
/// are in memory; nobody looks while no reader waits.
pub const FOLLOW_INTERVAL: Duration = Duration::from_millis(50);

const READ_ONLY: &str = "this process opened the log for reading; the process that writes it takes changes";

/// An embedded log that another process may be writing, open for reading: no appends, no groups to
/// join. Readers see new records within [`FOLLOW_INTERVAL`].
pub struct EmbeddedReader {
    inner: Arc<Follower>,
}

impl std::fmt::Debug for EmbeddedReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedReader")
    }
}

struct Follower {
    topics: Vec<(Topic, i64, Arc<Ring>)>,
    catalogue: Vec<Topic>,
    readers: Arc<ReadPool>,
}

impl Follower {
    fn topic(&self, topic: Topic) -> Result<&(Topic, i64, Arc<Ring>), LogError> {
        let found = self.topics.iter().find(|(other, ..)| *other == topic);
        found.ok_or_else(|| LogError::Refused(format!("this log has no topic {}", topic.name)))
    }

    async fn heads(&self, topic: Topic) -> Result<Vec<PartitionHead>, LogError> {
        let id = self.topic(topic)?.1;
        let partitions = usize::try_from(topic.partitions).unwrap_or(0);
        let query = move |db: &Connection| {
            let snapshot = db.unchecked_transaction()?;
            TopicHead::load(&snapshot, id, partitions)
        };
        Ok(self.readers.run(query).await.map_err(LogError::Unavailable)?.partitions)
    }
}

impl EmbeddedReader {
    /// Opens the file at `path`. Topics of the catalogue that the file does not have are left out.
    ///
    /// # Errors
    /// [`LogError::Refused`] when there is no such file or another version wrote it.
    pub async fn open(path: &Path, catalogue: &[Topic]) -> Result<Self, LogError> {
        let path = path.to_owned();
        let catalogue = catalogue.to_vec();
        tokio::task::spawn_blocking(move || Self::open_blocking(&path, &catalogue))
            .await
            .unwrap_or_else(|error| Err(LogError::Unavailable(error.to_string())))
    }

    fn open_blocking(path: &Path, catalogue: &[Topic]) -> Result<Self, LogError> {
        if !path.exists() {
            return Err(LogError::Refused(format!("there is no log at {}", path.display())));
        }
        let db = connect_reader(path).map_err(|error| LogError::Unavailable(advice(path, &error)))?;
        check_version(&db, path)?;
        let mut topics = Vec::new();
        for &topic in catalogue {
            let known = db
                .query_row("select 1 from topics where name = ?1", [topic.name], |_| Ok(()))
                .optional()
                .map_err(|error| LogError::Unavailable(advice(path, &error)))?;
            if known.is_some() {
                let id = check_topic(&db, path, topic)?;
                let nothing = (0..topic.partitions).map(|_| i64::MAX).collect();
                topics.push((topic, id, Arc::new(Ring::new(nothing))));
            }
        }
        let catalogue = topics.iter().map(|(topic, ..)| *topic).collect();
        let readers = Arc::new(ReadPool::new(path.to_owned()));
        Ok(Self { inner: Arc::new(Follower { topics, catalogue, readers }) })
    }
}

#[async_trait]
impl Source for Follower {
    async fn fetch(&self, topic: Topic, wants: &[(i32, i64)]) -> Result<Fetched, ReadError> {
        let id = self.topic(topic).map_err(|error| ReadError::Unavailable(error.to_string()))?.1;
        let wants = wants.to_vec();
        let found = self.readers.run(move |db| read::fetch(db, id, &wants, 0)).await;
        match found.map_err(ReadError::Unavailable)? {
            Found::Records(fetched) => Ok(fetched),
            Found::Gone(error) => Err(error),
        }
    }

    async fn wait(&self, _topic: Topic, _wants: &[(i32, i64)]) {
        tokio::time::sleep(FOLLOW_INTERVAL).await;
    }
}

#[async_trait]
impl Log for EmbeddedReader {
    async fn append(&self, _records: Vec<Append>) -> Result<Vec<i64>, AppendError> {
        Err(AppendError::Refused(READ_ONLY.into()))
    }

    async fn join(&self, _group: &str, _topic: Topic) -> Result<Member, LogError> {
        Err(LogError::Refused(READ_ONLY.into()))
    }

    fn reader(&self, topic: Topic, from: &[(i32, i64)]) -> Reader {
        let ring = match self.inner.topic(topic) {
            Ok((_, _, ring)) => Arc::clone(ring),
            Err(_) => Arc::new(Ring::new(Vec::new())),
        };
        Reader::new(topic, from, ring, Arc::clone(&self.inner) as Arc<dyn Source>)
    }

    async fn bounds(&self, topic: Topic, partition: i32) -> Result<Bounds, LogError> {
        let heads = self.inner.heads(topic).await?;
        let head = usize::try_from(partition).ok().and_then(|partition| heads.get(partition));
        head.map(|head| Bounds { earliest: head.earliest, latest: head.next })
            .ok_or_else(|| LogError::Refused(format!("topic {} has no partition {partition}", topic.name)))
    }

    async fn offset_at(&self, topic: Topic, partition: i32, time_ms: i64) -> Result<i64, LogError> {
        let latest = self.bounds(topic, partition).await?.latest;
        let id = self.inner.topic(topic)?.1;
        let found = self.inner.readers.run(move |db| read::offset_at(db, id, partition, time_ms)).await;
        Ok(found.map_err(LogError::Unavailable)?.unwrap_or(latest))
    }

    async fn committed(&self, group: &str, topic: Topic, partition: i32) -> Result<Option<i64>, LogError> {
        let id = self.inner.topic(topic)?.1;
        let group = group.to_owned();
        let query = move |db: &Connection| {
            db.prepare_cached("select next from offsets where grp = ?1 and topic = ?2 and partition = ?3")?
                .query_row(params![group, id, partition], |row| row.get(0))
                .optional()
        };
        self.inner.readers.run(query).await.map_err(LogError::Unavailable)
    }

    async fn commit(&self, _offsets: Vec<OffsetCommit>) -> Result<(), LogError> {
        Err(LogError::Refused(READ_ONLY.into()))
    }

    async fn lag(&self, group: &str) -> Result<Vec<PartitionLag>, LogError> {
        let mut lags = Vec::new();
        for &(topic, id, _) in &self.inner.topics {
            let group = group.to_owned();
            let positions = move |db: &Connection| -> rusqlite::Result<Vec<(i32, i64)>> {
                db.prepare_cached("select partition, next from offsets where grp = ?1 and topic = ?2")?
                    .query_map(params![group, id], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            };
            let positions = self.inner.readers.run(positions).await.map_err(LogError::Unavailable)?;
            if positions.is_empty() {
                continue;
            }
            let heads = self.inner.heads(topic).await?;
            for (partition, next) in positions {
                let Some(head) = usize::try_from(partition).ok().and_then(|p| heads.get(p).copied()) else {
                    continue;
                };
                let compacted = topic.kept == Kept::Compacted;
                let query = move |db: &Connection| read::records_from(db, id, compacted, partition, next, head.count);
                let records = if next >= head.next {
                    0
                } else {
                    self.inner.readers.run(query).await.map_err(LogError::Unavailable)?
                };
                lags.push(PartitionLag { topic, partition, next: Some(next), records });
            }
        }
        Ok(lags)
    }

    async fn groups(&self) -> Result<Vec<String>, LogError> {
        let query = |db: &Connection| -> rusqlite::Result<Vec<String>> {
            db.prepare_cached("select distinct grp from offsets order by grp")?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        self.inner.readers.run(query).await.map_err(LogError::Unavailable)
    }

    fn has_one_order(&self) -> bool {
        true
    }

    fn topics(&self) -> &[Topic] {
        &self.inner.catalogue
    }

    async fn check(&self) -> Result<(), LogError> {
        let query = |db: &Connection| db.query_row("select 1 from meta", [], |_| Ok(()));
        self.inner.readers.run(query).await.map_err(LogError::Unavailable)
    }

    async fn close(&self) {
        self.inner.readers.close();
        for (_, _, ring) in &self.inner.topics {
            ring.close();
        }
    }
}
