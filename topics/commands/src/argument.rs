use miso_model::{ChannelId, Snowflake, UserId};

use crate::{Argument, Moment};

/// An argument's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Text`] and [`Kind::Message`]; of [`Kind::CommandName`], [`Kind::CommandsName`] and
    /// [`Kind::Timezone`], the declared name; of [`Kind::Choice`], the option; of [`Kind::Emoji`], a
    /// unicode emoji or `name:id`.
    Text(String),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Range`]: `from <= to`.
    Range {
        /// Inclusive.
        from: i64,
        /// Inclusive.
        to: i64,
    },
    /// Of [`Kind::User`] and [`Kind::Member`].
    User(UserId),
    /// Of [`Kind::Role`].
    Role(Snowflake),
    /// Of [`Kind::Channel`].
    Channel(ChannelId),
    /// `off` instead of a channel.
    Off,
    /// Of [`Kind::Id`].
    Id(Snowflake),
    /// Of [`Kind::Duration`]; milliseconds.
    Duration(i64),
    /// Of [`Kind::Moment`].
    Moment(Moment),
    /// Of [`Kind::Options`].
    Options(Vec<String>),
    /// Of [`Kind::Links`].
    Links(Vec<String>),
    /// Of [`Kind::Flag`].
    Flag(bool),
}

/// Why an argument does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentProblem {
    /// It is required.
    #[error("is missing")]
    Missing,
    /// It has no text.
    #[error("must not be empty")]
    Empty,
    /// More characters than it takes.
    #[error("has {chars} characters; {max} at most")]
    TooLong {
        /// How many there are.
        chars: usize,
        /// How many may be.
        max: usize,
    },
    /// Not a whole number, or not in its range.
    #[error("must be a whole number from {min} to {max}")]
    NotInteger {
        /// Inclusive.
        min: i64,
        /// Inclusive.
        max: i64,
    },
    /// Not a range.
    #[error("must be a number like `6` or a range like `1-6`, up to {limit}")]
    NotRange {
        /// Inclusive.
        limit: i64,
    },
    /// Neither a mention nor an id.
    #[error("is neither a mention of a user nor a user's id")]
    NotUser,
    /// Not a member of this guild.
    #[error("is nobody of this server: mention a member, or give the id of one")]
    NotMember,
    /// Not a role of this guild.
    #[error("is no role of this server: give its name, its id or a mention")]
    NotRole,
    /// Not a channel of this guild.
    #[error("is no channel of this server: give its name, its id or a mention")]
    NotChannel,
    /// No id of Discord's.
    #[error("is neither an id nor a mention")]
    NotId,
    /// Not a time span, or too long.
    #[error("must be a time span like `90s`, `2h30m` or `3 days`, up to {max}")]
    NotDuration {
        /// For people.
        max: String,
    },
    /// Not a point in time.
    #[error("must be a time like `in 2h`, `tomorrow 9am` or `on 2026-12-01 10:00`")]
    NotMoment,
    /// Not a time zone.
    #[error("is no time zone: give one like `Europe/Helsinki`, or a big city")]
    NotTimezone,
    /// Not one of the options.
    #[error("must be one of: {}", .0.join(", "))]
    NotOption(&'static [&'static str]),
    /// No emoji.
    #[error("is no emoji")]
    NotEmoji,
    /// One option, or none.
    #[error("needs at least two options with ` or ` between them")]
    TooFewOptions,
    /// More than it takes.
    #[error("takes {max} options at most")]
    TooManyOptions {
        /// How many may be.
        max: usize,
    },
    /// No link.
    #[error("must be a link that begins with `https://`")]
    NotLink,
    /// More links than it takes.
    #[error("takes {max} links at most")]
    TooManyLinks {
        /// How many may be.
        max: usize,
    },
    /// No command is called so.
    #[error("is no command")]
    NoSuchCommand,
    /// Line breaks where one line is meant.
    #[error("must be one line")]
    NotOneLine,
    /// A JSON value of another type.
    #[error("must be {0}")]
    WrongType(&'static str),
    /// The command takes no such argument.
    #[error("is not an argument of this command")]
    Unexpected,
    /// A quote is not closed.
    #[error("begins with a quote that is not closed")]
    UnclosedQuote,
}

/// The argument that did not fit, what was given for it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentError {
    /// The argument's name; of a word that belongs to none, none.
    pub argument: Option<String>,
    /// The word that did not fit, where one was given.
    pub word: Option<String>,
    /// Why.
    pub problem: ArgumentProblem,
}

/// Characters of a word that an error repeats.
const SHOWN_CHARS: usize = 40;

impl std::fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let argument = self.argument.as_deref().map(|name| format!("`{name}`"));
        match (&argument, &self.word) {
            (Some(argument), None) => write!(f, "{argument} {}.", self.problem),
            (Some(argument), Some(word)) => write!(f, "{argument} {}; `{}` does not fit.", self.problem, shown(word)),
            (None, Some(word)) => write!(f, "`{}` {}.", shown(word), self.problem),
            (None, None) => write!(f, "{}.", self.problem),
        }
    }
}

/// A word in short, safe inside back-ticks.
fn shown(word: &str) -> String {
    let mut shown: String =
        word.chars().take(SHOWN_CHARS).map(|c| if c == '`' || c.is_control() { '\'' } else { c }).collect();
    if word.chars().count() > SHOWN_CHARS {
        shown.push('…');
    }
    shown
}

/// The error of an argument for which `word` was given.
pub(crate) fn misfit(argument: &Argument, word: Option<&str>, problem: ArgumentProblem) -> ArgumentError {
    ArgumentError { argument: Some(argument.name.to_owned()), word: word.map(str::to_owned), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_repeats_the_word_in_short_and_cannot_break_out_of_its_quotes() {
        let error = ArgumentError {
            argument: Some("range".to_owned()),
            word: Some(format!("`x`\n{}", "y".repeat(100))),
            problem: ArgumentProblem::NotRange { limit: 10 },
        };
        let text = error.to_string();
        assert!(text.contains("'x'") && text.contains('…') && !text.contains('\n'), "{text}");
    }
}
