use miso_command_catalogue::{Args, Colour, Document};
use miso_discord_state::DiscordState;
use miso_model::{BotCommand, ChannelId, UserId};
use serde_json::Value;

use super::unknown;
use super::when::date;

/// The answer to `inspect`: what an id is, as far as this guild tells, and when it was made.
pub(crate) fn inspect(args: &Args, state: &DiscordState, command: &BotCommand) -> Document {
    let Some(id) = args.id("id") else { return unknown("Give an id or a mention.") };
    let guild = command.guild_id;
    let of = |json: Option<bytes::Bytes>| json.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    let role = guild.and_then(|guild| of(state.role(guild, id.0)));
    let channel = ChannelId(id.0);
    let of_guild = state.channel_guild(channel) == guild && guild.is_some();
    let member = guild.and_then(|guild| of(state.member(guild, UserId(id.0))));
    let what = if guild.is_some_and(|guild| guild.0 == id.0) {
        // A guild and its `@everyone` have one id.
        "This server".to_owned()
    } else if let Some(role) = role {
        named("A role of this server", &role["name"], &format!("<@&{id}>"))
    } else if of_guild && let Some(found) = of(state.channel(channel)) {
        named(kind(&found), &found["name"], &format!("<#{id}>"))
    } else if let Some(member) = member {
        named("A member of this server", &member["user"]["username"], &format!("<@{id}>"))
    } else {
        "Nothing that I know here; it may be a message, an emoji, a user or something of another server".to_owned()
    };
    Document { colour: Colour::Info, ..Document::default() }.titled(format!("#{id}")).field("What", what, false).field(
        "Made",
        date(id.created_ms()),
        true,
    )
}

fn named(what: &str, name: &Value, mention: &str) -> String {
    format!("{what}: {mention} `{}`", name.as_str().unwrap_or("?").replace('`', "'"))
}

fn kind(channel: &Value) -> &'static str {
    match channel["type"].as_u64() {
        Some(2 | 13) => "A voice channel of this server",
        Some(4) => "A category of this server",
        Some(10..=12) => "A thread of this server",
        Some(15 | 16) => "A forum of this server",
        _ => "A channel of this server",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn channels_are_told_by_their_kind() {
        assert_eq!(kind(&json!({"type": 0})), "A channel of this server");
        assert_eq!(kind(&json!({"type": 11})), "A thread of this server");
        assert_eq!(named("A role", &json!("a`b"), "<@&1>"), "A role: <@&1> `a'b`");
    }
}
