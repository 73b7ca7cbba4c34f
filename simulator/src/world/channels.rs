//! Channels, threads and direct channels.

use serde_json::{Map, Value, json};

use super::{BOT_ID, Channel, INVALID_FORM, MAX_GUILD_CHANNELS, MAX_KEPT, Refusal, TOO_MANY, World, merge};
use crate::snowflake::iso8601;

const EDITABLE: [&str; 17] = [
    "name",
    "type",
    "topic",
    "nsfw",
    "position",
    "parent_id",
    "rate_limit_per_user",
    "bitrate",
    "user_limit",
    "permission_overwrites",
    "archived",
    "locked",
    "auto_archive_duration",
    "invitable",
    "flags",
    "default_auto_archive_duration",
    "rtc_region",
];
const THREAD_TYPES: std::ops::RangeInclusive<u64> = 10..=12;

fn is_thread(fields: &Map<String, Value>) -> bool {
    fields.get("type").and_then(Value::as_u64).is_some_and(|kind| THREAD_TYPES.contains(&kind))
}

impl World {
    /// Puts a channel into the guild without an event.
    pub(crate) fn insert_channel(&mut self, guild: u64, id: u64, body: &Value) {
        let mut fields = match json!({
            "id": id.to_string(), "guild_id": guild.to_string(), "type": 0, "name": "channel", "position": 0, "parent_id": null,
            "permission_overwrites": [], "flags": 0, "nsfw": false, "topic": null, "last_message_id": null, "rate_limit_per_user": 0,
        }) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        merge(&mut fields, body, &EDITABLE);
        self.channels.insert(id, Channel { guild: Some(guild), fields, ..Channel::default() });
        if let Some(guild) = self.guilds.get_mut(&guild) {
            guild.channels.push(id);
        }
    }

    /// Puts a public thread under `parent` without an event.
    pub(crate) fn insert_thread(&mut self, guild: u64, parent: u64, id: u64, name: &str, owner: u64) -> Value {
        let made = iso8601(crate::snowflake::made_ms(id));
        let object = json!({
            "id": id.to_string(), "guild_id": guild.to_string(), "parent_id": parent.to_string(), "owner_id": owner.to_string(),
            "type": 11, "name": name, "last_message_id": null, "message_count": 0, "member_count": 1, "rate_limit_per_user": 0,
            "total_message_sent": 0, "flags": 0, "thread_metadata": {
                "archived": false, "auto_archive_duration": 1440, "archive_timestamp": made, "locked": false, "create_timestamp": made,
            },
        });
        let fields = object.as_object().cloned().unwrap_or_default();
        self.channels.insert(id, Channel { guild: Some(guild), fields, ..Channel::default() });
        if let Some(guild) = self.guilds.get_mut(&guild) {
            guild.threads.push(id);
        }
        object
    }

    pub(crate) fn create_channel(&mut self, guild: u64, body: &Value, now_ms: u64) -> Result<(u64, Value), Refusal> {
        if self.guild(guild)?.channels.len() >= MAX_GUILD_CHANNELS {
            return Err(TOO_MANY);
        }
        if body["name"].as_str().is_none_or(str::is_empty) {
            return Err(INVALID_FORM);
        }
        let id = self.ids.next(now_ms);
        self.insert_channel(guild, id, body);
        let object = Value::Object(self.channel(id)?.fields.clone());
        self.emit("CHANNEL_CREATE", &object);
        Ok((id, object))
    }

    pub(crate) fn edit_channel(&mut self, id: u64, body: &Value) -> Result<Value, Refusal> {
        let channel = self.channel_mut(id)?;
        let thread = is_thread(&channel.fields);
        merge(&mut channel.fields, body, &EDITABLE);
        if thread && let Some(metadata) = channel.fields.get_mut("thread_metadata").and_then(Value::as_object_mut) {
            merge(metadata, body, &["archived", "locked", "auto_archive_duration"]);
        }
        let object = Value::Object(channel.fields.clone());
        self.emit(if thread { "THREAD_UPDATE" } else { "CHANNEL_UPDATE" }, &object);
        Ok(object)
    }

    pub(crate) fn delete_channel(&mut self, id: u64) -> Result<Value, Refusal> {
        let channel = self.channels.remove(&id).ok_or(super::UNKNOWN_CHANNEL)?;
        let thread = is_thread(&channel.fields);
        if let Some(guild) = channel.guild.and_then(|guild| self.guilds.get_mut(&guild)) {
            guild.channels.retain(|other| *other != id);
            guild.threads.retain(|other| *other != id);
        }
        let object = Value::Object(channel.fields);
        if thread {
            let data = json!({"id": object["id"], "guild_id": object["guild_id"], "parent_id": object["parent_id"], "type": object["type"]});
            self.emit("THREAD_DELETE", &data);
        } else {
            self.emit("CHANNEL_DELETE", &object);
        }
        Ok(object)
    }

    /// A thread, from a message when `message` is given (then it has the message's id).
    pub(crate) fn create_thread(
        &mut self,
        parent: u64,
        message: Option<u64>,
        body: &Value,
        now_ms: u64,
    ) -> Result<(u64, Value), Refusal> {
        let guild = self.channel(parent)?.guild.ok_or(INVALID_FORM)?;
        let name = body["name"].as_str().filter(|name| !name.is_empty()).ok_or(INVALID_FORM)?;
        if self.guild(guild)?.threads.len() >= MAX_GUILD_CHANNELS {
            return Err(TOO_MANY);
        }
        if let Some(message) = message {
            self.message_mut(parent, message)?;
        }
        let id = message.unwrap_or_else(|| self.ids.next(now_ms));
        let mut object = self.insert_thread(guild, parent, id, name, BOT_ID);
        object["newly_created"] = json!(true);
        self.emit("THREAD_CREATE", &object);
        Ok((id, object))
    }

    /// Threads of a guild that are not archived.
    pub(crate) fn active_threads(&self, guild: u64) -> Result<Vec<Value>, Refusal> {
        Ok(self.objects(&self.guild(guild)?.threads))
    }

    /// The direct channel with `user`, made at the first request.
    pub(crate) fn direct_channel(&mut self, user: u64, now_ms: u64) -> Result<(u64, Value), Refusal> {
        let recipient = self.user(user)?.clone();
        if let Some(id) = self.direct.get(&user) {
            return Ok((*id, Value::Object(self.channel(*id)?.fields.clone())));
        }
        while self.direct.len() >= MAX_KEPT {
            let Some((_, oldest)) = self.direct.pop_first() else {
                break;
            };
            self.channels.remove(&oldest);
        }
        let id = self.ids.next(now_ms);
        let object =
            json!({"id": id.to_string(), "type": 1, "last_message_id": null, "recipients": [recipient], "flags": 0});
        let fields = object.as_object().cloned().unwrap_or_default();
        self.channels.insert(id, Channel { guild: None, fields, ..Channel::default() });
        self.direct.insert(user, id);
        Ok((id, object))
    }

    pub(crate) fn typing(&mut self, channel: u64, user: u64, now_ms: u64) -> Result<(), Refusal> {
        let guild = self.channel(channel)?.guild;
        let mut data =
            json!({"channel_id": channel.to_string(), "user_id": user.to_string(), "timestamp": now_ms / 1000});
        if let Some(guild) = guild {
            data["guild_id"] = json!(guild.to_string());
            if let Ok(member) = self.member(guild, user) {
                data["member"] = member;
            }
        }
        self.emit("TYPING_START", &data);
        Ok(())
    }

    /// Permission overwrites: set (`Some`) or delete.
    pub(crate) fn overwrite(&mut self, channel: u64, target: u64, body: Option<&Value>) -> Result<(), Refusal> {
        let entry = self.channel_mut(channel)?;
        let overwrites =
            entry.fields.get_mut("permission_overwrites").and_then(Value::as_array_mut).ok_or(INVALID_FORM)?;
        overwrites.retain(|overwrite| overwrite["id"] != *target.to_string());
        if let Some(body) = body {
            let (allow, deny) = (body["allow"].as_str().unwrap_or("0"), body["deny"].as_str().unwrap_or("0"));
            overwrites.push(json!({"id": target.to_string(), "type": body["type"], "allow": allow, "deny": deny}));
        }
        let object = Value::Object(entry.fields.clone());
        self.emit("CHANNEL_UPDATE", &object);
        Ok(())
    }
}
