use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use miso_model::Fact;

use crate::changes::Changes;
use crate::facts::SettingsChanged;
use crate::model::TOGETHER;
use crate::tables::{AGGREGATES, AUDIT};
use crate::{BotStore, Row, StoreError, Value};

/// What the next decision about an aggregate needs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AggregateState {
    /// Number of facts about it.
    pub version: i64,
    /// All that is set, by module: see `miso_settings`.
    pub settings: Map<String, Json>,
}

/// A change of settings, as it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Of the aggregate: which change it is.
    pub version: i64,
    /// The module's key.
    pub module: String,
    /// Of the module, after the change.
    pub module_version: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Who, such as `user/1`.
    pub by: String,
    /// `panel`, `command`, `import`, `api`.
    pub via: String,
    /// By field; null where none was set.
    pub before: Map<String, Json>,
    /// By field; null where it was taken back.
    pub after: Map<String, Json>,
    /// The change that this one takes back.
    pub reverts: Option<i64>,
}

pub(crate) fn changed(changes: &mut Changes<'_>, fact: &Fact, body: &SettingsChanged) -> Option<()> {
    let aggregate = &*fact.aggregate;
    changes.put(&AGGREGATES, [aggregate.into(), fact.version.into(), json(&body.settings)]);
    changes.put(
        &AUDIT,
        [
            aggregate.into(),
            fact.version.into(),
            (&*body.module).into(),
            body.module_version.into(),
            fact.at_ms.into(),
            (&*fact.actor).into(),
            (&*body.via).into(),
            json(&body.before),
            json(&body.after),
            body.reverts.into(),
        ],
    );
    Some(())
}

fn json(map: &Map<String, Json>) -> Value {
    serde_json::to_string(map).unwrap_or_default().into()
}

fn object(json: Option<&str>) -> Result<Map<String, Json>, StoreError> {
    serde_json::from_str(json.unwrap_or("{}"))
        .map_err(|error| StoreError::Refused(format!("settings are no JSON: {error}")))
}

const ENTRY: &str = "version, module, module_version, at_ms, actor, via, before_values, after_values, reverts";

fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    let text = |column| Ok::<_, StoreError>(row.text(column)?.unwrap_or_default().to_owned());
    Ok(AuditEntry {
        version: row.integer(0)?.unwrap_or_default(),
        module: text(1)?,
        module_version: row.integer(2)?.unwrap_or_default(),
        at_ms: row.integer(3)?.unwrap_or_default(),
        by: text(4)?,
        via: text(5)?,
        before: object(row.text(6)?)?,
        after: object(row.text(7)?)?,
        reverts: row.integer(8)?,
    })
}

impl BotStore {
    /// An aggregate; of version 0 when nothing ever happened to it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn aggregate(&self, aggregate: &str) -> Result<AggregateState, StoreError> {
        let sql = format!("select version, settings from {} where aggregate = $1", self.tables.name(AGGREGATES.name));
        let rows = self.store.query(&sql, vec![aggregate.into()]).await?;
        let Some(row) = rows.first() else { return Ok(AggregateState::default()) };
        Ok(AggregateState { version: row.integer(0)?.unwrap_or_default(), settings: object(row.text(1)?)? })
    }

    /// Aggregates, by name; those to which nothing ever happened are left out.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn aggregates(&self, aggregates: &[&str]) -> Result<HashMap<String, AggregateState>, StoreError> {
        let numbers: Vec<String> = (1..=TOGETHER).map(|number| format!("${number}")).collect();
        let sql = format!(
            "select aggregate, version, settings from {} where aggregate in ({})",
            self.tables.name(AGGREGATES.name),
            numbers.join(", ")
        );
        let mut found = HashMap::with_capacity(aggregates.len());
        for aggregates in aggregates.chunks(TOGETHER) {
            let padded = aggregates.iter().chain(std::iter::repeat(&aggregates[0])).take(TOGETHER);
            for row in self.store.query(&sql, padded.map(|name| (*name).into()).collect()).await? {
                let state =
                    AggregateState { version: row.integer(1)?.unwrap_or_default(), settings: object(row.text(2)?)? };
                found.insert(row.text(0)?.unwrap_or_default().to_owned(), state);
            }
        }
        Ok(found)
    }

    /// Changes of an aggregate's settings, the newest first: those before the version `before`, of one
    /// module where one is named, `limit` at most.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn audit(
        &self,
        aggregate: &str,
        module: Option<&str>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut sql =
            format!("select {ENTRY} from {} where aggregate = $1 and version < $2", self.tables.name(AUDIT.name));
        let mut params = vec![aggregate.into(), before.unwrap_or(i64::MAX).into(), limit.into()];
        if let Some(module) = module {
            sql.push_str(" and module = $4");
            params.push(module.into());
        }
        sql.push_str(" order by version desc limit $3");
        self.store.query(&sql, params).await?.iter().map(entry).collect()
    }

    /// The change of settings that is an aggregate's fact of this version.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn audit_entry(&self, aggregate: &str, version: i64) -> Result<Option<AuditEntry>, StoreError> {
        let sql = format!("select {ENTRY} from {} where aggregate = $1 and version = $2", self.tables.name(AUDIT.name));
        self.store.query(&sql, vec![aggregate.into(), version.into()]).await?.first().map(entry).transpose()
    }

    /// The changes of a module after its version `module_version`, the oldest first, `limit` at most.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn changes_since(
        &self,
        aggregate: &str,
        module: &str,
        module_version: i64,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = format!(
            "select {ENTRY} from {} where aggregate = $1 and module = $2 and module_version > $3 \
             order by module_version limit $4",
            self.tables.name(AUDIT.name)
        );
        let params = vec![aggregate.into(), module.into(), module_version.into(), limit.into()];
        self.store.query(&sql, params).await?.iter().map(entry).collect()
    }
}
