use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::watch;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{AsyncMessage, Config, NoTls};
use tokio_util::task::AbortOnDropHandle;

use crate::{Row, Statement, Store, StoreError, Value};

/// Connections of one process, at most; then callers wait, [`WAIT`] at the longest.
pub const POSTGRES_CONNECTIONS: usize = 16;
/// For a connection, and for a free one.
const WAIT: Duration = Duration::from_secs(5);
/// A statement that takes longer is ended by the server.
const STATEMENT_TIMEOUT_MS: u32 = 10_000;
/// Between attempts to listen again after a broken connection.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// The channel on which processes tell each other of commits.
const CHANNEL: &str = "miso_store";

/// PostgreSQL ≥ 15. Every transaction tells the other processes through `NOTIFY`.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    commits: watch::Sender<u64>,
    _listener: AbortOnDropHandle<()>,
}

impl PostgresStore {
    /// Prepares the pool; connects at the first call. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the address cannot be read.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let mut config = Config::from_str(url)
            .map_err(|error| StoreError::Refused(format!("MISO_STORE is no PostgreSQL address: {error}")))?;
        config.connect_timeout(WAIT).application_name("miso");
        let options = config.get_options().unwrap_or_default().to_owned();
        config.options(format!("{options} -c statement_timeout={STATEMENT_TIMEOUT_MS}").trim().to_owned());
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config.clone(), NoTls, manager))
            .max_size(POSTGRES_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
            .build()
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        let commits = watch::Sender::new(0);
        let listener = AbortOnDropHandle::new(tokio::spawn(listen(config, commits.clone())));
        Ok(Self { pool, commits, _listener: listener })
    }

    async fn connection(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            StoreError::Unavailable(format!("no connection to PostgreSQL ({error}{cause}); is it running?"))
        })
    }
}

/// Bumps `commits` at every notification, and whenever some may have been missed.
async fn listen(config: Config, commits: watch::Sender<u64>) {
    loop {
        if let Ok((client, mut connection)) = config.connect(NoTls).await {
            let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
            let sql = format!("listen {CHANNEL}");
            let listening = client.batch_execute(&sql);
            tokio::pin!(listening);
            let mut heard = false;
            loop {
                tokio::select! {
                    result = &mut listening, if !heard => {
                        if result.is_err() { break }
                        heard = true;
                        commits.send_modify(|count| *count += 1);
                    }
                    message = messages.next() => match message {
                        Some(Ok(AsyncMessage::Notification(_))) => commits.send_modify(|count| *count += 1),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => break,
                    },
                }
            }
        }
        commits.send_modify(|count| *count += 1);
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self, kind) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Integer(value), &Type::INT4) => i32::try_from(*value)?.to_sql(kind, out),
            (Self::Integer(value), _) => value.to_sql_checked(kind, out),
            (Self::Text(text), _) => text.to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let value = |(index, column): (usize, &tokio_postgres::Column)| {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(index).map(Value::from),
            Type::INT4 => row.try_get::<_, Option<i32>>(index).map(Value::from),
            Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get::<_, Option<&str>>(index).map(Value::from),
            ref other => {
                return Err(StoreError::Refused(format!(
                    "column {} is neither number nor text but {other}",
                    column.name()
                )));
            }
        };
        value.map_err(error)
    };
    row.columns().iter().enumerate().map(value).collect::<Result<_, _>>().map(Row)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn error(error: tokio_postgres::Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        // Without an answer of the server it is the connection, else our own use of it.
        let connection = error.is_closed() || error.source().is_some_and(<dyn Error>::is::<std::io::Error>);
        let text = format!("{error}{cause}");
        return if connection { StoreError::Unavailable(text) } else { StoreError::Refused(text) };
    };
    // Connection, transaction rollback, resources, operator intervention, system error.
    let passing = ["08", "40", "53", "57", "58", "25006"].iter().any(|class| db.code().code().starts_with(class));
    let text = format!("{} ({})", db.message(), db.code().code());
    if passing { StoreError::Unavailable(text) } else { StoreError::Refused(text) }
}

fn borrowed(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

#[async_trait]
impl Store for PostgresStore {
    async fn transact(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        let mut connection = self.connection().await?;
        // Dropped without commit it rolls back, also when this future is dropped.
        let transaction = connection.transaction().await.map_err(error)?;
        let mut affected = Vec::with_capacity(statements.len());
        for (index, statement) in statements.iter().enumerate() {
            let prepared = transaction.prepare_cached(&statement.sql).await.map_err(error)?;
            let rows = transaction.execute(&prepared, &borrowed(&statement.params)).await.map_err(error)?;
            if statement.expect.is_some_and(|expected| expected != rows) {
                transaction.rollback().await.map_err(error)?;
                return Err(StoreError::Unexpected { statement: index, rows });
            }
            affected.push(rows);
        }
        let notify = transaction.prepare_cached("select pg_notify($1, '')").await.map_err(error)?;
        transaction.execute(&notify, &[&CHANNEL]).await.map_err(error)?;
        transaction.commit().await.map_err(error)?;
        Ok(affected)
    }

    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection().await?;
        let prepared = connection.prepare_cached(sql).await.map_err(error)?;
        let rows = connection.query(&prepared, &borrowed(&params)).await.map_err(error)?;
        rows.iter().map(row).collect()
    }

    fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }
}
