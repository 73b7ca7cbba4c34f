//! One record as a line of JSON.

use miso_log::{Record, Schemas, Topic};
use miso_model::{EventView, GatewayEvent, LogRecord};
use serde_json::{Map, Value};

use crate::rfc3339;

/// Names of fields whose text a member or a handler wrote.
const WRITTEN_BY_PEOPLE: [&str; 19] = [
    "content",
    "line",
    "body",
    "message",
    "text",
    "title",
    "description",
    "value",
    "reason",
    "about",
    // Words that members wait for, and settings before and after.
    "word",
    "before",
    "after",
    "settings",
    "answer",
    "follow_up",
    // Of webhooks and interactions: whoever has them may speak for the bot.
    "token",
    "path",
    "order_key",
];

/// A record as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The line.
    pub json: Value,
    /// Whether its value could not be read; the line then says why in `unreadable`.
    pub unreadable: bool,
}

/// A record as one JSON object: its place, its time, of events what their envelope says, and its data. Ids
/// are strings. What people wrote is masked to its length unless `with_content`.
#[must_use]
pub fn line(topic: Topic, record: &Record, schemas: &Schemas, with_content: bool) -> Shown {
    let mut json = Map::new();
    json.insert("topic".into(), topic.name.into());
    json.insert("partition".into(), record.partition.into());
    json.insert("offset".into(), record.offset.into());
    json.insert("time".into(), rfc3339(record.timestamp_ms).into());
    if !record.key.is_empty() {
        json.insert("key".into(), String::from_utf8_lossy(&record.key).into());
    }
    let unreadable = match record.value.as_deref() {
        None => {
            json.insert("tombstone".into(), true.into());
            false
        }
        Some(value) => match data(value, schemas, &mut json) {
            Ok(mut data) => {
                if !with_content {
                    mask(&mut data);
                }
                json.insert("data".into(), data);
                false
            }
            Err(why) => {
                json.insert("unreadable".into(), why.into());
                true
            }
        },
    };
    Shown { json: Value::Object(json), unreadable }
}

/// The record's data; what its envelope says goes beside it.
fn data(value: &[u8], schemas: &Schemas, beside: &mut Map<String, Value>) -> Result<Value, String> {
    if let Some(event) = EventView::decode(value).map_err(|error| error.to_string())? {
        beside.insert("record".into(), GatewayEvent::codec().name.into());
        beside.insert("event".into(), event.event_type.into());
        let ids = [
            ("guild", event.guild_id.map(|id| id.to_string())),
            ("channel", event.channel_id.map(|id| id.to_string())),
            ("user", event.user_id.map(|id| id.to_string())),
        ];
        for (name, id) in ids {
            if let Some(id) = id {
                beside.insert(name.into(), id.into());
            }
        }
        beside.insert("shard".into(), event.shard.into());
        beside.insert("sequence".into(), event.sequence.into());
        beside.insert("id".into(), event.id().into());
        return serde_json::from_slice(event.d).map_err(|error| format!("Discord's JSON cannot be read: {error}"));
    }
    let (name, data) = schemas.to_json(value).map_err(|error| error.to_string())?;
    beside.insert("record".into(), name.into());
    Ok(data)
}

/// Replaces what people wrote by its length, at any depth.
pub fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if WRITTEN_BY_PEOPLE.contains(&name.as_str()) {
                    hide(value);
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        _ => {}
    }
}

/// Every text below: what holds it may have names of its own.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => *value = masked(text).into(),
        Value::Object(map) => map.values_mut().for_each(hide),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// A text's length in its place.
pub(crate) fn masked(text: &str) -> String {
    format!("‹{} chars›", text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_masked_at_any_depth() {
        let mut data = serde_json::json!({"d": {"content": "secret", "id": "1", "embeds": [{"description": "xy"}]}});
        mask(&mut data);
        assert_eq!(
            data,
            serde_json::json!({"d": {"content": "‹6 chars›", "id": "1", "embeds": [{"description": "‹2 chars›"}]}})
        );
    }
}
