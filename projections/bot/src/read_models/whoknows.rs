//! Which members of a guild played something most: one query, no call of Last.fm.
//!
//! A guild's members are not known here, for the service that asks is not connected to Discord. Those count
//! who are linked, not hidden, and were seen using a command in the guild; whoever leaves it is left out.

use miso_model::{GuildId, UserId};

use crate::facts::Listen;
use crate::tables::{ALBUM_PLAYS, ARTIST_PLAYS, GUILD_LISTENERS, LISTENERS, LISTENS_RECENT, TRACK_PLAYS, Table};
use crate::{BotStore, Listener, Played, StoreError, Value};

use super::listens::key_of;

/// Members that are listed, at most; all are counted.
pub const KNOWERS: i64 = 100;

/// Artists, albums or tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Artists.
    Artists,
    /// Albums.
    Albums,
    /// Tracks.
    Tracks,
}

impl Kind {
    /// Its table, and the column of its own name.
    pub(crate) fn place(self) -> (&'static Table, Option<&'static str>) {
        match self {
            Self::Artists => (&ARTIST_PLAYS, None),
            Self::Albums => (&ALBUM_PLAYS, Some("album")),
            Self::Tracks => (&TRACK_PLAYS, Some("track")),
        }
    }
}

/// What is wanted to be known; case does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// An artist.
    Artist(String),
    /// An album.
    Album {
        /// By whom.
        artist: String,
        /// Its title.
        name: String,
    },
    /// A track.
    Track {
        /// By whom.
        artist: String,
        /// Its title.
        name: String,
    },
}

impl Wanted {
    /// By whom.
    #[must_use]
    pub fn artist(&self) -> &str {
        match self {
            Self::Artist(artist) | Self::Album { artist, .. } | Self::Track { artist, .. } => artist,
        }
    }

    /// Its table, and of an album and a track the column of its key and its name.
    pub(crate) fn place(&self) -> (&'static Table, Option<(&'static str, &str)>) {
        match self {
            Self::Artist(_) => (&ARTIST_PLAYS, None),
            Self::Album { name, .. } => (&ALBUM_PLAYS, Some(("album_key", name))),
            Self::Track { name, .. } => (&TRACK_PLAYS, Some(("track_key", name))),
        }
    }
}

/// A member who played it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knower {
    /// From 1.
    pub rank: i64,
    /// Who.
    pub user: UserId,
    /// Their name at Last.fm.
    pub lastfm_user: String,
    /// How often.
    pub plays: i64,
}

/// Who knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Knowers {
    /// Those who played it most, [`KNOWERS`] at most.
    pub top: Vec<Knower>,
    /// How many did.
    pub members: i64,
    /// How often, all together.
    pub plays: i64,
    /// As Last.fm writes the artist.
    pub artist: Option<String>,
}

/// `and … not in ($n, …)` for those who are left out.
fn except(params: &mut Vec<Value>, hidden: &[UserId]) -> String {
    if hidden.is_empty() {
        return String::new();
    }
    let first = params.len() + 1;
    params.extend(hidden.iter().map(|user| Value::from(user.to_string())));
    let numbers: Vec<String> = (first..=params.len()).map(|number| format!("${number}")).collect();
    format!(" and g.user_id not in ({})", numbers.join(", "))
}

impl BotStore {
    /// Who of a guild knows something best. `hidden` are left out.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn whoknows(&self, guild: GuildId, wanted: &Wanted, hidden: &[UserId]) -> Result<Knowers, StoreError> {
        let mut params = Vec::new();
        let sql = self.whoknows_sql(guild, wanted, hidden, &mut params);
        let rows = self.store.query(&sql, params).await?;
        let mut known = Knowers::default();
        for (row, rank) in rows.iter().zip(1..) {
            known.members = row.integer(3)?.unwrap_or_default();
            known.plays = row.integer(4)?.unwrap_or_default();
            if known.artist.is_none() {
                known.artist = row.text(5)?.map(str::to_owned);
            }
            known.top.push(Knower {
                rank,
                user: UserId(super::id(row.text(0)?)),
                lastfm_user: row.text(1)?.unwrap_or_default().to_owned(),
                plays: row.integer(2)?.unwrap_or_default(),
            });
        }
        Ok(known)
    }

    /// The query of [`Self::whoknows`], and how the engine goes about it, a line each; for tests.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn whoknows_plan(&self, guild: GuildId, wanted: &Wanted, explain: &str) -> Result<String, StoreError> {
        let mut params = Vec::new();
        let sql = format!("{explain} {}", self.whoknows_sql(guild, wanted, &[], &mut params));
        let rows = self.store.query(&sql, params).await?;
        let text = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(_) | Value::Null => None,
        };
        let lines = rows.iter().map(|row| row.0.iter().filter_map(text).collect::<Vec<_>>().join(" "));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    fn whoknows_sql(&self, guild: GuildId, wanted: &Wanted, hidden: &[UserId], params: &mut Vec<Value>) -> String {
        let (table, key) = wanted.place();
        params.extend([guild.to_string().into(), key_of(wanted.artist()).into(), KNOWERS.into()]);
        let of_name = key.map_or_else(String::new, |(column, name)| {
            params.push(key_of(name).into());
            format!(" and p.{column} = $4")
        });
        let except = except(params, hidden);
        format!(
            "select g.user_id, l.lastfm_user, p.plays, count(*) over (), cast(sum(p.plays) over () as bigint), p.artist \
             from {} g \
             join {} p on p.user_id = g.user_id and p.artist_key = $2{of_name} \
             join {} l on l.user_id = g.user_id and l.hidden = 0 and l.indexed = 1 \
             where g.guild_id = $1{except} order by p.plays desc, g.since_ms, g.user_id limit $3",
            self.tables.name(GUILD_LISTENERS.name),
            self.tables.name(table.name),
            self.tables.name(LISTENERS.name),
        )
    }

    /// Listeners of a guild, `limit` at most, those who were there first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn guild_listeners(
        &self,
        guild: GuildId,
        hidden: &[UserId],
        limit: i64,
    ) -> Result<Vec<Listener>, StoreError> {
        let mut params = vec![guild.to_string().into(), limit.into()];
        let except = except(&mut params, hidden);
        let sql = format!(
            "select g.user_id, l.lastfm_user, l.indexed from {} g \
             join {} l on l.user_id = g.user_id and l.hidden = 0 \
             where g.guild_id = $1{except} order by g.since_ms, g.user_id limit $2",
            self.tables.name(GUILD_LISTENERS.name),
            self.tables.name(LISTENERS.name),
        );
        let rows = self.store.query(&sql, params).await?;
        let listener = |row: &crate::Row| {
            Ok(Listener {
                user: UserId(super::id(row.text(0)?)),
                lastfm_user: row.text(1)?.unwrap_or_default().to_owned(),
                hidden: false,
                indexed: row.integer(2)? == Some(1),
            })
        };
        rows.iter().map(listener).collect()
    }

    /// What a guild's listeners played most, all together, `limit` at most.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn guild_played_most(
        &self,
        guild: GuildId,
        of: Kind,
        hidden: &[UserId],
        limit: i64,
    ) -> Result<Vec<Played>, StoreError> {
        let (table, name) = of.place();
        let mut params = vec![guild.to_string().into(), limit.into()];
        let except = except(&mut params, hidden);
        let (name, keys) = match name {
            None => ("cast(null as text)".to_owned(), "p.artist_key".to_owned()),
            Some(name) => (format!("min(p.{name})"), format!("p.artist_key, p.{name}_key")),
        };
        let sql = format!(
            "select min(p.artist), {name}, cast(sum(p.plays) as bigint), count(*) from {} g \
             join {} p on p.user_id = g.user_id \
             join {} l on l.user_id = g.user_id and l.hidden = 0 and l.indexed = 1 \
             where g.guild_id = $1{except} group by {keys} order by 3 desc, 1, 2 limit $2",
            self.tables.name(GUILD_LISTENERS.name),
            self.tables.name(table.name),
            self.tables.name(LISTENERS.name),
        );
        let rows = self.store.query(&sql, params).await?;
        let played = |row: &crate::Row| {
            Ok(Played {
                artist: row.text(0)?.unwrap_or_default().to_owned(),
                name: row.text(1)?.map(str::to_owned),
                plays: row.integer(2)?.unwrap_or_default(),
                listeners: row.integer(3)?.unwrap_or_default(),
            })
        };
        rows.iter().map(played).collect()
    }

    /// The latest listens of a guild, as far as they are known one by one, the newest first, `limit` at most.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn guild_recent(
        &self,
        guild: GuildId,
        hidden: &[UserId],
        limit: i64,
    ) -> Result<Vec<(UserId, Listen)>, StoreError> {
        let mut params = vec![guild.to_string().into(), limit.into()];
        let except = except(&mut params, hidden);
        let sql = format!(
            "select r.user_id, r.at_ms, r.artist, r.track, r.album from {} g \
             join {} r on r.user_id = g.user_id \
             join {} l on l.user_id = g.user_id and l.hidden = 0 and l.indexed = 1 \
             where g.guild_id = $1{except} order by r.at_ms desc, r.user_id limit $2",
            self.tables.name(GUILD_LISTENERS.name),
            self.tables.name(LISTENS_RECENT.name),
            self.tables.name(LISTENERS.name),
        );
        let rows = self.store.query(&sql, params).await?;
        let listen = |row: &crate::Row| {
            let listen = Listen {
                at_ms: row.integer(1)?.unwrap_or_default(),
                artist: row.text(2)?.unwrap_or_default().to_owned(),
                track: row.text(3)?.unwrap_or_default().to_owned(),
                album: row.text(4)?.map(str::to_owned),
            };
            Ok((UserId(super::id(row.text(0)?)), listen))
        };
        rows.iter().map(listen).collect()
    }
}
