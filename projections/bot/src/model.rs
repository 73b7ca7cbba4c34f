use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use miso_log::Schemas;
use miso_model::Fact;

use crate::{Store, StoreError, Tables, project};

/// Rows that one query asks for by key: a list is padded to it, so that one text is prepared.
pub(crate) const TOGETHER: usize = 32;

/// The read models and their projection. Cheap to clone. Made by [`BotStore::prepare`].
#[derive(Debug, Clone)]
pub struct BotStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tables: Tables,
    pub(crate) schemas: Arc<Schemas>,
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

    /// What became of requests, each named by its aggregate and its id: those that changed something.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn executions(
        &self,
        requests: &[(&str, &str)],
    ) -> Result<HashMap<(String, String), Execution>, StoreError> {
        let one = |number: usize| format!("(aggregate = ${} and request_id = ${})", number * 2 + 1, number * 2 + 2);
        let sql = format!(
            "select aggregate, request_id, status, answer, partition, next from {} where {}",
            self.tables.name("executions"),
            (0..TOGETHER).map(one).collect::<Vec<_>>().join(" or ")
        );
        let mut found = HashMap::new();
        for requests in requests.chunks(TOGETHER) {
            let padded = requests.iter().chain(std::iter::repeat(&requests[0])).take(TOGETHER);
            let params = padded.flat_map(|(aggregate, request_id)| [(*aggregate).into(), (*request_id).into()]);
            for row in self.store.query(&sql, params.collect()).await? {
                let text = |column| Ok::<_, StoreError>(row.text(column)?.unwrap_or_default().to_owned());
                let small = |column| {
                    let value = row.integer(column)?.and_then(|value| i32::try_from(value).ok());
                    Ok::<_, StoreError>(value.unwrap_or_default())
                };
                let execution = Execution {
                    status: small(2)?,
                    answer: text(3)?,
                    partition: small(4)?,
                    next: row.integer(5)?.unwrap_or_default(),
                };
                found.insert((text(0)?, text(1)?), execution);
            }
        }
        Ok(found)
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
