//! Messages: creating (with nonces), editing, deleting, listing, pins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use super::composing::{MAX_CONTENT, check_content, embeds};
use super::reactions::Reaction;
use super::uploads::Upload;
use super::{
    BOT_ID, BULK_AGE, BULK_COUNT, CANNOT_EDIT, INVALID_FORM, MAX_MESSAGES_PER_CHANNEL, Refusal, UNKNOWN_MESSAGE, World,
    read_id,
};
use crate::gateway::TemplateSet;
use crate::snowflake::{BLAST_BIT, blast_id, iso8601, made_ms};

/// How long a nonce is remembered (Discord: "a few minutes").
const NONCE_MS: u64 = 180_000;
/// Nonces remembered; beyond it the oldest are forgotten early.
const MAX_NONCES: usize = 200_000;
/// Longest nonce, as Discord's.
const MAX_NONCE: usize = 25;
const TWO_WEEKS_MS: u64 = 14 * 86_400_000;
const BITS: u64 = BLAST_BIT;

/// A message as stored: without `guild_id`, `member` and `reactions`, which are added where they are shown.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) object: Value,
    pub(crate) author: u64,
    pub(crate) reactions: Vec<Reaction>,
}

/// Who speaks.
#[derive(Debug, Clone)]
pub(crate) enum Author {
    User(u64),
    /// A webhook, with the name it uses and the application it belongs to.
    Webhook {
        id: u64,
        name: String,
        application: Option<u64>,
    },
}

/// What create-message did.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) id: u64,
    pub(crate) object: Value,
    /// False when `enforce_nonce` found the message of the first request.
    pub(crate) new: bool,
}

/// What is needed to bring a blasted message back when somebody refers to it.
#[derive(Debug, Default)]
pub(crate) struct Blasted {
    /// The number the next blasted message will have.
    pub(crate) next: Arc<AtomicU64>,
    /// (first number, templates) of every blast.
    pub(crate) sets: Vec<(u64, Arc<TemplateSet>)>,
}

impl World {
    pub(crate) fn create_message(
        &mut self,
        channel: u64,
        author: &Author,
        body: &Value,
        uploads: &[Upload],
        now_ms: u64,
    ) -> Result<Created, Refusal> {
        let guild = self.channel(channel)?.guild;
        let nonce = match &body["nonce"] {
            Value::String(text) if text.chars().count() > MAX_NONCE => return Err(INVALID_FORM),
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let author_id = author.id();
        if body["enforce_nonce"] == true
            && let Some(nonce) = &nonce
            && let Some((message, place, made)) = self.nonces.get(&(author_id, nonce.clone())).copied()
            && now_ms.saturating_sub(made) < NONCE_MS
        {
            let object = self.message_object(place, message)?;
            return Ok(Created { id: message, object, new: false });
        }
        check_content(body, uploads)?;
        let id = self.ids.next(now_ms);
        let object = self.build_message(id, channel, author, body, uploads, now_ms)?;
        let mut event = object.clone();
        if let Some(nonce) = nonce {
            event["nonce"] = body["nonce"].clone();
            self.remember_nonce(author_id, nonce, (id, channel, now_ms));
        }
        let shown = event.clone();
        self.decorate(&mut event, guild, author_id);
        let entry = self.channel_mut(channel)?;
        entry.fields.insert("last_message_id".to_owned(), json!(id.to_string()));
        entry.messages.insert(id, Message { object, author: author_id, reactions: Vec::new() });
        while entry.messages.len() > MAX_MESSAGES_PER_CHANNEL {
            entry.messages.pop_first();
        }
        self.emit_message("MESSAGE_CREATE", &event);
        Ok(Created { id, object: shown, new: true })
    }

    fn remember_nonce(&mut self, author: u64, nonce: String, entry: super::NonceEntry) {
        while let Some((made, key)) = self.nonce_order.front() {
            if self.nonce_order.len() < MAX_NONCES && made + NONCE_MS > entry.2 {
                break;
            }
            if self.nonces.get(key).is_some_and(|(_, _, at)| at == made) {
                self.nonces.remove(key);
            }
            self.nonce_order.pop_front();
        }
        self.nonce_order.push_back((entry.2, (author, nonce.clone())));
        self.nonces.insert((author, nonce), entry);
    }

    /// The stored message; a blasted one is brought back at its first use.
    pub(crate) fn message_mut(&mut self, channel: u64, id: u64) -> Result<&mut Message, Refusal> {
        if !self.channel(channel)?.messages.contains_key(&id)
            && let Some(message) = self.blasted_message(channel, id)
        {
            self.channel_mut(channel)?.messages.insert(id, message);
        }
        self.channel_mut(channel)?.messages.get_mut(&id).ok_or(UNKNOWN_MESSAGE)
    }

    fn blasted_message(&self, channel: u64, id: u64) -> Option<Message> {
        if id & BITS == 0 {
            return None;
        }
        let blasted = self.blasted.as_ref()?;
        let latest = blasted.next.load(Ordering::Acquire).checked_sub(1)?;
        let back = latest.wrapping_sub(id & (BITS - 1)) & (BITS - 1);
        let number = latest.checked_sub(back)?;
        let (_, set) = blasted.sets.iter().rev().find(|(first, _)| *first <= number)?;
        let (place, author) = set.place(number);
        if place != channel || blast_id(number, made_ms(id)) != id {
            return None;
        }
        let object = json!({
            "id": id.to_string(), "channel_id": channel.to_string(), "author": self.users.get(&author), "content": set.content(number, made_ms(id) * 1000),
            "timestamp": iso8601(made_ms(id)), "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [],
            "mention_roles": [], "attachments": [], "embeds": [], "pinned": false, "type": 0, "flags": 0, "components": [],
        });
        Some(Message { object, author, reactions: Vec::new() })
    }

    /// The message as REST shows it.
    pub(crate) fn message_object(&mut self, channel: u64, id: u64) -> Result<Value, Refusal> {
        Ok(self.message_mut(channel, id)?.shown())
    }

    /// Edits a message of `editor` (`None`: whoever; flags may be changed by others too).
    pub(crate) fn edit_message(
        &mut self,
        channel: u64,
        id: u64,
        editor: Option<u64>,
        body: &Value,
        now_ms: u64,
    ) -> Result<Value, Refusal> {
        let guild = self.channel(channel)?.guild;
        let mentions = body["content"].as_str().map(|content| self.mentions(content));
        let entry = self.message_mut(channel, id)?;
        let author = entry.author;
        let previews_only = suppresses_previews(body);
        if editor.is_some_and(|editor| editor != author) && !previews_only {
            return Err(CANNOT_EDIT);
        }
        if body["content"].as_str().is_some_and(|content| content.chars().count() > MAX_CONTENT) {
            return Err(INVALID_FORM);
        }
        if let Some(fields) = entry.object.as_object_mut() {
            edit_fields(fields, body, mentions);
            if !previews_only {
                fields.insert("edited_timestamp".to_owned(), json!(iso8601(now_ms)));
            }
        }
        let shown = entry.shown();
        let mut event = shown.clone();
        self.decorate(&mut event, guild, author);
        self.emit_message("MESSAGE_UPDATE", &event);
        Ok(shown)
    }

    pub(crate) fn delete_message(&mut self, channel: u64, id: u64) -> Result<(), Refusal> {
        self.message_mut(channel, id)?;
        let entry = self.channel_mut(channel)?;
        entry.messages.remove(&id);
        let guild = entry.guild;
        let mut data = json!({"id": id.to_string(), "channel_id": channel.to_string()});
        if let Some(guild) = guild {
            data["guild_id"] = json!(guild.to_string());
        }
        self.emit("MESSAGE_DELETE", &data);
        Ok(())
    }

    pub(crate) fn bulk_delete(&mut self, channel: u64, ids: &Value, now_ms: u64) -> Result<usize, Refusal> {
        let ids: Vec<u64> = ids.as_array().ok_or(INVALID_FORM)?.iter().filter_map(read_id).collect();
        if !(2..=100).contains(&ids.len()) {
            return Err(BULK_COUNT);
        }
        if ids.iter().any(|id| now_ms.saturating_sub(made_ms(*id)) > TWO_WEEKS_MS) {
            return Err(BULK_AGE);
        }
        let entry = self.channel_mut(channel)?;
        let guild = entry.guild.ok_or(INVALID_FORM)?;
        let gone: Vec<String> =
            ids.iter().filter(|id| entry.messages.remove(id).is_some()).map(u64::to_string).collect();
        if !gone.is_empty() {
            let data = json!({"ids": gone, "channel_id": channel.to_string(), "guild_id": guild.to_string()});
            self.emit("MESSAGE_DELETE_BULK", &data);
        }
        Ok(gone.len())
    }

    /// Newest first, as Discord lists: before, after or around an id.
    pub(crate) fn list_messages(&self, channel: u64, range: &MessageRange) -> Result<Vec<Value>, Refusal> {
        let messages = &self.channel(channel)?.messages;
        let limit = range.limit.clamp(1, 100);
        let mut out: Vec<Value> = match (range.before, range.after, range.around) {
            (_, _, Some(middle)) => {
                let older = messages.range(..=middle).rev().take(limit / 2 + 1);
                let newer = messages.range(middle.saturating_add(1)..).take(limit / 2);
                let mut both: Vec<(&u64, &Message)> = older.chain(newer).collect();
                both.sort_by_key(|(id, _)| std::cmp::Reverse(**id));
                both.iter().take(limit).map(|(_, message)| message.shown()).collect()
            }
            (_, Some(after), None) => {
                let mut newer: Vec<Value> =
                    messages.range(after.saturating_add(1)..).take(limit).map(|(_, message)| message.shown()).collect();
                newer.reverse();
                newer
            }
            (before, None, None) => messages
                .range(..before.unwrap_or(u64::MAX))
                .rev()
                .take(limit)
                .map(|(_, message)| message.shown())
                .collect(),
        };
        for message in &mut out {
            if let Some(fields) = message.as_object_mut() {
                fields.remove("nonce");
            }
        }
        Ok(out)
    }

    pub(crate) fn pin(&mut self, channel: u64, id: u64, pinned: bool, now_ms: u64) -> Result<(), Refusal> {
        self.message_mut(channel, id)?.object["pinned"] = json!(pinned);
        let mut data = json!({"channel_id": channel.to_string(), "last_pin_timestamp": iso8601(now_ms)});
        if let Some(guild) = self.channel(channel)?.guild {
            data["guild_id"] = json!(guild.to_string());
        }
        self.emit("CHANNEL_PINS_UPDATE", &data);
        Ok(())
    }

    pub(crate) fn pinned(&self, channel: u64) -> Result<Vec<Value>, Refusal> {
        Ok(self
            .channel(channel)?
            .messages
            .values()
            .rev()
            .filter(|message| message.object["pinned"] == true)
            .map(Message::shown)
            .collect())
    }
}

/// Which messages to list.
#[derive(Debug, Default)]
pub(crate) struct MessageRange {
    pub(crate) before: Option<u64>,
    pub(crate) after: Option<u64>,
    pub(crate) around: Option<u64>,
    pub(crate) limit: usize,
}

impl Author {
    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::User(id)
            | Self::Webhook { application: Some(id), .. }
            | Self::Webhook { id, application: None, .. } => *id,
        }
    }
}

impl Message {
    pub(crate) fn shown(&self) -> Value {
        let mut object = self.object.clone();
        if !self.reactions.is_empty() {
            let reactions = self.reactions.iter().map(|reaction| {
                let (count, me) = (reaction.users.len(), reaction.users.contains(&BOT_ID));
                json!({
                    "emoji": reaction.emoji, "count": count, "me": me, "me_burst": false, "burst_colors": [],
                    "count_details": {"normal": count, "burst": 0},
                })
            });
            object["reactions"] = Value::Array(reactions.collect());
        }
        object
    }
}

/// Whether an edit is about nothing but the flag that hides previews of links, SUPPRESS_EMBEDS: who may manage
/// messages does that to anybody's, and it is no edit that people see.
fn suppresses_previews(body: &Value) -> bool {
    const SUPPRESS_EMBEDS: u64 = 1 << 2;
    let only = body.as_object().is_some_and(|fields| fields.len() == 1);
    only && body["flags"].as_u64().is_some_and(|flags| flags & !SUPPRESS_EMBEDS == 0)
}

fn edit_fields(fields: &mut Map<String, Value>, body: &Value, mentions: Option<Vec<Value>>) {
    for name in ["content", "embeds", "components", "flags", "attachments"] {
        let Some(value) = body.get(name) else {
            continue;
        };
        let value = match (name, value) {
            ("content", Value::Null) => json!(""),
            ("embeds", value) => Value::Array(embeds(value)),
            (_, Value::Null) => json!([]),
            (_, value) => value.clone(),
        };
        fields.insert(name.to_owned(), value);
    }
    if let Some(mentions) = mentions {
        fields.insert("mentions".to_owned(), Value::Array(mentions));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SimulatorConfig;

    const NOW: u64 = 1_795_000_000_000;

    fn world() -> (World, u64) {
        let world = World::from_seed(&SimulatorConfig::default());
        let channel = world.guilds.values().next().unwrap().channels[1];
        (world, channel)
    }

    fn say(world: &mut World, channel: u64, body: &Value, now_ms: u64) -> Result<Created, Refusal> {
        world.create_message(channel, &Author::User(BOT_ID), body, &[], now_ms)
    }

    #[test]
    fn an_enforced_nonce_returns_the_first_message_for_minutes_and_then_no_more() {
        let (mut world, channel) = world();
        let body = json!({"content": "once", "nonce": "n1", "enforce_nonce": true});
        let first = say(&mut world, channel, &body, NOW).unwrap();
        let again = say(&mut world, channel, &body, NOW + 60_000).unwrap();
        assert!(first.new && !again.new);
        assert_eq!(first.id, again.id);
        assert_eq!(world.take_events().len(), 1);
        let late = say(&mut world, channel, &body, NOW + NONCE_MS + 1).unwrap();
        assert!(late.new);
        let loose = json!({"content": "twice", "nonce": 7});
        assert_ne!(
            say(&mut world, channel, &loose, NOW).unwrap().id,
            say(&mut world, channel, &loose, NOW).unwrap().id
        );
    }

    #[test]
    fn a_nonce_of_a_deleted_message_is_an_unknown_message() {
        let (mut world, channel) = world();
        let body = json!({"content": "once", "nonce": "n1", "enforce_nonce": true});
        let first = say(&mut world, channel, &body, NOW).unwrap();
        world.delete_message(channel, first.id).unwrap();
        assert_eq!(say(&mut world, channel, &body, NOW + 5).unwrap_err(), UNKNOWN_MESSAGE);
    }

    #[test]
    fn the_event_echoes_the_nonce_and_carries_guild_and_member() {
        let (mut world, channel) = world();
        say(&mut world, channel, &json!({"content": format!("<@{BOT_ID}>"), "nonce": "n2"}), NOW).unwrap();
        let event: Value = serde_json::from_slice(&world.take_events()[0].data).unwrap();
        assert_eq!(event["nonce"], "n2");
        assert!(event["member"]["joined_at"].is_string());
        assert!(event["guild_id"].is_string());
        assert!(event["mentions"][0]["member"].is_object());
    }

    #[test]
    fn of_somebody_elses_message_only_the_previews_can_be_hidden() {
        let (mut world, channel) = world();
        let author = world.users.keys().copied().find(|user| *user != BOT_ID).unwrap();
        let body = json!({"content": "https://x.com/a/status/1"});
        let said = world.create_message(channel, &Author::User(author), &body, &[], NOW).unwrap();
        let edit = |world: &mut World, body: &Value| world.edit_message(channel, said.id, Some(BOT_ID), body, NOW);
        assert_eq!(edit(&mut world, &json!({"content": "mine"})).unwrap_err(), CANNOT_EDIT);
        assert_eq!(edit(&mut world, &json!({"flags": 4, "content": "mine"})).unwrap_err(), CANNOT_EDIT);
        let hidden = edit(&mut world, &json!({"flags": 4})).unwrap();
        assert!(hidden["flags"] == 4 && hidden["edited_timestamp"].is_null(), "{hidden}");
    }

    #[test]
    fn the_store_of_a_channel_is_bounded() {
        let (mut world, channel) = world();
        for _ in 0..MAX_MESSAGES_PER_CHANNEL + 3 {
            say(&mut world, channel, &json!({"content": "x"}), NOW).unwrap();
        }
        assert_eq!(world.channel(channel).unwrap().messages.len(), MAX_MESSAGES_PER_CHANNEL);
    }
}
