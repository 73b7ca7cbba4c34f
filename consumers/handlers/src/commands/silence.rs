//! How somebody is answered, and when nothing is said at all. Pure.
//!
//! A reply where the bot may write; else a reaction that says "I cannot write here"; else a direct
//! message; else nothing but a metric with the reason, and the event's trace.

use miso_command_catalogue::Permissions;

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matter {
    /// What was asked for, or why it cannot be had.
    Answer,
    /// An answer for its author's eyes.
    Private,
    /// Too often; told once.
    Cooldown,
    /// No such command, but one was meant, or the bot was spoken to.
    Unknown,
    /// No such command: other bots share prefixes.
    Foreign,
    /// No command works in this channel, or for this member: the server wants it quiet.
    Ignored,
    /// Too often, and told already.
    Repeated,
    /// Nobody asked: a link that is shown by itself. What goes wrong is not said.
    Unasked,
}

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A message in the channel.
    Reply {
        /// Whether as an embed; else as plain text.
        embed: bool,
        /// Whether in reply to the message: that needs Read Message History.
        refers: bool,
    },
    /// [`CANNOT_WRITE`] on the message.
    React,
    /// A message to its author.
    Direct,
    /// Not at all; why, for the metric.
    Nothing(&'static str),
}

/// The reaction of a bot that may not write.
pub(crate) const CANNOT_WRITE: &str = "🙊";

/// Decides. `bot` is what the bot may do in the channel; in direct messages, everything.
pub(crate) fn way(matter: Matter, bot: Permissions, direct: bool) -> Way {
    match matter {
        Matter::Foreign => return Way::Nothing("unknown"),
        Matter::Ignored => return Way::Nothing("ignored"),
        Matter::Repeated => return Way::Nothing("cooldown"),
        Matter::Private if !direct => return Way::Direct,
        Matter::Answer | Matter::Private | Matter::Cooldown | Matter::Unknown | Matter::Unasked => {}
    }
    if direct {
        return Way::Reply { embed: true, refers: true };
    }
    let history = bot.cover(Permissions::READ_MESSAGE_HISTORY);
    if bot.cover(Permissions::VIEW_CHANNEL.and(Permissions::SEND_MESSAGES)) {
        return Way::Reply { embed: bot.cover(Permissions::EMBED_LINKS), refers: history };
    }
    if matter != Matter::Answer {
        return Way::Nothing("cannot_write");
    }
    if history && bot.cover(Permissions::VIEW_CHANNEL.and(Permissions::ADD_REACTIONS)) {
        return Way::React;
    }
    Way::Direct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_rules() {
        let view = Permissions::VIEW_CHANNEL;
        let speak = view.and(Permissions::SEND_MESSAGES);
        let history = Permissions::READ_MESSAGE_HISTORY;
        let embed = Permissions::EMBED_LINKS;
        let react = Permissions::ADD_REACTIONS;
        let (full, plain) = (Way::Reply { embed: true, refers: true }, Way::Reply { embed: false, refers: false });
        for (matter, bot, direct, expected) in [
            (Matter::Answer, Permissions::ADMINISTRATOR, false, full),
            (Matter::Answer, speak.and(history).and(embed), false, full),
            (Matter::Answer, speak.and(embed), false, Way::Reply { embed: true, refers: false }),
            (Matter::Answer, speak.and(history), false, Way::Reply { embed: false, refers: true }),
            (Matter::Answer, speak, false, plain),
            (Matter::Answer, view.and(react).and(history), false, Way::React),
            (Matter::Answer, view.and(react), false, Way::Direct),
            (Matter::Answer, view, false, Way::Direct),
            (Matter::Answer, Permissions::NONE, false, Way::Direct),
            (Matter::Answer, Permissions::NONE, true, full),
            (Matter::Private, Permissions::ALL, false, Way::Direct),
            (Matter::Private, Permissions::ALL, true, full),
            (Matter::Cooldown, speak, false, plain),
            (Matter::Cooldown, view.and(react).and(history), false, Way::Nothing("cannot_write")),
            (Matter::Cooldown, Permissions::NONE, false, Way::Nothing("cannot_write")),
            (Matter::Unknown, speak, false, plain),
            (Matter::Unknown, view.and(react).and(history), false, Way::Nothing("cannot_write")),
            (Matter::Unknown, Permissions::NONE, true, full),
            (Matter::Foreign, Permissions::ALL, false, Way::Nothing("unknown")),
            (Matter::Foreign, Permissions::ALL, true, Way::Nothing("unknown")),
            (Matter::Ignored, Permissions::ALL, false, Way::Nothing("ignored")),
            (Matter::Repeated, Permissions::ALL, false, Way::Nothing("cooldown")),
            (Matter::Unasked, speak.and(embed), false, Way::Reply { embed: true, refers: false }),
            (Matter::Unasked, view.and(react).and(history), false, Way::Nothing("cannot_write")),
        ] {
            assert_eq!(way(matter, bot, direct), expected, "{matter:?} {:?} {direct}", bot.names());
        }
    }
}
