use miso_model::{ChannelId, GuildId, MessageId, UserId};

use crate::changes::Changes;
use crate::facts::{StarAct, StarCounted, StarPosted, StarsCleared};
use crate::tables::{STAR_GIVERS, STARRED};
use crate::{BotStore, StoreError, Value};

/// Messages whose stars are looked at at once, at most; further ones, which have fewer, are left out.
pub const STARRED_COUNTED: i64 = 10_000;

/// A starred message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starred {
    /// Where it stands.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: UserId,
    /// How many starred it.
    pub stars: i64,
    /// Its post on the starboard.
    pub post: Option<MessageId>,
    /// Where the post stands.
    pub posted_channel: Option<ChannelId>,
    /// Since when a post is on its way, Unix milliseconds.
    pub posting_ms: Option<i64>,
}

pub(crate) fn counted(changes: &mut Changes<'_>, guild: GuildId, body: &StarCounted) {
    let (guild, message) = (guild.to_string(), body.message.to_string());
    if let Some(user) = body.user {
        let giver = [(&*guild).into(), (&*message).into(), user.to_string().into()];
        if body.added { changes.put(&STAR_GIVERS, giver) } else { changes.remove(&STAR_GIVERS, giver) }
    }
    let removed = body.act == StarAct::Remove;
    let posted = body.post.filter(|_| !removed);
    if body.count == 0 && posted.is_none() && body.posting_ms.is_none() {
        changes.remove(&STARRED, [guild.into(), message.into()]);
        return;
    }
    changes.put(
        &STARRED,
        [
            guild.into(),
            message.into(),
            body.channel.to_string().into(),
            body.author.to_string().into(),
            body.count.into(),
            text(posted),
            text(body.posted_channel.filter(|_| !removed)),
            body.posting_ms.into(),
        ],
    );
}

pub(crate) fn posted(changes: &mut Changes<'_>, guild: GuildId, body: &StarPosted) {
    changes.put(
        &STARRED,
        [
            guild.to_string().into(),
            body.message.to_string().into(),
            body.channel.to_string().into(),
            body.author.to_string().into(),
            body.count.into(),
            text(Some(body.post)),
            text(Some(body.posted_channel)),
            Value::Null,
        ],
    );
}

/// Nobody's star is left; the count is told by the fact that follows.
pub(crate) fn cleared(changes: &mut Changes<'_>, guild: GuildId, body: &StarsCleared) {
    let sql = format!("delete from {} where guild_id = $1 and message_id = $2", changes.name(&STAR_GIVERS));
    changes.then(sql, vec![guild.to_string().into(), body.message.to_string().into()]);
}

fn text(id: Option<impl ToString>) -> Value {
    id.map(|id| id.to_string()).into()
}

impl BotStore {
    /// A starred message, where somebody starred it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn starred(&self, guild: GuildId, message: MessageId) -> Result<Option<Starred>, StoreError> {
        let sql = format!(
            "select channel_id, author_id, stars, post_id, posted_channel_id, posting_ms from {} \
             where guild_id = $1 and message_id = $2",
            self.tables.name(STARRED.name)
        );
        let rows = self.store.query(&sql, vec![guild.to_string().into(), message.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let maybe = |column| Ok::<_, StoreError>(row.text(column)?.map(|text| super::id(Some(text))));
        Ok(Some(Starred {
            channel: ChannelId(super::id(row.text(0)?)),
            author: UserId(super::id(row.text(1)?)),
            stars: row.integer(2)?.unwrap_or_default(),
            post: maybe(3)?.map(MessageId),
            posted_channel: maybe(4)?.map(ChannelId),
            posting_ms: row.integer(5)?,
        }))
    }

    /// How many stars each message of a guild has that is `since` or newer, the most first, of
    /// [`STARRED_COUNTED`] messages at most.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn star_counts(&self, guild: GuildId, since: MessageId) -> Result<Vec<i64>, StoreError> {
        // Ids are texts: the longer is the newer, among equals the greater.
        let sql = format!(
            "select stars from {} where guild_id = $1 and stars > 0 \
             and (cast(length(message_id) as bigint) > $2 \
             or (cast(length(message_id) as bigint) = $2 and message_id >= $3)) \
             order by stars desc limit $4",
            self.tables.name(STARRED.name)
        );
        let since = since.to_string();
        let digits = i64::try_from(since.len()).unwrap_or(i64::MAX);
        let params = vec![guild.to_string().into(), digits.into(), since.into(), STARRED_COUNTED.into()];
        let rows = self.store.query(&sql, params).await?;
        rows.iter().map(|row| Ok(row.integer(0)?.unwrap_or_default())).collect()
    }

    /// Whether somebody starred a message.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn has_starred(&self, guild: GuildId, message: MessageId, user: UserId) -> Result<bool, StoreError> {
        let sql = format!(
            "select 1 from {} where guild_id = $1 and message_id = $2 and user_id = $3",
            self.tables.name(STAR_GIVERS.name)
        );
        let params = vec![guild.to_string().into(), message.to_string().into(), user.to_string().into()];
        Ok(!self.store.query(&sql, params).await?.is_empty())
    }
}
