//! Reading behind the ring: short transactions on a few read-only connections.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::Semaphore;

use super::file::connect_reader;
use crate::reader::FETCH_RECORDS;
use crate::{Fetched, ReadError, Record};

/// Connections that read at the same time, at most; further fetches wait.
pub const READ_CONNECTIONS: usize = 4;
/// Bytes after which a fetch gives what it has.
const FETCH_BYTES: usize = 8 * 1_024 * 1_024;
/// Windows of [`FETCH_RECORDS`] records that one fetch looks through for records of its partitions.
const FETCH_WINDOWS: usize = 64;

pub(super) struct ReadPool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl ReadPool {
    pub(super) fn new(path: PathBuf) -> Self {
        let permits = Arc::new(Semaphore::new(READ_CONNECTIONS));
        Self { path, idle: Mutex::new(Vec::new()), permits }
    }

    /// Runs a query on a thread for blocking work. When the caller goes away, it ends by itself.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| "closed".to_owned())?;
        let pool = Arc::clone(self);
        let work = move || -> rusqlite::Result<T> {
            let _permit = permit;
            let idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let db = match idle {
                Some(db) => db,
                None => connect_reader(&pool.path)?,
            };
            let result = query(&db);
            if db.is_autocommit() && !pool.permits.is_closed() {
                pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
            }
            result
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| super::file::advice(&self.path, &error)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// No more queries; idle connections are closed.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What one fetch found, or the partition that begins later than asked.
pub(super) enum Found {
    Records(Fetched),
    Gone(ReadError),
}

/// Records at or after the wanted offsets. `visible`: a topic offset that was visible before; the
/// transactions see at least everything below it.
pub(super) fn fetch(db: &Connection, topic: i64, wants: &[(i32, i64)], visible: i64) -> rusqlite::Result<Found> {
    let mut from = wants.iter().map(|&(_, next)| next).min().unwrap_or(visible);
    let mut wanted = [i64::MAX; 64];
    let mut mask = 0_i64;
    for &(partition, next) in wants {
        if let Some(slot) = usize::try_from(partition).ok().and_then(|p| wanted.get_mut(p)) {
            *slot = next;
            mask |= 1 << partition;
        }
    }
    let mut fetched = Fetched::default();
    for _ in 0..FETCH_WINDOWS {
        let snapshot = db.unchecked_transaction()?;
        if let Some(gone) = behind_retention(&snapshot, topic, wants, from)? {
            return Ok(Found::Gone(gone));
        }
        let end: Option<i64> = snapshot
            .prepare_cached(&format!(
                "select max(offset) from (select offset from topic_{topic} where offset >= ?1 order by offset limit {FETCH_RECORDS})"
            ))?
            .query_row([from], |row| row.get(0))?;
        let Some(end) = end else {
            // What stood at the end and was deleted counts as looked at.
            let saved: i64 = snapshot
                .prepare_cached("select next from topics where id = ?1")?
                .query_row([topic], |row| row.get(0))?;
            from = from.max(visible).max(saved);
            break;
        };
        let full = window(&snapshot, topic, (from, end), (mask, &wanted), &mut fetched.records)?;
        from = if full { fetched.records.last().map_or(end, |record| record.offset) + 1 } else { end + 1 };
        if !fetched.records.is_empty() {
            break;
        }
    }
    fetched.next = wants.iter().map(|&(partition, next)| (partition, next.max(from))).collect();
    Ok(Found::Records(fetched))
}

/// Reads the wanted partitions' records of one window; whether it stopped early, at the byte bound.
fn window(
    db: &Connection,
    topic: i64,
    (from, end): (i64, i64),
    (mask, wanted): (i64, &[i64; 64]),
    records: &mut Vec<Record>,
) -> rusqlite::Result<bool> {
    let mut statement = db.prepare_cached(&format!(
        "select offset, partition, timestamp, key, value from topic_{topic}
         where offset >= ?1 and offset <= ?2 and ((?3 >> partition) & 1) = 1 order by offset"
    ))?;
    let mut rows = statement.query(params![from, end, mask])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let (offset, partition): (i64, i32) = (row.get(0)?, row.get(1)?);
        if usize::try_from(partition).ok().and_then(|p| wanted.get(p)).is_none_or(|&next| offset < next) {
            continue;
        }
        let blob = |index| -> rusqlite::Result<Option<Bytes>> {
            let blob = row.get_ref(index)?.as_blob_or_null()?;
            Ok(blob.map(Bytes::copy_from_slice))
        };
        let record =
            Record { partition, offset, timestamp_ms: row.get(2)?, key: blob(3)?.unwrap_or_default(), value: blob(4)? };
        bytes += record.key.len() + record.value.as_ref().map_or(0, Bytes::len);
        records.push(record);
        if bytes >= FETCH_BYTES {
            return Ok(true);
        }
    }
    Ok(false)
}

fn behind_retention(
    db: &Connection,
    topic: i64,
    wants: &[(i32, i64)],
    from: i64,
) -> rusqlite::Result<Option<ReadError>> {
    let mut earliest =
        db.prepare_cached("select partition, earliest from partitions where topic = ?1 and earliest > ?2")?;
    let mut rows = earliest.query(params![topic, from])?;
    while let Some(row) = rows.next()? {
        let (partition, earliest): (i32, i64) = (row.get(0)?, row.get(1)?);
        // What was looked at in an earlier window counts as read.
        let wanted = wants.iter().find(|(of, _)| *of == partition).map(|&(_, next)| next.max(from));
        if let Some(wanted) = wanted
            && wanted < earliest
        {
            return Ok(Some(ReadError::BehindRetention { partition, wanted, earliest }));
        }
    }
    Ok(None)
}

/// The first offset of a partition whose timestamp is at or after `time_ms`.
pub(super) fn offset_at(db: &Connection, topic: i64, partition: i32, time_ms: i64) -> rusqlite::Result<Option<i64>> {
    let mark: Option<i64> = db
        .prepare_cached(
            "select offset from marks where topic = ?1 and max_timestamp < ?2 order by offset desc limit 1",
        )?
        .query_row(params![topic, time_ms], |row| row.get(0))
        .optional()?;
    db.prepare_cached(&format!(
        "select offset from topic_{topic} where offset >= ?1 and partition = ?2 and timestamp >= ?3 order by offset limit 1"
    ))?
    .query_row(params![mark.unwrap_or(0), partition, time_ms], |row| row.get(0))
    .optional()
}

/// Records of a partition at or after `next`, when `count` were ever appended to it.
pub(super) fn records_from(
    db: &Connection,
    topic: i64,
    compacted: bool,
    partition: i32,
    next: i64,
    count: i64,
) -> rusqlite::Result<i64> {
    if compacted {
        return db
            .prepare_cached(&format!("select count(*) from topic_{topic} where partition = ?1 and offset >= ?2"))?
            .query_row(params![partition, next], |row| row.get(0));
    }
    let first: Option<i64> = db
        .prepare_cached(&format!(
            "select ordinal from topic_{topic} where offset >= ?1 and partition = ?2 order by offset limit 1"
        ))?
        .query_row(params![next, partition], |row| row.get(0))
        .optional()?;
    Ok(first.map_or(0, |ordinal| (count - ordinal + 1).max(0)))
}
