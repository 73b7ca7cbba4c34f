//! The embedded log: one SQLite file in WAL mode. One process writes it, others may read it.
//!
//! Threads: the writer (`writer`), the syncer (`sync`), the housekeeper (`housekeeper`: checkpoints,
//! retention, compaction) and the coordinator of the groups (`groups`). All of them block without a
//! timer while nobody writes. Readers at the head never come here: see [`Ring`].

mod assignment;
mod backup;
mod chores;
mod file;
mod follower;
mod groups;
mod heads;
mod housekeeper;
mod inner;
mod queue;
mod read;
mod sync;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::file::{Lock, beside};
use self::groups::Groups;
use self::inner::{Inner, load};
use self::queue::{Change, Chore, Work, WriteError};
use self::writer::Writer;
use crate::{
    Append, AppendError, Bounds, Kept, Log, LogError, Member, OffsetCommit, PartitionLag, Reader, Ring, Source, Topic,
    catalogue,
};

pub use self::backup::copy;
pub use self::file::MAX_PARTITIONS;
pub use self::follower::{EmbeddedReader, FOLLOW_INTERVAL};
pub use self::groups::REVOCATION_TIMEOUT;
pub use self::queue::QUEUE_BYTES;
pub use self::read::READ_CONNECTIONS;
pub use self::sync::{ORDERED_SYNC_DELAY, OnSynced};

/// How an embedded log is opened.
#[derive(Clone)]
pub struct EmbeddedConfig {
    /// The file; created with its folder when missing. `-wal`, `-shm` and `.lock` stand beside it.
    pub path: PathBuf,
    /// Topics of the log. Those that the file has beyond are left alone.
    pub catalogue: Vec<Topic>,
    /// About so many bytes of WAL begin a checkpoint.
    pub checkpoint_bytes: i64,
    /// How often retention and compaction run while there are writes.
    pub sweep_interval: Duration,
    /// How long compaction keeps a tombstone, milliseconds of its timestamp.
    pub tombstone_grace_ms: i64,
    /// Bound of the database in pages of 8 KiB: for tests of a full disk.
    pub max_pages: Option<u32>,
    /// For tests that cut the power.
    pub on_synced: Option<OnSynced>,
}

impl EmbeddedConfig {
    /// Defaults, with the whole catalogue.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            catalogue: catalogue::ALL.to_vec(),
            checkpoint_bytes: 64 * 1_024 * 1_024,
            sweep_interval: Duration::from_secs(60),
            tombstone_grace_ms: 60 * 60 * 1_000,
            max_pages: None,
            on_synced: None,
        }
    }
}

struct Running {
    writer: JoinHandle<Connection>,
    others: Vec<JoinHandle<()>>,
    end_groups: oneshot::Sender<()>,
    /// Kept open until SQLite has closed the file: closing any handle of it drops SQLite's locks.
    _database: Arc<File>,
    _lock: Lock,
}

/// The embedded log, open for writing.
pub struct EmbeddedLog {
    inner: Arc<Inner>,
    groups: Groups,
    running: Mutex<Option<Running>>,
}

impl std::fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmbeddedLog({})", self.inner.path.display())
    }
}

impl EmbeddedLog {
    /// Opens or creates the file and starts the log's threads.
    ///
    /// # Errors
    /// [`LogError::InUse`] when another process writes the file; [`LogError::Refused`] when it cannot
    /// be written or was made with other partitions.
    pub async fn open(config: EmbeddedConfig) -> Result<Self, LogError> {
        tokio::task::spawn_blocking(move || Self::open_blocking(&config))
            .await
            .unwrap_or_else(|error| Err(LogError::Unavailable(error.to_string())))
    }

    /// As [`EmbeddedLog::open`], for callers without a runtime.
    ///
    /// # Errors
    /// As [`EmbeddedLog::open`].
    pub fn open_blocking(config: &EmbeddedConfig) -> Result<Self, LogError> {
        let path = &config.path;
        let lock = Lock::take(path)?;
        let failed =
            |error: std::io::Error| LogError::Refused(format!("the log {} cannot be opened: {error}", path.display()));
        let database = File::options().create(true).truncate(false).read(true).write(true).open(path);
        let database = Arc::new(database.map_err(failed)?);
        let mut db = file::connect(path)?;
        let ids = file::prepare(&mut db, path, &config.catalogue)?;
        if let Some(pages) = config.max_pages {
            db.pragma_update(None, "max_page_count", pages).map_err(|error| unavailable(path, &error))?;
        }
        let checkpoints = file::connect(path)?;
        let wal = File::options().read(true).write(true).open(beside(path, "-wal")).map_err(failed)?;
        let wal_bytes = wal.metadata().map_err(failed)?.len();
        // What a killed process left unsynced is visible again: from now on it counts as kept.
        wal.sync_data().map_err(failed)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        let inner = Arc::new(load(&db, config, &ids, wal_bytes).map_err(|error| unavailable(path, &error))?);
        let (groups, coordinator) = Groups::new();
        let running = start(&inner, coordinator, (db, checkpoints), (database, wal, lock), config)?;
        Ok(Self { inner, groups, running: Mutex::new(Some(running)) })
    }

    fn running(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Retention and compaction now, instead of within [`EmbeddedConfig::sweep_interval`].
    ///
    /// # Errors
    /// [`LogError::Unavailable`] when the file cannot be written.
    pub async fn sweep(&self) -> Result<(), LogError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || inner.housekeeper.sweep(&inner))
            .await
            .map_err(|error| LogError::Unavailable(error.to_string()))?
            .map_err(WriteError::into_log_error)
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        if let Some(running) = self.running() {
            stop(&self.inner, running);
        }
    }
}

/// Ends the threads, each after what it was given; the file is whole and released then.
fn stop(inner: &Inner, running: Running) {
    let _ = running.end_groups.send(());
    inner.queue.close();
    let db = running.writer.join();
    inner.syncer.close();
    inner.housekeeper.close();
    for topic in &inner.topics {
        topic.ring.close();
    }
    for thread in running.others {
        let _ = thread.join();
    }
    inner.readers.close();
    // The last connection copies what the WAL holds into the database.
    drop(db);
}

fn unavailable(path: &Path, error: &rusqlite::Error) -> LogError {
    LogError::Unavailable(file::advice(path, error))
}

fn start(
    inner: &Arc<Inner>,
    coordinator: groups::Coordinator,
    (db, checkpoints): (Connection, Connection),
    (database, wal, lock): (Arc<File>, File, Lock),
    config: &EmbeddedConfig,
) -> Result<Running, LogError> {
    let failed = |error: std::io::Error| LogError::Unavailable(format!("no thread for the log: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    let thread = |name: &str| std::thread::Builder::new().name(format!("log-{name}"));
    let of = Arc::clone(inner);
    let writer = thread("writer").spawn(move || Writer::new(db, of).run()).map_err(failed)?;
    let of = Arc::clone(inner);
    let on_synced = config.on_synced.clone();
    let syncer = thread("syncer").spawn(move || of.syncer.run(&wal, on_synced.as_ref())).map_err(failed)?;
    let of = Arc::clone(inner);
    let file = Arc::clone(&database);
    let housekeeper =
        thread("housekeeper").spawn(move || of.housekeeper.run(&of, &checkpoints, &file)).map_err(failed)?;
    let of = Arc::downgrade(inner);
    let (end_groups, end) = oneshot::channel();
    let groups = thread("groups").spawn(move || runtime.block_on(coordinator.run(of, end))).map_err(failed)?;
    Ok(Running { writer, others: vec![syncer, housekeeper, groups], end_groups, _database: database, _lock: lock })
}

#[async_trait]
impl Log for EmbeddedLog {
    async fn append(&self, records: Vec<Append>) -> Result<Vec<i64>, AppendError> {
        let records = self.inner.validated(records)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let change = Change { owner: None, records, offsets: Vec::new() };
        self.inner.queue.submit(Work::Change(change)).await.map_err(|error| match error {
            WriteError::Unavailable(reason) => AppendError::Unavailable(reason),
            WriteError::Closed | WriteError::Fenced(_) => AppendError::Unavailable("the log is closed".into()),
        })
    }

    async fn join(&self, group: &str, topic: Topic) -> Result<Member, LogError> {
        self.inner.partition(topic, 0)?;
        self.groups.join(group, topic).await
    }

    fn reader(&self, topic: Topic, from: &[(i32, i64)]) -> Reader {
        let ring = match self.inner.index_of(topic) {
            Some(index) => Arc::clone(&self.inner.topics[index].ring),
            None => Arc::new(Ring::new(Vec::new())),
        };
        Reader::new(topic, from, ring, Arc::clone(&self.inner) as Arc<dyn Source>)
    }

    async fn bounds(&self, topic: Topic, partition: i32) -> Result<Bounds, LogError> {
        let index = self.inner.partition(topic, partition)?;
        let mut head = self.inner.topics[index].head();
        let bounds = head.partition(i64::from(partition)).map(|p| Bounds { earliest: p.earliest, latest: p.next });
        bounds.ok_or(LogError::Closed)
    }

    async fn offset_at(&self, topic: Topic, partition: i32, time_ms: i64) -> Result<i64, LogError> {
        let index = self.inner.partition(topic, partition)?;
        let latest = self.bounds(topic, partition).await?.latest;
        let id = self.inner.topics[index].id;
        let found = self.inner.readers.run(move |db| read::offset_at(db, id, partition, time_ms)).await;
        Ok(found.map_err(LogError::Unavailable)?.unwrap_or(latest))
    }

    async fn committed(&self, group: &str, topic: Topic, partition: i32) -> Result<Option<i64>, LogError> {
        let index = self.inner.partition(topic, partition)?;
        let offsets = self.inner.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let positions = offsets.get(group).and_then(|of_group| of_group.get(&index));
        let slot = usize::try_from(partition).ok().and_then(|p| positions.and_then(|all| all.get(p)));
        Ok(slot.copied().flatten())
    }

    async fn commit(&self, offsets: Vec<OffsetCommit>) -> Result<(), LogError> {
        self.inner.validate_offsets(&offsets)?;
        self.groups.commit(offsets).await
    }

    async fn lag(&self, group: &str) -> Result<Vec<PartitionLag>, LogError> {
        let of_group = {
            let offsets = self.inner.offsets.lock().unwrap_or_else(PoisonError::into_inner);
            offsets.get(group).cloned().unwrap_or_default()
        };
        let mut lags = Vec::new();
        for (index, positions) in of_group {
            let (topic, id) = (self.inner.topics[index].topic, self.inner.topics[index].id);
            let heads = self.inner.topics[index].head().partitions.clone();
            for ((partition, next), head) in (0..).zip(positions).zip(heads) {
                let Some(next) = next else { continue };
                let records = if next >= head.next {
                    0
                } else {
                    let compacted = topic.kept == Kept::Compacted;
                    let count = head.count;
                    let query = move |db: &Connection| read::records_from(db, id, compacted, partition, next, count);
                    self.inner.readers.run(query).await.map_err(LogError::Unavailable)?
                };
                lags.push(PartitionLag { topic, partition, next: Some(next), records });
            }
        }
        Ok(lags)
    }

    async fn groups(&self) -> Result<Vec<String>, LogError> {
        let offsets = self.inner.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(offsets.keys().cloned().collect())
    }

    fn has_one_order(&self) -> bool {
        true
    }

    fn topics(&self) -> &[Topic] {
        &self.inner.catalogue
    }

    async fn check(&self) -> Result<(), LogError> {
        if let Some(reason) = self.inner.syncer.failed() {
            return Err(LogError::Unavailable(reason));
        }
        if self.inner.failing.load(Ordering::Relaxed) {
            let probe = self.inner.queue.submit(Work::Chore(Chore::Probe)).await;
            return probe.map(drop).map_err(WriteError::into_log_error);
        }
        Ok(())
    }

    async fn close(&self) {
        if let Some(running) = self.running() {
            let inner = Arc::clone(&self.inner);
            let _ = tokio::task::spawn_blocking(move || stop(&inner, running)).await;
        }
    }
}
