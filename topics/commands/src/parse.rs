use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use miso_model::{ChannelId, Snowflake, UserId};

use crate::argument::misfit;
use crate::directory::{Anywhere, Directory};
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

/// Takes the flags out of a line, where the command has any; several letters may follow one dash.
fn flags<'a>(command: &Command, line: &'a str, args: &mut BTreeMap<&'static str, (Kind, Value)>) -> Cow<'a, str> {
    let declared: Vec<(char, &Argument)> = command
        .arguments
        .iter()
        .filter_map(|argument| match argument.kind {
            Kind::Flag { letter } => Some((letter, argument)),
            _ => None,
        })
        .collect();
    if declared.is_empty() {
        return Cow::Borrowed(line);
    }
    let meant = |word: &str| -> Option<Vec<&Argument>> {
        let word = word.to_lowercase();
        if let Some(name) = word.strip_prefix("--") {
            return declared.iter().find(|(_, flag)| flag.name == name).map(|(_, flag)| vec![*flag]);
        }
        let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty())?.chars();
        letters.map(|c| declared.iter().find(|(letter, _)| *letter == c).map(|(_, flag)| *flag)).collect()
    };
    let mut others = Vec::new();
    for word in line.split_whitespace() {
        match meant(word) {
            Some(flags) => args.extend(flags.into_iter().map(|flag| (flag.name, (flag.kind, Value::Flag(true))))),
            None => others.push(word),
        }
    }
    Cow::Owned(others.join(" "))
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
mod tests {
    use super::*;
    use crate::{CATALOGUE, Found, Group, Permissions, Place, Runs};

    fn parsed(line: &str) -> Result<Map<String, Json>, String> {
        let Found::Command { command, rest } = CATALOGUE.find(line) else { panic!("{line} is a command") };
        let args = parse(command, rest).map_err(|error| error.to_string())?;
        let json = args.to_json();
        assert_eq!(args_from_json(command, &json).as_ref(), Ok(&args), "JSON says the same");
        Ok(json)
    }

    #[test]
    fn lines_become_arguments() {
        let json = |text: &str| serde_json::from_str::<Map<String, Json>>(text).expect("object");
        for (line, expected) in [
            ("ping", "{}"),
            ("help rng", r#"{"command":"rng"}"#),
            ("HELP random", r#"{"command":"rng"}"#),
            ("prefix", "{}"),
            ("prefix !", r#"{"prefix":"!"}"#),
            ("prefix \"miso \"", r#"{"prefix":"miso "}"#),
            ("rng 6", r#"{"range":{"from":0,"to":6}}"#),
            ("random 1 - 6", r#"{"range":{"from":1,"to":6}}"#),
            ("choose tea or  coffee or \"or\"", r#"{"options":["tea","coffee","\"or\""]}"#),
            ("av <@!42>", r#"{"user":"42"}"#),
            ("greeter toggle", "{}"),
            ("greeter toggle OFF", r#"{"state":"off"}"#),
            ("greeter message Hi {mention}\nRead the \"rules\"", r#"{"value":"Hi {mention}\nRead the \"rules\""}"#),
            ("logger bans <#5>", r#"{"value":"5"}"#),
            ("logger bans off", r#"{"value":"off"}"#),
            ("starboard amount 5", r#"{"value":5}"#),
            ("autorole add <@&6>", r#"{"value":"6"}"#),
            ("blacklist delete <@6>", r#"{"value":{"user":"6"}}"#),
            ("command restrict <#5> 8ball", r#"{"command":"eightball","value":"5"}"#),
            ("command restrict <#5> fun", r#"{"command":"Fun","value":"5"}"#),
            ("rm in 2 hours to feed the cat to be sure", r#"{"text":"feed the cat to be sure","when":"in 2h"}"#),
            ("remindme tomorrow 9am call home", r#"{"text":"call home","when":"tomorrow 09:00"}"#),
            ("remindme on 2026-12-01 10:00 to\npack\nbags", r#"{"text":"pack\nbags","when":"on 2026-12-01 10:00"}"#),
            ("remindme <t:1764000000:R> x", r#"{"text":"x","when":1764000000000}"#),
            ("reminder snooze 1a 10m", r#"{"id":"1a","when":"in 10m"}"#),
            ("timezone helsinki", r#"{"zone":"Europe/Helsinki"}"#),
            ("ship <@5> and green tea", r#"{"first":"<@5>","second":"green tea"}"#),
            ("ship tea", r#"{"first":"tea"}"#),
            ("embed https://a.io/1", r#"{"links":["https://a.io/1"]}"#),
            (
                "embed -cs <https://a.io/1> b.io/2 --delete",
                r#"{"caption":true,"delete":true,"links":["https://a.io/1","https://b.io/2"],"spoiler":true}"#,
            ),
        ] {
            assert_eq!(parsed(line), Ok(json(expected)), "{line}");
        }
    }

    #[test]
    fn errors_name_the_argument_and_the_word() {
        for (line, parts) in [
            ("rng", vec!["`range`", "missing"]),
            ("rng six", vec!["`range`", "`six`", "`1-6`"]),
            ("choose tea", vec!["`options`", "two"]),
            ("avatar joe", vec!["`user`", "`joe`", "mention"]),
            ("avatar <@1> now", vec!["`now`", "not an argument"]),
            ("avatar \"joe", vec!["`user`", "quote"]),
            ("ping now", vec!["`now`"]),
            ("help xyzzy", vec!["`command`", "`xyzzy`", "no command"]),
            ("prefix 123456789012345678901234567890123", vec!["33", "32"]),
            ("prefix \"\"", vec!["empty"]),
            ("starboard amount many", vec!["`value`", "`many`", "1 to 100"]),
            ("greeter toggle maybe", vec!["`state`", "`maybe`", "on, off"]),
            ("logger bans nowhere at all", vec!["`value`", "`nowhere at all`", "no channel"]),
            ("remindme someday to rest", vec!["`when`", "`someday to rest`", "`in 2h`"]),
            ("remindme in 2h", vec!["`text`", "missing"]),
            ("timezone nowhere", vec!["`zone`", "`nowhere`", "`Europe/Helsinki`"]),
            ("embed", vec!["`links`", "missing"]),
            ("embed -c", vec!["`links`", "missing"]),
            ("embed -x https://a.io/1", vec!["`links`", "`-x https://a.io/1`", "https://"]),
            ("embed a.io/1 a.io/2 a.io/3 a.io/4 a.io/5 a.io/6", vec!["`links`", "5 links at most"]),
            ("command restrict <#5> jam", vec!["`command`", "`jam`", "no command"]),
        ] {
            let error = parsed(line).expect_err(line);
            for part in parts {
                assert!(error.contains(part), "{line}: {error}");
            }
        }
    }

    #[test]
    fn json_of_another_type_or_name_is_refused() {
        let rng = CATALOGUE.by_name("rng").expect("declared");
        for (json, part) in [
            (r#"{}"#, "missing"),
            (r#"{"range":6}"#, "`from` and `to`"),
            (r#"{"range":{"from":1,"to":1e300}}"#, "whole numbers"),
            (r#"{"range":{"from":1,"to":2},"x":1}"#, "`x`"),
        ] {
            let error = args_from_json(rng, &serde_json::from_str(json).expect("object")).expect_err(json).to_string();
            assert!(error.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn words_integers_and_optional_arguments_follow_each_other() {
        const NONE: Permissions = Permissions::NONE;
        static TWO: [Argument; 2] = [
            Argument {
                name: "word",
                help: "",
                kind: Kind::Text { max_chars: 5, rest: false },
                required: true,
                after: None,
                permissions: NONE,
            },
            Argument {
                name: "times",
                help: "",
                kind: Kind::Integer { min: 1, max: 9 },
                required: false,
                after: None,
                permissions: NONE,
            },
        ];
        let command = Command {
            name: "say",
            aliases: &[],
            group: Group::Fun,
            help: "",
            arguments: &TWO,
            permissions: NONE,
            bot_permissions: NONE,
            cooldown: None,
            place: Place::Anywhere,
            runs: Runs::Reads,
            edit: None,
            private: false,
            examples: &[],
        };
        let read = |line| {
            parse(&command, line)
                .map(|args| serde_json::to_string(&args.to_json()).expect("writes"))
                .map_err(|e| e.to_string())
        };
        assert_eq!(read("\"a b\" 3"), Ok(r#"{"times":3,"word":"a b"}"#.to_owned()));
        assert_eq!(read("ab"), Ok(r#"{"word":"ab"}"#.to_owned()));
        for (line, part) in [("ab 10", "from 1 to 9"), ("ab x", "`x`"), ("ab 1 2", "`2`"), ("abcdef", "6 characters")] {
            let error = read(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
