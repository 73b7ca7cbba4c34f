//! Whether a channel that settings name is one of the guild's, and the bot may act there. Settings hold
//! ids; an admin may have written another guild's.

use miso_discord_state::DiscordState;
use miso_discord_state::permissions::Member;
use miso_model::{ChannelId, GuildId, Permissions, UserId};
use serde::Deserialize;

/// To write in a channel.
pub(crate) const WRITE: Permissions = Permissions::VIEW_CHANNEL.and(Permissions::SEND_MESSAGES);
/// To write embeds in a channel.
pub(crate) const EMBED: Permissions = WRITE.and(Permissions::EMBED_LINKS);

/// Whether the bot may do this in a channel of the guild. Where it may not, nothing is sent: Discord
/// would refuse it, and refusals are rationed. The panel's health check says what is missing.
pub(crate) fn may(state: &DiscordState, guild: GuildId, channel: ChannelId, what: Permissions) -> bool {
    let allowed = state.bot_permissions(guild, Some(channel)).is_some_and(|has| has.cover(what));
    if !allowed {
        metrics::counter!("miso_handlers_skipped_total", "why" => "channel").increment(1);
    }
    allowed
}

/// Discord's channel types of threads.
const THREADS: std::ops::RangeInclusive<u8> = 10..=12;

/// Of a thread, its channel.
pub(crate) fn parent_of(state: &DiscordState, channel: ChannelId) -> Option<ChannelId> {
    thread_parent(&state.channel(channel)?)
}

fn thread_parent(channel: &[u8]) -> Option<ChannelId> {
    #[derive(Deserialize)]
    struct Thread {
        #[serde(rename = "type")]
        kind: u8,
        #[serde(default)]
        parent_id: Option<ChannelId>,
    }
    let channel: Thread = serde_json::from_slice(channel).ok()?;
    channel.parent_id.filter(|_| THREADS.contains(&channel.kind))
}

/// Whether a channel is one of these, or a thread in one of them.
pub(crate) fn among(state: &DiscordState, channels: &[u64], channel: ChannelId) -> bool {
    let listed = |channel: ChannelId| channels.contains(&channel.0);
    !channels.is_empty() && (listed(channel) || parent_of(state, channel).is_some_and(listed))
}

/// Whether what stands in a channel would be seen by more people in another one: everybody sees that, and
/// not everybody the first.
pub(crate) fn would_show(state: &DiscordState, guild: GuildId, hidden: ChannelId, open: ChannelId) -> bool {
    // Nobody's id, and no roles: what is left is what everybody has.
    let everybody = |channel| {
        let has = state.permissions_of(guild, UserId(0), &Member::default(), Some(channel));
        has.is_some_and(|has| has.cover(Permissions::VIEW_CHANNEL))
    };
    !everybody(hidden) && everybody(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_threads_have_a_channel_that_rules_look_at() {
        let parent = |json: &str| thread_parent(json.as_bytes());
        assert_eq!(parent(r#"{"type":11,"parent_id":"5"}"#), Some(ChannelId(5)));
        assert_eq!(parent(r#"{"type":0,"parent_id":"5"}"#), None, "a category is none");
        assert_eq!(parent("[]"), None);
    }
}
