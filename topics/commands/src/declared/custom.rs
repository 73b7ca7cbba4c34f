use super::{argument, command};
use crate::{Argument, Command, Group, Kind, Permissions, Place, Runs};

const NAME: Argument = argument("name", "One word.", Kind::Text { max_chars: 32, rest: false });
const TEXT: Argument = argument("text", "What the bot answers.", Kind::Message { max_chars: 2_000 });

const fn custom(
    name: &'static str,
    help: &'static str,
    runs: Runs,
    arguments: &'static [Argument],
    examples: &'static [&'static str],
) -> Command {
    Command { arguments, place: Place::Guild, examples, ..command(name, Group::Configuration, help, runs) }
}

/// Who may add is the server's choice, so the commands API decides: members with Manage Server, or
/// everybody where the module says so.
pub(super) const COMMANDS: &[Command] = &[
    custom(
        "command add",
        "Adds a command of this server's own.",
        Runs::Changes,
        &[NAME, TEXT],
        &["command add tea Time for tea, {user}!"],
    ),
    Command {
        permissions: Permissions::MANAGE_GUILD,
        ..custom(
            "command edit",
            "Changes what one of them answers.",
            Runs::Changes,
            &[NAME, TEXT],
            &["command edit tea Tea is ready."],
        )
    },
    Command {
        aliases: &["delete"],
        permissions: Permissions::MANAGE_GUILD,
        ..custom("command remove", "Removes one of them.", Runs::Changes, &[NAME], &["command remove tea"])
    },
    custom("command list", "Lists this server's own commands.", Runs::Reads, &[], &["command list"]),
    custom(
        "command search",
        "Finds this server's own commands by a part of their name.",
        Runs::Reads,
        &[argument("name", "A part of the name.", Kind::Text { max_chars: 32, rest: true })],
        &["command search te"],
    ),
];
