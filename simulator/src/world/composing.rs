//! From a request's body to a message object: checks, mentions, attachments, replies.

use serde_json::{Value, json};

use super::messages::Author;
use super::uploads::Upload;
use super::{EMPTY_MESSAGE, INVALID_FORM, Refusal, World, read_id};
use crate::snowflake::iso8601;

/// Longest content in characters, and most embeds, as Discord's.
pub(super) const MAX_CONTENT: usize = 2000;
const MAX_EMBEDS: usize = 10;

impl World {
    pub(super) fn build_message(
        &mut self,
        id: u64,
        channel: u64,
        author: &Author,
        body: &Value,
        uploads: &[Upload],
        now_ms: u64,
    ) -> Result<Value, Refusal> {
        let content = body["content"].as_str().unwrap_or_default();
        let author_object = match author {
            Author::User(user) => self.user(*user)?.clone(),
            Author::Webhook { id, name, application: None } => {
                json!({"id": id.to_string(), "username": name, "global_name": null, "discriminator": "0000", "avatar": null, "bot": true, "public_flags": 0})
            }
            Author::Webhook { application: Some(bot), .. } => self.user(*bot)?.clone(),
        };
        let attachments: Vec<Value> = uploads.iter().map(|upload| self.attachment(channel, upload, now_ms)).collect();
        let mut message = json!({
            "id": id.to_string(), "channel_id": channel.to_string(), "author": author_object, "content": content,
            "timestamp": iso8601(now_ms), "edited_timestamp": null, "tts": body["tts"] == true,
            "mention_everyone": content.contains("@everyone"), "mentions": self.mentions(content), "mention_roles": [],
            "attachments": attachments, "embeds": pictured(embeds(&body["embeds"]), &attachments), "pinned": false, "type": 0,
            "flags": body["flags"].as_u64().unwrap_or(0), "components": list(&body["components"]),
        });
        if let Author::Webhook { id, application, .. } = author {
            message["webhook_id"] = json!(id.to_string());
            if let Some(application) = application {
                message["application_id"] = json!(application.to_string());
            }
        }
        let reference = &body["message_reference"];
        if let Some(target) = read_id(&reference["message_id"]) {
            let place = read_id(&reference["channel_id"]).unwrap_or(channel);
            match self.message_object(place, target) {
                Ok(referenced) => {
                    message["type"] = json!(19);
                    let replied = referenced["author"].clone();
                    if let Some(mentions) = message["mentions"].as_array_mut()
                        && !mentions.iter().any(|user| user["id"] == replied["id"])
                    {
                        mentions.push(replied);
                    }
                    message["referenced_message"] = referenced;
                }
                Err(_) if reference["fail_if_not_exists"] == false => message["referenced_message"] = Value::Null,
                Err(_) => return Err(INVALID_FORM),
            }
            message["message_reference"] =
                json!({"type": 0, "message_id": target.to_string(), "channel_id": place.to_string()});
            if let Some(guild) = self.channel(channel)?.guild {
                message["message_reference"]["guild_id"] = json!(guild.to_string());
            }
        }
        Ok(message)
    }

    fn attachment(&mut self, channel: u64, upload: &Upload, now_ms: u64) -> Value {
        let id = self.ids.next(now_ms);
        let path = format!("{channel}/{id}/{}", upload.name);
        let url = format!("https://cdn.discordapp.com/attachments/{path}");
        self.uploads.keep(path, upload);
        json!({"id": id.to_string(), "filename": upload.name, "size": upload.content.len(), "url": url, "proxy_url": url, "content_type": upload.kind})
    }

    /// The users named as `<@id>` or `<@!id>`.
    pub(super) fn mentions(&self, content: &str) -> Vec<Value> {
        let mut found: Vec<u64> = Vec::new();
        for part in content.split("<@").skip(1) {
            let id = part.strip_prefix('!').unwrap_or(part).split('>').next().and_then(|id| id.parse().ok());
            if let Some(id) = id.filter(|id| !found.contains(id)) {
                found.push(id);
            }
        }
        found.iter().filter_map(|id| self.users.get(id).cloned()).collect()
    }

    /// Adds what only the gateway shows: the guild, the author's member, the mentioned members.
    pub(super) fn decorate(&self, event: &mut Value, guild: Option<u64>, author: u64) {
        let Some(guild) = guild else {
            event["channel_type"] = json!(1);
            return;
        };
        event["guild_id"] = json!(guild.to_string());
        if let Some(member) = self.partial_member(guild, author) {
            event["member"] = member;
        }
        if let Some(mentions) = event["mentions"].as_array_mut() {
            for user in mentions {
                if let Some(member) = read_id(&user["id"]).and_then(|id| self.partial_member(guild, id)) {
                    user["member"] = member;
                }
            }
        }
    }
}

pub(super) fn check_content(body: &Value, uploads: &[Upload]) -> Result<(), Refusal> {
    if !body.is_object() {
        return Err(INVALID_FORM);
    }
    let content = match &body["content"] {
        Value::Null => "",
        Value::String(text) => text,
        _ => return Err(INVALID_FORM),
    };
    if content.chars().count() > MAX_CONTENT
        || body["embeds"].as_array().is_some_and(|embeds| embeds.len() > MAX_EMBEDS)
    {
        return Err(INVALID_FORM);
    }
    let has = |name: &str| body[name].as_array().is_some_and(|list| !list.is_empty());
    let filled = !content.trim().is_empty()
        || has("embeds")
        || has("components")
        || has("sticker_ids")
        || body["poll"].is_object();
    if filled || !uploads.is_empty() { Ok(()) } else { Err(EMPTY_MESSAGE) }
}

fn list(value: &Value) -> Value {
    if value.is_array() { value.clone() } else { json!([]) }
}

/// Embeds that name a file of their message by `attachment://` get its address.
fn pictured(mut embeds: Vec<Value>, attachments: &[Value]) -> Vec<Value> {
    for embed in &mut embeds {
        for place in ["image", "thumbnail"] {
            let named = embed[place]["url"].as_str().and_then(|url| url.strip_prefix("attachment://"));
            let file = named.and_then(|name| attachments.iter().find(|file| file["filename"] == name));
            if let Some(file) = file {
                embed[place]["url"] = file["url"].clone();
            }
        }
    }
    embeds
}

pub(super) fn embeds(value: &Value) -> Vec<Value> {
    let mut embeds = value.as_array().cloned().unwrap_or_default();
    for embed in embeds.iter_mut().filter_map(Value::as_object_mut) {
        embed.entry("type").or_insert_with(|| json!("rich"));
    }
    embeds
}
