//! The starboard: a post when a message has enough stars, its count, and its end.

use miso_discord_state::DiscordState;
use miso_log::{Append, SharedLog};
use miso_model::{ChannelId, GuildId, MessageId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::GROUP;
use super::settings::GuildFacts;
use crate::action::Cause;
use crate::clock::iso8601;
use crate::events::star_footer;
use crate::history::{Said, jump_url, said_one};
use crate::place::{EMBED, may, would_show};
use crate::text::cut;

const STARBOARD: u32 = 0xff_ac33;
/// UTF-16 units of a starred message that its post shows.
const SHOWN: usize = 3_900;

/// What the decider wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    Nothing,
    Post,
    Edit,
    Remove,
}

#[derive(Debug, Deserialize)]
struct StarCounted {
    message: MessageId,
    channel: ChannelId,
    author: UserId,
    count: i64,
    #[serde(default)]
    post: Option<MessageId>,
    #[serde(default)]
    posted_channel: Option<ChannelId>,
    act: Act,
}

/// What is to be seen on the starboard.
pub(crate) enum Shown {
    /// A post that is there changes or goes.
    Change(Append),
    /// A new post, once the log was searched for what the message said.
    Post(Posting),
}

/// A new post.
pub(crate) struct Posting {
    guild: GuildId,
    star: StarCounted,
    starboard: ChannelId,
    emoji: String,
    /// The fact's id, and when it was decided and looked at.
    id: String,
    at_ms: i64,
    now_ms: i64,
}

pub(crate) fn counted(
    cause: &Cause<'_>,
    state: &DiscordState,
    guild: GuildId,
    settings: &GuildFacts,
    (body, at_ms): (&[u8], i64),
) -> Result<Option<Shown>, serde_json::Error> {
    let star: StarCounted = serde_json::from_slice(body)?;
    let Some((starboard, emoji)) = &settings.starboard else { return Ok(None) };
    let post = star.post.zip(star.posted_channel);
    Ok(match (star.act, post) {
        // What not everybody may read is not put where everybody reads.
        (Act::Post, _) if would_show(state, guild, star.channel, *starboard) => {
            metrics::counter!("miso_handlers_skipped_total", "why" => "starred_in_private").increment(1);
            None
        }
        (Act::Post, _) if may(state, guild, *starboard, EMBED) => {
            let (starboard, emoji, id) = (*starboard, emoji.clone(), cause.id.to_owned());
            Some(Shown::Post(Posting { guild, star, starboard, emoji, id, at_ms, now_ms: cause.now_ms }))
        }
        (Act::Edit, Some((post, channel))) => {
            Some(Shown::Change(cause.edit("star", channel, post, &json!({"content": line(&star, emoji)}))))
        }
        (Act::Remove, Some((post, channel))) => Some(Shown::Change(cause.delete("star", channel, post))),
        (Act::Post | Act::Edit | Act::Remove | Act::Nothing, _) => None,
    })
}

impl Posting {
    /// Searches the log, for no longer than [`crate::HISTORY_TIME`], and posts.
    pub(crate) async fn posted(self, log: SharedLog) -> Vec<Append> {
        let message = (self.guild, self.star.channel, self.star.message);
        let said = said_one(&log, message, None, self.now_ms - self.at_ms).await;
        let body = posting(self.guild, &self.star, &self.emoji, said.as_ref());
        let cause = Cause { group: GROUP, id: &self.id, now_ms: self.now_ms };
        vec![cause.message("star", self.starboard, &body)]
    }
}

/// What stands above a post: only it changes when stars come and go.
fn line(star: &StarCounted, emoji: &str) -> String {
    format!("{emoji} **{}** in <#{}>", star.count, star.channel)
}

fn posting(guild: GuildId, star: &StarCounted, emoji: &str, said: Option<&Said>) -> Value {
    let text = said.map_or("*content unknown*", |said| said.content.as_str());
    let url = jump_url(guild, star.channel, star.message);
    let break_ = if text.is_empty() { "" } else { "\n\n" };
    let mut embed = json!({
        "color": STARBOARD, "timestamp": iso8601(star.message.created_ms()),
        "description": format!("{}{break_}[Jump to the message]({url})", cut(text, SHOWN)),
        "footer": {"text": star_footer(star.message)},
    });
    match said.and_then(|said| said.author.as_ref()) {
        Some(author) => embed["author"] = author.as_author(),
        None => embed["fields"] = json!([{"name": "Author", "value": format!("<@{}>", star.author)}]),
    }
    let files = said.map(|said| said.attachments.as_slice()).unwrap_or_default();
    if let Some(image) = files.iter().find(|file| file.is_image()) {
        embed["image"] = json!({"url": image.url});
    }
    let others: Vec<&str> = files.iter().filter(|file| !file.is_image()).map(|file| file.filename.as_str()).collect();
    if !others.is_empty() {
        embed["fields"] = json!([{"name": "Files", "value": cut(&others.join("\n"), 1_024)}]);
    }
    json!({"content": line(star, emoji), "embeds": [embed], "allowed_mentions": {"parse": []}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn star() -> StarCounted {
        let star = json!({"message": "42", "channel": "5", "author": "7", "count": 4, "post": null, "posted_channel": null, "act": "post"});
        serde_json::from_value(star).expect("reads")
    }

    #[test]
    fn a_post_shows_the_message_its_picture_and_the_way_to_it() {
        let said = Said {
            author: serde_json::from_value(json!({"id": "7", "username": "mia"})).ok(),
            content: "@everyone look".to_owned(),
            attachments: serde_json::from_value(json!([
                {"filename": "a.txt", "url": "https://x/a.txt"},
                {"filename": "b.png", "url": "https://x/b.png", "content_type": "image/png"},
            ]))
            .expect("reads"),
        };
        let body = posting(GuildId(1), &star(), "⭐", Some(&said));
        let embed = &body["embeds"][0];
        assert_eq!(body["content"], "⭐ **4** in <#5>");
        assert_eq!(
            embed["description"],
            "@everyone look\n\n[Jump to the message](https://discord.com/channels/1/5/42)"
        );
        assert_eq!((&embed["color"], &embed["author"]["name"]), (&json!(0xff_ac33), &json!("mia")));
        assert_eq!(
            (&embed["image"]["url"], &embed["fields"][0]["value"]),
            (&json!("https://x/b.png"), &json!("a.txt"))
        );
        assert_eq!(embed["footer"]["text"], "Starred message 42");
        assert_eq!(body["allowed_mentions"], json!({"parse": []}));
    }

    #[test]
    fn a_message_that_the_log_does_not_know_any_more_is_still_posted() {
        let body = posting(GuildId(1), &star(), "⭐", None);
        assert!(body["embeds"][0]["description"].as_str().expect("text").starts_with("*content unknown*\n\n[Jump"));
        assert_eq!(body["embeds"][0]["fields"][0]["value"], "<@7>");
    }
}
