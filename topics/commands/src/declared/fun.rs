use super::{argument, command, optional};
use crate::{Argument, Command, Group, Kind, Runs};

/// Ends of a random number's range lie within this of 0: exact in every JSON reader.
const RANGE_LIMIT: i64 = 1_000_000_000_000;
/// Options to choose from, at most.
const OPTIONS: usize = 100;

const GROUP: Group = Group::Fun;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        aliases: &["choice"],
        arguments: &[argument("options", "What to choose from.", Kind::Options { max: OPTIONS })],
        examples: &["choose tea or coffee", "choose stay in or go out or sleep"],
        ..command("choose", GROUP, "Chooses one of several options.", Runs::Reads)
    },
    Command {
        aliases: &["random"],
        arguments: &[argument("range", "From 0 to n, or from n to m.", Kind::Range { limit: RANGE_LIMIT })],
        examples: &["rng 6", "rng 1-6"],
        ..command("rng", GROUP, "Draws a random whole number.", Runs::Reads)
    },
    Command {
        aliases: &["8ball"],
        arguments: &[argument("question", "To be answered with yes or no.", Kind::Text { max_chars: 500, rest: true })],
        examples: &["eightball Will it rain?"],
        ..command("eightball", GROUP, "Answers a question.", Runs::Reads)
    },
    Command {
        arguments: &[
            argument("first", "Somebody, or something.", Kind::Text { max_chars: 100, rest: false }),
            Argument {
                after: Some("and"),
                ..optional("second", "Without it, you.", Kind::Text { max_chars: 100, rest: true })
            },
        ],
        examples: &["ship @miso and @member", "ship tea and coffee"],
        ..command("ship", GROUP, "Tells how well two go together.", Runs::Reads)
    },
    Command {
        arguments: &[argument("text", "What to say.", Kind::Text { max_chars: 500, rest: true })],
        examples: &["clap this is fine"],
        ..command("clap", GROUP, "Puts 👏 between 👏 words.", Runs::Reads)
    },
];
