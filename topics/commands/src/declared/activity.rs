use super::{STATE, command, optional, setting};
use crate::{Command, Group, How, Kind, Place, Runs};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        group: Group::Activity,
        ..setting(
            "activity toggle",
            "Turns the counting of experience on or off.",
            "activity",
            How::Toggle("enabled"),
            &[STATE],
            &["activity toggle", "activity toggle on"],
        )
    },
    Command {
        aliases: &["level", "xp"],
        arguments: &[optional("member", "Whose; without it, yours.", Kind::Member)],
        place: Place::Guild,
        examples: &["rank", "rank @member"],
        ..command("rank", Group::Activity, "Shows someone's level and place in this server.", Runs::Reads)
    },
    Command {
        aliases: &["lb", "levels"],
        place: Place::Guild,
        examples: &["leaderboard"],
        ..command("leaderboard", Group::Activity, "Lists the most active members.", Runs::Reads)
    },
];
