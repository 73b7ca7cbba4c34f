//! A reminder is due: it is said where it was asked for, or by direct message.

use miso_discord_state::DiscordState;
use miso_log::Append;
use miso_model::{ChannelId, Permissions, UserId};
use serde::Deserialize;
use serde_json::json;

use crate::action::Cause;
use crate::place::{WRITE, may};
use crate::text::{CONTENT, cut};

/// What comes later than this says by how much, milliseconds.
const LATE_MS: i64 = 5_000;

#[derive(Deserialize)]
struct ReminderFired {
    user: UserId,
    text: String,
    #[serde(default)]
    channel: Option<ChannelId>,
    due_ms: i64,
}

pub(crate) fn fired(cause: &Cause<'_>, state: &DiscordState, body: &[u8]) -> Result<Append, serde_json::Error> {
    let ReminderFired { user, text, channel, due_ms } = serde_json::from_slice(body)?;
    let late_ms = cause.now_ms - due_ms;
    let late = if late_ms >= LATE_MS { format!("\n-# {} late", lasting(late_ms)) } else { String::new() };
    let said = format!("⏰ Reminder: {text}");
    let place = channel.filter(|channel| is_theirs(state, user, *channel));
    Ok(match place {
        Some(channel) => {
            let content = format!("<@{user}> {}{late}", cut(&said, CONTENT - 100));
            let body = json!({"content": content, "allowed_mentions": {"parse": [], "users": [user]}});
            cause.message("reminder", channel, &body)
        }
        None => {
            let content = format!("{}{late}", cut(&said, CONTENT - 100));
            cause.direct("reminder", user, &json!({"content": content, "allowed_mentions": {"parse": []}}))
        }
    })
}

/// Whether the user may still write in the channel, and the bot too: else it would say there what they
/// may not.
fn is_theirs(state: &DiscordState, user: UserId, channel: ChannelId) -> bool {
    let write = Permissions::VIEW_CHANNEL.and(Permissions::SEND_MESSAGES);
    state.channel_guild(channel).is_some_and(|guild| {
        let allowed = state.member_permissions(guild, user, Some(channel)).is_some_and(|has| has.cover(write));
        allowed && may(state, guild, channel, WRITE)
    })
}

/// `2 min`, `3 h 20 min`.
fn lasting(ms: i64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let rest = |value: i64, unit: &str| if value > 0 { format!(" {value} {unit}") } else { String::new() };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h{}", rest(minutes % 60, "min")),
        (_, _, _) => format!("{days} d{}", rest(hours % 24, "h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_told_as_people_tell_them() {
        let told = [5_900, 60_000, 7_199_999, 7_200_000, 12_000_000, 90_000_000, 172_800_000].map(lasting);
        assert_eq!(told, ["5 s", "1 min", "1 h 59 min", "2 h", "3 h 20 min", "1 d 1 h", "2 d"]);
    }
}
