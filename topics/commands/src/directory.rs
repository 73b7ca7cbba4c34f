//! What names and ids in a line refer to.

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// By its id.
    Id(u64),
    /// By its name, in any case.
    Name(&'a str),
}

/// What a client knows of the guild in which a line was said. Ids of other guilds are not found.
pub trait Directory {
    /// The role's id.
    fn role(&self, wanted: Wanted<'_>) -> Option<u64>;

    /// The channel's id; a thread is one too.
    fn channel(&self, wanted: Wanted<'_>) -> Option<u64>;

    /// Whether this user is a member.
    fn has_member(&self, user: u64) -> bool;
}

/// Knows nothing: takes every id for good and no name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anywhere;

impl Directory for Anywhere {
    fn role(&self, wanted: Wanted<'_>) -> Option<u64> {
        id(wanted)
    }

    fn channel(&self, wanted: Wanted<'_>) -> Option<u64> {
        id(wanted)
    }

    fn has_member(&self, _: u64) -> bool {
        true
    }
}

fn id(wanted: Wanted<'_>) -> Option<u64> {
    match wanted {
        Wanted::Id(id) => Some(id),
        Wanted::Name(_) => None,
    }
}
