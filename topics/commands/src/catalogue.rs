use crate::near::nearest;
use crate::{Command, Family, Group};

/// Characters of a prefix, at most.
pub const PREFIX_CHARS: usize = 32;

/// Declared commands and the words that stand before some of them.
#[derive(Debug)]
pub struct Catalogue {
    /// Words that stand before others.
    pub families: &'static [Family],
    /// In help's order within their group.
    pub commands: &'static [Command],
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A command, and what follows its name.
    Command {
        /// The command.
        command: &'static Command,
        /// Its arguments, trimmed.
        rest: &'a str,
    },
    /// None is called so.
    Unknown {
        /// What was typed for a name: of a family, its word and the next.
        word: &'a str,
        /// The command that was probably meant.
        near: Option<&'static Command>,
    },
}

impl Catalogue {
    /// The command of this declared name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&'static Command> {
        self.commands.iter().find(|command| command.name == name)
    }

    /// The family of this word, in any case.
    #[must_use]
    pub fn family(&self, word: &str) -> Option<&'static Family> {
        let lower = word.to_lowercase();
        self.families.iter().find(|family| is(&lower, family.name, family.aliases))
    }

    /// A command, a family or a group by what people call it: the declared name.
    #[must_use]
    pub fn commands_name(&self, text: &str) -> Option<&'static str> {
        if let Found::Command { command, rest: "" } = self.find(text) {
            return Some(command.name);
        }
        let family = self.family(text.trim()).map(|family| family.name);
        family.or_else(|| Group::named(text.trim()).map(Group::name))
    }

    /// Finds the command that a line begins with, by name or alias, in any case.
    #[must_use]
    pub fn find<'a>(&self, line: &'a str) -> Found<'a> {
        let line = line.trim();
        let (first, rest) = split_word(line);
        let lower = first.to_lowercase();
        let Some(family) = self.families.iter().find(|family| is(&lower, family.name, family.aliases)) else {
            return match self.own(None, &lower) {
                Some(command) => Found::Command { command, rest },
                None => Found::Unknown { word: first, near: self.near(None, &lower) },
            };
        };
        let (second, after) = split_word(rest);
        let lower_second = second.to_lowercase();
        if let Some(command) = self.own(Some(family.name), &lower_second) {
            return Found::Command { command, rest: after };
        }
        // The family's word may be a command by itself, with arguments.
        if let Some(command) = self.own(None, family.name) {
            return Found::Command { command, rest };
        }
        let end = if second.is_empty() { first.len() } else { line.len() - rest.len() + second.len() };
        Found::Unknown { word: &line[..end], near: self.near(Some(family.name), &lower_second) }
    }

    fn own(&self, family: Option<&str>, word: &str) -> Option<&'static Command> {
        self.commands.iter().find(|command| {
            let (of, own) = command.words();
            of == family && is(word, own, command.aliases)
        })
    }

    fn near(&self, family: Option<&str>, word: &str) -> Option<&'static Command> {
        let siblings = || self.commands.iter().filter(move |command| command.words().0 == family);
        let names =
            siblings().flat_map(|command| std::iter::once(command.words().1).chain(command.aliases.iter().copied()));
        let meant = nearest(word, names)?;
        siblings().find(|command| is(meant, command.words().1, command.aliases))
    }
}

fn is(word: &str, name: &str, aliases: &[&str]) -> bool {
    word == name || aliases.contains(&word)
}

fn split_word(line: &str) -> (&str, &str) {
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    (&line[..end], line[end..].trim_start())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{CATALOGUE, How, Kind, Permissions, Place, Runs, parse};

    const CATALOGUE_FIRST: Command = Command {
        name: "x",
        aliases: &[],
        group: Group::Fun,
        help: "",
        arguments: &[],
        permissions: Permissions::NONE,
        bot_permissions: Permissions::NONE,
        cooldown: None,
        place: Place::Anywhere,
        runs: Runs::Reads,
        edit: None,
        private: false,
        examples: &[],
    };

    #[test]
    fn every_declaration_is_sound() {
        let mut words = BTreeSet::new();
        for command in CATALOGUE.commands {
            let (family, own) = command.words();
            for word in std::iter::once(own).chain(command.aliases.iter().copied()) {
                assert_eq!(word, word.to_lowercase());
                assert!(words.insert((family, word)), "{word} is declared twice");
            }
            let optional_first = command.arguments.iter().position(|argument| !argument.required);
            let required_last = command.arguments.iter().rposition(|argument| argument.required);
            assert!(optional_first.is_none_or(|o| required_last.is_none_or(|r| r < o)), "{}", command.name);
            assert!(!command.examples.is_empty() && command.help.ends_with('.'), "{}", command.name);
            if let Some(edit) = command.edit {
                let module = miso_settings::module(edit.module).unwrap_or_else(|| panic!("{}", command.name));
                let fields: &[&str] = match edit.how {
                    How::Toggle(ref field) | How::Set(ref field) | How::Add(ref field) => std::slice::from_ref(field),
                    How::Remove(ref field) | How::Clear(ref field) | How::List(ref field) => {
                        std::slice::from_ref(field)
                    }
                    How::Show(fields) => fields,
                    How::AddKeyword | How::RemoveKeyword => &["keywords"],
                    How::Unignore => &["ignored_channels", "ignored_members"],
                    How::Restrict | How::Enable(_) | How::Unrestrict => &["rules"],
                };
                for field in fields {
                    assert!(module.field(field).is_some(), "{}: {field}", command.name);
                }
                let changes = !matches!(edit.how, How::List(_) | How::Show(_));
                assert_eq!(changes, command.runs == Runs::Changes, "{}", command.name);
            }
            if let Some(family) = family {
                assert!(CATALOGUE.families.iter().any(|declared| declared.name == family), "{family}");
            }
            let rest_of_line = command.arguments.iter().rev().skip(1).any(|argument| {
                matches!(argument.kind, Kind::Text { rest: true, .. } | Kind::Message { .. } | Kind::Options { .. })
            });
            assert!(!rest_of_line, "{}: only the last argument takes the rest", command.name);
            for example in command.examples {
                let Found::Command { command: found, rest } = CATALOGUE.find(example) else { panic!("{example}") };
                assert_eq!(found.name, command.name);
                let rest = ["@miso", "@member"].iter().fold(rest.to_owned(), |rest, name| rest.replace(name, "<@1>"));
                let rest = rest.replace("@role", "<@&2>").replace("#channel", "<#3>");
                parse(found, &rest).unwrap_or_else(|error| panic!("{example}: {error}"));
            }
        }
    }

    #[test]
    fn a_name_is_found_in_any_case_and_a_mistyped_one_suggests() {
        let found = |line| match CATALOGUE.find(line) {
            Found::Command { command, rest } => (command.name, rest),
            Found::Unknown { word, near } => (near.map_or("?", |command| command.name), word),
        };
        assert_eq!(found("  RANDOM   1-6 "), ("rng", "1-6"));
        assert_eq!(found("hlep me"), ("help", "hlep"));
        assert_eq!(found("play music"), ("?", "play"));
        assert_eq!(found("KEYWORD add tea"), ("notification add", "tea"));
        assert_eq!(found("starboard amuont 5"), ("starboard amount", "starboard amuont"));
        assert_eq!(found(""), ("?", ""));
        let named = |text| CATALOGUE.commands_name(text);
        assert_eq!(named("8BALL"), Some("eightball"));
        assert_eq!((named("welcome"), named("fun"), named("jam")), (Some("greeter"), Some("Fun"), None));
    }

    #[test]
    fn families_have_members_of_their_own() {
        const FM: Command = Command { name: "fm", aliases: &[], ..CATALOGUE_FIRST };
        static WITH_FAMILY: Catalogue = Catalogue {
            families: &[
                Family { name: "fm", aliases: &["lf"], help: "" },
                Family { name: "remind", aliases: &[], help: "" },
            ],
            commands: &[
                FM,
                Command { name: "fm nowplaying", aliases: &["np"], ..FM },
                Command { name: "remind list", ..FM },
            ],
        };
        let found = |line| match WITH_FAMILY.find(line) {
            Found::Command { command, rest } => (command.name, rest),
            Found::Unknown { word, near } => (near.map_or("?", |command| command.name), word),
        };
        assert_eq!(found("LF NP x"), ("fm nowplaying", "x"));
        assert_eq!(found("fm set joe"), ("fm", "set joe"));
        assert_eq!(found("remind lits"), ("remind list", "remind lits"));
        assert_eq!(found("remind"), ("?", "remind"));
        assert_eq!(found("np"), ("?", "np"));
    }
}
