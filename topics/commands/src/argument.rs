use serde_json::{Value as Json, json};

use miso_model::UserId;

use crate::{Argument, CATALOGUE, Kind};

/// An argument's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Text`]; of [`Kind::CommandName`], the declared name.
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
    /// Of [`Kind::User`].
    User(UserId),
    /// Of [`Kind::Options`].
    Options(Vec<String>),
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
    /// One option, or none.
    #[error("needs at least two options with ` or ` between them")]
    TooFewOptions,
    /// More than it takes.
    #[error("takes {max} options at most")]
    TooManyOptions {
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

/// Reads what was typed for an argument.
pub(crate) fn from_text(kind: Kind, text: &str) -> Result<Value, ArgumentProblem> {
    match kind {
        Kind::Text { max_chars, .. } => checked_text(text, max_chars),
        Kind::Integer { min, max } => text
            .parse()
            .ok()
            .filter(|value| (min..=max).contains(value))
            .map(Value::Integer)
            .ok_or(ArgumentProblem::NotInteger { min, max }),
        Kind::Range { limit } => range_from_text(text, limit).ok_or(ArgumentProblem::NotRange { limit }),
        Kind::User => user_from_text(text).map(Value::User).ok_or(ArgumentProblem::NotUser),
        Kind::Options { max } => options(text.split(" or ").map(str::to_owned), max),
        Kind::CommandName => command_name(text),
    }
}

/// Reads an argument's JSON value.
pub(crate) fn from_json(kind: Kind, json: &Json) -> Result<Value, ArgumentProblem> {
    let text = || json.as_str().ok_or(ArgumentProblem::WrongType("a string"));
    match kind {
        Kind::Text { max_chars, .. } => checked_text(text()?, max_chars),
        Kind::Integer { min, max } => {
            let value = json.as_i64().ok_or(ArgumentProblem::WrongType("a whole number"))?;
            if !(min..=max).contains(&value) {
                return Err(ArgumentProblem::NotInteger { min, max });
            }
            Ok(Value::Integer(value))
        }
        Kind::Range { limit } => {
            let end = |name: &str| json.get(name).and_then(Json::as_i64);
            let (Some(from), Some(to)) = (end("from"), end("to")) else {
                return Err(ArgumentProblem::WrongType("an object with the whole numbers `from` and `to`"));
            };
            range(from, to, limit).ok_or(ArgumentProblem::NotRange { limit })
        }
        Kind::User => text()?.parse().map(Value::User).map_err(|_| ArgumentProblem::NotUser),
        Kind::Options { max } => {
            let list = json.as_array().ok_or(ArgumentProblem::WrongType("an array of strings"))?;
            let texts: Option<Vec<String>> = list.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            options(texts.ok_or(ArgumentProblem::WrongType("an array of strings"))?.into_iter(), max)
        }
        Kind::CommandName => command_name(text()?),
    }
}

/// An argument's value as JSON; ids are strings.
pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Integer(value) => json!(value),
        Value::Range { from, to } => json!({"from": from, "to": to}),
        Value::User(user) => json!(user),
        Value::Options(options) => json!(options),
    }
}

fn checked_text(text: &str, max: usize) -> Result<Value, ArgumentProblem> {
    let chars = text.chars().count();
    if chars == 0 {
        Err(ArgumentProblem::Empty)
    } else if chars > max {
        Err(ArgumentProblem::TooLong { chars, max })
    } else if text.contains(['\n', '\r']) {
        Err(ArgumentProblem::NotOneLine)
    } else {
        Ok(Value::Text(text.to_owned()))
    }
}

fn range_from_text(text: &str, limit: i64) -> Option<Value> {
    if let Ok(to) = text.trim().parse::<i64>() {
        return range(0.min(to), 0.max(to), limit);
    }
    // A minus sign may belong to a number: the first one that follows a digit separates.
    let bytes = text.as_bytes();
    let dash = (1..bytes.len())
        .find(|&at| bytes[at] == b'-' && text[..at].trim_end().ends_with(|c: char| c.is_ascii_digit()))?;
    range(text[..dash].trim().parse().ok()?, text[dash + 1..].trim().parse().ok()?, limit)
}

fn range(a: i64, b: i64, limit: i64) -> Option<Value> {
    let (from, to) = (a.min(b), a.max(b));
    (from >= -limit && to <= limit).then_some(Value::Range { from, to })
}

fn user_from_text(text: &str) -> Option<UserId> {
    let mention = text.strip_prefix("<@").and_then(|rest| rest.strip_suffix('>'));
    let digits = mention.map_or(text, |inside| inside.strip_prefix('!').unwrap_or(inside));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn options(all: impl Iterator<Item = String>, max: usize) -> Result<Value, ArgumentProblem> {
    let options: Vec<String> = all.map(|option| option.trim().to_owned()).filter(|option| !option.is_empty()).collect();
    match options.len() {
        0 | 1 => Err(ArgumentProblem::TooFewOptions),
        count if count > max => Err(ArgumentProblem::TooManyOptions { max }),
        _ => Ok(Value::Options(options)),
    }
}

fn command_name(text: &str) -> Result<Value, ArgumentProblem> {
    match CATALOGUE.find(text) {
        crate::Found::Command { command, rest: "" } => Ok(Value::Text(command.name.to_owned())),
        _ => Err(ArgumentProblem::NoSuchCommand),
    }
}

/// The error of an argument for which `word` was given.
pub(crate) fn misfit(argument: &Argument, word: Option<&str>, problem: ArgumentProblem) -> ArgumentError {
    ArgumentError { argument: Some(argument.name.to_owned()), word: word.map(str::to_owned), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_people_write_them() {
        let read = |text| from_text(Kind::Range { limit: 1_000 }, text).ok();
        let range = |from, to| Some(Value::Range { from, to });
        for (text, expected) in [
            ("6", range(0, 6)),
            ("1-6", range(1, 6)),
            ("6 - 1", range(1, 6)),
            ("-5", range(-5, 0)),
            ("-5--1", range(-5, -1)),
            ("-5-10", range(-5, 10)),
            ("1001", None),
            ("1-", None),
            ("-", None),
            ("1-2-3", None),
            ("one", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn users_are_mentions_or_ids() {
        let read = |text| from_text(Kind::User, text).ok();
        assert_eq!(read("<@!42>"), Some(Value::User(UserId(42))));
        assert_eq!(read("<@175928847299117063>"), read("175928847299117063"));
        for wrong in ["", "joe", "-1", "<@>", "<@&175928847299117063>", "<#175928847299117063>", "<@1x>"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

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
