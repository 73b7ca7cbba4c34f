//! Keys of `discord.state`.

use std::fmt;
use std::str::FromStr;

/// What belongs to a guild and is kept one by one. Emojis, stickers, scheduled events and the like
/// come and go as whole lists, so they stay fields of their guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Channel,
    Thread,
    Role,
    /// A voice state, by user.
    Voice,
    Member,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Channel, Self::Thread, Self::Role, Self::Voice, Self::Member];
    /// Those that a GUILD_CREATE replaces as a whole.
    pub(crate) const OF_SNAPSHOT: [Self; 4] = [Self::Channel, Self::Thread, Self::Role, Self::Voice];

    fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Thread => "thread",
            Self::Role => "role",
            Self::Voice => "voice",
            Self::Member => "member",
        }
    }

    /// The list's name in GUILD_CREATE.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Channel => "channels",
            Self::Thread => "threads",
            Self::Role => "roles",
            Self::Voice => "voice_states",
            Self::Member => "members",
        }
    }
}

/// `g/<guild>`, `g/<guild>/{channel,thread,role,voice,member}/<id>`, `dm/<channel>`, `self`, `shards`, `position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    Guild(u64),
    Child(u64, Kind, u64),
    Dm(u64),
    /// The bot's user and application.
    Own,
    /// How many upstream shards there are.
    Shards,
    /// Carries a commit of the position when no object changed.
    Position,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guild(guild) => write!(f, "g/{guild}"),
            Self::Child(guild, kind, id) => write!(f, "g/{guild}/{}/{id}", kind.name()),
            Self::Dm(channel) => write!(f, "dm/{channel}"),
            Self::Own => f.write_str("self"),
            Self::Shards => f.write_str("shards"),
            Self::Position => f.write_str("position"),
        }
    }
}

/// Not a key of this version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownKey;

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| UnknownKey);
        let mut parts = text.split('/');
        let key = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("self"), None, None, None) => Self::Own,
            (Some("shards"), None, None, None) => Self::Shards,
            (Some("position"), None, None, None) => Self::Position,
            (Some("dm"), Some(channel), None, None) => Self::Dm(number(channel)?),
            (Some("g"), Some(guild), None, None) => Self::Guild(number(guild)?),
            (Some("g"), Some(guild), Some(kind), Some(id)) => {
                let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or(UnknownKey)?;
                Self::Child(number(guild)?, kind, number(id)?)
            }
            _ => return Err(UnknownKey),
        };
        if parts.next().is_some() { Err(UnknownKey) } else { Ok(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_foreign_ones_are_refused() {
        let mut keys = vec![Key::Guild(7), Key::Dm(8), Key::Own, Key::Shards, Key::Position];
        keys.extend(Kind::ALL.map(|kind| Key::Child(7, kind, 9)));
        for key in keys {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for text in ["", "g", "g/x", "g/1/channel", "g/1/planet/2", "g/1/channel/2/3", "self/1"] {
            assert_eq!(text.parse::<Key>(), Err(UnknownKey), "{text}");
        }
    }
}
