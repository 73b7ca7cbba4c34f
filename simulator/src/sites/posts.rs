//! The posts: one of every kind, the same on every site.

/// When the first was posted: 2026-11-01T10:00:00Z, Unix seconds; each further one an hour later.
const BEGAN: u64 = 1_793_527_200;

/// What a post is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    Text,
    Picture,
    Video,
    Gallery,
    Quote,
    Poll,
    Sensitive,
    Gone,
    Private,
    Age,
}

impl Scenario {
    pub(super) const ALL: [Self; 10] = [
        Self::Text,
        Self::Picture,
        Self::Video,
        Self::Gallery,
        Self::Quote,
        Self::Poll,
        Self::Sensitive,
        Self::Gone,
        Self::Private,
        Self::Age,
    ];

    pub(super) fn number(self) -> u64 {
        self as u64
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Picture => "picture",
            Self::Video => "video",
            Self::Gallery => "gallery",
            Self::Quote => "quote",
            Self::Poll => "poll",
            Self::Sensitive => "sensitive",
            Self::Gone => "gone",
            Self::Private => "private",
            Self::Age => "age",
        }
    }
}

/// A post.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeded {
    pub(super) n: u64,
    pub(super) scenario: Scenario,
}

impl Seeded {
    /// The post of a number, if there is one.
    pub(super) fn of(n: u64) -> Option<Self> {
        let scenario = *Scenario::ALL.get(usize::try_from(n).ok()?)?;
        Some(Self { n, scenario })
    }

    /// What its author wrote.
    pub(super) fn text(self) -> &'static str {
        match self.scenario {
            Scenario::Text => "Stirring the pot, slowly. #miso",
            Scenario::Picture => "Tonight's bowl",
            Scenario::Video => "How it simmers",
            Scenario::Gallery => "Three bowls, one pot",
            Scenario::Quote => "What she said",
            Scenario::Poll => "Red or white?",
            Scenario::Sensitive => "Not for the squeamish: fish heads",
            Scenario::Gone | Scenario::Private | Scenario::Age => "You should not read this",
        }
    }

    pub(super) fn created_s(self) -> u64 {
        BEGAN + self.n * 3_600
    }

    /// `2026-11-01T1N:00:00.000Z`.
    pub(super) fn created(self) -> String {
        format!("2026-11-01T{:02}:00:00.000Z", 10 + self.n)
    }

    pub(super) fn likes(self) -> u64 {
        1_200 + self.n
    }

    pub(super) fn reposts(self) -> u64 {
        30 + self.n
    }

    pub(super) fn replies(self) -> u64 {
        7 + self.n
    }

    pub(super) fn views(self) -> u64 {
        54_000 + self.n
    }

    /// How many pictures it has.
    pub(super) fn pictures(self) -> u64 {
        match self.scenario {
            Scenario::Picture | Scenario::Sensitive => 1,
            Scenario::Gallery => 3,
            _ => 0,
        }
    }

    pub(super) fn is(self, scenario: Scenario) -> bool {
        self.scenario == scenario
    }
}
