use super::{argument, command};
use crate::{Argument, Command, Edit, Group, How, Kind, Runs};

const WORD: Argument = argument("value", "One word or a few.", Kind::Text { max_chars: 64, rest: true });

/// Of the user's own settings; answered in private, for the words are nobody else's business.
const fn notification(
    name: &'static str,
    help: &'static str,
    how: How,
    arguments: &'static [Argument],
    examples: &'static [&'static str],
) -> Command {
    Command {
        arguments,
        edit: Some(Edit { module: "notifications", how }),
        private: true,
        examples,
        ..command(name, Group::Notifications, help, Runs::Changes)
    }
}

pub(super) const COMMANDS: &[Command] = &[
    notification(
        "notification add",
        "Tells you by direct message when somebody says this: in this server, or said in private, in every one.",
        How::AddKeyword,
        &[WORD],
        &["notification add tea"],
    ),
    Command {
        aliases: &["delete"],
        ..notification(
            "notification remove",
            "Takes one of your words away.",
            How::RemoveKeyword,
            &[WORD],
            &["notification remove tea"],
        )
    },
    Command {
        runs: Runs::Reads,
        ..notification("notification list", "Lists your words.", How::List("keywords"), &[], &["notification list"])
    },
    notification(
        "notification clear",
        "Takes all your words away.",
        How::Clear("keywords"),
        &[],
        &["notification clear"],
    ),
];
