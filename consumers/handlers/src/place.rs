//! Whether a channel that settings name is one of the guild's, and the bot may act there. Settings hold
//! ids; an admin may have written another guild's.

use miso_discord_state::DiscordState;
use miso_model::{ChannelId, GuildId, Permissions};

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
