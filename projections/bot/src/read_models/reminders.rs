use miso_model::{ChannelId, GuildId, UserId};

use crate::changes::Changes;
use crate::facts::{ReminderCancelled, ReminderFired, ReminderSet, ReminderSnoozed};
use crate::tables::REMINDERS;
use crate::{BotStore, StoreError, Value};

/// So long a reminder that fired can be snoozed, milliseconds; then it is forgotten.
pub const FIRED_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// A reminder.
#[derive(Clone, PartialEq, Eq)]
pub struct Reminder {
    /// Short; of the user.
    pub id: String,
    /// What to be reminded of.
    pub text: String,
    /// Unix milliseconds.
    pub due_ms: i64,
    /// Where to say it; none: by direct message.
    pub channel: Option<ChannelId>,
    /// The channel's guild.
    pub guild: Option<GuildId>,
    /// When it fired, Unix milliseconds; `None` while it waits.
    pub fired_ms: Option<i64>,
}

impl std::fmt::Debug for Reminder {
    /// Without the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reminder").field("id", &self.id).field("due_ms", &self.due_ms).finish_non_exhaustive()
    }
}

pub(crate) fn set(changes: &mut Changes<'_>, user: UserId, at_ms: i64, body: ReminderSet) {
    changes.put(
        &REMINDERS,
        [
            user.to_string().into(),
            body.id.into(),
            body.text.into(),
            body.due_ms.into(),
            body.channel.map(|id| id.to_string()).into(),
            body.guild.map(|id| id.to_string()).into(),
            at_ms.into(),
            Value::Null,
        ],
    );
}

pub(crate) fn snoozed(changes: &mut Changes<'_>, user: UserId, body: ReminderSnoozed) {
    let table = changes.name(&REMINDERS);
    let sql = format!("update {table} set due_ms = $1, fired_ms = null where user_id = $2 and reminder_id = $3");
    changes.then(sql, vec![body.due_ms.into(), user.to_string().into(), body.id.into()]);
}

pub(crate) fn cancelled(changes: &mut Changes<'_>, user: UserId, body: ReminderCancelled) {
    changes.remove(&REMINDERS, [user.to_string().into(), body.id.into()]);
}

pub(crate) fn fired(changes: &mut Changes<'_>, user: UserId, at_ms: i64, body: ReminderFired) {
    let (table, user) = (changes.name(&REMINDERS), user.to_string());
    let sql = format!("update {table} set fired_ms = $1 where user_id = $2 and reminder_id = $3");
    changes.then(sql, vec![at_ms.into(), (&*user).into(), body.id.into()]);
    let sql = format!("delete from {table} where user_id = $1 and fired_ms < $2");
    changes.then(sql, vec![user.into(), (at_ms - FIRED_KEPT_MS).into()]);
}

impl BotStore {
    /// A user's reminders, the next one first: those that wait, and those that fired within
    /// [`FIRED_KEPT_MS`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn reminders(&self, user: UserId) -> Result<Vec<Reminder>, StoreError> {
        let sql = format!(
            "select reminder_id, body, due_ms, channel_id, guild_id, fired_ms from {} where user_id = $1 \
             order by due_ms, reminder_id",
            self.tables.name(REMINDERS.name)
        );
        let rows = self.store.query(&sql, vec![user.to_string().into()]).await?;
        let reminders = rows.iter().map(|row| {
            let id = |column| Ok::<_, StoreError>(row.text(column)?.map(|text| super::id(Some(text))));
            Ok(Reminder {
                id: row.text(0)?.unwrap_or_default().to_owned(),
                text: row.text(1)?.unwrap_or_default().to_owned(),
                due_ms: row.integer(2)?.unwrap_or_default(),
                channel: id(3)?.map(ChannelId),
                guild: id(4)?.map(GuildId),
                fired_ms: row.integer(5)?,
            })
        });
        reminders.collect()
    }
}
