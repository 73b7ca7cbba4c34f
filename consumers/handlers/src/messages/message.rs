use std::borrow::Cow;

use miso_model::{ChannelId, GuildId, MessageId, UserId};
use serde::Deserialize;
use serde_json::Value;

/// What the message handler needs of a MESSAGE_CREATE.
#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    pub(crate) id: MessageId,
    pub(crate) channel_id: ChannelId,
    #[serde(default)]
    pub(crate) guild_id: Option<GuildId>,
    #[serde(borrow, default)]
    pub(crate) content: Cow<'a, str>,
    pub(crate) author: Author,
    /// Only counted.
    #[serde(default)]
    pub(crate) attachments: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    webhook_id: Option<serde::de::IgnoredAny>,
    #[serde(default, rename = "type")]
    kind: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Author {
    pub(crate) id: UserId,
    #[serde(default)]
    bot: bool,
}

/// Discord's message types that people write: DEFAULT and REPLY.
const WRITTEN: [u64; 2] = [0, 19];

impl<'a> Message<'a> {
    pub(crate) fn read(d: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(d)
    }

    /// Neither a bot's, nor a webhook's, nor Discord's own.
    pub(crate) fn is_from_a_person(&self) -> bool {
        !self.author.bot && self.webhook_id.is_none() && WRITTEN.contains(&self.kind)
    }
}

/// What an answer may show of a message: its author, the author's member, whom it mentions.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct People {
    /// User object.
    #[serde(default)]
    pub(crate) author: Value,
    /// Member object without `user`.
    #[serde(default)]
    pub(crate) member: Value,
    /// User objects; in guilds with `member`.
    #[serde(default)]
    pub(crate) mentions: Vec<Value>,
}

impl People {
    pub(crate) fn read(d: &[u8]) -> Self {
        serde_json::from_slice(d).unwrap_or_default()
    }

    /// Of an INTERACTION_CREATE: who caused it.
    pub(crate) fn of_interaction(d: &[u8]) -> Self {
        let interaction: Value = serde_json::from_slice(d).unwrap_or_default();
        let member = interaction.get("member").cloned().unwrap_or_default();
        let author = member.get("user").or_else(|| interaction.get("user")).cloned().unwrap_or_default();
        Self { author, member, mentions: Vec::new() }
    }

    /// Ids of the mentioned.
    pub(crate) fn mentioned(&self) -> Vec<UserId> {
        self.mentions.iter().filter_map(id_of).collect()
    }
}

/// The `id` of an object of Discord's.
pub(crate) fn id_of(object: &Value) -> Option<UserId> {
    object.get("id")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_people_write_counts() {
        let person = |extra: &str| {
            let json = format!(r#"{{"id":"1","channel_id":"2","content":">x","author":{{"id":"3"{extra}}}"#);
            move |rest: &str| Message::read(format!("{json}{rest}}}").as_bytes()).expect("reads").is_from_a_person()
        };
        assert!(person("")(""));
        assert!(person("")(r#","type":19,"webhook_id":null"#));
        assert!(!person(r#","bot":true"#)(""));
        assert!(!person("")(r#","webhook_id":"9""#));
        assert!(!person("")(r#","type":7"#));
        assert!(Message::read(b"{\"id\":\"1\"}").is_err());
    }
}
