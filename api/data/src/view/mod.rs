//! Discord's objects as the data API shows them. Pure: JSON in, JSON out.

mod channels;
mod guilds;
mod people;
mod roles;

pub(crate) use channels::{channel, order, thread};
pub(crate) use guilds::{GuildFields, emojis, guild, listed_guild};
pub(crate) use people::{member, user};
pub(crate) use roles::{RoleFields, role};

/// Where pictures are.
#[derive(Debug)]
pub(crate) struct Cdn {
    base: String,
}

impl Cdn {
    /// `base`: without trailing slash.
    pub(crate) fn new(base: String) -> Self {
        Self { base }
    }

    /// A user's picture, Discord's own where they have none.
    pub(crate) fn avatar(&self, user: u64, hash: Option<&str>) -> String {
        match hash {
            Some(hash) => format!("{}/avatars/{user}/{hash}.png", self.base),
            None => format!("{}/embed/avatars/{}.png", self.base, (user >> 22) % 6),
        }
    }

    pub(crate) fn member_avatar(&self, guild: u64, user: u64, hash: &str) -> String {
        format!("{}/guilds/{guild}/users/{user}/avatars/{hash}.png", self.base)
    }

    pub(crate) fn icon(&self, guild: u64, hash: Option<&str>) -> Option<String> {
        hash.map(|hash| format!("{}/icons/{guild}/{hash}.png", self.base))
    }

    pub(crate) fn emoji(&self, emoji: &str, animated: bool) -> String {
        format!("{}/emojis/{emoji}.{}", self.base, if animated { "gif" } else { "png" })
    }
}
