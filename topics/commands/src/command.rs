use crate::Permissions;

/// What help puts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// ping, help.
    Information,
    /// prefix.
    Configuration,
    /// avatar, userinfo.
    User,
    /// serverinfo.
    Server,
    /// choose, rng.
    Fun,
}

impl Group {
    /// All, in help's order.
    pub const ALL: &'static [Self] = &[Self::Information, Self::Configuration, Self::User, Self::Server, Self::Fun];

    /// For people and for JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Information => "Information",
            Self::Configuration => "Configuration",
            Self::User => "User",
            Self::Server => "Server",
            Self::Fun => "Fun",
        }
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

/// What an argument holds.
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
    /// A mention or an id.
    User,
    /// The rest of the line, split at ` or `: two at least.
    Options {
        /// How many at most.
        max: usize,
    },
    /// The name of a command of this catalogue: the rest of the line.
    CommandName,
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
    /// What the caller needs to use it at all.
    pub permissions: Permissions,
    /// How often one user may use it.
    pub cooldown: Option<Cooldown>,
    /// Where it may be used.
    pub place: Place,
    /// Who carries it out.
    pub runs: Runs,
    /// What may follow a prefix, first the plainest.
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
            let shown = match argument.kind {
                Kind::Range { .. } => "n or n-m",
                Kind::Options { .. } => "this or that or …",
                Kind::Text { .. } | Kind::Integer { .. } | Kind::User | Kind::CommandName => argument.name,
            };
            let (open, close) = if argument.required { ('<', '>') } else { ('[', ']') };
            usage.extend([' ', open]);
            usage.push_str(shown);
            usage.push(close);
        }
        usage
    }
}
