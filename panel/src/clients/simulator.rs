use bytes::Bytes;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ClientError, json as answer, send};

/// A file of a message that is shown, at most, bytes; a larger one is an error.
pub(crate) const FILE_BYTES: usize = 10 * 1024 * 1024;

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

    /// A file that came with a message: its bytes and type. At most [`FILE_BYTES`].
    pub(crate) async fn file(&self, path: &str) -> Result<(Bytes, String), ClientError> {
        let origin = self.base.strip_suffix("/control").unwrap_or(&self.base);
        let response = send(SERVICE, self.http.get(format!("{origin}/cdn/attachments/{path}"))).await?;
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let away = |reason: String| ClientError::Away { service: SERVICE, reason };
        let bytes = response.bytes().await.map_err(|error| away(error.without_url().to_string()))?;
        if bytes.len() > FILE_BYTES {
            return Err(away(format!("the file is larger than {FILE_BYTES} bytes")));
        }
        Ok((bytes, kind))
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
