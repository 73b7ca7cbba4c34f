use std::borrow::Cow;
use std::fmt::Debug;

use async_trait::async_trait;
use tokio::sync::watch;

/// A bound parameter, or a column's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL's null.
    Null,
    /// `bigint`: numbers, times in Unix milliseconds.
    Integer(i64),
    /// `text`: words, ids, JSON.
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}
impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}
impl From<String> for Value {
    /// PostgreSQL takes no NUL: it is left out for every engine, so that any fact can be projected.
    fn from(text: String) -> Self {
        Self::Text(if text.contains('\0') { text.replace('\0', "") } else { text })
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A statement with its parameters, named `$1`, `$2`, … in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What both engines understand.
    pub sql: Cow<'static, str>,
    /// Bound in order; never put into the text.
    pub params: Vec<Value>,
    /// The transaction is rolled back unless so many rows are affected.
    pub expect: Option<u64>,
}

impl Statement {
    /// A statement that may affect any number of rows.
    #[must_use]
    pub fn new(sql: impl Into<Cow<'static, str>>, params: Vec<Value>) -> Self {
        Self { sql: sql.into(), params, expect: None }
    }

    /// The same, but it must affect exactly `rows` rows.
    #[must_use]
    pub fn expecting(mut self, rows: u64) -> Self {
        self.expect = Some(rows);
        self
    }
}

/// A row of an answer, by column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row(pub Vec<Value>);

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Value {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => std::cmp::Ordering::Equal,
            (Self::Null, _) | (Self::Integer(_), Self::Text(_)) => std::cmp::Ordering::Less,
            (_, Self::Null) | (Self::Text(_), Self::Integer(_)) => std::cmp::Ordering::Greater,
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
        }
    }
}

impl Row {
    /// A number; `None` for null.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the column is missing or holds text.
    pub fn integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Value::Integer(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            Some(Value::Text(_)) | None => Err(StoreError::Refused(format!("column {column} is no number"))),
        }
    }

    /// A text; `None` for null.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the column is missing or holds a number.
    pub fn text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            Some(Value::Integer(_)) | None => Err(StoreError::Refused(format!("column {column} is no text"))),
        }
    }
}

/// The store did not do it. In a transaction nothing happened, except where said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not now (database down, disk full): try again after a while. A transaction whose commit was
    /// under way when PostgreSQL's connection broke may have happened.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A statement affected another number of rows than it must: rolled back.
    #[error("statement {statement} affected {rows} rows")]
    Unexpected {
        /// Its index in the transaction.
        statement: usize,
        /// How many rows it affected.
        rows: u64,
    },
    /// It can never succeed as it is: wrong SQL, a broken file, an address that is none.
    #[error("the store refused: {0}")]
    Refused(String),
}

/// The port. Every adapter must pass the contract suite.
///
/// - SQL keeps to what SQLite and PostgreSQL both speak: `insert … on conflict do update`, CTEs,
///   window functions, `bigint` for numbers and times, `text` for words and JSON.
/// - A transaction is a list of statements, known beforehand: no other I/O can happen inside, and a
///   caller that is dropped while it waits leaves it either whole or not begun.
/// - A query sees every transaction that was acknowledged before it began.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// Runs all statements, or none; answers the number of affected rows of each.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn transact(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError>;

    /// Runs one statement in a transaction of its own; answers the number of affected rows.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn execute(&self, statement: Statement) -> Result<u64, StoreError> {
        Ok(self.transact(vec![statement]).await?.first().copied().unwrap_or_default())
    }

    /// Reads rows.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>, StoreError>;

    /// Changes whenever something may have been committed, by this process or another; for waiting
    /// readers. May change without cause.
    fn commits(&self) -> watch::Receiver<u64>;

    /// `Ok` when the engine answers; for readiness.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what to do.
    async fn check(&self) -> Result<(), StoreError> {
        self.query("select 1", Vec::new()).await.map(|_| ())
    }
}
