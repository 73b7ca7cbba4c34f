use crate::near::nearest;
use crate::{Argument, Command, Cooldown, Family, Group, Kind, Permissions, Place, Runs};

/// Characters of a prefix, at most.
pub const PREFIX_CHARS: usize = 32;
/// Ends of a random number's range lie within this of 0: exact in every JSON reader.
const RANGE_LIMIT: i64 = 1_000_000_000_000;
/// Options to choose from, at most.
const OPTIONS: usize = 100;

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

const NONE: Permissions = Permissions::NONE;

/// Defaults of a declaration.
const fn command(name: &'static str, group: Group, help: &'static str, runs: Runs) -> Command {
    Command {
        name,
        aliases: &[],
        group,
        help,
        arguments: &[],
        permissions: NONE,
        cooldown: None,
        place: Place::Anywhere,
        runs,
        examples: &[],
    }
}

const fn argument(name: &'static str, help: &'static str, kind: Kind) -> Argument {
    Argument { name, help, kind, required: true, permissions: NONE }
}

const fn optional(name: &'static str, help: &'static str, kind: Kind) -> Argument {
    Argument { name, help, kind, required: false, permissions: NONE }
}

/// What the bot can do.
pub static CATALOGUE: Catalogue = Catalogue {
    families: &[],
    commands: &[
        Command {
            examples: &["ping"],
            ..command("ping", Group::Information, "Shows that the bot is there and how long it takes.", Runs::Reads)
        },
        Command {
            aliases: &["commands"],
            arguments: &[optional("command", "The command to explain.", Kind::CommandName)],
            examples: &["help", "help rng"],
            ..command("help", Group::Information, "Lists all commands, or explains one.", Runs::Reads)
        },
        Command {
            arguments: &[Argument {
                permissions: Permissions::MANAGE_GUILD,
                ..optional(
                    "prefix",
                    "The new prefix; put it in quotes to end it with a space.",
                    Kind::Text { max_chars: PREFIX_CHARS, rest: true },
                )
            }],
            place: Place::Guild,
            examples: &["prefix", "prefix !", "prefix \"miso \""],
            ..command(
                "prefix",
                Group::Configuration,
                "Shows or changes what commands begin with in this server.",
                Runs::Changes,
            )
        },
        Command {
            aliases: &["dp", "av", "pfp"],
            arguments: &[optional("user", "Whose; without it, yours.", Kind::User)],
            examples: &["avatar", "avatar @miso"],
            ..command("avatar", Group::User, "Shows someone's profile picture.", Runs::Client)
        },
        Command {
            aliases: &["uinfo"],
            arguments: &[optional("user", "Who; without it, you.", Kind::User)],
            cooldown: Some(Cooldown { uses: 3, per_ms: 30_000 }),
            examples: &["userinfo", "userinfo @miso"],
            ..command("userinfo", Group::User, "Shows what is known of someone.", Runs::Client)
        },
        Command {
            aliases: &["sinfo", "guildinfo"],
            place: Place::Guild,
            examples: &["serverinfo"],
            ..command("serverinfo", Group::Server, "Shows what is known of this server.", Runs::Client)
        },
        Command {
            aliases: &["choice"],
            arguments: &[argument("options", "What to choose from.", Kind::Options { max: OPTIONS })],
            examples: &["choose tea or coffee", "choose stay in or go out or sleep"],
            ..command("choose", Group::Fun, "Chooses one of several options.", Runs::Reads)
        },
        Command {
            aliases: &["random"],
            arguments: &[argument("range", "From 0 to n, or from n to m.", Kind::Range { limit: RANGE_LIMIT })],
            examples: &["rng 6", "rng 1-6"],
            ..command("rng", Group::Fun, "Draws a random whole number.", Runs::Reads)
        },
    ],
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::parse;

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
            for example in command.examples {
                let Found::Command { command: found, rest } = CATALOGUE.find(example) else { panic!("{example}") };
                assert_eq!(found.name, command.name);
                if !example.contains('@') {
                    parse(found, rest).unwrap_or_else(|error| panic!("{example}: {error}"));
                }
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
        assert_eq!(found(""), ("?", ""));
    }

    #[test]
    fn families_have_members_of_their_own() {
        const FM: Command = command("fm", Group::Fun, "", Runs::Reads);
        static WITH_FAMILY: Catalogue = Catalogue {
            families: &[Family { name: "fm", aliases: &["lf"] }, Family { name: "remind", aliases: &[] }],
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
