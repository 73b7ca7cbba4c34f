use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use miso_log::Schemas;
use miso_model::{Aggregate, Fact, GuildId};

use crate::{Store, StoreError, Tables, project};

/// The read models and their projection. Cheap to clone. Made by [`BotStore::prepare`].
#[derive(Debug, Clone)]
pub struct BotStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tables: Tables,
    pub(crate) schemas: Arc<Schemas>,
}

/// What the next decision about an aggregate needs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AggregateState {
    /// Number of facts about it.
    pub version: i64,
    /// All that is set.
    pub settings: Map<String, Json>,
}

/// A request that changed something, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// HTTP status.
    pub status: i32,
    /// JSON.
    pub answer: String,
    /// Partition of `bot.facts`.
    pub partition: i32,
    /// A store that is here knows the request's facts.
    pub next: i64,
}

/// A guild's settings, as read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GuildSettings {
    /// Of the guild's aggregate.
    pub version: i64,
    /// None where the default holds.
    pub prefix: Option<String>,
    /// All that is set.
    pub settings: Map<String, Json>,
}

/// Facts were not projected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// The partition's position is not where the projection thought: somebody else projected. Look
    /// at [`BotStore::position`] again.
    #[error("the position of partition {0} was moved by another")]
    Moved(i32),
    /// The engine's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BotStore {
    /// The offset of the next fact to be projected.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the tables are of another version: restart with the version of
    /// Miso that built them, or a newer one.
    pub async fn position(&self, partition: i32) -> Result<i64, StoreError> {
        let sql = format!("select next, schema_version from {} where partition = $1", self.tables.name("positions"));
        let rows = self.store.query(&sql, vec![partition.into()]).await?;
        let row = rows.first().ok_or_else(|| StoreError::Refused(format!("partition {partition} has no position")))?;
        if row.integer(1)? != Some(crate::SCHEMA_VERSION) {
            return Err(StoreError::Refused("the store's tables were replaced by another version of Miso".to_owned()));
        }
        Ok(row.integer(0)?.unwrap_or_default())
    }

    /// Projects facts of a partition that stands at `from`, in one transaction; answers the new
    /// position. `facts` are `(offset, fact)` in offset order.
    ///
    /// # Errors
    /// [`ProjectError::Moved`] when it stands elsewhere; nothing happened then.
    pub async fn project(&self, partition: i32, from: i64, facts: &[(i64, Fact)]) -> Result<i64, ProjectError> {
        let Some((last, _)) = facts.last() else { return Ok(from) };
        match self.store.transact(project(&self.tables, partition, from, facts)).await {
            Ok(_) => Ok(last + 1),
            Err(StoreError::Unexpected { statement: 0, .. }) => Err(ProjectError::Moved(partition)),
            Err(error) => Err(error.into()),
        }
    }

    /// What became of a request to an aggregate, if it changed something.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn execution(&self, aggregate: &str, request_id: &str) -> Result<Option<Execution>, StoreError> {
        let sql = format!(
            "select status, answer, partition, next from {} where aggregate = $1 and request_id = $2",
            self.tables.name("executions")
        );
        let rows = self.store.query(&sql, vec![aggregate.into(), request_id.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let small = |column| {
            Ok::<_, StoreError>(row.integer(column)?.and_then(|value| i32::try_from(value).ok()).unwrap_or_default())
        };
        Ok(Some(Execution {
            status: small(0)?,
            answer: row.text(1)?.unwrap_or_default().to_owned(),
            partition: small(2)?,
            next: row.integer(3)?.unwrap_or_default(),
        }))
    }

    /// An aggregate; of version 0 when nothing ever happened to it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn aggregate(&self, aggregate: &str) -> Result<AggregateState, StoreError> {
        let sql = format!("select version, settings from {} where aggregate = $1", self.tables.name("aggregates"));
        let rows = self.store.query(&sql, vec![aggregate.into()]).await?;
        let Some(row) = rows.first() else { return Ok(AggregateState::default()) };
        Ok(AggregateState { version: row.integer(0)?.unwrap_or_default(), settings: settings(row.text(1)?)? })
    }

    /// A guild's settings; of version 0 when none was ever set.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn guild_settings(&self, guild: GuildId) -> Result<GuildSettings, StoreError> {
        let sql = format!(
            "select a.version, g.prefix, a.settings from {} a left join {} g on g.guild_id = $2 where a.aggregate = $1",
            self.tables.name("aggregates"),
            self.tables.name("guild_settings")
        );
        let params = vec![Aggregate::Guild(guild).to_string().into(), guild.to_string().into()];
        let rows = self.store.query(&sql, params).await?;
        let Some(row) = rows.first() else { return Ok(GuildSettings::default()) };
        Ok(GuildSettings {
            version: row.integer(0)?.unwrap_or_default(),
            prefix: row.text(1)?.map(str::to_owned),
            settings: settings(row.text(2)?)?,
        })
    }

    /// Waits until the partition is projected up to `next`; `false` when it is not within `patience`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn wait_for(&self, partition: i32, next: i64, patience: Duration) -> Result<bool, StoreError> {
        let mut commits = self.store.commits();
        let waiting = async {
            loop {
                commits.borrow_and_update();
                if self.position(partition).await? >= next {
                    return Ok(true);
                }
                if commits.changed().await.is_err() {
                    return Ok(false);
                }
            }
        };
        tokio::time::timeout(patience, waiting).await.unwrap_or(Ok(false))
    }

    /// `Ok` when the engine answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }
}

fn settings(json: Option<&str>) -> Result<Map<String, Json>, StoreError> {
    serde_json::from_str(json.unwrap_or("{}"))
        .map_err(|error| StoreError::Refused(format!("settings are no JSON: {error}")))
}
