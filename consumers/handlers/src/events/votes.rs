//! Two reactions under what somebody is listening to, where the guild wants votes.

use miso_log::Append;
use miso_model::{ChannelId, MessageId, Permissions};
use serde::Deserialize;

use super::Seen;
use crate::place::may;

/// Last.fm's colour, by which its answers are recognised, and what the small print of `fm nowplaying` says of
/// a track that is playing.
const LASTFM: u32 = 0xb9_0000;
const PLAYING: &str = " is listening";
/// What the bot needs to react.
const REACT: Permissions =
    Permissions::VIEW_CHANNEL.and(Permissions::READ_MESSAGE_HISTORY).and(Permissions::ADD_REACTIONS);

#[derive(Debug, Deserialize)]
struct Own {
    id: MessageId,
    channel_id: ChannelId,
    #[serde(default)]
    embeds: Vec<Embed>,
}

#[derive(Debug, Deserialize)]
struct Embed {
    #[serde(default)]
    color: Option<u32>,
    #[serde(default)]
    footer: Option<Footer>,
}

#[derive(Debug, Deserialize)]
struct Footer {
    #[serde(default)]
    text: String,
}

/// A message of the bot's own was seen.
pub(crate) fn under(seen: &Seen<'_>, votes: &[String; 2], d: &[u8]) -> Result<Vec<Append>, serde_json::Error> {
    let own: Own = serde_json::from_slice(d)?;
    let playing = own.embeds.first().is_some_and(|embed| {
        let says = embed.footer.as_ref().is_some_and(|footer| footer.text.contains(PLAYING));
        embed.color == Some(LASTFM) && says
    });
    if !playing || !may(seen.state, seen.guild, own.channel_id, REACT) {
        return Ok(Vec::new());
    }
    let vote =
        |(index, emoji): (usize, &String)| seen.cause.react(&format!("vote/{index}"), own.channel_id, own.id, emoji);
    Ok(votes.iter().enumerate().map(vote).collect())
}
