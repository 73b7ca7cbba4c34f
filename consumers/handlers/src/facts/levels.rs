//! A member reached a level: it is announced, and their role is given.

use miso_discord_state::DiscordState;
use miso_log::Append;
use miso_model::{ChannelId, GuildId, UserId};
use serde::Deserialize;
use serde_json::json;

use super::settings::GuildFacts;
use crate::action::Cause;
use crate::place::{WRITE, may};

/// A level that was reached longer ago than this is no news any more, milliseconds: its role is given,
/// nothing is said.
const NEWS_MS: i64 = 24 * 60 * 60 * 1_000;

#[derive(Debug, Deserialize)]
struct LevelReached {
    user: UserId,
    level: i64,
    #[serde(default)]
    channel: Option<ChannelId>,
}

pub(crate) fn reached(
    cause: &Cause<'_>,
    state: &DiscordState,
    guild: GuildId,
    settings: &GuildFacts,
    at_ms: i64,
    body: &[u8],
) -> Result<Vec<Append>, serde_json::Error> {
    let LevelReached { user, level, channel } = serde_json::from_slice(body)?;
    let mut out = Vec::new();
    for (_, role) in settings.rewards.iter().filter(|(of, _)| *of == level) {
        if matches!(state.bot_can_assign(guild, *role), Some(Ok(()))) {
            out.push(cause.give_role(&format!("reward/{role}"), guild, user, *role, &format!("Level {level}")));
        } else {
            metrics::counter!("miso_handlers_skipped_total", "why" => "role").increment(1);
        }
    }
    let fresh = cause.now_ms - at_ms < NEWS_MS;
    let place = settings.announce.filter(|_| fresh).and_then(|announced| announced.or(channel));
    if let Some(channel) = place.filter(|channel| may(state, guild, *channel, WRITE)) {
        let body = json!({
            "content": format!("<@{user}> reached level **{level}**! 🎉"),
            "allowed_mentions": {"parse": [], "users": [user]},
        });
        out.push(cause.message("announcement", channel, &body));
    }
    Ok(out)
}
