use std::collections::HashMap;

use miso_model::{GuildId, UserId};

use crate::changes::Changes;
use crate::facts::ActivityCounted;
use crate::model::TOGETHER;
use crate::tables::{ACTIVITY, ACTIVITY_HOURS};
use crate::{BotStore, Row, StoreError, Value};

/// A member's experience in a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Experience.
    pub xp: i64,
    /// From 1.
    pub level: i64,
    /// Messages that were counted.
    pub messages: i64,
    /// Beginning of the window whose experience is capped, Unix milliseconds.
    pub window_ms: i64,
    /// Experience in this window.
    pub window_xp: i64,
}

impl Default for Activity {
    /// Of who never wrote.
    fn default() -> Self {
        Self { xp: 0, level: 1, messages: 0, window_ms: 0, window_xp: 0 }
    }
}

/// A place in a guild's leaderboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranked {
    /// From 1; equal experience shares no rank, the lower id comes first.
    pub rank: i64,
    /// Who.
    pub user: UserId,
    /// What they have.
    pub activity: Activity,
}

pub(crate) fn counted(changes: &mut Changes<'_>, guild: GuildId, body: &ActivityCounted) {
    let guild = guild.to_string();
    for member in &body.members {
        let user = member.user.to_string();
        changes.put(
            &ACTIVITY,
            [
                (&*guild).into(),
                (&*user).into(),
                member.xp.into(),
                member.level.into(),
                member.messages.into(),
                member.window_ms.into(),
                member.window_xp.into(),
            ],
        );
        changes.put(&ACTIVITY_HOURS, [(&*guild).into(), user.into(), member.hour.into(), member.messages_added.into()]);
    }
}

const COLUMNS: &str = "user_id, xp, level, messages, window_ms, window_xp";

fn read(row: &Row) -> Result<(UserId, Activity), StoreError> {
    let number = |column| Ok::<_, StoreError>(row.integer(column)?.unwrap_or_default());
    let activity = Activity {
        xp: number(1)?,
        level: number(2)?,
        messages: number(3)?,
        window_ms: number(4)?,
        window_xp: number(5)?,
    };
    Ok((UserId(super::id(row.text(0)?)), activity))
}

impl BotStore {
    /// What these members of a guild have; who never wrote is left out.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn activities(&self, guild: GuildId, users: &[UserId]) -> Result<HashMap<UserId, Activity>, StoreError> {
        let numbers: Vec<String> = (2..TOGETHER + 2).map(|number| format!("${number}")).collect();
        let sql = format!(
            "select {COLUMNS} from {} where guild_id = $1 and user_id in ({})",
            self.tables.name(ACTIVITY.name),
            numbers.join(", ")
        );
        let mut found = HashMap::with_capacity(users.len());
        for users in users.chunks(TOGETHER) {
            let ids = users.iter().chain(std::iter::repeat(&users[0])).take(TOGETHER);
            let params: Vec<Value> =
                std::iter::once(guild.to_string().into()).chain(ids.map(|user| user.to_string().into())).collect();
            for row in self.store.query(&sql, params).await? {
                let (user, activity) = read(&row)?;
                found.insert(user, activity);
            }
        }
        Ok(found)
    }

    /// A page of a guild's leaderboard, and how many are on it in all.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn leaderboard(&self, guild: GuildId, offset: i64, limit: i64) -> Result<(i64, Vec<Ranked>), StoreError> {
        let table = self.tables.name(ACTIVITY.name);
        let sql =
            format!("select {COLUMNS} from {table} where guild_id = $1 order by xp desc, user_id limit $2 offset $3");
        let rows = self.store.query(&sql, vec![guild.to_string().into(), limit.into(), offset.into()]).await?;
        let ranked = rows.iter().zip(offset + 1..).map(|(row, rank)| {
            let (user, activity) = read(row)?;
            Ok(Ranked { rank, user, activity })
        });
        let ranked = ranked.collect::<Result<_, StoreError>>()?;
        Ok((self.ranked_members(guild).await?, ranked))
    }

    /// How many members of a guild wrote something.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn ranked_members(&self, guild: GuildId) -> Result<i64, StoreError> {
        let sql = format!("select count(*) from {} where guild_id = $1", self.tables.name(ACTIVITY.name));
        let rows = self.store.query(&sql, vec![guild.to_string().into()]).await?;
        Ok(rows.first().map(|row| row.integer(0)).transpose()?.flatten().unwrap_or_default())
    }

    /// A member's place in a guild's leaderboard; `None` when they never wrote.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rank(&self, guild: GuildId, user: UserId) -> Result<Option<Ranked>, StoreError> {
        let Some(activity) = self.activities(guild, &[user]).await?.remove(&user) else { return Ok(None) };
        let sql = format!(
            "select count(*) from {} where guild_id = $1 and (xp > $2 or (xp = $2 and user_id < $3))",
            self.tables.name(ACTIVITY.name)
        );
        let params = vec![guild.to_string().into(), activity.xp.into(), user.to_string().into()];
        let rows = self.store.query(&sql, params).await?;
        let before = rows.first().map(|row| row.integer(0)).transpose()?.flatten().unwrap_or_default();
        Ok(Some(Ranked { rank: before + 1, user, activity }))
    }

    /// A member's messages by hour of the day, UTC.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn activity_hours(&self, guild: GuildId, user: UserId) -> Result<[i64; 24], StoreError> {
        let sql = format!(
            "select hour, messages from {} where guild_id = $1 and user_id = $2",
            self.tables.name(ACTIVITY_HOURS.name)
        );
        let rows = self.store.query(&sql, vec![guild.to_string().into(), user.to_string().into()]).await?;
        super::hours(&rows)
    }
}
