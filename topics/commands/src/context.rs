use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use miso_model::{ChannelId, GuildId, Permissions, UserId};

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
    fn a_context_needs_platform_and_user_only_and_its_ids_are_strings() {
        let context: Context = serde_json::from_str(r#"{"platform":"web","user":"42"}"#).expect("reads");
        assert_eq!((context.locale.as_str(), context.permissions), ("en", Permissions::NONE));
        let json = serde_json::to_value(&context).expect("writes");
        assert_eq!((json["user"].as_str(), json["permissions"].as_str()), (Some("42"), Some("0")));
        assert!(serde_json::from_str::<Context>(r#"{"platform":"web"}"#).is_err());
    }
}
