//! What the threads and handles of one open log share, and how readers behind the ring are served.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rusqlite::Connection;

use super::EmbeddedConfig;
use super::heads::TopicHead;
use super::housekeeper::Housekeeper;
use super::queue::Queue;
use super::read::{self, Found, ReadPool};
use super::sync::Syncer;
use crate::{Append, AppendError, Fetched, Kept, LogError, OffsetCommit, ReadError, Ring, Source, Topic};

/// A group's positions: by topic index, by partition.
pub(super) type Positions = BTreeMap<usize, Vec<Option<i64>>>;

/// What all threads and handles of one open log share.
pub(super) struct Inner {
    pub(super) path: PathBuf,
    pub(super) catalogue: Vec<Topic>,
    pub(super) topics: Vec<TopicState>,
    /// By group.
    pub(super) offsets: Mutex<BTreeMap<String, Positions>>,
    pub(super) queue: Queue,
    pub(super) syncer: Syncer,
    pub(super) housekeeper: Housekeeper,
    pub(super) readers: Arc<ReadPool>,
    /// The last write failed.
    pub(super) failing: AtomicBool,
}

pub(super) struct TopicState {
    pub(super) topic: Topic,
    pub(super) id: i64,
    /// What is visible.
    pub(super) head: Mutex<TopicHead>,
    pub(super) ring: Arc<Ring>,
}

impl TopicState {
    pub(super) fn head(&self) -> MutexGuard<'_, TopicHead> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(super) fn index_of(&self, topic: Topic) -> Option<usize> {
        self.catalogue.iter().position(|other| *other == topic)
    }

    /// Everything that can be wrong with single records, found before they are queued.
    pub(super) fn validated(&self, records: Vec<Append>) -> Result<Vec<(usize, Append)>, AppendError> {
        let mut validated = Vec::with_capacity(records.len());
        for record in records {
            let topic = record.topic;
            let Some(index) = self.index_of(topic) else {
                return Err(AppendError::Refused(format!("this log has no topic {}", topic.name)));
            };
            if !(0..topic.partitions).contains(&record.partition) {
                return Err(AppendError::Refused(format!(
                    "topic {} has {} partitions, there is no {}",
                    topic.name, topic.partitions, record.partition
                )));
            }
            if topic.kept == Kept::Compacted && record.key.is_empty() {
                return Err(AppendError::Refused(format!("topic {} is compacted: its records need a key", topic.name)));
            }
            if record.len() > topic.max_record_bytes {
                let (bytes, bound) = (record.len(), topic.max_record_bytes);
                return Err(AppendError::TooLarge { bytes, bound, topic: topic.name });
            }
            validated.push((index, record));
        }
        Ok(validated)
    }

    pub(super) fn validate_offsets(&self, offsets: &[OffsetCommit]) -> Result<(), LogError> {
        for offset in offsets {
            self.partition(offset.topic, offset.partition)?;
        }
        Ok(())
    }

    /// The index of a topic that has this partition.
    pub(super) fn partition(&self, topic: Topic, partition: i32) -> Result<usize, LogError> {
        match self.index_of(topic) {
            Some(index) if (0..topic.partitions).contains(&partition) => Ok(index),
            Some(_) => Err(LogError::Refused(format!(
                "topic {} has {} partitions, there is no {partition}",
                topic.name, topic.partitions
            ))),
            None => Err(LogError::Refused(format!("this log has no topic {}", topic.name))),
        }
    }

    /// Committed positions become visible.
    pub(super) fn note_commits(&self, commits: &[OffsetCommit]) {
        if commits.is_empty() {
            return;
        }
        let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        for commit in commits {
            let Some(topic) = self.index_of(commit.topic) else { continue };
            if !offsets.contains_key(&commit.group) {
                offsets.insert(commit.group.clone(), BTreeMap::new());
            }
            let Some(of_group) = offsets.get_mut(&commit.group) else { continue };
            let partitions = usize::try_from(commit.topic.partitions).unwrap_or(0);
            let positions = of_group.entry(topic).or_insert_with(|| vec![None; partitions]);
            if let Some(slot) = usize::try_from(commit.partition).ok().and_then(|p| positions.get_mut(p)) {
                *slot = Some(commit.next);
            }
        }
    }
}

#[async_trait]
impl Source for Inner {
    async fn fetch(&self, topic: Topic, wants: &[(i32, i64)]) -> Result<Fetched, ReadError> {
        let index = self.index_of(topic).ok_or_else(|| ReadError::Unavailable("no such topic".into()))?;
        let (id, visible) = (self.topics[index].id, self.topics[index].head().next);
        let wants = wants.to_vec();
        let found = self.readers.run(move |db| read::fetch(db, id, &wants, visible)).await;
        match found.map_err(ReadError::Unavailable)? {
            Found::Records(fetched) => Ok(fetched),
            Found::Gone(error) => Err(error),
        }
    }

    /// The ring covers every position at the head, so whoever finds nothing behind it was overtaken
    /// by retention or by the ring's own eviction: it looks again at the next publication.
    async fn wait(&self, _topic: Topic, _wants: &[(i32, i64)]) {
        std::future::pending::<()>().await;
    }
}

/// Reads what the file says of its topics and groups.
pub(super) fn load(db: &Connection, config: &EmbeddedConfig, ids: &[i64], wal_bytes: u64) -> rusqlite::Result<Inner> {
    let mut topics = Vec::with_capacity(ids.len());
    for (&topic, &id) in config.catalogue.iter().zip(ids) {
        let head = TopicHead::load(db, id, usize::try_from(topic.partitions).unwrap_or(0))?;
        let ring = Arc::new(Ring::new(head.partitions.iter().map(|partition| partition.next).collect()));
        topics.push(TopicState { topic, id, head: Mutex::new(head), ring });
    }
    let inner = Inner {
        path: config.path.clone(),
        catalogue: config.catalogue.clone(),
        topics,
        offsets: Mutex::default(),
        queue: Queue::default(),
        syncer: Syncer::default(),
        housekeeper: Housekeeper::new(config, wal_bytes),
        readers: Arc::new(ReadPool::new(config.path.clone())),
        failing: AtomicBool::new(false),
    };
    let mut saved = db.prepare("select grp, topic, partition, next from offsets")?;
    let mut rows = saved.query([])?;
    let mut commits = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(1)?;
        if let Some(topic) = inner.topics.iter().find(|topic| topic.id == id) {
            let (group, partition, next) = (row.get(0)?, row.get(2)?, row.get(3)?);
            commits.push(OffsetCommit { group, topic: topic.topic, partition, next });
        }
    }
    inner.note_commits(&commits);
    Ok(inner)
}
