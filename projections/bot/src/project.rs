use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use miso_model::{Aggregate, Fact};

use crate::tables::Tables;
use crate::{SCHEMA_VERSION, Statement};

/// Kind of the fact that settings of an aggregate were changed.
pub const SETTINGS_CHANGED: &str = "SettingsChanged";

/// Body of a [`SETTINGS_CHANGED`] fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// The changed keys' values before; null where none was set.
    pub before: Map<String, Json>,
    /// The changed keys' values after; null where it was taken back.
    pub after: Map<String, Json>,
    /// All settings after.
    pub settings: Map<String, Json>,
}

/// What the facts of one partition change in the tables, and the partition's new position, which
/// must have been `from`. Pure: the same facts give the same statements. A fact of an unknown kind
/// counts as executed and raises its aggregate's version.
///
/// `facts` are `(offset, fact)` in offset order.
#[must_use]
pub fn project(tables: &Tables, partition: i32, from: i64, facts: &[(i64, Fact)]) -> Vec<Statement> {
    let next = facts.last().map_or(from, |(offset, _)| offset + 1);
    // The position first: who is late is told before it waits for the other rows.
    let sql = format!(
        "update {} set next = $1 where partition = $2 and next = $3 and schema_version = $4",
        tables.name("positions")
    );
    let params = vec![next.into(), partition.into(), from.into(), SCHEMA_VERSION.into()];
    let mut statements = vec![Statement::new(sql, params).expecting(1)];
    for (offset, fact) in facts {
        statements.extend(rows(tables, fact));
        statements.push(execution(tables, partition, offset + 1, fact));
    }
    statements
}

fn rows(tables: &Tables, fact: &Fact) -> Vec<Statement> {
    let aggregates = tables.name("aggregates");
    let changed =
        (fact.kind == SETTINGS_CHANGED).then(|| serde_json::from_slice::<SettingsChanged>(&fact.body).ok()).flatten();
    let Some(changed) = changed else {
        let sql = format!(
            "insert into {aggregates} as a (aggregate, version, settings) values ($1, $2, '{{}}') \
             on conflict (aggregate) do update set version = excluded.version where a.version < excluded.version"
        );
        return vec![Statement::new(sql, vec![(&*fact.aggregate).into(), fact.version.into()])];
    };
    let sql = format!(
        "insert into {aggregates} as a (aggregate, version, settings) values ($1, $2, $3) on conflict (aggregate) \
         do update set version = excluded.version, settings = excluded.settings where a.version < excluded.version"
    );
    let settings = serde_json::to_string(&changed.settings).unwrap_or_default();
    let mut statements =
        vec![Statement::new(sql, vec![(&*fact.aggregate).into(), fact.version.into(), settings.into()])];
    if let Ok(Aggregate::Guild(guild)) = fact.aggregate.parse() {
        let sql = format!(
            "insert into {} (guild_id, prefix) values ($1, $2) on conflict (guild_id) do update set prefix = excluded.prefix",
            tables.name("guild_settings")
        );
        let prefix = changed.settings.get("prefix").and_then(Json::as_str);
        statements.push(Statement::new(sql, vec![guild.to_string().into(), prefix.into()]));
    }
    statements
}

/// Several facts of one request share their answer; its position is past the last of them.
fn execution(tables: &Tables, partition: i32, next: i64, fact: &Fact) -> Statement {
    let sql = format!(
        "insert into {} (request_id, aggregate, status, answer, partition, next, at_ms) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (aggregate, request_id) do update set next = excluded.next",
        tables.name("executions")
    );
    let params = vec![
        (&*fact.request_id).into(),
        (&*fact.aggregate).into(),
        fact.status.into(),
        String::from_utf8_lossy(&fact.answer).into_owned().into(),
        partition.into(),
        next.into(),
        fact.at_ms.into(),
    ];
    Statement::new(sql, params)
}
