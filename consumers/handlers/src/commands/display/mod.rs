//! Commands that only display Discord's data, from its folded state.

mod about;
mod cdn;
mod inspect;
mod lists;
mod person;
mod server;
mod when;

use std::sync::Arc;

use miso_command_catalogue::{Args, Colour, Document};
use miso_discord_state::DiscordState;
use miso_model::{BotCommand, GuildId};
use serde_json::Value;

use self::person::Person;
use crate::messages::message::People;

/// Members of a guild that a list shows, at most: as many as its pages hold.
const LISTED_MEMBERS: usize = 10_000;

/// The answer to a command of this kind.
pub(crate) async fn show(
    name: &'static str,
    args: &Args,
    state: &Arc<DiscordState>,
    command: &BotCommand,
    people: &People,
) -> Document {
    match name {
        "avatar" | "banner" | "userinfo" => person(name, args, state, command, people),
        "inspect" => inspect::inspect(args, state, command),
        "invite" => about::invite(state),
        "info" => about::info(state),
        "serverinfo" | "servericon" | "serverbanner" | "members" | "roleslist" | "roleinfo" | "shardinfo" => {
            let shown = match command.guild_id {
                Some(guild) => of_guild(name, args.clone(), Arc::clone(state), guild).await,
                None => None,
            };
            shown.unwrap_or_else(|| unknown("I do not know this server yet. Try again in a moment."))
        }
        _ => unknown("This command is declared but not built yet."),
    }
}

fn person(name: &str, args: &Args, state: &DiscordState, command: &BotCommand, people: &People) -> Document {
    let Some(person) = Person::find(args.user("user"), state, command, people) else {
        return unknown("I do not know this user. Mention them, or give the id of a member.");
    };
    match name {
        "avatar" => person.avatar(command.guild_id),
        "banner" => person.banner(),
        _ => person.info(command.guild_id),
    }
}

/// A large guild's members are megabytes of JSON: they are written and read where nobody else waits.
async fn of_guild(name: &'static str, args: Args, state: Arc<DiscordState>, guild: GuildId) -> Option<Document> {
    if name == "shardinfo" {
        return about::shard(&state, guild);
    }
    tokio::task::spawn_blocking(move || of_snapshot(name, &args, &state, guild)).await.ok().flatten()
}

fn of_snapshot(name: &str, args: &Args, state: &DiscordState, guild: GuildId) -> Option<Document> {
    let members = if name == "members" { LISTED_MEMBERS } else { 1 };
    let json: Value = serde_json::from_slice(state.guild_snapshot_for(guild, members)?.d.as_ref()).ok()?;
    Some(match name {
        "serverinfo" => server::info(guild, &json),
        "servericon" => server::icon(guild, &json),
        "serverbanner" => server::banner(guild, &json),
        "members" => lists::members(&json),
        "roleslist" => lists::roles(guild, &json),
        _ => lists::role(guild, args.id("role")?, &json),
    })
}

fn unknown(text: &str) -> Document {
    Document::text(Colour::Warning, text)
}
