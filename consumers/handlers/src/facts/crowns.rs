//! An artist's crown was taken from somebody: it is told where it came to light.

use miso_discord_state::DiscordState;
use miso_log::Append;
use miso_model::{ChannelId, GuildId, UserId};
use serde::Deserialize;
use serde_json::json;

use crate::action::Cause;
use crate::place::{EMBED, may};

/// A crown that was taken longer ago than this is no news any more, milliseconds.
const NEWS_MS: i64 = 24 * 60 * 60 * 1_000;
/// Last.fm's colour.
const LASTFM: u32 = 0xb9_0000;

#[derive(Debug, Deserialize)]
struct CrownTaken {
    artist: String,
    user: UserId,
    plays: i64,
    #[serde(default)]
    from: Option<UserId>,
    #[serde(default)]
    channel: Option<ChannelId>,
}

/// The first holder of a crown is not told of: the list that made them so is there.
pub(crate) fn taken(
    cause: &Cause<'_>,
    state: &DiscordState,
    guild: GuildId,
    at_ms: i64,
    body: &[u8],
) -> Result<Option<Append>, serde_json::Error> {
    let CrownTaken { artist, user, plays, from, channel } = serde_json::from_slice(body)?;
    let Some((from, channel)) = from.zip(channel) else { return Ok(None) };
    if cause.now_ms - at_ms >= NEWS_MS || !may(state, guild, channel, EMBED) {
        return Ok(None);
    }
    let artist: String = artist.chars().take(200).filter(|c| !c.is_control()).flat_map(escaped).collect();
    let text = format!("👑 <@{user}> took the crown of **{artist}** from <@{from}>, with {plays} plays.");
    let body = json!({"embeds": [{"color": LASTFM, "description": text}], "allowed_mentions": {"parse": []}});
    Ok(Some(cause.message("crown", channel, &body)))
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let mark = "\\*_~`|[]()<>".contains(c).then_some('\\');
    mark.into_iter().chain(std::iter::once(c))
}
