use crate::Statement;

/// Version of the tables below. Raise it with every change of them or of the projection: stores of
/// another version are built anew from the facts, beside the old tables, and swapped.
pub const SCHEMA_VERSION: i64 = 1;

/// Names of the tables, without prefix.
pub(crate) const NAMES: [&str; 4] = ["aggregates", "guild_settings", "executions", "positions"];

/// A set of tables: the live one, or one that is being built beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    prefix: String,
}

impl Tables {
    /// The tables that are read.
    #[must_use]
    pub fn live() -> Self {
        Self { prefix: String::new() }
    }

    /// Tables that are being built; `build` is a number nobody else has.
    #[must_use]
    pub fn beside(build: u32) -> Self {
        Self { prefix: format!("build_{build}_") }
    }

    /// A table's name in this set.
    #[must_use]
    pub fn name(&self, table: &str) -> String {
        format!("{}{table}", self.prefix)
    }

    /// Creates them, empty, with a position of 0 for each of `partitions`.
    pub(crate) fn create(&self, partitions: i32) -> Vec<Statement> {
        let columns = [
            // What the next decision about an aggregate needs; `settings` is JSON.
            ("aggregates", "aggregate text not null, version bigint not null, settings text not null", "aggregate"),
            ("guild_settings", "guild_id text not null, prefix text", "guild_id"),
            // Answers to requests that changed something: a repeat gets the same. Grows as the facts do.
            (
                "executions",
                "request_id text not null, aggregate text not null, status bigint not null, answer text not null, \
                 partition bigint not null, next bigint not null, at_ms bigint not null",
                "aggregate, request_id",
            ),
            // How far `bot.facts` is projected, and by which version of the tables.
            (
                "positions",
                "partition bigint not null, next bigint not null, schema_version bigint not null",
                "partition",
            ),
        ];
        let mut statements: Vec<Statement> = columns
            .iter()
            .map(|(table, columns, key)| {
                // The key's name carries the build: in PostgreSQL it names an index and stays when the table is renamed.
                let name = self.name(table);
                Statement::new(
                    format!("create table {name} ({columns}, constraint {name}_key primary key ({key}))"),
                    vec![],
                )
            })
            .collect();
        statements.extend((0..partitions).map(|partition| {
            let sql =
                format!("insert into {} (partition, next, schema_version) values ($1, 0, $2)", self.name("positions"));
            Statement::new(sql, vec![partition.into(), SCHEMA_VERSION.into()])
        }));
        statements
    }

    /// Removes them where they are.
    pub(crate) fn drop(&self) -> Vec<Statement> {
        NAMES.iter().map(|table| Statement::new(format!("drop table if exists {}", self.name(table)), vec![])).collect()
    }

    /// Puts these tables in the place of the live ones, unless the store has another version than
    /// `from` by now.
    pub(crate) fn swap(&self, from: i64) -> Vec<Statement> {
        let mut statements = vec![
            Statement::new(
                "update store_meta set value = $1 where name = 'schema_version' and value = $2",
                vec![SCHEMA_VERSION.to_string().into(), from.to_string().into()],
            )
            .expecting(1),
        ];
        statements.extend(Self::live().drop());
        statements.extend(
            NAMES
                .iter()
                .map(|table| Statement::new(format!("alter table {} rename to {table}", self.name(table)), vec![])),
        );
        statements
    }
}
