use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ClientError, json as answer, send};

const SERVICE: &str = "simulated Discord";

/// The control API of a simulated Discord: what people do there.
pub(crate) struct SimulatorClient {
    http: Client,
    base: String,
}

/// A guild of the simulated world.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SimulatedGuild {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) channels: Vec<super::Channel>,
    #[serde(default)]
    pub(crate) users: Vec<String>,
}

impl SimulatorClient {
    pub(crate) fn new(http: Client, base: &str) -> Self {
        Self { http, base: base.trim_end_matches('/').to_owned() }
    }

    pub(crate) async fn guilds(&self) -> Result<Vec<SimulatedGuild>, ClientError> {
        answer(SERVICE, self.http.get(format!("{}/guilds", self.base))).await
    }

    /// Messages of a channel as Discord shows them, oldest first.
    pub(crate) async fn messages(&self, channel: u64) -> Result<Vec<Value>, ClientError> {
        answer(SERVICE, self.http.get(format!("{}/channels/{channel}/messages", self.base))).await
    }

    pub(crate) async fn say(&self, channel: u64, user: &str, content: &str) -> Result<(), ClientError> {
        let body = json!({"channel": channel.to_string(), "user": user, "content": content});
        self.order("say", &body).await
    }

    /// Somebody new joins.
    pub(crate) async fn join(&self, guild: &str, name: &str) -> Result<(), ClientError> {
        self.order("join", &json!({"guild": guild, "name": name})).await
    }

    /// A user reacts to a message.
    pub(crate) async fn react(&self, channel: u64, user: &str, message: &str, emoji: &str) -> Result<(), ClientError> {
        let body = json!({"channel": channel.to_string(), "user": user, "message": message, "emoji": emoji});
        self.order("react", &body).await
    }

    /// A user presses a button of a message.
    pub(crate) async fn press(&self, channel: u64, user: &str, message: &str, button: &str) -> Result<(), ClientError> {
        let body = json!({"channel": channel.to_string(), "user": user, "message": message, "name": button});
        self.order("interaction", &body).await
    }

    /// Cuts the bot's connections without a word.
    pub(crate) async fn drop_gateway(&self) -> Result<(), ClientError> {
        self.order("gateway/drop", &json!({})).await
    }

    async fn order(&self, what: &str, body: &Value) -> Result<(), ClientError> {
        send(SERVICE, self.http.post(format!("{}/{what}", self.base)).json(body)).await.map(|_| ())
    }
}
