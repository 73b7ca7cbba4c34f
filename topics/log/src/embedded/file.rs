//! The file: its lock, its tables, and what is checked before it is used.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use rustix::fs::{FlockOperation, flock};

use crate::{Kept, LogError, Topic};

/// Version of the tables. Another version's file is refused.
const TABLES_VERSION: i64 = 1;
/// Bytes of a database page; fixed when the file is created.
pub(super) const PAGE_BYTES: i64 = 8_192;
/// Partitions of one topic, at most: a fetch names those it wants in the bits of one integer.
pub const MAX_PARTITIONS: i32 = 63;

/// The right to write the file; released when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// `log.db` → `log.db-wal`, and so on.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Lock {
    /// Takes the lock file beside the log.
    pub(super) fn take(path: &Path) -> Result<Self, LogError> {
        let refused = |error: &dyn std::fmt::Display| {
            LogError::Refused(format!(
                "the log {} cannot be written: {error}; make its folder writable or choose another",
                path.display()
            ))
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| refused(&error))?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(beside(path, ".lock"))
            .map_err(|error| refused(&error))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(LogError::InUse(format!(
                "the log {} is being written by another process ({}); stop it, or use another folder",
                path.display(),
                holder.trim()
            )));
        }
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "process {}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> LogError {
    LogError::Refused(format!("the log {} cannot be opened: {error}", path.display()))
}

/// A connection that may write: the writer's and the checkpointer's.
///
/// `synchronous=NORMAL` syncs nothing at a commit in WAL mode, as OFF would, but keeps the two
/// barriers that a power cut must not reorder: a checkpoint syncs the WAL before it copies and the
/// database before the WAL may start anew, and a WAL that starts anew syncs its header before its
/// first frames (else old frames could be read behind a new beginning).
pub(super) fn connect(path: &Path) -> Result<Connection, LogError> {
    let open = || -> rusqlite::Result<Connection> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "page_size", PAGE_BYTES)?;
        db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        db.pragma_update(None, "synchronous", "normal")?;
        db.pragma_update(None, "wal_autocheckpoint", 0)?;
        db.pragma_update(None, "temp_store", "memory")?;
        db.pragma_update(None, "cache_size", -32_768)?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        db.set_prepared_statement_cache_capacity(256);
        Ok(db)
    };
    open().map_err(|error| unreadable(path, &error))
}

/// A connection that only reads. Where it may, it opens the file for writing all the same: a file
/// that nobody writes has no shared memory yet, and making that is a write.
pub(super) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let open = |flags| Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let db = open(OpenFlags::SQLITE_OPEN_READ_WRITE).or_else(|_| open(OpenFlags::SQLITE_OPEN_READ_ONLY))?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -8_192)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

/// Creates what is missing and checks what is there; answers each topic's id.
pub(super) fn prepare(db: &mut Connection, path: &Path, catalogue: &[Topic]) -> Result<Vec<i64>, LogError> {
    let failed = |error: rusqlite::Error| unreadable(path, &error);
    let transaction = db.transaction().map_err(failed)?;
    transaction
        .execute_batch(
            "create table if not exists meta(key text primary key, value integer not null) without rowid;
             create table if not exists topics(
                id integer primary key, name text not null unique, partitions integer not null,
                next integer not null default 0, max_timestamp integer not null default 0,
                compacted integer not null default 0);
             create table if not exists partitions(
                topic integer not null, partition integer not null, earliest integer not null,
                next integer not null, count integer not null, primary key (topic, partition)) without rowid;
             create table if not exists marks(
                topic integer not null, offset integer not null, max_timestamp integer not null,
                primary key (topic, offset)) without rowid;
             create table if not exists offsets(
                grp text not null, topic integer not null, partition integer not null,
                next integer not null, primary key (grp, topic, partition)) without rowid;",
        )
        .map_err(failed)?;
    transaction.execute("insert or ignore into meta values ('tables', ?1)", [TABLES_VERSION]).map_err(failed)?;
    let version = check_version(&transaction, path)?;
    debug_assert_eq!(version, TABLES_VERSION);
    let mut ids = Vec::with_capacity(catalogue.len());
    for topic in catalogue {
        if !(1..=MAX_PARTITIONS).contains(&topic.partitions) {
            return Err(LogError::Refused(format!(
                "topic {} has {} partitions; the embedded log takes 1 to {MAX_PARTITIONS}",
                topic.name, topic.partitions
            )));
        }
        transaction
            .execute(
                "insert into topics(name, partitions) values (?1, ?2) on conflict do nothing",
                params![topic.name, topic.partitions],
            )
            .map_err(failed)?;
        let id = check_topic(&transaction, path, *topic)?;
        transaction
            .execute_batch(&format!(
                "create table if not exists topic_{id}(
                    offset integer primary key, partition integer not null, ordinal integer not null,
                    timestamp integer not null, key blob, value blob);"
            ))
            .map_err(failed)?;
        if topic.kept == Kept::Compacted {
            transaction
                .execute_batch(&format!(
                    "create index if not exists topic_{id}_keys on topic_{id}(partition, key);
                     create index if not exists topic_{id}_tombstones on topic_{id}(timestamp) where value is null;"
                ))
                .map_err(failed)?;
        }
        ids.push(id);
    }
    transaction.commit().map_err(failed)?;
    Ok(ids)
}

/// The version of the file's tables, if it is this one.
pub(super) fn check_version(db: &Connection, path: &Path) -> Result<i64, LogError> {
    let version: i64 = db
        .query_row("select value from meta where key = 'tables'", [], |row| row.get(0))
        .map_err(|error| unreadable(path, &error))?;
    if version == TABLES_VERSION {
        return Ok(version);
    }
    Err(LogError::Refused(format!(
        "the log {} has tables of version {version}, this program writes version {TABLES_VERSION}; use the program that wrote it, or another folder",
        path.display()
    )))
}

/// A topic's id, if the file has it with as many partitions as the catalogue says.
pub(super) fn check_topic(db: &Connection, path: &Path, topic: Topic) -> Result<i64, LogError> {
    let found: Option<(i64, i32)> = db
        .query_row("select id, partitions from topics where name = ?1", [topic.name], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .map_err(|error| unreadable(path, &error))?;
    match found {
        Some((id, partitions)) if partitions == topic.partitions => Ok(id),
        Some((_, partitions)) => Err(LogError::Refused(format!(
            "the log {} was created with {partitions} partitions of topic {}, this program wants {}; partitions cannot change: use the program that wrote it, or another folder",
            path.display(),
            topic.name,
            topic.partitions
        ))),
        None => Err(LogError::Refused(format!("the log {} has no topic {}", path.display(), topic.name))),
    }
}

/// What an operator should do about an engine error.
pub(super) fn advice(path: &Path, error: &rusqlite::Error) -> String {
    let folder = path.parent().unwrap_or(path).display();
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => {
            format!(
                "the disk is full: free space in {folder}; nothing accepted is lost, writing goes on when there is room"
            )
        }
        Some(rusqlite::ErrorCode::SystemIoFailure) => {
            format!("the disk fails or is full ({error}): check {folder}; nothing accepted is lost")
        }
        _ => format!("{error} ({})", path.display()),
    }
}
