//! Commands that only display Discord's data, from its folded state.

mod cdn;
mod person;
mod server;
mod when;

use miso_command_catalogue::{Args, Colour, Document};
use miso_discord_state::DiscordState;
use miso_model::BotCommand;

use self::person::Person;
use crate::messages::message::People;

/// The answer to a command of this kind.
pub(crate) fn show(name: &str, args: &Args, state: &DiscordState, command: &BotCommand, people: &People) -> Document {
    if name == "serverinfo" {
        return server::of(state, command)
            .unwrap_or_else(|| unknown("I do not know this server yet. Try again in a moment."));
    }
    let Some(person) = Person::find(args.user("user"), state, command, people) else {
        return unknown("I do not know this user. Mention them, or give the id of a member.");
    };
    match name {
        "avatar" => person.avatar(command.guild_id),
        "userinfo" => person.info(command.guild_id),
        _ => unknown("This command is declared but not built yet."),
    }
}

fn unknown(text: &str) -> Document {
    Document::text(Colour::Warning, text)
}
