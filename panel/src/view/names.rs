use std::collections::BTreeMap;

use crate::clients::{Channel, Role};

/// What ids are called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    channels: BTreeMap<String, String>,
    roles: BTreeMap<String, (String, u32)>,
    users: BTreeMap<String, String>,
}

impl Names {
    /// Of a guild's channels and roles.
    pub(crate) fn of(channels: &[Channel], roles: &[Role]) -> Self {
        Self {
            channels: channels.iter().map(|channel| (channel.id.clone(), channel.name.clone())).collect(),
            roles: roles.iter().map(|role| (role.id.clone(), (role.name.clone(), role.color))).collect(),
            users: BTreeMap::new(),
        }
    }

    /// Adds a user.
    pub(crate) fn add_user(&mut self, id: &str, name: &str) {
        self.users.insert(id.to_owned(), name.to_owned());
    }

    /// Of a channel, without its sign.
    pub(crate) fn channel(&self, id: &str) -> Option<&str> {
        self.channels.get(id).map(String::as_str)
    }

    /// Of a role, without its sign.
    pub(crate) fn role(&self, id: &str) -> Option<&str> {
        self.roles.get(id).map(|(name, _)| name.as_str())
    }

    /// Of a user.
    pub(crate) fn user(&self, id: &str) -> Option<&str> {
        self.users.get(id).map(String::as_str)
    }

    /// `#general`, or the id where nothing is called so any more.
    pub(crate) fn channel_shown(&self, id: &str) -> String {
        self.channel(id).map_or_else(|| format!("deleted #{id}"), |name| format!("#{name}"))
    }

    /// `@Helper`, likewise.
    pub(crate) fn role_shown(&self, id: &str) -> String {
        self.role(id).map_or_else(|| format!("deleted role {id}"), |name| format!("@{}", name.trim_start_matches('@')))
    }

    /// A user's name, else the id.
    pub(crate) fn user_shown(&self, id: &str) -> String {
        self.user(id).map_or_else(|| format!("user {id}"), str::to_owned)
    }

    /// Who changed something: `user/42`, or a part of the bot.
    pub(crate) fn actor(&self, by: &str) -> String {
        by.strip_prefix("user/").map_or_else(|| by.to_owned(), |id| self.user_shown(id))
    }
}
