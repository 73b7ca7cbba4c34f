//! What was deleted and what was edited, told with the content that the log still knows.

use std::collections::HashMap;

use miso_log::{Append, SharedLog};
use miso_model::{ChannelId, GuildId, MessageId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::Logs;
use super::{GROUP, Seen};
use crate::action::Cause;
use crate::clock::iso8601;
use crate::history::{Said, Wanted, jump_url, said};
use crate::person::Person;
use crate::place::{EMBED, among, may};
use crate::text::{DESCRIPTION, FIELD_VALUE, cut};

const DELETED: u32 = 0xbe_1931;
const EDITED: u32 = 0xff_cc4d;
/// What stands for what the log does not know any more.
const UNKNOWN: &str = "*content unknown*";
/// Discord tells of an edit at once; an update of a message that was edited longer ago than this is not
/// about its text, milliseconds.
const FRESH_EDIT_MS: i64 = 60_000;
/// Lines of a bulk deletion that are shown, at most; the rest is counted.
const BULK_LINES: usize = 40;

#[derive(Debug, Deserialize)]
struct Deleted {
    id: MessageId,
    channel_id: ChannelId,
}

#[derive(Debug, Deserialize)]
struct BulkDeleted {
    ids: Vec<MessageId>,
    channel_id: ChannelId,
}

#[derive(Debug, Deserialize)]
struct Edited {
    id: MessageId,
    channel_id: ChannelId,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    author: Option<Person>,
    #[serde(default)]
    edited_timestamp: Option<String>,
}

/// Something that is told once the log was searched for what the messages said.
#[derive(Debug)]
pub(crate) struct Telling {
    what: What,
    /// The messages, in order.
    messages: Vec<MessageId>,
    /// Their channel.
    channel: ChannelId,
    /// Where it is told.
    to: ChannelId,
    guild: GuildId,
    /// The event's id and offset, and when it came and was looked at.
    id: String,
    offset: i64,
    at_ms: i64,
    now_ms: i64,
}

#[derive(Debug)]
enum What {
    Deleted,
    BulkDeleted,
    Edited { content: String, author: Option<Person>, edited_at: String },
}

/// Where it is told, unless it is not to be: the channel is ignored or a thread of such a one, or is that of the log itself.
fn told_in(seen: &Seen<'_>, logs: &Logs, to: Option<ChannelId>, of: ChannelId) -> Option<ChannelId> {
    let to = to?;
    let told = of != to && !among(seen.state, &logs.ignored, of);
    (told && may(seen.state, seen.guild, to, EMBED)).then_some(to)
}

fn telling(seen: &Seen<'_>, what: What, messages: Vec<MessageId>, channel: ChannelId, to: ChannelId) -> Telling {
    let Seen { cause, guild, offset, at_ms, .. } = *seen;
    Telling { what, messages, channel, to, guild, id: cause.id.to_owned(), offset, at_ms, now_ms: cause.now_ms }
}

/// A message was deleted.
pub(crate) fn deleted(seen: &Seen<'_>, logs: &Logs, d: &[u8]) -> Result<Option<Telling>, serde_json::Error> {
    let Deleted { id, channel_id } = serde_json::from_slice(d)?;
    let to = told_in(seen, logs, logs.deleted, channel_id);
    Ok(to.map(|to| telling(seen, What::Deleted, vec![id], channel_id, to)))
}

/// Several were deleted at once.
pub(crate) fn bulk_deleted(seen: &Seen<'_>, logs: &Logs, d: &[u8]) -> Result<Option<Telling>, serde_json::Error> {
    let BulkDeleted { mut ids, channel_id } = serde_json::from_slice(d)?;
    ids.sort_unstable();
    let to = told_in(seen, logs, logs.deleted, channel_id);
    Ok(to.map(|to| telling(seen, What::BulkDeleted, ids, channel_id, to)))
}

/// A message was changed. Discord tells more than edits so: previews of links, pins.
pub(crate) fn edited(seen: &Seen<'_>, logs: &Logs, d: &[u8]) -> Result<Option<Telling>, serde_json::Error> {
    let Edited { id, channel_id, content, author, edited_timestamp } = serde_json::from_slice(d)?;
    let (Some(content), Some(edited_at)) = (content, edited_timestamp) else { return Ok(None) };
    if author.as_ref().is_some_and(|author| author.bot) {
        return Ok(None);
    }
    let to = told_in(seen, logs, logs.edited, channel_id);
    let what = What::Edited { content, author, edited_at };
    Ok(to.map(|to| telling(seen, what, vec![id], channel_id, to)))
}

impl Telling {
    /// Searches the log, for no longer than [`crate::HISTORY_TIME`], and tells.
    pub(crate) async fn told(self, log: SharedLog) -> Vec<Append> {
        let wanted = Wanted {
            guild: self.guild,
            channel: self.channel,
            messages: &self.messages,
            before: Some(self.offset),
            ago_ms: self.now_ms - self.at_ms,
        };
        let said = said(&log, wanted).await;
        let (name, embed) = match &self.what {
            What::Deleted => ("deleted", self.deletion(&said)),
            What::BulkDeleted => ("deleted", Some(self.bulk_deletion(&said))),
            What::Edited { content, author, edited_at } => {
                ("edited", self.edit(&said, content, author.as_ref(), edited_at))
            }
        };
        let cause = Cause { group: GROUP, id: &self.id, now_ms: self.now_ms };
        let action = embed.map(|embed| {
            let body = json!({"embeds": [embed], "allowed_mentions": {"parse": []}});
            cause.message(&format!("log/{name}"), self.to, &body)
        });
        action.into_iter().collect()
    }

    /// What the only message said.
    fn only<'a>(&self, said: &'a HashMap<u64, Said>) -> Option<&'a Said> {
        self.messages.first().and_then(|id| said.get(&id.0))
    }

    fn footer(&self) -> String {
        self.messages.first().map(|id| format!("Message {id}")).unwrap_or_default()
    }

    fn in_channel(&self) -> Value {
        json!({"name": "Channel", "value": format!("<#{}>", self.channel), "inline": true})
    }

    /// `None` when it was a bot's.
    fn deletion(&self, said: &HashMap<u64, Said>) -> Option<Value> {
        let said = self.only(said);
        if said.is_some_and(is_a_bots) {
            return None;
        }
        let mut embed = json!({
            "title": "Message deleted", "color": DELETED, "timestamp": iso8601(self.at_ms),
            "footer": {"text": self.footer()}, "fields": [self.in_channel()],
        });
        match said {
            None => embed["description"] = json!(UNKNOWN),
            Some(said) => {
                embed["description"] = json!(cut(&text_of(said), DESCRIPTION));
                if let Some(author) = &said.author {
                    embed["author"] = author.as_author();
                    push_field(&mut embed, "Author", &author.mention());
                }
            }
        }
        Some(embed)
    }

    fn bulk_deletion(&self, said: &HashMap<u64, Said>) -> Value {
        let mut lines: Vec<String> = Vec::new();
        for said in self.messages.iter().filter_map(|id| said.get(&id.0)) {
            let author = said.author.as_ref().map_or_else(|| "?".to_owned(), Person::mention);
            lines.push(format!("{author}: {}", cut(&text_of(said).replace('\n', " "), 200)));
        }
        let more = lines.len().saturating_sub(BULK_LINES);
        lines.truncate(BULK_LINES);
        let unknown = self.messages.len() - said.len();
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        if unknown > 0 {
            lines.push(format!("{unknown} of unknown content"));
        }
        json!({
            "title": format!("{} messages deleted", self.messages.len()), "color": DELETED,
            "timestamp": iso8601(self.at_ms), "description": cut(&lines.join("\n"), DESCRIPTION),
            "fields": [self.in_channel()],
        })
    }

    /// `None` when its text is the same, or it was a bot's, or this is about something else.
    fn edit(
        &self,
        said: &HashMap<u64, Said>,
        content: &str,
        author: Option<&Person>,
        edited_at: &str,
    ) -> Option<Value> {
        let before = self.only(said);
        let changed = match before {
            Some(before) => before.content != content && !is_a_bots(before),
            None => self.at_ms - millis(edited_at).unwrap_or(i64::MAX) < FRESH_EDIT_MS,
        };
        if !changed {
            return None;
        }
        let url = self.messages.first().map(|id| jump_url(self.guild, self.channel, *id));
        let before_text = before.map_or_else(|| UNKNOWN.to_owned(), |said| shown(&said.content));
        let mut embed = json!({
            "title": "Message edited", "url": url, "color": EDITED,
            "timestamp": iso8601(self.at_ms), "footer": {"text": self.footer()},
            "fields": [
                {"name": "Before", "value": cut(&before_text, FIELD_VALUE)},
                {"name": "After", "value": cut(&shown(content), FIELD_VALUE)},
                self.in_channel(),
            ],
        });
        if let Some(author) = author.or(before.and_then(|said| said.author.as_ref())) {
            embed["author"] = author.as_author();
            push_field(&mut embed, "Author", &author.mention());
        }
        Some(embed)
    }
}

fn is_a_bots(said: &Said) -> bool {
    said.author.as_ref().is_some_and(|author| author.bot)
}

fn shown(content: &str) -> String {
    if content.trim().is_empty() { "*no text*".to_owned() } else { content.to_owned() }
}

/// Text and names of files.
fn text_of(said: &Said) -> String {
    let mut text = said.content.clone();
    for file in &said.attachments {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str("📎 ");
        text.push_str(&file.filename);
    }
    shown(&text)
}

fn push_field(embed: &mut Value, name: &str, value: &str) {
    if let Some(fields) = embed["fields"].as_array_mut() {
        fields.push(json!({"name": name, "value": value, "inline": true}));
    }
}

fn millis(timestamp: &str) -> Option<i64> {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    let at = OffsetDateTime::parse(timestamp, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_with_its_text_and_the_names_of_its_files() {
        let file = |name: &str| serde_json::from_value(json!({"filename": name})).expect("reads");
        let said = |content: &str, files: &[&str]| Said {
            content: content.to_owned(),
            attachments: files.iter().map(|name| file(name)).collect(),
            ..Said::default()
        };
        assert_eq!(text_of(&said("hi", &["a.png", "b.txt"])), "hi\n📎 a.png\n📎 b.txt");
        assert_eq!(text_of(&said("", &["a.png"])), "📎 a.png");
        assert_eq!(text_of(&said(" ", &[])), "*no text*");
    }

    #[test]
    fn discords_times_are_read() {
        assert_eq!(millis("2016-04-30T11:18:25.796000+00:00"), Some(1_462_015_105_796));
        assert_eq!(millis("yesterday"), None);
    }
}
