//! Somebody wants to see what a module sends: it is sent, marked as a sample.

use miso_discord_state::DiscordState;
use miso_log::Append;
use miso_model::{ChannelId, GuildId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::action::Cause;
use crate::events::{Saying, goodbye, greeting};
use crate::guild::guild_of;
use crate::person::Person;
use crate::place::{EMBED, may};
use crate::text::{CONTENT, cut};

const COLOUR: u32 = 0x5d_adec;

#[derive(Deserialize)]
struct SampleAsked {
    what: String,
    user: UserId,
    #[serde(default)]
    channel: Option<ChannelId>,
    #[serde(default)]
    text: Option<String>,
}

/// Nothing where the bot may not write: who asked was told of that before.
pub(crate) fn asked(
    cause: &Cause<'_>,
    state: &DiscordState,
    guild: GuildId,
    body: &[u8],
) -> Result<Option<Append>, serde_json::Error> {
    let SampleAsked { what, user, channel, text } = serde_json::from_slice(body)?;
    let Some(body) = message(state, guild, &what, user, text.unwrap_or_default())? else { return Ok(None) };
    Ok(match channel {
        Some(channel) if may(state, guild, channel, EMBED) => Some(cause.message("sample", channel, &body)),
        Some(_) => None,
        None => Some(cause.direct("sample", user, &body)),
    })
}

fn message(
    state: &DiscordState,
    guild: GuildId,
    what: &str,
    user: UserId,
    template: String,
) -> Result<Option<Value>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Member {
        user: Person,
    }
    let member = state.member(guild, user).and_then(|json| serde_json::from_slice::<Member>(&json).ok());
    let person = match member {
        Some(member) => member.user,
        None => serde_json::from_value(json!({"id": user, "username": "you"}))?,
    };
    let of = guild_of(state, guild);
    let saying = Saying { channel: ChannelId(0), template };
    let mut body = match what {
        "greeting" => greeting(&saying, &of, &person),
        "goodbye" => goodbye(&saying, &of, &person),
        _ => {
            let Some(told) = told(what) else { return Ok(None) };
            json!({
                "embeds": [{"author": person.as_author(), "description": told, "color": COLOUR}],
                "allowed_mentions": {"parse": []},
            })
        }
    };
    let said = body.get("content").and_then(Value::as_str).unwrap_or_default();
    let marked = format!("{}\n-# A test, asked for in the panel", cut(said, CONTENT - 100));
    body["content"] = marked.trim_start().into();
    Ok(Some(body))
}

/// What is told in each log.
fn told(what: &str) -> Option<&'static str> {
    Some(match what {
        "logs.members" => "Who joins and who leaves is told here.",
        "logs.bans" => "Who is banned and unbanned is told here.",
        "logs.deleted" => "Deleted messages are told here.",
        "logs.edited" => "Edited messages are told here.",
        _ => return None,
    })
}
