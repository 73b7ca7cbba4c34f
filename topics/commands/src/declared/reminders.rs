use super::{argument, command, optional};
use crate::{Argument, Command, Group, Kind, Runs};

const GROUP: Group = Group::Reminders;
const ID: Argument = argument("id", "As `reminders` lists it.", Kind::Text { max_chars: 32, rest: false });

pub(super) const COMMANDS: &[Command] = &[
    Command {
        aliases: &["rm", "remind"],
        arguments: &[
            argument("when", "Such as in 2h, tomorrow 9am, or on 2026-12-01 10:00.", Kind::Moment),
            Argument { after: Some("to"), ..argument("text", "Of what.", Kind::Message { max_chars: 500 }) },
        ],
        examples: &[
            "remindme in 2h to drink water",
            "remindme tomorrow 9am to call home",
            "remindme on 2027-12-01 10:00 to pack",
        ],
        ..command("remindme", GROUP, "Reminds you here at a given time.", Runs::Changes)
    },
    Command { examples: &["reminders"], ..command("reminders", GROUP, "Lists your reminders.", Runs::Reads) },
    Command {
        aliases: &["delete", "remove"],
        arguments: &[ID],
        examples: &["reminder cancel 1a2b3c"],
        ..command("reminder cancel", GROUP, "Cancels a reminder.", Runs::Changes)
    },
    Command {
        arguments: &[ID, argument("when", "Until when.", Kind::Moment)],
        examples: &["reminder snooze 1a2b3c 10m", "reminder snooze 1a2b3c tomorrow 9am"],
        ..command("reminder snooze", GROUP, "Puts a reminder off.", Runs::Changes)
    },
    Command {
        aliases: &["tz"],
        arguments: &[optional("zone", "Such as Europe/Helsinki, or a city.", Kind::Timezone)],
        examples: &["timezone", "timezone Europe/Helsinki", "timezone tokyo"],
        ..command("timezone", GROUP, "Shows or changes your time zone.", Runs::Changes)
    },
];
