//! What was deleted and what was edited, told with the content that the log still knows.

use miso_log::{Append, SharedLog};
use miso_model::{ChannelId, MessageId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Seen;
use super::settings::Logs;
use crate::history::{Said, Wanted, jump_url, said, said_one};
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

/// Where it is told, unless it is not to be: the channel is ignored or a thread of such a one, or is that of the log itself.
fn told_in(seen: &Seen<'_>, logs: &Logs, to: Option<ChannelId>, of: ChannelId) -> Option<ChannelId> {
    let to = to?;
    let told = of != to && !among(seen.state, &logs.ignored, of);
    (told && may(seen.state, seen.guild, to, EMBED)).then_some(to)
}

/// A message was deleted.
pub(crate) async fn deleted(
    seen: &Seen<'_>,
    log: &SharedLog,
    logs: &Logs,
    d: &[u8],
) -> Result<Option<Append>, serde_json::Error> {
    let Deleted { id, channel_id } = serde_json::from_slice(d)?;
    let Some(to) = told_in(seen, logs, logs.deleted, channel_id) else { return Ok(None) };
    let said = said_one(log, (seen.guild, channel_id, id), Some(seen.offset), seen.ago_ms()).await;
    if said.as_ref().is_some_and(is_a_bots) {
        return Ok(None);
    }
    let mut embed = json!({
        "title": "Message deleted", "color": DELETED, "timestamp": seen.timestamp(),
        "footer": {"text": format!("Message {id}")},
        "fields": [{"name": "Channel", "value": format!("<#{channel_id}>"), "inline": true}],
    });
    match &said {
        None => embed["description"] = json!(UNKNOWN),
        Some(said) => {
            embed["description"] = json!(cut(&text_of(said), DESCRIPTION));
            if let Some(author) = &said.author {
                embed["author"] = author.as_author();
                push_field(&mut embed, "Author", &author.mention());
            }
        }
    }
    Ok(Some(message(seen, "deleted", to, &embed)))
}

/// Several were deleted at once.
pub(crate) async fn bulk_deleted(
    seen: &Seen<'_>,
    log: &SharedLog,
    logs: &Logs,
    d: &[u8],
) -> Result<Option<Append>, serde_json::Error> {
    let BulkDeleted { mut ids, channel_id } = serde_json::from_slice(d)?;
    let Some(to) = told_in(seen, logs, logs.deleted, channel_id) else { return Ok(None) };
    ids.sort_unstable();
    let (before, ago_ms) = (Some(seen.offset), seen.ago_ms());
    let wanted = Wanted { guild: seen.guild, channel: channel_id, messages: &ids, before, ago_ms };
    let said = said(log, wanted).await;
    let mut lines: Vec<String> = Vec::new();
    for id in &ids {
        if let Some(said) = said.get(&id.0) {
            let author = said.author.as_ref().map_or_else(|| "?".to_owned(), Person::mention);
            lines.push(format!("{author}: {}", cut(&text_of(said).replace('\n', " "), 200)));
        }
    }
    let more = lines.len().saturating_sub(BULK_LINES);
    lines.truncate(BULK_LINES);
    let unknown = ids.len() - said.len();
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    if unknown > 0 {
        lines.push(format!("{unknown} of unknown content"));
    }
    let embed = json!({
        "title": format!("{} messages deleted", ids.len()), "color": DELETED, "timestamp": seen.timestamp(),
        "description": cut(&lines.join("\n"), DESCRIPTION),
        "fields": [{"name": "Channel", "value": format!("<#{channel_id}>"), "inline": true}],
    });
    Ok(Some(message(seen, "deleted", to, &embed)))
}

/// A message was changed. Discord tells more than edits so: previews of links, pins.
pub(crate) async fn edited(
    seen: &Seen<'_>,
    log: &SharedLog,
    logs: &Logs,
    d: &[u8],
) -> Result<Option<Append>, serde_json::Error> {
    let edited: Edited = serde_json::from_slice(d)?;
    let (Some(content), Some(at)) = (&edited.content, &edited.edited_timestamp) else { return Ok(None) };
    if edited.author.as_ref().is_some_and(|author| author.bot) {
        return Ok(None);
    }
    let channel = edited.channel_id;
    let Some(to) = told_in(seen, logs, logs.edited, channel) else { return Ok(None) };
    let before = said_one(log, (seen.guild, channel, edited.id), Some(seen.offset), seen.ago_ms()).await;
    let changed = match &before {
        Some(before) => before.content != *content && !is_a_bots(before),
        None => seen.at_ms - millis(at).unwrap_or(i64::MAX) < FRESH_EDIT_MS,
    };
    if !changed {
        return Ok(None);
    }
    let before_text = before.as_ref().map_or_else(|| UNKNOWN.to_owned(), |said| shown(&said.content));
    let mut embed = json!({
        "title": "Message edited", "url": jump_url(seen.guild, channel, edited.id), "color": EDITED,
        "timestamp": seen.timestamp(), "footer": {"text": format!("Message {}", edited.id)},
        "fields": [
            {"name": "Before", "value": cut(&before_text, FIELD_VALUE)},
            {"name": "After", "value": cut(&shown(content), FIELD_VALUE)},
            {"name": "Channel", "value": format!("<#{channel}>"), "inline": true},
        ],
    });
    if let Some(author) = edited.author.as_ref().or(before.as_ref().and_then(|said| said.author.as_ref())) {
        embed["author"] = author.as_author();
        push_field(&mut embed, "Author", &author.mention());
    }
    Ok(Some(message(seen, "edited", to, &embed)))
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

fn message(seen: &Seen<'_>, what: &str, to: ChannelId, embed: &Value) -> Append {
    let body = json!({"embeds": [embed], "allowed_mentions": {"parse": []}});
    seen.cause.message(&format!("log/{what}"), to, &body)
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
