use miso_model::{Fact, GuildId, UserId};

use crate::changes::Changes;
use crate::facts::MemberForgotten;
use crate::tables::{ACTIVITY, ACTIVITY_HOURS, AGGREGATES, AUDIT, EXECUTIONS, REMINDERS, STAR_GIVERS};
use crate::{Activity, BotStore, StoreError};

/// What stands in place of an answer that held personal data.
const BLANK: &str = "{\"deleted\":true}";

/// What is kept of a user, besides their own settings and reminders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonalData {
    /// Experience, by guild.
    pub activity: Vec<(GuildId, Activity)>,
    /// Messages that they starred.
    pub stars: i64,
    /// Changes of guilds' settings that they made.
    pub changes: i64,
    /// Changes of their own settings.
    pub own_changes: i64,
    /// Answers to their own requests.
    pub executions: i64,
}

/// Stars stay counted: who gave them is needed so that nobody stars twice, and goes with the guild.
pub(crate) fn forgotten(changes: &mut Changes<'_>, guild: GuildId, body: &MemberForgotten) {
    for table in [&ACTIVITY, &ACTIVITY_HOURS] {
        let sql = format!("delete from {} where guild_id = $1 and user_id = $2", changes.name(table));
        changes.then(sql, vec![guild.to_string().into(), body.user.to_string().into()]);
    }
    super::crowns::left(changes, guild, body);
}

pub(crate) fn deleted(changes: &mut Changes<'_>, fact: &Fact) {
    let aggregate = &*fact.aggregate;
    changes.put(&AGGREGATES, [aggregate.into(), fact.version.into(), "{}".into()]);
    let sql = format!("delete from {} where aggregate = $1", changes.name(&AUDIT));
    changes.then(sql, vec![aggregate.into()]);
    let sql = format!("delete from {} where user_id = $1", changes.name(&REMINDERS));
    changes.then(sql, vec![aggregate.trim_start_matches("user/").into()]);
    super::listens::forgotten(changes, aggregate.trim_start_matches("user/"));
    // That they were answered stays, so that no repeat takes effect; what was said does not.
    let sql = format!("update {} set answer = $1 where aggregate = $2 and request_id <> $3", changes.name(&EXECUTIONS));
    changes.then(sql, vec![BLANK.into(), aggregate.into(), (&*fact.request_id).into()]);
}

impl BotStore {
    /// What is kept of a user.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn personal_data(&self, user: UserId) -> Result<PersonalData, StoreError> {
        let own = format!("user/{user}");
        let name = |table: &crate::tables::Table| self.tables.name(table.name);
        let sql = format!(
            "select guild_id, xp, level, messages, window_ms, window_xp from {} where user_id = $1 order by guild_id",
            name(&ACTIVITY)
        );
        let mut activity = Vec::new();
        for row in self.store.query(&sql, vec![user.to_string().into()]).await? {
            let number = |column| Ok::<_, StoreError>(row.integer(column)?.unwrap_or_default());
            let of_guild = Activity {
                xp: number(1)?,
                level: number(2)?,
                messages: number(3)?,
                window_ms: number(4)?,
                window_xp: number(5)?,
            };
            activity.push((GuildId(super::id(row.text(0)?)), of_guild));
        }
        let sql = format!(
            "select (select count(*) from {} where user_id = $1), \
             (select count(*) from {audit} where actor = $2 and aggregate <> $2), \
             (select count(*) from {audit} where aggregate = $2), \
             (select count(*) from {} where aggregate = $2)",
            name(&STAR_GIVERS),
            name(&EXECUTIONS),
            audit = name(&AUDIT),
        );
        let rows = self.store.query(&sql, vec![user.to_string().into(), own.into()]).await?;
        let number = |column| {
            let number = rows.first().map(|row| row.integer(column)).transpose()?;
            Ok::<_, StoreError>(number.flatten().unwrap_or_default())
        };
        Ok(PersonalData {
            activity,
            stars: number(0)?,
            changes: number(1)?,
            own_changes: number(2)?,
            executions: number(3)?,
        })
    }
}
