//! What the bot can do, a file per group of commands.

mod activity;
mod configuration;
mod custom;
mod fun;
mod information;
mod lastfm;
mod media;
mod notifications;
mod reminders;
mod server;
mod user;

use crate::{Argument, Catalogue, Command, Edit, Family, Group, How, Kind, Permissions, Place, Runs};

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
        bot_permissions: NONE,
        cooldown: None,
        place: Place::Anywhere,
        runs,
        edit: None,
        private: false,
        examples: &[],
    }
}

const fn argument(name: &'static str, help: &'static str, kind: Kind) -> Argument {
    Argument { name, help, kind, required: true, after: None, permissions: NONE }
}

const fn optional(name: &'static str, help: &'static str, kind: Kind) -> Argument {
    Argument { required: false, ..argument(name, help, kind) }
}

/// `on` or `off`; without it a switch is turned over.
const STATE: Argument = optional("state", "Without it, the other one.", Kind::Choice { options: &["on", "off"] });

/// A command that changes a guild's settings, for who manages the guild.
const fn setting(
    name: &'static str,
    help: &'static str,
    module: &'static str,
    how: How,
    arguments: &'static [Argument],
    examples: &'static [&'static str],
) -> Command {
    Command {
        arguments,
        permissions: Permissions::MANAGE_GUILD,
        place: Place::Guild,
        edit: Some(Edit { module, how }),
        examples,
        ..command(name, Group::Configuration, help, Runs::Changes)
    }
}

const FILES: &[&[Command]] = &[
    information::COMMANDS,
    configuration::COMMANDS,
    custom::COMMANDS,
    notifications::COMMANDS,
    activity::COMMANDS,
    lastfm::COMMANDS,
    user::COMMANDS,
    server::COMMANDS,
    reminders::COMMANDS,
    fun::COMMANDS,
    media::COMMANDS,
];

const COUNT: usize = {
    let (mut count, mut file) = (0, 0);
    while file < FILES.len() {
        count += FILES[file].len();
        file += 1;
    }
    count
};

static COMMANDS: [Command; COUNT] = {
    let mut all = [FILES[0][0]; COUNT];
    let (mut next, mut file) = (0, 0);
    while file < FILES.len() {
        let mut at = 0;
        while at < FILES[file].len() {
            all[next] = FILES[file][at];
            next += 1;
            at += 1;
        }
        file += 1;
    }
    all
};

const fn family(name: &'static str, aliases: &'static [&'static str], help: &'static str) -> Family {
    Family { name, aliases, help }
}

/// What the bot can do.
pub static CATALOGUE: Catalogue = Catalogue {
    families: &[
        family("greeter", &["welcome"], "Welcomes who joins."),
        family("goodbyemessage", &["goodbye"], "Says goodbye to who leaves."),
        family("logger", &["logs"], "Tells a channel what happens in the server."),
        family("starboard", &[], "Collects messages that members star."),
        family("autorole", &[], "Roles for new members."),
        family("blacklist", &[], "Where and for whom no command works."),
        family("command", &["cmd", "customcommand"], "The server's own commands, and where commands work."),
        family("notification", &["keyword", "notif"], "Tells you when somebody says one of your words."),
        family("activity", &[], "Experience and levels."),
        family("fm", &["lastfm", "lfm", "lf"], "What you listen to, by Last.fm."),
        family("reminder", &[], "What becomes of your reminders."),
        family("autoembedder", &["autoembed"], "Shows the posts of links by itself."),
    ],
    commands: &COMMANDS,
};
