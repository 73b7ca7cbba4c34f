use std::collections::BTreeMap;
use std::fmt::Write;

use crate::tables::{Merge, Table};
use crate::{Statement, Tables, Value};

/// Rows in one statement; the rest of a batch goes one by one, so that few texts are prepared.
const ROWS: usize = 16;

/// What a batch of facts changes, row by row: several changes of one row become one. Rendered, the
/// rows of a table go together.
pub(crate) struct Changes<'a> {
    tables: &'a Tables,
    rows: BTreeMap<&'static str, OfTable>,
    statements: Vec<Statement>,
}

struct OfTable {
    table: &'static Table,
    /// By key. `None` where the row is removed.
    rows: BTreeMap<Vec<Value>, Option<Vec<Value>>>,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(tables: &'a Tables) -> Self {
        Self { tables, rows: BTreeMap::new(), statements: Vec::new() }
    }

    /// Puts a row in place of the one with its key, or merges it as its columns say.
    pub(crate) fn put<const N: usize>(&mut self, table: &'static Table, row: [Value; N]) {
        debug_assert_eq!(N, table.columns.len(), "{}", table.name);
        let mut row = Vec::from(row);
        let values = row.split_off(table.key);
        let rows = &mut self.of(table).rows;
        match rows.get_mut(&row) {
            Some(Some(before)) => {
                for ((column, before), value) in table.columns[table.key..].iter().zip(before).zip(values) {
                    merge(column.merge, before, value);
                }
            }
            Some(None) | None => drop(rows.insert(row, Some(values))),
        }
    }

    /// Removes a row.
    pub(crate) fn remove<const N: usize>(&mut self, table: &'static Table, key: [Value; N]) {
        debug_assert_eq!(N, table.key, "{}", table.name);
        self.of(table).rows.insert(Vec::from(key), None);
    }

    /// A statement that is no change of one row: it happens after all changes so far.
    pub(crate) fn then(&mut self, sql: String, params: Vec<Value>) {
        self.flush();
        self.statements.push(Statement::new(sql, params));
    }

    pub(crate) fn name(&self, table: &Table) -> String {
        self.tables.name(table.name)
    }

    pub(crate) fn into_statements(mut self) -> Vec<Statement> {
        self.flush();
        self.statements
    }

    fn of(&mut self, table: &'static Table) -> &mut OfTable {
        self.rows.entry(table.name).or_insert_with(|| OfTable { table, rows: BTreeMap::new() })
    }

    fn flush(&mut self) {
        for (_, OfTable { table, rows }) in std::mem::take(&mut self.rows) {
            let name = self.tables.name(table.name);
            let mut puts = Vec::with_capacity(rows.len());
            for (key, values) in rows {
                match values {
                    Some(values) => puts.push(key.into_iter().chain(values)),
                    None => self.statements.push(removal(table, &name, key)),
                }
            }
            let mut puts = puts.into_iter();
            let together = if puts.len() >= ROWS { upsert(table, &name, ROWS) } else { String::new() };
            while puts.len() >= ROWS {
                let mut params = Vec::with_capacity(ROWS * table.columns.len());
                params.extend(puts.by_ref().take(ROWS).flatten());
                self.statements.push(Statement::new(together.clone(), params));
            }
            let alone = upsert(table, &name, 1);
            self.statements.extend(puts.map(|row| Statement::new(alone.clone(), row.collect())));
        }
    }
}

fn merge(how: Merge, before: &mut Value, value: Value) {
    match (how, before, value) {
        (Merge::Add, Value::Integer(sum), Value::Integer(value)) => *sum = sum.saturating_add(value),
        (Merge::Keep, _, Value::Null) => {}
        (Merge::Replace | Merge::Keep | Merge::Add, before, value) => *before = value,
    }
}

fn removal(table: &Table, name: &str, key: Vec<Value>) -> Statement {
    let mut sql = format!("delete from {name}");
    for (index, column) in table.columns[..table.key].iter().enumerate() {
        let word = if index == 0 { "where" } else { "and" };
        let _ = write!(sql, " {word} {} = ${}", column.name, index + 1);
    }
    Statement::new(sql, key)
}

fn upsert(table: &Table, name: &str, rows: usize) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let mut sql = format!("insert into {name} as t ({}) values ", names.join(", "));
    let mut number = 0;
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..names.len() {
            number += 1;
            let comma = if column == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}${number}");
        }
        sql.push(')');
    }
    let _ = write!(sql, " on conflict ({}) do ", names[..table.key].join(", "));
    let merged: Vec<String> = table.columns[table.key..]
        .iter()
        .map(|column| {
            let name = column.name;
            match column.merge {
                Merge::Replace => format!("{name} = excluded.{name}"),
                Merge::Add => format!("{name} = t.{name} + excluded.{name}"),
                Merge::Keep => format!("{name} = coalesce(excluded.{name}, t.{name})"),
            }
        })
        .collect();
    if merged.is_empty() {
        sql.push_str("nothing");
    } else {
        let _ = write!(sql, "update set {}", merged.join(", "));
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{ACTIVITY_HOURS, AGGREGATES, STAR_GIVERS};

    #[test]
    fn several_changes_of_a_row_become_one_as_its_columns_say() {
        let tables = Tables::live();
        let mut changes = Changes::new(&tables);
        changes.put(&AGGREGATES, ["g".into(), 1.into(), "{}".into()]);
        changes.put(&AGGREGATES, ["g".into(), 2.into(), Value::Null]);
        changes.put(&ACTIVITY_HOURS, ["g".into(), "u".into(), 3.into(), 4.into()]);
        changes.put(&ACTIVITY_HOURS, ["g".into(), "u".into(), 3.into(), 5.into()]);
        changes.put(&STAR_GIVERS, ["g".into(), "m".into(), "u".into()]);
        changes.remove(&STAR_GIVERS, ["g".into(), "m".into(), "u".into()]);
        let statements = changes.into_statements();
        let params: Vec<_> = statements.iter().map(|statement| statement.params.clone()).collect();
        assert_eq!(
            params,
            [
                vec![Value::from("g"), "u".into(), 3.into(), 9.into()],
                vec!["g".into(), 2.into(), "{}".into()],
                vec!["g".into(), "m".into(), "u".into()],
            ]
        );
        assert_eq!(
            statements[0].sql,
            "insert into activity_hours as t (guild_id, user_id, hour, messages) values ($1, $2, $3, $4) \
             on conflict (guild_id, user_id, hour) do update set messages = t.messages + excluded.messages"
        );
        assert_eq!(
            statements[2].sql,
            "delete from star_givers where guild_id = $1 and message_id = $2 and user_id = $3"
        );
    }

    #[test]
    fn rows_of_a_table_go_together_and_what_is_no_row_comes_after() {
        let tables = Tables::beside(7);
        let mut changes = Changes::new(&tables);
        for user in 0..ROWS + 2 {
            changes.put(&STAR_GIVERS, ["g".into(), "m".into(), user.to_string().into()]);
        }
        changes.then("delete from everything".to_owned(), vec![]);
        let statements = changes.into_statements();
        assert_eq!(statements.iter().map(|statement| statement.params.len()).collect::<Vec<_>>(), [ROWS * 3, 3, 3, 0]);
        assert!(statements[0].sql.contains("into build_7_star_givers as t") && statements[0].sql.contains("$48)"));
    }
}
