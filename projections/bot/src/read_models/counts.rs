use miso_model::GuildId;

use crate::changes::Changes;
use crate::facts::CountsAdded;
use crate::tables::COUNTS;
use crate::{BotStore, StoreError};

/// What happened in a guild on a day, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DayCounts {
    /// `2026-11-24`.
    pub day: String,
    /// Messages.
    pub messages: i64,
    /// Members who joined.
    pub joins: i64,
    /// Members who left.
    pub leaves: i64,
    /// Commands.
    pub commands: i64,
}

pub(crate) fn added(changes: &mut Changes<'_>, guild: GuildId, body: &CountsAdded) {
    let guild = guild.to_string();
    for counts in &body.counts {
        changes.put(
            &COUNTS,
            [
                (&*guild).into(),
                (&*counts.day).into(),
                counts.hour.into(),
                counts.messages.into(),
                counts.joins.into(),
                counts.leaves.into(),
                counts.commands.into(),
            ],
        );
    }
}

impl BotStore {
    /// The days of a guild on which something happened, from `first` on (`2026-11-24`), the oldest
    /// first; and the messages of those days by hour of the day, UTC.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn counts(&self, guild: GuildId, first: &str) -> Result<(Vec<DayCounts>, [i64; 24]), StoreError> {
        let table = self.tables.name(COUNTS.name);
        let sum = |column: &str| format!("cast(sum({column}) as bigint)");
        let sql = format!(
            "select day, {}, {}, {}, {} from {table} where guild_id = $1 and day >= $2 group by day order by day",
            sum("messages"),
            sum("joins"),
            sum("leaves"),
            sum("commands")
        );
        let params = || vec![guild.to_string().into(), first.into()];
        let rows = self.store.query(&sql, params()).await?;
        let days = rows.iter().map(|row| {
            let number = |column| Ok::<_, StoreError>(row.integer(column)?.unwrap_or_default());
            Ok(DayCounts {
                day: row.text(0)?.unwrap_or_default().to_owned(),
                messages: number(1)?,
                joins: number(2)?,
                leaves: number(3)?,
                commands: number(4)?,
            })
        });
        let days = days.collect::<Result<_, StoreError>>()?;
        let sql = format!(
            "select hour, {} from {table} where guild_id = $1 and day >= $2 group by hour order by hour",
            sum("messages")
        );
        Ok((days, super::hours(&self.store.query(&sql, params()).await?)?))
    }
}
