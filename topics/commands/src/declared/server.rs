use super::{argument, command};
use crate::{Argument, Command, Group, Kind, Place, Runs};

const fn shows(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    arguments: &'static [Argument],
    examples: &'static [&'static str],
) -> Command {
    Command { aliases, arguments, place: Place::Guild, examples, ..command(name, Group::Server, help, Runs::Client) }
}

pub(super) const COMMANDS: &[Command] = &[
    shows("serverinfo", &["sinfo", "guildinfo"], "Shows what is known of this server.", &[], &["serverinfo"]),
    shows("servericon", &["icon", "guildicon"], "Shows this server's icon.", &[], &["servericon"]),
    shows("serverbanner", &["guildbanner"], "Shows this server's banner.", &[], &["serverbanner"]),
    shows("members", &[], "Lists this server's members, the oldest first.", &[], &["members"]),
    shows("roleslist", &["roles"], "Lists this server's roles.", &[], &["roleslist"]),
    shows(
        "roleinfo",
        &[],
        "Shows what is known of a role.",
        &[argument("role", "The role.", Kind::Role)],
        &["roleinfo @role"],
    ),
];
