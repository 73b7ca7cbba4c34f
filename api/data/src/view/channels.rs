use miso_discord_state::permissions::Channel;
use miso_model::{ChannelId, Permissions, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Fields {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    position: Option<i64>,
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    nsfw: bool,
}

/// A channel; `None` for JSON that is none.
pub(crate) fn channel(json: &str, channel: &Channel, bot: Permissions) -> Option<Value> {
    let fields: Fields = serde_json::from_str(json).ok()?;
    Some(json!({
        "id": channel.id,
        "name": fields.name,
        "type": channel.kind,
        "position": fields.position.unwrap_or(0),
        "parent_id": channel.parent_id,
        "topic": fields.topic,
        "nsfw": fields.nsfw,
        "bot_permissions": bot,
    }))
}

/// An active thread; `None` for JSON that is none.
pub(crate) fn thread(json: &str, thread: &Channel, bot: Permissions) -> Option<Value> {
    #[derive(Deserialize)]
    struct Thread {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        parent_id: Option<ChannelId>,
        #[serde(default)]
        owner_id: Option<UserId>,
        #[serde(default)]
        thread_metadata: Metadata,
    }
    #[derive(Default, Deserialize)]
    struct Metadata {
        #[serde(default)]
        locked: bool,
    }
    let fields: Thread = serde_json::from_str(json).ok()?;
    Some(json!({
        "id": thread.id,
        "name": fields.name,
        "type": thread.kind,
        "parent_id": fields.parent_id,
        "owner_id": fields.owner_id,
        "locked": fields.thread_metadata.locked,
        "bot_permissions": bot,
    }))
}

/// As Discord's client shows them: what has no category first, then by category; in each, text before
/// voice, by position and id.
pub(crate) fn order(channels: &mut [Value]) {
    const CATEGORY: u64 = 4;
    let text = |value: &Value, field: &str| value[field].as_str().and_then(|id| id.parse::<u64>().ok());
    let place = |value: &Value| (value["position"].as_i64().unwrap_or(0), text(value, "id").unwrap_or(0));
    let is_category = |value: &Value| value["type"] == CATEGORY;
    let categories: std::collections::HashMap<u64, (i64, u64)> = channels
        .iter()
        .filter(|channel| is_category(channel))
        .filter_map(|channel| Some((text(channel, "id")?, place(channel))))
        .collect();
    channels.sort_by_cached_key(|channel| {
        let own = text(channel, "id").filter(|_| is_category(channel));
        let category = own.or_else(|| text(channel, "parent_id")).and_then(|id| categories.get(&id)).copied();
        let is_voice = matches!(channel["type"].as_u64(), Some(2 | 13));
        (category.is_some(), category, own.is_none(), is_voice, place(channel))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_stand_as_in_discord_s_client() {
        let one = |id: &str, kind: u64, position: i64, parent: Option<&str>| json!({"id": id, "type": kind, "position": position, "parent_id": parent});
        let mut channels = vec![
            one("1", 2, 0, Some("9")),
            one("2", 0, 1, Some("9")),
            one("3", 0, 0, Some("9")),
            one("8", 4, 0, None),
            one("9", 4, 1, None),
            one("4", 0, 5, Some("8")),
            one("5", 0, 7, None),
        ];
        order(&mut channels);
        let ids: Vec<&str> = channels.iter().filter_map(|channel| channel["id"].as_str()).collect();
        assert_eq!(ids, ["5", "8", "4", "9", "3", "2", "1"]);
    }
}
