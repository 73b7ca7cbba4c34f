use std::collections::BTreeSet;

use crate::clients::{Channel, Emoji, Guild, Member, Role};
use crate::view::Names;

/// Values of a text field that name a guild: shown as a choice of one's own.
pub(crate) const GUILD_CHOICE: &str = "guild";

/// What pickers offer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    pub(crate) guild: Guild,
    pub(crate) channels: Vec<Channel>,
    pub(crate) roles: Vec<Role>,
    pub(crate) emojis: Vec<Emoji>,
    pub(crate) members: Vec<Member>,
    /// Id and name of the visitor's own guilds.
    pub(crate) guilds: Vec<(String, String)>,
    pub(crate) names: Names,
    /// Where members are searched, where there is a guild.
    pub(crate) member_search: Option<String>,
    /// Roles that the visitor may not have given.
    pub(crate) out_of_reach: BTreeSet<String>,
    /// Messages of the last week that had so many stars or more, first those with one: beside the amount
    /// of a starboard.
    pub(crate) caught: Option<Vec<u64>>,
    /// Where a message is previewed.
    pub(crate) preview: Option<String>,
}

impl Choices {
    pub(crate) fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    pub(crate) fn role(&self, id: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == id)
    }
}
