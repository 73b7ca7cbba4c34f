use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value as Json};

use miso_model::{ChannelId, GuildId, UserId};

/// Discord's permission bits; a decimal string in JSON, as Discord writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(pub u64);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// Everything, everywhere in the guild.
    pub const ADMINISTRATOR: Self = Self(1 << 3);
    /// Changing the guild's settings.
    pub const MANAGE_GUILD: Self = Self(1 << 5);
    /// What a guild's owner has.
    pub const ALL: Self = Self(u64::MAX);

    /// Whether someone with these may do what needs `needed`. An administrator may do everything.
    #[must_use]
    pub fn cover(self, needed: Self) -> bool {
        self.0 & Self::ADMINISTRATOR.0 != 0 || self.0 & needed.0 == needed.0
    }

    /// For people: `Manage Server`.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let known = [(Self::ADMINISTRATOR, "Administrator"), (Self::MANAGE_GUILD, "Manage Server")];
        known.into_iter().filter(|(bit, _)| self.0 & bit.0 != 0).map(|(_, name)| name).collect()
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map(Self).map_err(|_| de::Error::custom("permissions are a decimal string"))
    }
}

/// Who asks, and where. Ids are strings in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// `discord`, `web`, `terminal`.
    pub platform: String,
    /// Who asks.
    pub user: UserId,
    /// In which guild; none in a direct message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild: Option<GuildId>,
    /// In which channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// BCP 47.
    #[serde(default = "english")]
    pub locale: String,
    /// IANA name.
    #[serde(default = "utc")]
    pub timezone: String,
    /// What the caller may do there, as the client that vouches for them knows it.
    #[serde(default)]
    pub permissions: Permissions,
    /// Users that the text mentions, in order.
    #[serde(default)]
    pub mentions: Vec<UserId>,
    /// The prefix that was used, for examples in answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// When it was said, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_ms: Option<i64>,
}

fn english() -> String {
    "en".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

/// The body of `POST /v1/commands/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// By argument name; see the command's schema.
    #[serde(default)]
    pub args: Map<String, Json>,
    /// Who asks, and where.
    pub context: Context,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_may_do_everything_and_others_only_what_they_hold() {
        assert!(Permissions::ADMINISTRATOR.cover(Permissions::MANAGE_GUILD));
        assert!(Permissions::MANAGE_GUILD.cover(Permissions::MANAGE_GUILD));
        assert!(!Permissions(1 << 11).cover(Permissions::MANAGE_GUILD));
        assert!(Permissions::NONE.cover(Permissions::NONE));
    }

    #[test]
    fn a_context_needs_platform_and_user_only_and_its_ids_are_strings() {
        let context: Context = serde_json::from_str(r#"{"platform":"web","user":"42"}"#).expect("reads");
        assert_eq!((context.locale.as_str(), context.permissions), ("en", Permissions::NONE));
        let json = serde_json::to_value(&context).expect("writes");
        assert_eq!((json["user"].as_str(), json["permissions"].as_str()), (Some("42"), Some("0")));
        assert!(serde_json::from_str::<Context>(r#"{"platform":"web"}"#).is_err());
    }
}
