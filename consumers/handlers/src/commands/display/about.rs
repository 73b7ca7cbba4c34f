use miso_command_catalogue::{CATALOGUE, Colour, Document, Link, Permissions};
use miso_discord_state::DiscordState;
use miso_model::GuildId;
use serde_json::Value;

use super::unknown;

/// What the bot is invited with: to read and write, and what its modules need.
const INVITED_WITH: Permissions = Permissions::VIEW_CHANNEL
    .and(Permissions::SEND_MESSAGES)
    .and(Permissions::SEND_MESSAGES_IN_THREADS)
    .and(Permissions::EMBED_LINKS)
    .and(Permissions::ATTACH_FILES)
    .and(Permissions::READ_MESSAGE_HISTORY)
    .and(Permissions::ADD_REACTIONS)
    .and(Permissions::MANAGE_MESSAGES)
    .and(Permissions::MANAGE_ROLES);

/// The answer to `invite`.
pub(crate) fn invite(state: &DiscordState) -> Document {
    match application(state) {
        Some(id) => invitation(&id),
        None => unknown("I do not know who I am yet. Try again in a moment."),
    }
}

fn invitation(application: &str) -> Document {
    let url = format!(
        "https://discord.com/oauth2/authorize?client_id={application}&scope=bot+applications.commands&permissions={}",
        INVITED_WITH.0
    );
    let mut document = Document::text(Colour::Info, format!("[Invite me]({url}) to a server that you manage."));
    document.actions.push(Link { label: "Invite".to_owned(), url });
    document.titled("Invitation")
}

fn application(state: &DiscordState) -> Option<String> {
    let json: Value = serde_json::from_slice(&state.application()?).ok()?;
    json["id"].as_str().map(str::to_owned)
}

/// The answer to `info`.
pub(crate) fn info(state: &DiscordState) -> Document {
    let guilds: usize = (0..miso_model::SLOTS).map(|slot| state.guild_ids(slot).len()).sum();
    let document = Document::text(Colour::Info, "A bot for communities, on an event log.")
        .titled("Miso")
        .field("Version", env!("CARGO_PKG_VERSION"), true)
        .field("Servers", guilds.to_string(), true)
        .field("Commands", CATALOGUE.commands.len().to_string(), true);
    match state.shard_count() {
        Some(count) => document.field("Shards", count.to_string(), true),
        None => document,
    }
}

/// The answer to `shardinfo`; `None` until a READY was folded.
pub(crate) fn shard(state: &DiscordState, guild: GuildId) -> Option<Document> {
    let count = u64::try_from(state.shard_count()?).ok().filter(|count| *count > 0)?;
    let slot = miso_model::slot(guild);
    let neighbours = state.guild_ids(slot).len();
    Some(
        Document { colour: Colour::Info, ..Document::default() }
            .titled("Shard")
            .field("Shard", format!("{} of {count}", shard_of(guild, count)), true)
            .field("Slot", slot.to_string(), true)
            .field("Servers in this slot", neighbours.to_string(), true),
    )
}

/// Discord's rule.
fn shard_of(guild: GuildId, count: u64) -> u64 {
    (guild.0 >> 22) % count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_names_the_application_and_what_it_needs() {
        let url = &invitation("42").actions[0].url;
        assert!(url.contains("client_id=42&") && url.ends_with(&format!("permissions={}", INVITED_WITH.0)));
        assert!(INVITED_WITH.names().contains(&"Manage Roles") && !INVITED_WITH.names().contains(&"Administrator"));
    }

    #[test]
    fn a_guilds_shard_follows_discords_rule() {
        assert_eq!((shard_of(GuildId(5 << 22), 2), shard_of(GuildId(4 << 22), 2)), (1, 0));
    }
}
