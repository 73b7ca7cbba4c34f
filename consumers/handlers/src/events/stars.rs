//! Stars on their way to the decider, and the starboard's posts as Discord tells of them.

use miso_log::Append;
use miso_model::{Aggregate, ChannelId, MessageId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Seen;
use super::settings::Starboard;
use crate::ask::request;
use crate::place::among;

/// What a post's footer says before the id of the starred message: by it our posts are recognised.
const FOOTER: &str = "Starred message ";

/// A reaction's emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Emoji {
    /// A guild's, by id.
    Custom(u64),
    /// A character or several, without variation selectors.
    Unicode(String),
}

impl Emoji {
    /// Of a setting: `⭐`, `name:id`, or as it is written in messages, `<:name:id>`.
    pub(crate) fn read(text: &str) -> Self {
        let id = text.trim_end_matches('>').rsplit_once(':').and_then(|(_, id)| id.parse().ok());
        id.map_or_else(|| Self::unicode(text), Self::Custom)
    }

    /// Some clients send the variation selector, some do not.
    fn unicode(text: &str) -> Self {
        Self::Unicode(text.chars().filter(|c| *c != '\u{fe0f}').collect())
    }
}

#[derive(Debug, Deserialize)]
struct Reaction {
    user_id: UserId,
    channel_id: ChannelId,
    message_id: MessageId,
    emoji: ReactionEmoji,
    #[serde(default)]
    message_author_id: Option<UserId>,
    #[serde(default)]
    member: Option<Reacting>,
}

#[derive(Debug, Deserialize)]
struct ReactionEmoji {
    #[serde(default)]
    id: Option<miso_model::Snowflake>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Reacting {
    #[serde(default)]
    user: Option<Bot>,
}

#[derive(Debug, Deserialize)]
struct Bot {
    #[serde(default)]
    bot: bool,
}

impl ReactionEmoji {
    fn is(&self, wanted: &Emoji) -> bool {
        match wanted {
            Emoji::Custom(id) => self.id.is_some_and(|own| own.0 == *id),
            Emoji::Unicode(_) => {
                self.id.is_none() && self.name.as_deref().is_some_and(|name| Emoji::unicode(name) == *wanted)
            }
        }
    }

    fn shown(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        self.id.map_or_else(|| name.to_owned(), |id| format!("{name}:{id}"))
    }
}

/// A reaction came or went: a request, if it is a star that counts. Stars on one's own messages, of
/// bots, on the starboard, in ignored channels and in their threads do not.
pub(crate) fn starred(
    seen: &Seen<'_>,
    starboard: &Starboard,
    d: &[u8],
    added: bool,
) -> Result<Option<Append>, serde_json::Error> {
    let reaction: Reaction = serde_json::from_slice(d)?;
    let by_bot = reaction.member.and_then(|member| member.user).is_some_and(|user| user.bot);
    let counts = reaction.emoji.is(&starboard.emoji)
        && !by_bot
        && reaction.channel_id != starboard.channel
        && !among(seen.state, &starboard.ignored, reaction.channel_id)
        && reaction.message_author_id != Some(reaction.user_id);
    // Discord names the author when a reaction comes; when it goes, the decider knows them.
    let author = match (reaction.message_author_id, added) {
        (Some(author), _) => author,
        (None, false) => UserId(0),
        (None, true) => {
            metrics::counter!("miso_handlers_skipped_total", "why" => "star_without_author").increment(1);
            return Ok(None);
        }
    };
    if !counts {
        return Ok(None);
    }
    let body = json!({
        "message": reaction.message_id, "channel": reaction.channel_id, "author": author, "user": reaction.user_id,
        "added": added, "emoji": reaction.emoji.shown(), "at_ms": seen.at_ms,
    });
    Ok(Some(ask(seen, "StarChanged", &body)))
}

/// All stars of a message are gone, with all reactions, with all of one emoji, or with the message itself: a
/// request for each message.
pub(crate) fn cleared(seen: &Seen<'_>, starboard: &Starboard, d: &[u8]) -> Result<Vec<Append>, serde_json::Error> {
    /// Of a MESSAGE_DELETE, a MESSAGE_DELETE_BULK or a MESSAGE_REACTION_REMOVE_ALL or _EMOJI.
    #[derive(Deserialize)]
    struct Cleared {
        #[serde(default)]
        id: Option<MessageId>,
        #[serde(default)]
        ids: Vec<MessageId>,
        #[serde(default)]
        message_id: Option<MessageId>,
        channel_id: ChannelId,
        #[serde(default)]
        emoji: Option<ReactionEmoji>,
    }
    let cleared: Cleared = serde_json::from_slice(d)?;
    let others = cleared.emoji.is_some_and(|emoji| !emoji.is(&starboard.emoji));
    if others || cleared.channel_id == starboard.channel {
        return Ok(Vec::new());
    }
    let messages = cleared.message_id.into_iter().chain(cleared.id).chain(cleared.ids);
    let ask = |message: MessageId| {
        let id = format!("StarsCleared/{}/{message}", seen.cause.id);
        let body = json!({"message": message});
        request(seen.cause.group, Aggregate::Guild(seen.guild), "StarsCleared", id, &body, seen.cause.now_ms)
    };
    Ok(messages.map(ask).collect())
}

/// A message of ours on the starboard: a request, if it is a post.
pub(crate) fn posted(seen: &Seen<'_>, starboard: &Starboard, d: &[u8]) -> Result<Option<Append>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Post {
        id: MessageId,
        #[serde(default)]
        embeds: Vec<Embed>,
    }
    #[derive(Deserialize)]
    struct Embed {
        #[serde(default)]
        footer: Option<Footer>,
    }
    #[derive(Deserialize)]
    struct Footer {
        text: String,
    }
    let post: Post = serde_json::from_slice(d)?;
    let footer = post.embeds.into_iter().next().and_then(|embed| embed.footer);
    let Some(message) = footer.and_then(|footer| message_in(&footer.text)) else { return Ok(None) };
    let body = json!({"message": message, "channel": starboard.channel, "post": post.id});
    Ok(Some(ask(seen, "StarPosted", &body)))
}

/// What a post's footer says.
pub(crate) fn footer(message: MessageId) -> String {
    format!("{FOOTER}{message}")
}

fn message_in(footer: &str) -> Option<MessageId> {
    footer.strip_prefix(FOOTER)?.parse().ok()
}

fn ask(seen: &Seen<'_>, kind: &str, body: &Value) -> Append {
    let id = format!("{kind}/{}", seen.cause.id);
    request(seen.cause.group, Aggregate::Guild(seen.guild), kind, id, body, seen.cause.now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reacted(json: Value) -> ReactionEmoji {
        serde_json::from_value(json).expect("reads")
    }

    #[test]
    fn an_emoji_is_recognised_however_it_is_written() {
        let star = Emoji::read("⭐");
        assert!(reacted(json!({"id": null, "name": "⭐"})).is(&star));
        assert!(reacted(json!({"id": null, "name": "⭐\u{fe0f}"})).is(&star));
        assert!(!reacted(json!({"id": "5", "name": "⭐"})).is(&star));
        assert!(!reacted(json!({"id": null, "name": "🌟"})).is(&star));
        for written in ["miso:9", "<:miso:9>", "<a:miso:9>"] {
            assert!(reacted(json!({"id": "9", "name": "renamed"})).is(&Emoji::read(written)), "{written}");
        }
        assert!(!reacted(json!({"id": null, "name": "miso"})).is(&Emoji::read("miso:9")));
        assert_eq!(reacted(json!({"id": "9", "name": "miso"})).shown(), "miso:9");
    }

    #[test]
    fn a_post_is_recognised_by_its_footer_only() {
        assert_eq!(message_in(&footer(MessageId(42))), Some(MessageId(42)));
        for other in ["👤 #42", "42", "Starred message", "Starred message x"] {
            assert_eq!(message_in(other), None, "{other}");
        }
    }
}
