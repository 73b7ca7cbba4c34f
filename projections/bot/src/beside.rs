//! A second set of the tables that an operator has built from the facts: to be compared with the live ones,
//! or to take their place. Unlike a build that a process makes for itself, it stays until it is taken.

use std::sync::Arc;

use miso_log::catalogue::{AGGREGATES, BOT_FACTS};
use miso_log::{Schemas, SharedLog};

use crate::prepare::forget;
use crate::{BotStore, PrepareError, SCHEMA_VERSION, Statement, Store, StoreError, Tables, Value};

/// The number of an operator's build; a process's own builds have other numbers, drawn at random.
pub const OPERATORS_BUILD: u32 = 0;
/// Name of its entry in `store_meta`: not one that a starting process forgets.
const ENTRY: &str = "build/0";
/// A comparison or a swap begins again so often when the live tables move meanwhile.
const ATTEMPTS: usize = 20;
/// Differing rows that are shown of each table and side, at most; all are counted.
pub const SHOWN_DIFFERENCES: usize = 5;

/// Where tables stand: the next offset of `bot.facts` of each partition.
pub type Positions = Vec<(i32, i64)>;

/// How one table of the live set and of the rebuilt set differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    /// The table.
    pub table: &'static str,
    /// Rows of the live table.
    pub rows: i64,
    /// Rows that only the live table has.
    pub only_live: i64,
    /// Rows that only the rebuilt one has.
    pub only_rebuilt: i64,
    /// The first of both, `-` live, `+` rebuilt, their values by column.
    pub shown: Vec<String>,
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Where the live tables stood.
    pub live: Positions,
    /// Where the rebuilt ones stood.
    pub rebuilt: Positions,
    /// Every table.
    pub tables: Vec<TableDiff>,
}

impl Diff {
    /// Whether both hold the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.only_live == 0 && table.only_rebuilt == 0)
    }
}

/// The operator's build and the live tables of a store.
#[derive(Debug, Clone)]
pub struct Beside {
    live: BotStore,
    built: BotStore,
}

impl Beside {
    /// For the store of this version; nothing is changed yet.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the store has no tables of this version.
    pub async fn open(store: Arc<dyn Store>, log: &SharedLog) -> Result<Self, PrepareError> {
        let schemas = Arc::new(Schemas::open(log.clone()).await?);
        let live = BotStore { store, tables: Tables::live(), schemas };
        match live.schema_version().await {
            Ok(SCHEMA_VERSION) => {}
            Ok(found) if found > SCHEMA_VERSION => return Err(PrepareError::Newer { found }),
            Ok(_) | Err(StoreError::Refused(_)) => {
                return Err(
                    StoreError::Refused("the store has no tables of this version yet: start Miso once".into()).into()
                );
            }
            Err(error) => return Err(error.into()),
        }
        let built = BotStore { tables: Tables::beside(OPERATORS_BUILD), ..live.clone() };
        Ok(Self { live, built })
    }

    /// Builds the tables anew from the facts, up to now or, where given, below an offset of each partition.
    /// An earlier build is removed first. Answers the number of facts looked at.
    ///
    /// # Errors
    /// See [`PrepareError`].
    pub async fn build(
        &self,
        log: &SharedLog,
        until: Option<&[(i32, i64)]>,
        mut tell: impl FnMut(i32),
    ) -> Result<Positions, PrepareError> {
        let mut statements = self.built.tables.drop();
        statements.push(forget(OPERATORS_BUILD));
        statements.extend(self.built.tables.create(AGGREGATES));
        let kind = if until.is_some() { "kept at a position" } else { "kept" };
        statements.push(Statement::new(
            "insert into store_meta (name, value) values ($1, $2)",
            vec![ENTRY.into(), kind.into()],
        ));
        self.live.store.transact(statements).await?;
        let mut positions = Vec::new();
        for partition in 0..AGGREGATES {
            let latest = log.bounds(BOT_FACTS, partition).await?.latest;
            let wanted = until.and_then(|until| until.iter().find(|(of, _)| *of == partition)).map(|(_, at)| *at);
            let end = wanted.unwrap_or(latest).min(latest);
            positions.push((partition, self.built.catch_up_to(log, partition, 0, end).await?));
            tell(partition);
        }
        Ok(positions)
    }

    /// Compares every table. A build up to now is first brought to where the live tables stand; one that is
    /// kept at a position is compared as it is.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when nothing was built; [`StoreError::Unavailable`] when the live tables move
    /// faster than they can be compared.
    pub async fn diff(&self, log: &SharedLog) -> Result<Diff, PrepareError> {
        let kept = self.entry().await? == "kept at a position";
        for _ in 0..ATTEMPTS {
            let live = self.positions(&self.live).await?;
            if !kept {
                self.bring_to(log, &live).await?;
            }
            let rebuilt = self.positions(&self.built).await?;
            let mut tables = Vec::new();
            for (table, _) in self.live.tables.contents() {
                if table != "positions" {
                    tables.push(self.table(table).await?);
                }
            }
            if self.positions(&self.live).await? == live && (kept || rebuilt == live) {
                return Ok(Diff { live, rebuilt, tables });
            }
        }
        let moving = "the live tables change faster than they can be compared; try again when less happens";
        Err(StoreError::Unavailable(moving.to_owned()).into())
    }

    /// Puts the build in the place of the live tables, at a moment when both stand at the same position.
    ///
    /// # Errors
    /// As [`Beside::diff`].
    pub async fn swap(&self, log: &SharedLog) -> Result<(), PrepareError> {
        self.entry().await?;
        let (live, built) = (self.live.tables.name("positions"), self.built.tables.name("positions"));
        for _ in 0..ATTEMPTS {
            let at = self.positions(&self.live).await?;
            self.bring_to(log, &at).await?;
            // First of all, so that no fact is projected into the old tables from here on.
            let same = format!(
                "update {live} set next = next where next = (select b.next from {built} b where b.partition = {live}.partition)"
            );
            let partitions = u64::try_from(AGGREGATES).unwrap_or(0);
            let mut swap = vec![Statement::new(same, vec![]).expecting(partitions)];
            swap.extend(self.built.tables.swap(SCHEMA_VERSION));
            swap.push(forget(OPERATORS_BUILD));
            match self.live.store.transact(swap).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Unexpected { statement: 0, .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let moving = "the live tables change faster than the build follows; try again when less happens";
        Err(StoreError::Unavailable(moving.to_owned()).into())
    }

    /// What is noted of the build.
    async fn entry(&self) -> Result<String, StoreError> {
        let rows = self.live.store.query("select value from store_meta where name = $1", vec![ENTRY.into()]).await?;
        let value = rows.first().map(|row| row.text(0)).transpose()?.flatten();
        value
            .map(str::to_owned)
            .ok_or_else(|| StoreError::Refused("nothing was rebuilt yet: miso rebuild bot".to_owned()))
    }

    async fn positions(&self, of: &BotStore) -> Result<Positions, StoreError> {
        let mut positions = Vec::new();
        for partition in 0..AGGREGATES {
            positions.push((partition, of.position(partition).await?));
        }
        Ok(positions)
    }

    /// Projects into the build what it lacks.
    async fn bring_to(&self, log: &SharedLog, to: &[(i32, i64)]) -> Result<(), PrepareError> {
        for &(partition, end) in to {
            let at = self.built.position(partition).await?;
            if at < end {
                self.built.catch_up_to(log, partition, at, end).await?;
            }
        }
        Ok(())
    }

    async fn table(&self, table: &'static str) -> Result<TableDiff, StoreError> {
        let contents = |of: &BotStore| {
            let all = of.tables.contents();
            let query = all.into_iter().find(|(name, _)| *name == table).map(|(_, query)| query).unwrap_or_default();
            // Without its order, which a part of `except` cannot have.
            query.split(" order by ").next().unwrap_or_default().to_owned()
        };
        let (live, built) = (contents(&self.live), contents(&self.built));
        let rows = self.number(&format!("select count(*) from {}", self.live.tables.name(table))).await?;
        let mut diff = TableDiff { table, rows, only_live: 0, only_rebuilt: 0, shown: Vec::new() };
        for (mark, from, other) in [('-', &live, &built), ('+', &built, &live)] {
            let count = self.number(&format!("select count(*) from ({from} except {other}) as d")).await?;
            *if mark == '-' { &mut diff.only_live } else { &mut diff.only_rebuilt } = count;
            if count > 0 {
                let sql = format!("select * from ({from} except {other}) as d limit {SHOWN_DIFFERENCES}");
                let rows = self.live.store.query(&sql, vec![]).await?;
                diff.shown.extend(rows.iter().map(|row| format!("{mark} {}", told(&row.0))));
            }
        }
        Ok(diff)
    }

    async fn number(&self, sql: &str) -> Result<i64, StoreError> {
        let rows = self.live.store.query(sql, vec![]).await?;
        Ok(rows.first().map(|row| row.integer(0)).transpose()?.flatten().unwrap_or_default())
    }
}

/// Characters of a text that are shown, at most: enough to find the row, not what people wrote.
const SHOWN_CHARS: usize = 40;

fn told(values: &[Value]) -> String {
    let value = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) if text.chars().count() > SHOWN_CHARS => format!("‹{} chars›", text.chars().count()),
        Value::Text(text) => text.clone(),
    };
    values.iter().map(value).collect::<Vec<_>>().join(" | ")
}
