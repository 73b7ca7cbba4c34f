use miso_model::{GuildId, UserId};

use crate::changes::Changes;
use crate::facts::{CrownTaken, MemberForgotten};
use crate::tables::{CROWNS, GUILD_LISTENERS, LISTENERS};
use crate::{BotStore, Row, StoreError};

use super::listens::key_of;

/// An artist's crown in a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crown {
    /// The artist.
    pub artist: String,
    /// Who holds it.
    pub user: UserId,
    /// Plays with which it was taken.
    pub plays: i64,
    /// When, Unix milliseconds.
    pub since_ms: i64,
}

pub(crate) fn taken(changes: &mut Changes<'_>, guild: GuildId, at_ms: i64, body: &CrownTaken) {
    let row = [
        guild.to_string().into(),
        key_of(&body.artist).into(),
        (&*body.artist).into(),
        body.user.to_string().into(),
        body.plays.into(),
        at_ms.into(),
    ];
    changes.put(&CROWNS, row);
}

/// Whoever left is in no list of the guild, and holds no crown there.
pub(crate) fn left(changes: &mut Changes<'_>, guild: GuildId, body: &MemberForgotten) {
    for table in [&GUILD_LISTENERS, &CROWNS] {
        let sql = format!("delete from {} where guild_id = $1 and user_id = $2", changes.name(table));
        changes.then(sql, vec![guild.to_string().into(), body.user.to_string().into()]);
    }
}

const COLUMNS: &str = "c.artist, c.user_id, c.plays, c.since_ms";

fn read(row: &Row) -> Result<Crown, StoreError> {
    Ok(Crown {
        artist: row.text(0)?.unwrap_or_default().to_owned(),
        user: UserId(super::id(row.text(1)?)),
        plays: row.integer(2)?.unwrap_or_default(),
        since_ms: row.integer(3)?.unwrap_or_default(),
    })
}

impl BotStore {
    /// Crowns of those who are linked and do not hide: another's is free.
    fn worn(&self) -> String {
        let (crowns, listeners) = (self.tables.name(CROWNS.name), self.tables.name(LISTENERS.name));
        format!("{crowns} c join {listeners} l on l.user_id = c.user_id and l.hidden = 0 and l.indexed = 1")
    }

    /// An artist's crown; `None` while nobody holds it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn crown(&self, guild: GuildId, artist: &str) -> Result<Option<Crown>, StoreError> {
        let sql = format!("select {COLUMNS} from {} where c.guild_id = $1 and c.artist_key = $2", self.worn());
        let rows = self.store.query(&sql, vec![guild.to_string().into(), key_of(artist).into()]).await?;
        rows.first().map(read).transpose()
    }

    /// Crowns of a guild, of one holder where one is named, those with the most plays first, `limit` at most.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn crowns(&self, guild: GuildId, user: Option<UserId>, limit: i64) -> Result<Vec<Crown>, StoreError> {
        let mut sql = format!("select {COLUMNS} from {} where c.guild_id = $1", self.worn());
        let mut params = vec![guild.to_string().into(), limit.into()];
        if let Some(user) = user {
            sql.push_str(" and c.user_id = $3");
            params.push(user.to_string().into());
        }
        sql.push_str(" order by c.plays desc, c.artist_key limit $2");
        self.store.query(&sql, params).await?.iter().map(read).collect()
    }

    /// How many crowns somebody holds in a guild.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn crowns_of(&self, guild: GuildId, user: UserId) -> Result<i64, StoreError> {
        let sql = format!("select count(*) from {} where c.guild_id = $1 and c.user_id = $2", self.worn());
        let rows = self.store.query(&sql, vec![guild.to_string().into(), user.to_string().into()]).await?;
        Ok(rows.first().map(|row| row.integer(0)).transpose()?.flatten().unwrap_or_default())
    }
}
