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
    /// past their last record. At the end of a partition this must reach its `latest` bound, also
    /// where what stands there is no record (a transaction's marker, a compacted tombstone).
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

/// Positions by partition; looked up for every record, so by index.
#[derive(Debug, Default)]
struct Positions {
    /// Negative: not followed.
    next: Vec<i64>,
    followed: usize,
}

impl Positions {
    fn get(&self, partition: i32) -> Option<i64> {
        let next = usize::try_from(partition).ok().and_then(|partition| self.next.get(partition));
        next.copied().filter(|&next| next >= 0)
    }

    fn set(&mut self, partition: i32, next: Option<i64>) {
        let Ok(index) = usize::try_from(partition) else { return };
        if index >= self.next.len() {
            self.next.resize(index + 1, -1);
        }
        self.followed -= usize::from(self.next[index] >= 0);
        self.followed += usize::from(next.is_some());
        self.next[index] = next.map_or(-1, |next| next.max(0));
    }

    /// Whether a record is followed and new; then its partition's position passes it.
    fn pass(&mut self, partition: i32, offset: i64) -> bool {
        let next = usize::try_from(partition).ok().and_then(|partition| self.next.get_mut(partition));
        match next {
            Some(next) if (0..=offset).contains(next) => {
                *next = offset + 1;
                true
            }
            _ => false,
        }
    }

    fn is_empty(&self) -> bool {
        self.followed == 0
    }

    fn iter(&self) -> impl Iterator<Item = (i32, i64)> {
        (0..).zip(&self.next).filter(|(_, next)| **next >= 0).map(|(partition, &next)| (partition, next))
    }
}

/// Reads partitions of one topic from explicit offsets on: at the head from memory, behind it from
/// the engine.
pub struct Reader {
    topic: Topic,
    source: Arc<dyn Source>,
    ring: Arc<Ring>,
    appended: watch::Receiver<u64>,
    positions: Positions,
    /// The ring's batch to look at next; `None`: behind the ring.
    cursor: Option<u64>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({:?} {:?})", self.topic, self.positions.iter().collect::<Vec<_>>())
    }
}

impl Reader {
    /// For adapters.
    #[must_use]
    pub fn new(topic: Topic, from: &[(i32, i64)], ring: Arc<Ring>, source: Arc<dyn Source>) -> Self {
        let appended = ring.watch();
        let mut positions = Positions::default();
        for &(partition, offset) in from {
            positions.set(partition, Some(offset));
        }
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
        self.positions.get(partition)
    }

    /// Reads this partition too, or goes on in it at another offset.
    pub fn seek(&mut self, partition: i32, offset: i64) {
        self.positions.set(partition, Some(offset));
        self.cursor = None;
    }

    /// Reads this partition no more.
    pub fn remove(&mut self, partition: i32) {
        self.positions.set(partition, None);
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

    /// As [`Reader::next`], but `None` once each of these partitions was read up to the offset given
    /// with it: `latest` of [`Log::bounds`](crate::Log::bounds) reads what is there now. Partitions
    /// that are not followed count as read. Cancel-safe.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn next_before(&mut self, ends: &[(i32, i64)]) -> Result<Option<Batch>, ReadError> {
        while ends.iter().any(|&(partition, end)| self.position(partition).is_some_and(|at| at < end)) {
            self.appended.borrow_and_update();
            let batch = match self.cursor {
                // At the head nothing tells of a hole that ends a partition: the engine does.
                Some(cursor) if matches!(self.ring.look(cursor), Look::NotYet) => self.fetch().await?,
                Some(cursor) => self.at_head(cursor).await?,
                None => self.behind().await?,
            };
            if batch.is_some() {
                return Ok(batch);
            }
        }
        Ok(None)
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
        self.cursor = self.ring.covers(self.positions.iter());
        if self.cursor.is_some() {
            return Ok(None);
        }
        self.fetch().await
    }

    /// What the engine has at the reader's positions. What the ring has of it too is skipped there.
    async fn fetch(&mut self) -> Result<Option<Batch>, ReadError> {
        let wants: Vec<(i32, i64)> = self.positions.iter().collect();
        let fetched = match self.source.fetch(self.topic, &wants).await {
            Ok(fetched) => fetched,
            Err(gone @ ReadError::BehindRetention { partition, earliest, .. }) => {
                self.positions.set(partition, Some(earliest));
                return Err(gone);
            }
            Err(error) => return Err(error),
        };
        let moved = fetched.next.iter().any(|&(p, next)| self.position(p).is_some_and(|at| next > at));
        let batch = self.select(Arc::new(fetched.records));
        for (partition, next) in fetched.next {
            if let Some(at) = self.positions.get(partition) {
                self.positions.set(partition, Some(next.max(at)));
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
            if self.positions.pass(record.partition, record.offset) {
                if !all {
                    selected.push(u32::try_from(index).expect("a batch is small"));
                }
            } else if all {
                all = false;
                selected.extend(0..u32::try_from(index).expect("a batch is small"));
            }
        }
        if records.is_empty() || (!all && selected.is_empty()) {
            return None;
        }
        Some(Batch { records, selected: (!all).then_some(selected) })
    }
}
