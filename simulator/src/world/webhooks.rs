//! Webhooks.

use serde_json::{Value, json};

use super::{BOT_ID, MAX_KEPT, Refusal, UNKNOWN_WEBHOOK, World};
use crate::snowflake::Mix;

/// A webhook of a channel.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: u64,
    pub(crate) channel: u64,
    pub(crate) token: String,
    pub(crate) name: String,
}

/// A secret-looking text that follows from `id`.
pub(crate) fn token_for(id: u64) -> String {
    let mut mix = Mix::new(id);
    format!("{:016x}{:016x}{:016x}{:016x}", mix.next(), mix.next(), mix.next(), mix.next())
}

impl World {
    pub(crate) fn webhook_object(&self, webhook: &Webhook) -> Value {
        let guild = self.channels.get(&webhook.channel).and_then(|channel| channel.guild);
        json!({
            "id": webhook.id.to_string(), "type": 1, "channel_id": webhook.channel.to_string(), "guild_id": guild.map(|id| id.to_string()),
            "name": webhook.name, "avatar": null, "token": webhook.token, "application_id": null, "user": self.users.get(&BOT_ID),
            "url": format!("https://discord.com/api/webhooks/{}/{}", webhook.id, webhook.token),
        })
    }

    pub(crate) fn create_webhook(&mut self, channel: u64, name: &str, now_ms: u64) -> Result<Webhook, Refusal> {
        let guild = self.channel(channel)?.guild;
        while self.webhooks.len() >= MAX_KEPT {
            self.webhooks.pop_first();
        }
        let id = self.ids.next(now_ms);
        let webhook = Webhook { id, channel, token: token_for(id), name: name.to_owned() };
        self.webhooks.insert(id, webhook.clone());
        if let Some(guild) = guild {
            self.emit("WEBHOOKS_UPDATE", &json!({"guild_id": guild.to_string(), "channel_id": channel.to_string()}));
        }
        Ok(webhook)
    }

    /// The webhook, its token checked when given.
    pub(crate) fn webhook(&self, id: u64, token: Option<&str>) -> Result<&Webhook, Refusal> {
        self.webhooks.get(&id).filter(|webhook| token.is_none_or(|token| token == webhook.token)).ok_or(UNKNOWN_WEBHOOK)
    }

    pub(crate) fn delete_webhook(&mut self, id: u64) -> Result<(), Refusal> {
        self.webhooks.remove(&id).map(|_| ()).ok_or(UNKNOWN_WEBHOOK)
    }
}
