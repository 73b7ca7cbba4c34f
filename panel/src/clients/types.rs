//! What the services answer. Ids are strings, as in JSON; unknown members are passed over.

use std::collections::BTreeMap;

use miso_command_catalogue::Permissions;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Tokens of a login.
#[derive(Clone, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    #[serde(default)]
    pub(crate) refresh_token: Option<String>,
    /// Seconds.
    pub(crate) expires_in: i64,
    /// Whose; only with a code.
    #[serde(default)]
    pub(crate) user: Option<User>,
}

/// A user of Discord's.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) global_name: Option<String>,
    #[serde(default)]
    pub(crate) avatar: Option<String>,
}

impl User {
    /// What people see.
    pub(crate) fn shown(&self) -> &str {
        self.global_name.as_deref().unwrap_or(&self.username)
    }
}

/// `GET /me/guilds`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct MyGuilds {
    #[serde(default)]
    pub(crate) guilds: Vec<MyGuild>,
    #[serde(default)]
    pub(crate) invite_url: Option<String>,
}

/// A guild of the user's.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MyGuild {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) icon: Option<String>,
    #[serde(default)]
    pub(crate) bot_present: bool,
    #[serde(default)]
    pub(crate) owner: bool,
    #[serde(default)]
    pub(crate) may_manage: bool,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// `GET /guilds/{g}`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Guild {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) icon: Option<String>,
    #[serde(default)]
    pub(crate) owner_id: Option<String>,
    #[serde(default)]
    pub(crate) member_count: Option<i64>,
    #[serde(default)]
    pub(crate) bot: BotThere,
    #[serde(default)]
    pub(crate) unavailable: bool,
    #[serde(default)]
    pub(crate) meta: Meta,
}

/// The bot in a guild.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct BotThere {
    #[serde(default)]
    pub(crate) permissions: Permissions,
}

/// How old an answer of the data API is.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Meta {
    #[serde(default)]
    pub(crate) age_ms: Option<i64>,
}

/// `GET /guilds/{g}/me`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct GuildMe {
    #[serde(default)]
    pub(crate) permissions: Permissions,
    #[serde(default)]
    pub(crate) may_manage: bool,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
}

/// A channel.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: u8,
    #[serde(default)]
    pub(crate) position: i64,
    #[serde(default)]
    pub(crate) parent_id: Option<String>,
    #[serde(default)]
    pub(crate) bot_permissions: Permissions,
}

/// A role.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Role {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) color: u32,
    #[serde(default)]
    pub(crate) position: i64,
    #[serde(default)]
    pub(crate) assignable: bool,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// An emoji of a guild's.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Emoji {
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// A member.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Member {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) global_name: Option<String>,
    #[serde(default)]
    pub(crate) nick: Option<String>,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
}

impl Member {
    /// What people see.
    pub(crate) fn shown(&self) -> &str {
        self.nick.as_deref().or(self.global_name.as_deref()).unwrap_or(&self.username)
    }
}

/// A guild's settings, all modules.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct GuildSettings {
    #[serde(default)]
    pub(crate) modules: BTreeMap<String, ModuleValues>,
}

impl GuildSettings {
    /// A module's values with defaults.
    pub(crate) fn values(&self, module: &miso_settings::Module) -> Map<String, Value> {
        let set = self.modules.get(module.key).map(|values| values.values.clone()).unwrap_or_default();
        module.with_defaults(&set)
    }

    /// A field's value or its default.
    pub(crate) fn value(&self, module: &str, field: &str) -> Value {
        let declared = || miso_settings::module(module).and_then(|module| module.field(field));
        let set = self.modules.get(module).and_then(|values| values.values.get(field)).cloned();
        set.unwrap_or_else(|| declared().map_or(Value::Null, |field| field.default.json()))
    }
}

/// A module's settings.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ModuleValues {
    #[serde(default)]
    pub(crate) version: i64,
    #[serde(default)]
    pub(crate) by: Option<String>,
    #[serde(default)]
    pub(crate) at_ms: Option<i64>,
    #[serde(default)]
    pub(crate) values: Map<String, Value>,
}

/// What a change answers.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Saved {
    pub(crate) version: i64,
}

/// A page of the audit.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Audit {
    #[serde(default)]
    pub(crate) entries: Vec<AuditEntry>,
    #[serde(default)]
    pub(crate) next: Option<i64>,
}

/// One change.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) version: i64,
    #[serde(default)]
    pub(crate) module: String,
    #[serde(default)]
    pub(crate) module_version: i64,
    #[serde(default)]
    pub(crate) at_ms: i64,
    #[serde(default)]
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) via: String,
    #[serde(default)]
    pub(crate) before: Map<String, Value>,
    #[serde(default)]
    pub(crate) after: Map<String, Value>,
    #[serde(default)]
    pub(crate) reverts: Option<i64>,
}

/// What an import would change or has changed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Imported {
    #[serde(default)]
    pub(crate) changes: Vec<ImportChange>,
    #[serde(default)]
    pub(crate) errors: Vec<Value>,
}

/// One field of an import.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ImportChange {
    #[serde(default)]
    pub(crate) module: String,
    #[serde(default)]
    pub(crate) field: String,
    #[serde(default)]
    pub(crate) before: Value,
    #[serde(default)]
    pub(crate) after: Value,
}

/// A page of the leaderboard.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Leaderboard {
    #[serde(default)]
    pub(crate) total: i64,
    #[serde(default)]
    pub(crate) rows: Vec<LeaderboardRow>,
}

/// A member's place.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct LeaderboardRow {
    #[serde(default)]
    pub(crate) rank: i64,
    #[serde(default)]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) xp: i64,
    #[serde(default)]
    pub(crate) level: i64,
    #[serde(default)]
    pub(crate) messages: i64,
}

/// Numbers of a guild.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Stats {
    #[serde(default)]
    pub(crate) days: Vec<Day>,
    /// Messages by hour of the day, UTC.
    #[serde(default)]
    pub(crate) hours: Vec<i64>,
}

/// One day, UTC.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Day {
    #[serde(default)]
    pub(crate) day: String,
    #[serde(default)]
    pub(crate) messages: i64,
    #[serde(default)]
    pub(crate) joins: i64,
    #[serde(default)]
    pub(crate) leaves: i64,
    #[serde(default)]
    pub(crate) commands: i64,
}

/// A user's reminders.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Reminders {
    #[serde(default)]
    pub(crate) reminders: Vec<Reminder>,
}

/// One of them.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Reminder {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) due_ms: i64,
}

/// A new one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NewReminder<'a> {
    pub(crate) text: &'a str,
    pub(crate) due_ms: i64,
}
