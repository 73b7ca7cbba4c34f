use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use miso_log::catalogue::{AGGREGATES, BOT_FACTS};
use miso_log::{LogError, ReadError, Schemas, SharedLog};
use miso_model::Fact;

use crate::{BotStore, ProjectError, SCHEMA_VERSION, Statement, Store, StoreError, Tables};

/// Facts gathered for one transaction while tables are built; one read of the log more, at most.
pub const PREPARE_BATCH: usize = 4_000;
/// Partitions that are built at once: one is read and folded while the other is written.
const TOGETHER: usize = 2;
/// Builds that lose against another process or a moving log begin again so often.
const ATTEMPTS: usize = 5;

/// The store could not be made ready.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PrepareError {
    /// A newer Miso built these tables.
    #[error(
        "the store has tables of version {found}, this is version {SCHEMA_VERSION}: start the newer Miso, or give this one an empty store"
    )]
    Newer {
        /// Its version.
        found: i64,
    },
    /// Facts are missing, so no read model can be built.
    #[error("facts of partition {partition} before offset {earliest} are gone: restore bot.facts from a backup")]
    FactsLost {
        /// Of `bot.facts`.
        partition: i32,
        /// The first that is there.
        earliest: i64,
    },
    /// A fact cannot be read: nothing may be built past it.
    #[error("the fact at offset {offset} of partition {partition} cannot be read: {reason}")]
    Unreadable {
        /// Of `bot.facts`.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// Why.
        reason: String,
    },
    /// The engine's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log's.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<ProjectError> for PrepareError {
    fn from(error: ProjectError) -> Self {
        match error {
            ProjectError::Moved(_) => Self::Store(StoreError::Unavailable(error.to_string())),
            ProjectError::Store(error) => Self::Store(error),
        }
    }
}

impl BotStore {
    /// Makes the tables ready: where they are missing or of an older version, new ones are built
    /// from the facts beside them and swapped in, while the old ones are still read.
    ///
    /// # Errors
    /// See [`PrepareError`]; after [`StoreError::Unavailable`] it may be tried again.
    pub async fn prepare(
        store: Arc<dyn Store>,
        log: &SharedLog,
        build: impl Fn() -> u32,
    ) -> Result<Self, PrepareError> {
        let meta =
            "create table if not exists store_meta (name text not null, value text not null, primary key (name))";
        if let Err(error) = store.execute(Statement::new(meta, vec![])).await {
            // Two processes that create it at once: PostgreSQL lets one of them fail.
            store.query("select 1 from store_meta where name = ''", vec![]).await.map_err(|_| error)?;
        }
        let first = "insert into store_meta (name, value) values ('schema_version', '0') on conflict (name) do nothing";
        store.execute(Statement::new(first, vec![])).await?;
        let schemas = Arc::new(Schemas::open(log.clone()).await?);
        let live = Self { store, tables: Tables::live(), schemas };
        for _ in 0..ATTEMPTS {
            let found = live.schema_version().await?;
            if found == SCHEMA_VERSION {
                live.forget_builds().await?;
                return Ok(live);
            }
            if found > SCHEMA_VERSION {
                return Err(PrepareError::Newer { found });
            }
            if let Err(error) = live.rebuild(log, build(), found).await
                && live.schema_version().await? == found
            {
                return Err(error);
            }
        }
        Err(StoreError::Unavailable("another process is building the store's tables".to_owned()).into())
    }

    pub(crate) async fn schema_version(&self) -> Result<i64, StoreError> {
        let rows = self.store.query("select value from store_meta where name = 'schema_version'", vec![]).await?;
        let value = rows.first().map(|row| row.text(0)).transpose()?.flatten().unwrap_or("0");
        value.parse().map_err(|_| StoreError::Refused("the store's schema_version is no number".to_owned()))
    }

    /// Builds new tables from the facts beside the live ones, then swaps them in; the live ones had
    /// the version `from`. Nothing is swapped when another process did it first.
    ///
    /// # Errors
    /// See [`PrepareError`].
    pub async fn rebuild(&self, log: &SharedLog, build: u32, from: i64) -> Result<(), PrepareError> {
        let beside = Self { tables: Tables::beside(build), ..self.clone() };
        let mut statements = vec![Statement::new(
            "insert into store_meta (name, value) values ($1, 'building')",
            vec![format!("build/{build}").into()],
        )];
        statements.extend(beside.tables.create(AGGREGATES));
        self.store.transact(statements).await?;
        let built = stream::iter(0..AGGREGATES).map(|partition| beside.catch_up(log, partition, 0));
        built.buffer_unordered(TOGETHER).try_for_each(|_| std::future::ready(Ok(()))).await?;
        let mut swap = beside.tables.swap(from);
        swap.push(forget(build));
        match self.store.transact(swap).await {
            Ok(_) => Ok(()),
            Err(StoreError::Unexpected { .. }) => {
                let mut drop = beside.tables.drop();
                drop.push(forget(build));
                self.store.transact(drop).await?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what builds that never came to their end have left. A build that is still going on
    /// in another process fails at its next step and finds that the tables are ready.
    async fn forget_builds(&self) -> Result<(), StoreError> {
        for row in self.store.query("select name from store_meta where value = 'building'", vec![]).await? {
            let name = row.text(0)?.unwrap_or_default();
            let Some(build) = name.strip_prefix("build/").and_then(|build| build.parse().ok()) else { continue };
            let mut drop = Tables::beside(build).drop();
            drop.push(forget(build));
            self.store.transact(drop).await?;
        }
        Ok(())
    }

    /// Projects a partition, which stands at `from`, to its end of now; answers where it then stands.
    ///
    /// # Errors
    /// See [`PrepareError`].
    pub async fn catch_up(&self, log: &SharedLog, partition: i32, from: i64) -> Result<i64, PrepareError> {
        let end = log.bounds(BOT_FACTS, partition).await?.latest;
        self.catch_up_to(log, partition, from, end).await
    }

    /// Projects the facts of a partition, which stands at `from`, below `end`; answers where it then stands.
    pub(crate) async fn catch_up_to(
        &self,
        log: &SharedLog,
        partition: i32,
        from: i64,
        end: i64,
    ) -> Result<i64, PrepareError> {
        let mut at = from;
        let mut reader = FactReader::new(log, &self.schemas, partition, from);
        let mut batch = Vec::new();
        while let Some(facts) = reader.next_before(end).await? {
            batch.extend(facts);
            if batch.len() >= PREPARE_BATCH {
                at = self.project(partition, at, &batch).await?;
                batch.clear();
            }
        }
        Ok(self.project(partition, at, &batch).await?)
    }
}

pub(crate) fn forget(build: u32) -> Statement {
    Statement::new("delete from store_meta where name = $1", vec![format!("build/{build}").into()])
}

/// Reads the facts of a partition in `from..end`.
///
/// # Errors
/// See [`PrepareError`].
pub async fn read_facts(
    log: &SharedLog,
    partition: i32,
    from: i64,
    end: i64,
) -> Result<Vec<(i64, Fact)>, PrepareError> {
    let schemas = Schemas::open(log.clone()).await?;
    let mut reader = FactReader::new(log, &schemas, partition, from);
    let mut all = Vec::new();
    while let Some(facts) = reader.next_before(end).await? {
        all.extend(facts);
    }
    Ok(all)
}

struct FactReader<'a> {
    partition: i32,
    schemas: &'a Schemas,
    reader: miso_log::Reader,
}

impl<'a> FactReader<'a> {
    fn new(log: &SharedLog, schemas: &'a Schemas, partition: i32, from: i64) -> Self {
        Self { partition, schemas, reader: log.reader(BOT_FACTS, &[(partition, from)]) }
    }

    /// The next facts below `end`; `None` when all were given.
    async fn next_before(&mut self, end: i64) -> Result<Option<Vec<(i64, Fact)>>, PrepareError> {
        let ends = [(self.partition, end)];
        loop {
            let batch = match self.reader.next_before(&ends).await {
                Ok(Some(batch)) => batch,
                Ok(None) => return Ok(None),
                Err(ReadError::BehindRetention { partition, earliest, .. }) => {
                    return Err(PrepareError::FactsLost { partition, earliest });
                }
                Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason).into()),
                Err(ReadError::Closed) => return Err(LogError::Closed.into()),
            };
            let mut facts = Vec::with_capacity(batch.len());
            for record in batch.iter().filter(|record| record.offset < end) {
                let fact = self.schemas.decode_waiting(record.value.as_deref().unwrap_or_default()).await;
                let fact = fact.map_err(|error| {
                    let (partition, offset, reason) = (record.partition, record.offset, error.to_string());
                    PrepareError::Unreadable { partition, offset, reason }
                })?;
                facts.push((record.offset, fact));
            }
            if !facts.is_empty() {
                return Ok(Some(facts));
            }
        }
    }
}
