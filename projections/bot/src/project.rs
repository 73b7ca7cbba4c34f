use serde::de::DeserializeOwned;

use miso_model::{Aggregate, Fact};

use crate::changes::Changes;
use crate::facts;
use crate::read_models::{activity, counts, crowns, listens, personal, reminders, settings, stars};
use crate::tables::{AGGREGATES, EXECUTIONS, Tables};
use crate::{SCHEMA_VERSION, Statement, Value};

/// What the facts of one partition change in the tables, and the partition's new position, which
/// must have been `from`. Pure: the same facts give the same statements, and however they are cut
/// into batches, the same rows. A fact of an unknown kind counts as executed and raises its
/// aggregate's version.
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
    let mut changes = Changes::new(tables);
    for (offset, fact) in facts {
        executed(&mut changes, partition, offset + 1, fact);
        // A body that cannot be read changes nothing more than a kind that is not known.
        if apply(&mut changes, fact).is_none() {
            changes.put(&AGGREGATES, [(&*fact.aggregate).into(), fact.version.into(), Value::Null]);
        }
    }
    statements.extend(changes.into_statements());
    statements
}

/// The rows of a fact; `None` when it has none of its own, not even its aggregate's.
fn apply(changes: &mut Changes<'_>, fact: &Fact) -> Option<()> {
    if fact.kind == facts::SETTINGS_CHANGED {
        let body = body(fact)?;
        if let Ok(Aggregate::User(user)) = fact.aggregate.parse() {
            listens::linked(changes, user, &body);
        }
        return settings::changed(changes, fact, &body);
    }
    match (fact.aggregate.parse().ok()?, fact.kind.as_str()) {
        (Aggregate::Guild(guild), facts::ACTIVITY_COUNTED) => activity::counted(changes, guild, &body(fact)?),
        (Aggregate::Guild(guild), facts::COUNTS_ADDED) => counts::added(changes, guild, &body(fact)?),
        (Aggregate::Guild(guild), facts::STAR_COUNTED) => stars::counted(changes, guild, &body(fact)?),
        (Aggregate::Guild(guild), facts::STAR_POSTED) => stars::posted(changes, guild, &body(fact)?),
        (Aggregate::Guild(guild), facts::STARS_CLEARED) => stars::cleared(changes, guild, &body(fact)?),
        (Aggregate::Guild(guild), facts::MEMBER_FORGOTTEN) => personal::forgotten(changes, guild, &body(fact)?),
        (Aggregate::Guild(guild), facts::SEEN_IN_GUILD) => listens::in_guild(changes, guild, fact.at_ms, &body(fact)?),
        (Aggregate::Guild(guild), facts::LISTENER_LEFT) => crowns::left(changes, guild, &body(fact)?),
        (Aggregate::Guild(guild), facts::CROWN_TAKEN) => crowns::taken(changes, guild, fact.at_ms, &body(fact)?),
        (Aggregate::User(user), facts::LISTENS_SEEN) => listens::seen(changes, user, fact.at_ms, &body(fact)?),
        (Aggregate::User(user), facts::REMINDER_SET) => reminders::set(changes, user, fact.at_ms, body(fact)?),
        (Aggregate::User(user), facts::REMINDER_SNOOZED) => reminders::snoozed(changes, user, body(fact)?),
        (Aggregate::User(user), facts::REMINDER_CANCELLED) => reminders::cancelled(changes, user, body(fact)?),
        (Aggregate::User(user), facts::REMINDER_FIRED) => reminders::fired(changes, user, fact.at_ms, body(fact)?),
        (Aggregate::User(_), facts::PERSONAL_DATA_DELETED) => {
            personal::deleted(changes, fact);
            return Some(());
        }
        _ => {}
    }
    None
}

fn body<T: DeserializeOwned>(fact: &Fact) -> Option<T> {
    serde_json::from_slice(&fact.body).ok()
}

/// Several facts of one request share their answer; its position is past the last of them.
fn executed(changes: &mut Changes<'_>, partition: i32, next: i64, fact: &Fact) {
    let row = [
        (&*fact.aggregate).into(),
        (&*fact.request_id).into(),
        fact.status.into(),
        String::from_utf8_lossy(&fact.answer).into_owned().into(),
        partition.into(),
        next.into(),
        fact.at_ms.into(),
    ];
    changes.put(&EXECUTIONS, row);
}
