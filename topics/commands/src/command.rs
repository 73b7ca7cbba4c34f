use crate::Permissions;

/// What help puts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// ping, help.
    Information,
    /// prefix, greeter, starboard.
    Configuration,
    /// Keywords.
    Notifications,
    /// rank, leaderboard.
    Activity,
    /// fm nowplaying, whoknows.
    Lastfm,
    /// avatar, userinfo.
    User,
    /// serverinfo.
    Server,
    /// remindme, timezone.
    Reminders,
    /// choose, rng.
    Fun,
    /// embed, instagram.
    Media,
}

impl Group {
    /// All, in help's order.
    pub const ALL: &'static [Self] = &[
        Self::Information,
        Self::Configuration,
        Self::Notifications,
        Self::Activity,
        Self::Lastfm,
        Self::User,
        Self::Server,
        Self::Reminders,
        Self::Fun,
        Self::Media,
    ];

    /// For people and for JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Information => "Information",
            Self::Configuration => "Configuration",
            Self::Notifications => "Notifications",
            Self::Activity => "Activity",
            Self::Lastfm => "Last.fm",
            Self::User => "User",
            Self::Server => "Server",
            Self::Reminders => "Reminders",
            Self::Fun => "Fun",
            Self::Media => "Media",
        }
    }

    /// The group of this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|group| group.name().eq_ignore_ascii_case(name))
    }
}

/// Who carries a command out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// The commands API; reads only.
    Reads,
    /// The commands API; may change something, so it goes through the decider.
    Changes,
    /// The client: it only displays Discord's data, which the commands API does not have.
    Client,
}

impl Runs {
    /// For JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reads | Self::Changes => "commands-api",
            Self::Client => "client",
        }
    }
}

/// Where a command may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Guilds and direct messages.
    Anywhere,
    /// Guilds only.
    Guild,
}

/// At most `uses` per user in any `per_ms` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooldown {
    /// How many.
    pub uses: u32,
    /// Milliseconds.
    pub per_ms: i64,
}

/// Commands of any kind that one member may use: beyond it they wait.
pub const GLOBAL_COOLDOWN: Cooldown = Cooldown { uses: 15, per_ms: 60_000 };

/// What an argument holds. The last argument may have several words where one is looked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word, or with `rest` everything up to the end of the line (quotes around all of it are
    /// taken off, so that spaces at its ends can be said).
    Text {
        /// Unicode scalar values.
        max_chars: usize,
        /// Takes the rest of the line.
        rest: bool,
    },
    /// The rest of the message, line breaks included.
    Message {
        /// Unicode scalar values.
        max_chars: usize,
    },
    /// A whole number.
    Integer {
        /// Inclusive.
        min: i64,
        /// Inclusive.
        max: i64,
    },
    /// `n` (from 0 to n) or `n-m`.
    Range {
        /// Both ends lie in `-limit..=limit`.
        limit: i64,
    },
    /// Anybody: a mention or an id.
    User,
    /// Somebody of this guild: a mention or an id.
    Member,
    /// A role of this guild: a mention, an id or a name.
    Role,
    /// A channel of this guild: a mention, an id or a name.
    Channel {
        /// Also the word `off`.
        or_off: bool,
    },
    /// A mention or an id of one or the other.
    ChannelOrMember,
    /// Any id of Discord's, also in a mention.
    Id,
    /// `2h30m`, `90 seconds`, `a week`.
    Duration {
        /// Milliseconds.
        max_ms: i64,
    },
    /// A point in time: `in 2h`, `tomorrow 9am`, `on 2026-12-01 10:00`. See [`crate::Moment`].
    Moment,
    /// An IANA time zone, or the city in its name.
    Timezone,
    /// One of these words.
    Choice {
        /// Lower case.
        options: &'static [&'static str],
    },
    /// A unicode emoji, or one of a guild's.
    Emoji,
    /// The rest of the line, split at ` or `: two at least.
    Options {
        /// How many at most.
        max: usize,
    },
    /// Links, with white space between.
    Links {
        /// How many at most.
        max: usize,
    },
    /// `-c`, anywhere in the line, or the argument's name after `--`: true where it is there. Stands
    /// after all others.
    Flag {
        /// Lower case.
        letter: char,
    },
    /// The name of a command of this catalogue: the rest of the line.
    CommandName,
    /// The name of a command, of a family of commands, or of a group: the rest of the line.
    CommandsName,
}

/// A declared argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Its name in JSON and in usages.
    pub name: &'static str,
    /// One line.
    pub help: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be left out. Optional ones follow required ones.
    pub required: bool,
    /// A word that people put before it: `to` in `remindme in 2h to eat`. It may be left out.
    pub after: Option<&'static str>,
    /// What the caller needs to give it; nothing where [`Permissions::NONE`].
    pub permissions: Permissions,
}

/// A word that stands before others, such as `fm` before `fm nowplaying`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The word.
    pub name: &'static str,
    /// Other words for it.
    pub aliases: &'static [&'static str],
    /// What its commands are about, one line.
    pub help: &'static str,
}

/// What a command does to the settings of a module of `miso_settings`: all that is needed to answer
/// it. Values come from the argument `value`, and a switch's state from `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// The module's key; its scope says whose settings.
    pub module: &'static str,
    /// What is done.
    pub how: How,
}

/// See [`Edit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Turns a switch over, or as `state` says (`on`, `off`).
    Toggle(&'static str),
    /// Sets a field to `value`; `off` takes it back to its default.
    Set(&'static str),
    /// Adds `value` to a list.
    Add(&'static str),
    /// Takes `value` out of a list.
    Remove(&'static str),
    /// Empties a list or a table.
    Clear(&'static str),
    /// Shows a list or a table, a row each.
    List(&'static str),
    /// Shows these fields; none: all.
    Show(&'static [&'static str]),
    /// Adds a keyword: `value`, in the guild where it is said, or everywhere.
    AddKeyword,
    /// Takes a keyword out.
    RemoveKeyword,
    /// Takes a channel or a member off the lists of the ignored.
    Unignore,
    /// Allows the command `command` in `value` and the channels it was allowed in before only.
    Restrict,
    /// Turns the command `command` on or off.
    Enable(bool),
    /// Forgets what was said about the command `command`.
    Unrestrict,
}

/// A declared command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// Lower case, one word, or a [`Family`]'s word and its own: `fm nowplaying`.
    pub name: &'static str,
    /// Other words for its last word.
    pub aliases: &'static [&'static str],
    /// Where help shows it.
    pub group: Group,
    /// One line.
    pub help: &'static str,
    /// In the order in which they are typed.
    pub arguments: &'static [Argument],
    /// What the caller needs to use it at all, in the channel where it is said.
    pub permissions: Permissions,
    /// What the bot needs there besides speaking.
    pub bot_permissions: Permissions,
    /// How often one user may use it.
    pub cooldown: Option<Cooldown>,
    /// Where it may be used.
    pub place: Place,
    /// Who carries it out.
    pub runs: Runs,
    /// What it does to settings, where that is all it does.
    pub edit: Option<Edit>,
    /// Whether its answer is for its author's eyes: it goes to a direct message, and the message that
    /// called it is deleted where the bot may.
    pub private: bool,
    /// What may follow a prefix, first the plainest. `@miso` stands for a mention of the bot,
    /// `@member` of a member, `@role` of a role and `#channel` of a channel.
    pub examples: &'static [&'static str],
}

impl Command {
    /// The family's word, where it has one, and its own.
    #[must_use]
    pub fn words(&self) -> (Option<&'static str>, &'static str) {
        match self.name.split_once(' ') {
            Some((family, own)) => (Some(family), own),
            None => (None, self.name),
        }
    }

    /// Name and arguments, as in `rng <range>`: `<required>`, `[optional]`.
    #[must_use]
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        for argument in self.arguments {
            if let Some(word) = argument.after {
                usage.push(' ');
                usage.push_str(word);
            }
            let (open, close) = if argument.required { ('<', '>') } else { ('[', ']') };
            usage.extend([' ', open]);
            usage.push_str(&shown(argument));
            usage.push(close);
        }
        usage
    }
}

fn shown(argument: &Argument) -> String {
    match argument.kind {
        Kind::Range { .. } => "n or n-m".to_owned(),
        Kind::Options { .. } => "this or that or …".to_owned(),
        Kind::Channel { or_off: true } => "channel or off".to_owned(),
        Kind::Channel { or_off: false } => "channel".to_owned(),
        Kind::ChannelOrMember => "channel or member".to_owned(),
        Kind::Role => "role".to_owned(),
        Kind::Choice { options } => options.join("|"),
        Kind::Links { max: 1 } => "link".to_owned(),
        Kind::Links { .. } => "link …".to_owned(),
        Kind::Flag { letter } => format!("-{letter}"),
        Kind::Text { .. }
        | Kind::Message { .. }
        | Kind::Integer { .. }
        | Kind::User
        | Kind::Member
        | Kind::Id
        | Kind::Duration { .. }
        | Kind::Moment
        | Kind::Timezone
        | Kind::Emoji
        | Kind::CommandName
        | Kind::CommandsName => argument.name.to_owned(),
    }
}
