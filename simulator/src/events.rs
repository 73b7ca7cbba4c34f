//! An event as the world tells it, before it belongs to a session.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

/// A dispatch without its sequence: `d` is serialised once for all sessions.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: Cow<'static, str>,
    pub(crate) guild: Option<u64>,
    pub(crate) channel: Option<u64>,
    /// The thing's own id (message, member, role, …), for the journal.
    pub(crate) id: Option<u64>,
    pub(crate) data: Bytes,
    /// `d` for sessions without MESSAGE_CONTENT, where it differs.
    pub(crate) redacted: Option<Bytes>,
}

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

fn snowflake(value: &Value) -> Option<u64> {
    value.as_str().and_then(|id| id.parse().ok())
}

impl Event {
    /// An event whose routing ids are read from `data` itself.
    pub(crate) fn new(kind: impl Into<Cow<'static, str>>, data: &Value) -> Self {
        let kind = kind.into();
        let own = snowflake(&data["id"]);
        let is_guild = matches!(&*kind, "GUILD_CREATE" | "GUILD_UPDATE" | "GUILD_DELETE");
        let is_channel =
            kind.starts_with("CHANNEL_") || (kind.starts_with("THREAD_") && kind != "THREAD_MEMBERS_UPDATE");
        Self {
            guild: snowflake(&data["guild_id"]).or(if is_guild { own } else { None }),
            channel: snowflake(&data["channel_id"]).or(if is_channel { own } else { None }),
            id: own
                .or_else(|| snowflake(&data["message_id"]))
                .or_else(|| snowflake(&data["user"]["id"]))
                .or_else(|| snowflake(&data["role"]["id"])),
            data: bytes(data),
            redacted: None,
            kind,
        }
    }

    /// A message event; sessions without the MESSAGE_CONTENT intent get it emptied, unless it concerns `bot` itself or is direct.
    pub(crate) fn of_message(kind: &'static str, data: &Value, bot: u64) -> Self {
        let mut event = Self::new(kind, data);
        let bot = bot.to_string();
        let mentions_bot =
            data["mentions"].as_array().is_some_and(|mentions| mentions.iter().any(|user| user["id"] == *bot));
        if event.guild.is_some() && data["author"]["id"] != *bot && !mentions_bot {
            event.redacted = Some(bytes(&redact(data)));
        }
        event
    }

    /// `d` as a session with `intents` gets it.
    pub(crate) fn data_for(&self, intents: u64) -> &Bytes {
        match &self.redacted {
            Some(redacted) if intents & crate::intents::MESSAGE_CONTENT == 0 => redacted,
            _ => &self.data,
        }
    }
}

/// The message with everything emptied that MESSAGE_CONTENT guards.
pub(crate) fn redact(message: &Value) -> Value {
    let mut out = message.clone();
    if let Some(fields) = out.as_object_mut() {
        for (name, value) in fields.iter_mut() {
            match name.as_str() {
                "content" => *value = Value::String(String::new()),
                "embeds" | "attachments" | "components" => *value = Value::Array(Vec::new()),
                _ => {}
            }
        }
        fields.remove("poll");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn content_is_hidden_without_the_intent_unless_the_bot_is_meant() {
        let mut message = json!({"id": "5", "guild_id": "7", "channel_id": "8", "content": "hi", "embeds": [1], "author": {"id": "1"}, "mentions": []});
        let event = Event::of_message("MESSAGE_CREATE", &message, 99);
        assert_eq!((event.guild, event.channel, event.id), (Some(7), Some(8), Some(5)));
        let hidden: Value = serde_json::from_slice(event.data_for(0)).unwrap();
        assert_eq!((&hidden["content"], &hidden["embeds"]), (&json!(""), &json!([])));
        assert!(event.data_for(crate::intents::MESSAGE_CONTENT).windows(4).any(|part| part == b"\"hi\""));
        message["mentions"] = json!([{"id": "99"}]);
        assert!(Event::of_message("MESSAGE_CREATE", &message, 99).redacted.is_none());
    }
}
