use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::ring::{Look, Ring};
use crate::{Record, Topic};

/// Records in one fetch from the engine, at most.
pub const FETCH_RECORDS: usize = 1_000;

/// A read could not be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// Retention removed what was asked for. Reported once; the reader then goes on at `earliest`.
    #[error("partition {partition} begins at offset {earliest}; {wanted} is gone by retention")]
    BehindRetention {
        /// The partition.
        partition: i32,
        /// The reader's position.
        wanted: i64,
        /// The first offset that is there.
        earliest: i64,
    },
    /// Not now: call `next` again after a while; the position is unchanged.
    #[error("the log cannot be read now: {0}")]
    Unavailable(String),
    /// The log was closed by its process.
    #[error("the log is closed")]
    Closed,
}

/// What an engine gave a reader that is not at the head.
#[derive(Debug, Default)]
pub struct Fetched {
    /// In offset order per partition, none below the position asked for.
    pub records: Vec<Record>,
    /// New positions: everything below was looked at. Partitions left out keep theirs, or take one
    /// past their last record.
    pub next: Vec<(i32, i64)>,
}

/// What an adapter must offer for reading: the shared ring of a topic and fetches behind it.
#[async_trait]
pub trait Source: Send + Sync {
    /// Records at or after the wanted offsets, about [`FETCH_RECORDS`], without waiting.
    async fn fetch(&self, topic: Topic, wants: &[(i32, i64)]) -> Result<Fetched, ReadError>;

    /// Resolves when a fetch that found nothing is worth repeating, for readers that the ring does
    /// not cover. May resolve early; races with publications in the ring.
    async fn wait(&self, topic: Topic, wants: &[(i32, i64)]);
}

/// Records that one `next` gave. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Batch {
    records: Arc<Vec<Record>>,
    /// `None`: all of them.
    selected: Option<Vec<u32>>,
}

impl Batch {
    /// The records, in offset order per partition.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        let all = self.selected.is_none().then(|| self.records.iter()).into_iter().flatten();
        let some = self.selected.iter().flatten().map(|&index| &self.records[index as usize]);
        all.chain(some)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.selected.as_ref().map_or(self.records.len(), Vec::len)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads partitions of one topic from explicit offsets on: at the head from memory, behind it from
/// the engine.
pub struct Reader {
    topic: Topic,
    source: Arc<dyn Source>,
    ring: Arc<Ring>,
    appended: watch::Receiver<u64>,
    positions: BTreeMap<i32, i64>,
    /// The ring's batch to look at next; `None`: behind the ring.
    cursor: Option<u64>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({:?} {:?})", self.topic, self.positions)
    }
}

impl Reader {
    /// For adapters.
    #[must_use]
    pub fn new(topic: Topic, from: &[(i32, i64)], ring: Arc<Ring>, source: Arc<dyn Source>) -> Self {
        let appended = ring.watch();
        let positions = from.iter().copied().collect();
        Self { topic, source, ring, appended, positions, cursor: None }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> Topic {
        self.topic
    }

    /// Offset of the next record that this reader will give of the partition, at the least.
    #[must_use]
    pub fn position(&self, partition: i32) -> Option<i64> {
        self.positions.get(&partition).copied()
    }

    /// Reads this partition too, or goes on in it at another offset.
    pub fn seek(&mut self, partition: i32, offset: i64) {
        self.positions.insert(partition, offset);
        self.cursor = None;
    }

    /// Reads this partition no more.
    pub fn remove(&mut self, partition: i32) {
        self.positions.remove(&partition);
    }

    /// Waits for records and gives them, never none. Cancel-safe: a dropped call loses nothing.
    /// With no partition it waits for ever.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn next(&mut self) -> Result<Batch, ReadError> {
        loop {
            if self.positions.is_empty() {
                if self.appended.changed().await.is_err() || self.ring.is_closed() {
                    return Err(ReadError::Closed);
                }
                continue;
            }
            let batch = match self.cursor {
                Some(cursor) => self.at_head(cursor).await?,
                None => self.behind().await?,
            };
            if let Some(batch) = batch {
                return Ok(batch);
            }
        }
    }

    async fn at_head(&mut self, cursor: u64) -> Result<Option<Batch>, ReadError> {
        self.appended.borrow_and_update();
        match self.ring.look(cursor) {
            Look::Batch(records) => {
                self.cursor = Some(cursor + 1);
                Ok(self.select(records))
            }
            Look::Evicted => {
                self.cursor = None;
                Ok(None)
            }
            Look::NotYet => {
                self.appended.changed().await.map_err(|_| ReadError::Closed)?;
                Ok(None)
            }
            Look::Closed => Err(ReadError::Closed),
        }
    }

    async fn behind(&mut self) -> Result<Option<Batch>, ReadError> {
        self.appended.borrow_and_update();
        if self.ring.is_closed() {
            return Err(ReadError::Closed);
        }
        let wants: Vec<(i32, i64)> = self.positions.iter().map(|(&p, &next)| (p, next)).collect();
        self.cursor = self.ring.covers(wants.iter().copied());
        if self.cursor.is_some() {
            return Ok(None);
        }
        let fetched = match self.source.fetch(self.topic, &wants).await {
            Ok(fetched) => fetched,
            Err(gone @ ReadError::BehindRetention { partition, earliest, .. }) => {
                self.positions.insert(partition, earliest);
                return Err(gone);
            }
            Err(error) => return Err(error),
        };
        let moved = fetched.next.iter().any(|&(p, next)| self.position(p).is_some_and(|at| next > at));
        let batch = self.select(Arc::new(fetched.records));
        for (partition, next) in fetched.next {
            if let Some(at) = self.positions.get_mut(&partition) {
                *at = next.max(*at);
            }
        }
        if batch.is_none() && !moved {
            tokio::select! {
                changed = self.appended.changed() => changed.map_err(|_| ReadError::Closed)?,
                () = self.source.wait(self.topic, &wants) => {}
            }
        }
        Ok(batch)
    }

    /// Those that this reader follows and has not seen; moves its positions past them.
    fn select(&mut self, records: Arc<Vec<Record>>) -> Option<Batch> {
        let mut selected = Vec::new();
        let mut all = true;
        for (index, record) in records.iter().enumerate() {
            match self.positions.get_mut(&record.partition) {
                Some(next) if record.offset >= *next => {
                    *next = record.offset + 1;
                    if !all {
                        selected.push(u32::try_from(index).expect("a batch is small"));
                    }
                }
                _ if all => {
                    all = false;
                    selected.extend(0..u32::try_from(index).expect("a batch is small"));
                }
                _ => {}
            }
        }
        if records.is_empty() || (!all && selected.is_empty()) {
            return None;
        }
        Some(Batch { records, selected: (!all).then_some(selected) })
    }
}
