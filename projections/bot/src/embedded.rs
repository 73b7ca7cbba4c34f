use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{Row, Statement, Store, StoreError, Value};

/// Transactions, and queries, that wait for the engine's thread, at most; then callers wait.
pub const STORE_QUEUE: usize = 256;
/// Prepared statements kept per connection.
const STATEMENTS: usize = 128;
/// How long the writer waits for another process's write, milliseconds.
const BUSY_MS: u64 = 2_000;

/// Pages are as large as the event log's. The cache (64 MiB) holds what a rebuild touches again and
/// again, and the WAL grows to 64 MiB before its pages are carried over, so that a page that changes in
/// many transactions is carried over once.
const PRAGMAS: &str = "pragma page_size=8192; pragma journal_mode=wal; pragma synchronous=normal; \
                       pragma foreign_keys=on; pragma cache_size=-65536; pragma wal_autocheckpoint=8192";

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// SQLite in WAL mode: one thread writes, one reads; both end when the store is dropped.
#[derive(Debug)]
pub struct EmbeddedStore {
    writer: mpsc::Sender<(Vec<Statement>, Answer<Vec<u64>>)>,
    reader: mpsc::Sender<(String, Vec<Value>, Answer<Vec<Row>>)>,
    commits: watch::Sender<u64>,
}

impl EmbeddedStore {
    /// Opens the file, and creates it and its folder where they are missing. A power cut may take
    /// the last transactions, never part of one; the log brings them back.
    ///
    /// # Errors
    /// [`StoreError::Refused`] naming the file, when it cannot be opened.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || open(&path)).await;
        let (writing, reading) = opened.map_err(|error| StoreError::Refused(error.to_string()))??;
        let commits = watch::Sender::new(0);
        let (writer, transactions) = mpsc::channel(STORE_QUEUE);
        let (reader, queries) = mpsc::channel(STORE_QUEUE);
        let committed = commits.clone();
        thread("miso-store-write", move || write_loop(writing, transactions, &committed))?;
        thread("miso-store-read", move || read_loop(&reading, queries))?;
        Ok(Self { writer, reader, commits })
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(|_| ()).map_err(|error| StoreError::Refused(format!("no thread for the store: {error}")))
}

fn open(path: &PathBuf) -> Result<(Connection, Connection), StoreError> {
    let refused = |error: &dyn std::fmt::Display| {
        StoreError::Refused(format!("the store {} cannot be opened: {error}", path.display()))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| refused(&error))?;
    }
    let connect = |flags: OpenFlags, pragmas: &str| {
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.execute_batch(pragmas)?;
        Ok::<_, rusqlite::Error>(connection)
    };
    let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let writing = connect(create, PRAGMAS).map_err(|error| refused(&error))?;
    let reading =
        connect(OpenFlags::SQLITE_OPEN_READ_WRITE, "pragma query_only=on").map_err(|error| refused(&error))?;
    Ok((writing, reading))
}

fn write_loop(
    mut connection: Connection,
    mut transactions: mpsc::Receiver<(Vec<Statement>, Answer<Vec<u64>>)>,
    commits: &watch::Sender<u64>,
) {
    while let Some((statements, answer)) = transactions.blocking_recv() {
        let result = transact(&mut connection, &statements);
        if result.is_ok() {
            commits.send_modify(|count| *count += 1);
        }
        let _ = answer.send(result);
    }
}

fn transact(connection: &mut Connection, statements: &[Statement]) -> Result<Vec<u64>, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
    let mut affected = Vec::with_capacity(statements.len());
    for (index, statement) in statements.iter().enumerate() {
        let mut prepared = transaction.prepare_cached(&numbered(&statement.sql)).map_err(error)?;
        bind(&mut prepared, &statement.params)?;
        let rows = prepared.raw_execute().map_err(error)? as u64;
        if statement.expect.is_some_and(|expected| expected != rows) {
            return Err(StoreError::Unexpected { statement: index, rows });
        }
        affected.push(rows);
    }
    transaction.commit().map_err(error)?;
    Ok(affected)
}

fn read_loop(connection: &Connection, mut queries: mpsc::Receiver<(String, Vec<Value>, Answer<Vec<Row>>)>) {
    while let Some((sql, params, answer)) = queries.blocking_recv() {
        let _ = answer.send(query(connection, &sql, &params));
    }
}

fn query(connection: &Connection, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
    let mut prepared = connection.prepare_cached(&numbered(sql)).map_err(error)?;
    bind(&mut prepared, params)?;
    let columns = prepared.column_count();
    let mut found = prepared.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(error)? {
        let values: Result<Vec<Value>, StoreError> =
            (0..columns).map(|column| value(row.get_ref(column).map_err(error)?)).collect();
        rows.push(Row(values?));
    }
    Ok(rows)
}

/// SQLite numbers `$n` by first appearance, PostgreSQL by n; `?n` is by n in SQLite too.
fn numbered(sql: &str) -> String {
    let mut numbered = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        let number = after[1..].starts_with(|next: char| next.is_ascii_digit());
        numbered.extend([before, if number { "?" } else { "$" }]);
        rest = &after[1..];
    }
    numbered.push_str(rest);
    numbered
}

fn bind(statement: &mut rusqlite::CachedStatement<'_>, params: &[Value]) -> Result<(), StoreError> {
    for (index, param) in params.iter().enumerate() {
        let at = index + 1;
        if at > statement.parameter_count() {
            return Err(StoreError::Refused(format!("the statement has no parameter ${at}")));
        }
        match param {
            Value::Null => statement.raw_bind_parameter(at, rusqlite::types::Null),
            Value::Integer(value) => statement.raw_bind_parameter(at, value),
            Value::Text(text) => statement.raw_bind_parameter(at, text),
        }
        .map_err(error)?;
    }
    Ok(())
}

fn value(value: ValueRef<'_>) -> Result<Value, StoreError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(value) => Ok(Value::Integer(value)),
        ValueRef::Text(text) => Ok(Value::Text(String::from_utf8_lossy(text).into_owned())),
        ValueRef::Real(_) | ValueRef::Blob(_) => {
            Err(StoreError::Refused("a column is neither number nor text".to_owned()))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull | ErrorCode::SystemIoFailure,
        ) => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Refused(error.to_string()),
    }
}

fn ended<T>(_: T) -> StoreError {
    StoreError::Unavailable("the store's thread has ended; restart the process".to_owned())
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn transact(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.writer.send((statements, answer)).await.map_err(ended)?;
        answered.await.map_err(ended)?
    }

    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.reader.send((sql.to_owned(), params, answer)).await.map_err(ended)?;
        answered.await.map_err(ended)?
    }

    fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }
}
