use miso_model::{GuildId, UserId};
use miso_settings::{LASTFM_USER, Settings};

use crate::changes::Changes;
use crate::facts::{Listen, ListensSeen, SeenInGuild, SettingsChanged};
use crate::tables::{
    ALBUM_PLAYS, ARTIST_PLAYS, GUILD_LISTENERS, LISTEN_PROGRESS, LISTENERS, LISTENS_RECENT, TRACK_PLAYS, Table,
};
use crate::{BotStore, StoreError, Value};

/// So long before the newest one single listens are kept, milliseconds: by them one that comes late, or
/// again, is told apart. Older ones are counted only.
pub const RECENT_KEPT_MS: i64 = 6 * 60 * 60 * 1_000;
/// Single listens that are read at once, at most.
const RECENT_READ: i64 = 2_000;

/// Somebody who is linked with Last.fm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Who.
    pub user: UserId,
    /// Their name at Last.fm.
    pub lastfm_user: String,
    /// Whether lists leave them out.
    pub hidden: bool,
    /// Whether their plays are kept.
    pub indexed: bool,
}

/// How much of a listener's past is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is younger is not known yet; Unix milliseconds.
    pub newest_ms: i64,
    /// What is older is not known yet, unless `complete`; Unix milliseconds.
    pub oldest_ms: i64,
    /// Whether the past is known to its beginning.
    pub complete: bool,
    /// How many listens are counted.
    pub listens: i64,
    /// When it was looked at last, Unix milliseconds.
    pub seen_ms: i64,
}

/// What was played, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The artist.
    pub artist: String,
    /// The album or the track, where it is one.
    pub name: Option<String>,
    /// How often.
    pub plays: i64,
    /// By how many; 1 where it is somebody's own.
    pub listeners: i64,
}

/// The key of a name: its case does not count.
#[must_use]
pub fn key_of(name: &str) -> String {
    name.trim().to_lowercase()
}

fn flag(value: bool) -> Value {
    i64::from(value).into()
}

/// Settings changed: of Last.fm's, who is linked follows. Plays of another name, or of one who wants none
/// kept, go.
pub(crate) fn linked(changes: &mut Changes<'_>, user: UserId, body: &SettingsChanged) {
    if body.module != LASTFM_USER {
        return;
    }
    let settings = Settings::of(body.settings.clone());
    let user = user.to_string();
    let indexed = settings.switch(LASTFM_USER, "index");
    let name = settings.text(LASTFM_USER, "username");
    let before = body.before.get("username").and_then(serde_json::Value::as_str);
    let renamed = body.after.contains_key("username") && before.map(key_of) != name.as_deref().map(key_of);
    if renamed || !indexed {
        unplayed(changes, &user);
    }
    match name {
        Some(name) => {
            let hidden = settings.switch(LASTFM_USER, "hidden");
            changes.put(&LISTENERS, [user.into(), name.into(), flag(hidden), flag(indexed)]);
        }
        None => changes.remove(&LISTENERS, [user.into()]),
    }
}

/// Plays of a user go. What guilds keep is theirs to drop: rows follow the facts of one aggregate only.
fn unplayed(changes: &mut Changes<'_>, user: &str) {
    for table in [&LISTEN_PROGRESS, &LISTENS_RECENT, &ARTIST_PLAYS, &ALBUM_PLAYS, &TRACK_PLAYS] {
        delete_of(changes, table, user);
    }
}

/// Plays and the link of a user go.
pub(crate) fn forgotten(changes: &mut Changes<'_>, user: &str) {
    unplayed(changes, user);
    delete_of(changes, &LISTENERS, user);
}

fn delete_of(changes: &mut Changes<'_>, table: &'static Table, user: &str) {
    let sql = format!("delete from {} where user_id = $1", changes.name(table));
    changes.then(sql, vec![user.into()]);
}

pub(crate) fn seen(changes: &mut Changes<'_>, user: UserId, at_ms: i64, body: &ListensSeen) {
    let user = user.to_string();
    let listens = i64::try_from(body.listens.len()).unwrap_or(i64::MAX);
    let progress = [
        (&*user).into(),
        body.newest_ms.into(),
        body.oldest_ms.into(),
        flag(body.complete),
        listens.into(),
        at_ms.into(),
    ];
    changes.put(&LISTEN_PROGRESS, progress);
    let kept_from = body.newest_ms.saturating_sub(RECENT_KEPT_MS);
    for listen in &body.listens {
        let Listen { at_ms, artist, album, track } = listen;
        let artist_key = key_of(artist);
        let of_artist = || -> [Value; 2] { [(&*user).into(), (&*artist_key).into()] };
        let [u, a] = of_artist();
        changes.put(&ARTIST_PLAYS, [u, a, (&**artist).into(), 1.into()]);
        if let Some(album) = album {
            let [u, a] = of_artist();
            let row = [u, a, key_of(album).into(), (&**artist).into(), (&**album).into(), 1.into()];
            changes.put(&ALBUM_PLAYS, row);
        }
        let [u, a] = of_artist();
        changes.put(&TRACK_PLAYS, [u, a, key_of(track).into(), (&**artist).into(), (&**track).into(), 1.into()]);
        if *at_ms >= kept_from {
            let row =
                [(&*user).into(), (*at_ms).into(), (&**artist).into(), (&**track).into(), album.as_deref().into()];
            changes.put(&LISTENS_RECENT, row);
        }
    }
    let sql = format!("delete from {} where user_id = $1 and at_ms < $2", changes.name(&LISTENS_RECENT));
    changes.then(sql, vec![user.into(), kept_from.into()]);
}

pub(crate) fn in_guild(changes: &mut Changes<'_>, guild: GuildId, at_ms: i64, body: &SeenInGuild) {
    changes.put(&GUILD_LISTENERS, [guild.to_string().into(), body.user.to_string().into(), at_ms.into()]);
}

impl BotStore {
    /// Somebody's link with Last.fm.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn listener(&self, user: UserId) -> Result<Option<Listener>, StoreError> {
        let sql =
            format!("select lastfm_user, hidden, indexed from {} where user_id = $1", self.tables.name(LISTENERS.name));
        let rows = self.store.query(&sql, vec![user.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Listener {
            user,
            lastfm_user: row.text(0)?.unwrap_or_default().to_owned(),
            hidden: row.integer(1)? == Some(1),
            indexed: row.integer(2)? == Some(1),
        }))
    }

    /// Whether a listener was seen in a guild.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn is_guild_listener(&self, guild: GuildId, user: UserId) -> Result<bool, StoreError> {
        let sql =
            format!("select 1 from {} where guild_id = $1 and user_id = $2", self.tables.name(GUILD_LISTENERS.name));
        Ok(!self.store.query(&sql, vec![guild.to_string().into(), user.to_string().into()]).await?.is_empty())
    }

    /// Guilds where a listener was seen.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn guilds_of_listener(&self, user: UserId) -> Result<Vec<GuildId>, StoreError> {
        let sql = format!(
            "select guild_id from {} where user_id = $1 order by guild_id",
            self.tables.name(GUILD_LISTENERS.name)
        );
        let rows = self.store.query(&sql, vec![user.to_string().into()]).await?;
        rows.iter().map(|row| Ok(GuildId(super::id(row.text(0)?)))).collect()
    }

    /// How much of somebody's past is known; `None` where nothing is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn listen_progress(&self, user: UserId) -> Result<Option<Progress>, StoreError> {
        let sql = format!(
            "select newest_ms, oldest_ms, complete, listens, seen_ms from {} where user_id = $1",
            self.tables.name(LISTEN_PROGRESS.name)
        );
        let rows = self.store.query(&sql, vec![user.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let number = |column| Ok::<_, StoreError>(row.integer(column)?.unwrap_or_default());
        Ok(Some(Progress {
            newest_ms: number(0)?,
            oldest_ms: number(1)?,
            complete: number(2)? == 1,
            listens: number(3)?,
            seen_ms: number(4)?,
        }))
    }

    /// Somebody's latest listens that are known one by one, the newest first, 2,000 at most.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn recent_listens(&self, user: UserId) -> Result<Vec<Listen>, StoreError> {
        let sql = format!(
            "select at_ms, artist, track, album from {} where user_id = $1 order by at_ms desc, artist, track limit $2",
            self.tables.name(LISTENS_RECENT.name)
        );
        let rows = self.store.query(&sql, vec![user.to_string().into(), RECENT_READ.into()]).await?;
        let listen = |row: &crate::Row| {
            Ok(Listen {
                at_ms: row.integer(0)?.unwrap_or_default(),
                artist: row.text(1)?.unwrap_or_default().to_owned(),
                track: row.text(2)?.unwrap_or_default().to_owned(),
                album: row.text(3)?.map(str::to_owned),
            })
        };
        rows.iter().map(listen).collect()
    }

    /// How often somebody played what is wanted; 0 where they did not.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn plays(&self, user: UserId, wanted: &super::whoknows::Wanted) -> Result<i64, StoreError> {
        let (table, key) = wanted.place();
        let mut params = vec![user.to_string().into(), key_of(wanted.artist()).into()];
        let mut sql =
            format!("select plays from {} where user_id = $1 and artist_key = $2", self.tables.name(table.name));
        if let Some((column, name)) = key {
            sql.push_str(&format!(" and {column} = $3"));
            params.push(key_of(name).into());
        }
        let rows = self.store.query(&sql, params).await?;
        Ok(rows.first().map(|row| row.integer(0)).transpose()?.flatten().unwrap_or_default())
    }

    /// What somebody played most, `limit` at most: of everything, or of one artist's.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn played_most(
        &self,
        user: UserId,
        artist: Option<&str>,
        of: super::whoknows::Kind,
        limit: i64,
    ) -> Result<Vec<Played>, StoreError> {
        let (table, name) = of.place();
        let name = name.unwrap_or("null");
        let mut params = vec![user.to_string().into(), limit.into()];
        let mut sql = format!("select artist, {name}, plays from {} where user_id = $1", self.tables.name(table.name));
        if let Some(artist) = artist {
            sql.push_str(" and artist_key = $3");
            params.push(key_of(artist).into());
        }
        sql.push_str(" order by plays desc, 1, 2 limit $2");
        let rows = self.store.query(&sql, params).await?;
        let played = |row: &crate::Row| {
            Ok(Played {
                artist: row.text(0)?.unwrap_or_default().to_owned(),
                name: row.text(1)?.map(str::to_owned),
                plays: row.integer(2)?.unwrap_or_default(),
                listeners: 1,
            })
        };
        rows.iter().map(played).collect()
    }
}
