use super::{command, optional};
use crate::{Command, Group, Kind, Place, Runs};

const GROUP: Group = Group::Information;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        examples: &["ping"],
        ..command("ping", GROUP, "Shows that the bot is there and how long it takes.", Runs::Reads)
    },
    Command {
        aliases: &["commands"],
        arguments: &[optional("command", "The command, or commands, to explain.", Kind::CommandsName)],
        examples: &["help", "help rng", "help starboard", "help fun"],
        ..command("help", GROUP, "Lists all commands, or explains one.", Runs::Reads)
    },
    Command {
        examples: &["invite"],
        ..command("invite", GROUP, "Gives the link that brings the bot to a server.", Runs::Client)
    },
    Command {
        aliases: &["about"],
        examples: &["info"],
        ..command("info", GROUP, "Tells what this bot is and where it is.", Runs::Client)
    },
    Command {
        aliases: &["shard"],
        place: Place::Guild,
        examples: &["shardinfo"],
        ..command("shardinfo", GROUP, "Tells which connection to Discord serves this server.", Runs::Client)
    },
];
