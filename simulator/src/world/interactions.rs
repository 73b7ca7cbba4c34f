//! Interactions: created by the control API, answered by callbacks and by the webhook of their token.

use serde_json::{Value, json};

use super::messages::Author;
use super::uploads::Upload;
use super::{
    ALREADY_ACKNOWLEDGED, BOT_ID, INVALID_FORM, MAX_KEPT, Refusal, UNKNOWN_INTERACTION, UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK, World,
};
use crate::snowflake::iso8601;

/// The first answer must come within this time.
const ANSWER_MS: u64 = 3_000;
/// The token lives this long.
const TOKEN_MS: u64 = 900_000;

/// An interaction waiting for, or being, answered.
#[derive(Debug, Clone)]
pub(crate) struct Interaction {
    pub(crate) id: u64,
    pub(crate) channel: u64,
    made_ms: u64,
    acknowledged: bool,
    /// The message it came from (components) or was answered with.
    original: Option<u64>,
}

impl World {
    /// User `user` uses slash command `name` (`options` verbatim) or, with `message`, a component of it; returns (id, token).
    pub(crate) fn interact(
        &mut self,
        channel: u64,
        user: u64,
        data: &Value,
        message: Option<u64>,
        now_ms: u64,
    ) -> Result<(u64, String), Refusal> {
        let guild = self.channel(channel)?.guild;
        let channel_object = Value::Object(self.channel(channel)?.fields.clone());
        let id = self.ids.next(now_ms);
        let token = super::webhooks::token_for(id);
        let mut event = json!({
            "id": id.to_string(), "application_id": BOT_ID.to_string(), "type": if message.is_some() { 3 } else { 2 }, "token": token,
            "version": 1, "data": data, "channel_id": channel.to_string(), "channel": channel_object, "locale": "en-US",
            "app_permissions": "8", "entitlements": [], "attachment_size_limit": 10_485_760, "context": i32::from(guild.is_none()),
            "authorizing_integration_owners": {},
        });
        if let Some(message) = message {
            event["message"] = self.message_object(channel, message)?;
        }
        match guild {
            Some(guild) => {
                let mut member = self.member(guild, user)?;
                member["permissions"] = json!(self.base_permissions(guild, user).to_string());
                event["member"] = member;
                event["guild_id"] = json!(guild.to_string());
                event["guild_locale"] = json!("en-US");
                event["guild"] = json!({"id": guild.to_string(), "locale": "en-US", "features": []});
            }
            None => event["user"] = self.user(user)?.clone(),
        }
        while self.interaction_order.len() >= MAX_KEPT {
            let Some(oldest) = self.interaction_order.pop_front() else {
                break;
            };
            self.interactions.remove(&oldest);
        }
        self.interaction_order.push_back(token.clone());
        let interaction = Interaction { id, channel, made_ms: now_ms, acknowledged: false, original: message };
        self.interactions.insert(token.clone(), interaction);
        self.emit("INTERACTION_CREATE", &event);
        Ok((id, token))
    }

    /// The callback; returns the message it made, if any.
    pub(crate) fn answer_interaction(
        &mut self,
        id: u64,
        token: &str,
        body: &Value,
        uploads: &[Upload],
        now_ms: u64,
    ) -> Result<Option<u64>, Refusal> {
        let kind = body["type"].as_u64().ok_or(INVALID_FORM)?;
        let found = self
            .interactions
            .get(token)
            .filter(|interaction| interaction.id == id)
            .cloned()
            .ok_or(UNKNOWN_INTERACTION)?;
        if found.acknowledged {
            return Err(ALREADY_ACKNOWLEDGED);
        }
        if now_ms.saturating_sub(found.made_ms) > ANSWER_MS {
            return Err(UNKNOWN_INTERACTION);
        }
        let mut original = found.original;
        let mut made = None;
        match kind {
            4 => {
                let created =
                    self.create_message(found.channel, &interaction_author(), &body["data"], uploads, now_ms)?;
                original = Some(created.id);
                made = original;
            }
            7 => {
                if let Some(message) = found.original {
                    self.edit_message(found.channel, message, None, &body["data"], now_ms)?;
                    made = Some(message);
                }
            }
            5 => original = None,
            1 | 6 | 8 | 9 | 10 | 12 => {}
            _ => return Err(INVALID_FORM),
        }
        if let Some(interaction) = self.interactions.get_mut(token) {
            interaction.acknowledged = true;
            interaction.original = original;
        }
        Ok(made)
    }

    /// The live interaction of a webhook token of this application.
    pub(crate) fn interaction_of(&self, application: u64, token: &str, now_ms: u64) -> Result<&Interaction, Refusal> {
        let found = self.interactions.get(token).filter(|_| application == BOT_ID).ok_or(UNKNOWN_WEBHOOK)?;
        if now_ms.saturating_sub(found.made_ms) > TOKEN_MS {
            return Err(super::refusal(401, 50027, "Invalid Webhook Token"));
        }
        Ok(found)
    }

    /// A follow-up message, or the answer that was deferred.
    pub(crate) fn follow_up(
        &mut self,
        application: u64,
        token: &str,
        body: &Value,
        uploads: &[Upload],
        now_ms: u64,
    ) -> Result<(u64, Value), Refusal> {
        let found = self.interaction_of(application, token, now_ms)?.clone();
        if !found.acknowledged {
            return Err(UNKNOWN_WEBHOOK);
        }
        let created = self.create_message(found.channel, &interaction_author(), body, uploads, now_ms)?;
        if found.original.is_none()
            && let Some(interaction) = self.interactions.get_mut(token)
        {
            interaction.original = Some(created.id);
        }
        Ok((created.id, created.object))
    }

    /// The message `@original` means.
    pub(crate) fn original_of(&self, application: u64, token: &str, now_ms: u64) -> Result<(u64, u64), Refusal> {
        let found = self.interaction_of(application, token, now_ms)?;
        Ok((found.channel, found.original.ok_or(UNKNOWN_MESSAGE)?))
    }

    /// PATCH of `@original`: an edit, or the first text of a deferred answer.
    pub(crate) fn edit_original(
        &mut self,
        application: u64,
        token: &str,
        body: &Value,
        uploads: &[Upload],
        now_ms: u64,
    ) -> Result<(u64, Value), Refusal> {
        match self.original_of(application, token, now_ms) {
            Ok((channel, message)) => Ok((message, self.edit_message(channel, message, None, body, now_ms)?)),
            Err(UNKNOWN_MESSAGE) => self.follow_up(application, token, body, uploads, now_ms),
            Err(other) => Err(other),
        }
    }

    /// `GET /invites/{code}` and friends need an invite object.
    pub(crate) fn create_invite(&mut self, channel: u64, now_ms: u64) -> Result<Value, Refusal> {
        let entry = self.channel(channel)?;
        let guild = entry.guild.ok_or(INVALID_FORM)?;
        let channel_short =
            json!({"id": channel.to_string(), "name": entry.fields["name"], "type": entry.fields["type"]});
        let code = format!("sim{:x}", self.ids.next(now_ms));
        let invite = json!({
            "code": code, "type": 0, "guild_id": guild.to_string(), "guild": self.guild_short(guild)?, "channel": channel_short,
            "inviter": self.users.get(&BOT_ID), "uses": 0, "max_uses": 0, "max_age": 86_400, "temporary": false, "created_at": iso8601(now_ms),
        });
        while self.invites.len() >= MAX_KEPT {
            self.invites.pop_first();
        }
        self.invites.insert(code.clone(), invite.clone());
        let event = json!({
            "code": code, "guild_id": guild.to_string(), "channel_id": channel.to_string(), "created_at": iso8601(now_ms), "max_age": 86_400,
            "max_uses": 0, "temporary": false, "uses": 0, "inviter": self.users.get(&BOT_ID),
        });
        self.emit("INVITE_CREATE", &event);
        Ok(invite)
    }
}

fn interaction_author() -> Author {
    Author::Webhook { id: BOT_ID, name: "Miso".to_owned(), application: Some(BOT_ID) }
}
