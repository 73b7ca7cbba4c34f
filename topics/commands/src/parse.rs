use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use miso_model::{ChannelId, Snowflake, UserId};

use crate::argument::misfit;
use crate::directory::{Anywhere, Directory};
use crate::flags::flags;
use crate::moment::{MOMENT_WORDS, Moment};
use crate::values::{from_json, from_text, to_json};
use crate::words::{Unclosed, whole, words};
use crate::{Argument, ArgumentError, ArgumentProblem, Command, Kind, Value};

/// A command's arguments, each of its declared kind. Optional ones may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Args(BTreeMap<&'static str, (Kind, Value)>);

impl Args {
    /// The value of an argument.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).map(|(_, value)| value)
    }

    /// Of a text, a message, a choice, a time zone, an emoji or a command's name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Of a user.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<UserId> {
        match self.get(name) {
            Some(Value::User(user)) => Some(*user),
            _ => None,
        }
    }

    /// Of a number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// Of a channel.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<ChannelId> {
        match self.get(name) {
            Some(Value::Channel(channel)) => Some(*channel),
            _ => None,
        }
    }

    /// Of a role, or of any id.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<Snowflake> {
        match self.get(name) {
            Some(Value::Role(id) | Value::Id(id)) => Some(*id),
            _ => None,
        }
    }

    /// Of a time span, milliseconds.
    #[must_use]
    pub fn duration_ms(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Duration(ms)) => Some(*ms),
            _ => None,
        }
    }

    /// Of links; none where there are none.
    #[must_use]
    pub fn links(&self, name: &str) -> &[String] {
        match self.get(name) {
            Some(Value::Links(links)) => links,
            _ => &[],
        }
    }

    /// Whether a flag was given.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Flag(true)))
    }

    /// Of a point in time; [`Moment::resolve`] tells when that is.
    #[must_use]
    pub fn moment(&self, name: &str) -> Option<Moment> {
        match self.get(name) {
            Some(Value::Moment(moment)) => Some(*moment),
            _ => None,
        }
    }

    /// As JSON, by name.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Json> {
        self.0.iter().map(|(name, (kind, value))| ((*name).to_owned(), to_json(*kind, value))).collect()
    }

    /// Names of the arguments that were given.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// Parses what follows a command's name in a line, by itself: every id is taken for good, no name is
/// known.
///
/// # Errors
/// The first argument that does not fit, with the word that was given for it.
pub fn parse(command: &Command, line: &str) -> Result<Args, ArgumentError> {
    parse_in(command, line, &Anywhere)
}

/// Parses what follows a command's name in a line that was said in a guild.
///
/// # Errors
/// The first argument that does not fit, with the word that was given for it.
pub fn parse_in(command: &Command, line: &str, directory: &dyn Directory) -> Result<Args, ArgumentError> {
    let mut args = BTreeMap::new();
    let line = flags(command, line, &mut args);
    let mut rest = line.trim();
    for (index, argument) in command.arguments.iter().enumerate() {
        if matches!(argument.kind, Kind::Flag { .. }) {
            continue;
        }
        if let Some(after) = argument.after.and_then(|word| without_word(rest, word)) {
            rest = after;
        }
        if rest.is_empty() {
            if argument.required {
                return Err(misfit(argument, None, ArgumentProblem::Missing));
            }
            continue;
        }
        let (text, typed, after) = taken(argument, rest, index + 1 == command.arguments.len())?;
        let value =
            from_text(argument.kind, &text, directory).map_err(|problem| misfit(argument, Some(typed), problem))?;
        args.insert(argument.name, (argument.kind, value));
        rest = after;
    }
    if !rest.is_empty() {
        return Err(ArgumentError {
            argument: None,
            word: Some(rest.to_owned()),
            problem: ArgumentProblem::Unexpected,
        });
    }
    Ok(Args(args))
}

/// What an argument takes of the rest of a line: its text, that as it was typed, and what is left.
fn taken<'a>(argument: &Argument, rest: &'a str, last: bool) -> Result<(String, &'a str, &'a str), ArgumentError> {
    let word = || {
        let (text, typed) =
            first_word(rest).map_err(|Unclosed(open)| misfit(argument, Some(open), ArgumentProblem::UnclosedQuote))?;
        Ok((text, typed, rest[typed.len()..].trim_start()))
    };
    match argument.kind {
        Kind::Text { rest: true, .. } | Kind::Message { .. } => Ok((whole(rest), rest, "")),
        // Names and spans may have several words, where nothing follows them.
        Kind::Role | Kind::Channel { .. } | Kind::ChannelOrMember | Kind::Duration { .. } if last => {
            Ok((whole(rest), rest, ""))
        }
        Kind::Options { .. }
        | Kind::Range { .. }
        | Kind::Timezone
        | Kind::Emoji
        | Kind::Links { .. }
        | Kind::Flag { .. }
        | Kind::CommandName
        | Kind::CommandsName => Ok((rest.to_owned(), rest, "")),
        Kind::Moment => Ok(moment(rest).unwrap_or_else(|| (rest.to_owned(), first_line(rest), ""))),
        Kind::Text { rest: false, .. }
        | Kind::Integer { .. }
        | Kind::User
        | Kind::Member
        | Kind::Role
        | Kind::Channel { .. }
        | Kind::ChannelOrMember
        | Kind::Id
        | Kind::Duration { .. }
        | Kind::Choice { .. } => word(),
    }
}

/// The most words that tell a time, and what follows them.
fn moment(rest: &str) -> Option<(String, &str, &str)> {
    let ends: Vec<usize> = rest
        .char_indices()
        .filter(|&(at, c)| {
            !c.is_whitespace() && rest[at + c.len_utf8()..].chars().next().is_none_or(char::is_whitespace)
        })
        .map(|(at, c)| at + c.len_utf8())
        .take(MOMENT_WORDS)
        .collect();
    ends.into_iter().rev().find(|&end| Moment::parse(&rest[..end]).is_some()).map(|end| {
        let typed = &rest[..end];
        (typed.to_owned(), typed, rest[end..].trim_start())
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What follows a word, where the text begins with it.
fn without_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, after) = text.split_once(char::is_whitespace)?;
    first.eq_ignore_ascii_case(word).then(|| after.trim_start())
}

fn first_word(rest: &str) -> Result<(String, &str), Unclosed<'_>> {
    let mut all = words(rest)?;
    Ok(if all.is_empty() {
        (String::new(), "")
    } else {
        let first = all.swap_remove(0);
        (first.text, first.typed)
    })
}

/// Checks a command's arguments in JSON.
///
/// # Errors
/// The first argument that does not fit.
pub fn args_from_json(command: &Command, json: &Map<String, Json>) -> Result<Args, ArgumentError> {
    let declared = |name: &str| command.arguments.iter().any(|argument| argument.name == name);
    if let Some(name) = json.keys().find(|name| !declared(name)) {
        return Err(ArgumentError { argument: Some(name.clone()), word: None, problem: ArgumentProblem::Unexpected });
    }
    let mut args = BTreeMap::new();
    for argument in command.arguments {
        match json.get(argument.name) {
            None | Some(Json::Null) if argument.required => {
                return Err(misfit(argument, None, ArgumentProblem::Missing));
            }
            None | Some(Json::Null) => {}
            Some(given) => {
                let word = given.as_str();
                let value = from_json(argument.kind, given).map_err(|problem| misfit(argument, word, problem))?;
                args.insert(argument.name, (argument.kind, value));
            }
        }
    }
    Ok(Args(args))
}

#[cfg(test)]
mod tests;
