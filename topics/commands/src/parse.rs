use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use miso_model::UserId;

use crate::argument::{from_json, from_text, misfit, to_json};
use crate::words::{Unclosed, whole, words};
use crate::{ArgumentError, ArgumentProblem, Command, Kind, Value};

/// A command's arguments, each of its declared kind. Optional ones may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Args(BTreeMap<&'static str, Value>);

impl Args {
    /// The value of an argument.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Of a text or command name.
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

    /// As JSON, by name.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Json> {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), to_json(value))).collect()
    }

    /// Names of the arguments that were given.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// Parses what follows a command's name in a line.
///
/// # Errors
/// The first argument that does not fit, with the word that was given for it.
pub fn parse(command: &Command, line: &str) -> Result<Args, ArgumentError> {
    let mut args = BTreeMap::new();
    let mut rest = line.trim();
    for argument in command.arguments {
        if rest.is_empty() {
            if argument.required {
                return Err(misfit(argument, None, ArgumentProblem::Missing));
            }
            continue;
        }
        let (text, typed, after) = match argument.kind {
            Kind::Text { rest: true, .. } => (whole(rest), rest, ""),
            Kind::Options { .. } | Kind::Range { .. } | Kind::CommandName => (rest.to_owned(), rest, ""),
            Kind::Text { rest: false, .. } | Kind::Integer { .. } | Kind::User => {
                let (text, typed) = first_word(rest)
                    .map_err(|Unclosed(open)| misfit(argument, Some(open), ArgumentProblem::UnclosedQuote))?;
                (text, typed, rest[typed.len()..].trim_start())
            }
        };
        let value = from_text(argument.kind, &text).map_err(|problem| misfit(argument, Some(typed), problem))?;
        args.insert(argument.name, value);
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
                args.insert(argument.name, value);
            }
        }
    }
    Ok(Args(args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Argument, CATALOGUE, Found, Group, Permissions, Place, Runs};

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
                permissions: NONE,
            },
            Argument {
                name: "times",
                help: "",
                kind: Kind::Integer { min: 1, max: 9 },
                required: false,
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
            cooldown: None,
            place: Place::Anywhere,
            runs: Runs::Reads,
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
