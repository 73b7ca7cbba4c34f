use std::fmt;
use std::str::FromStr;

use crate::{GuildId, UserId, key_partition};

/// What a request changes: everything of one guild, or everything of one user. Its text,
/// `guild/<id>` or `user/<id>`, is the key of `bot.requests`, `bot.answers`, `bot.facts`,
/// `bot.settings` and `timers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aggregate {
    /// A guild's settings and counters.
    Guild(GuildId),
    /// A user's.
    User(UserId),
}

impl Aggregate {
    /// Its partition, of `partitions`, the same in all topics that have this key.
    #[must_use]
    pub fn partition(self, partitions: i32) -> i32 {
        key_partition(&self.to_string(), partitions)
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guild(id) => write!(f, "guild/{id}"),
            Self::User(id) => write!(f, "user/{id}"),
        }
    }
}

/// A text that names no aggregate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an aggregate is guild/<id> or user/<id>")]
pub struct NotAnAggregate;

impl FromStr for Aggregate {
    type Err = NotAnAggregate;
    fn from_str(text: &str) -> Result<Self, NotAnAggregate> {
        let id = |id: &str| id.parse::<u64>().map_err(|_| NotAnAggregate);
        match text.split_once('/') {
            Some(("guild", guild)) => Ok(Self::Guild(GuildId(id(guild)?))),
            Some(("user", user)) => Ok(Self::User(UserId(id(user)?))),
            _ => Err(NotAnAggregate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aggregate_reads_what_it_writes_and_stays_in_its_partition() {
        for aggregate in [Aggregate::Guild(GuildId(175_928_847_299_117_063)), Aggregate::User(UserId(7))] {
            assert_eq!(aggregate.to_string().parse(), Ok(aggregate));
            assert_eq!(aggregate.partition(12), key_partition(&aggregate.to_string(), 12));
        }
        for wrong in ["", "guild", "guild/", "guild/x", "channel/1", "user/1/2"] {
            assert_eq!(wrong.parse::<Aggregate>(), Err(NotAnAggregate), "{wrong}");
        }
    }
}
