//! The data API: REST over the folded state of Discord, and the login with Discord.
//!
//! An instance holds its own fold of Discord's state, restored from the compacted topic, and answers from
//! memory; every answer says where in the log it stands and how old that is. Discord itself is asked only
//! for what is the user's own: tokens, `/users/@me`, the list of their guilds. Tokens are kept in memory
//! only, under their hash.

mod access;
mod api;
mod asking;
mod bounded;
mod discord;
mod members;
mod openapi;
mod routes;
mod stand;
mod tokens;
mod view;

use std::sync::Arc;

use miso_discord_state::DiscordState;
use miso_log::SharedLog;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use api::{GUILD_LIST_MS, MAX_GUILD_LISTS};
pub use asking::MAX_QUESTIONS;
pub use discord::MAX_ANSWER_BYTES;
pub use members::{MAX_INDEXED, MAX_PAGE};
pub use openapi::openapi;
pub use tokens::{MAX_REFUSED_TOKENS, MAX_TOKENS, TOKEN_TRUST_MS};

/// Section of the configuration.
#[derive(Clone, Default)]
pub struct DataConfig {
    /// `MISO_CLUSTER_KEY`: services send it as `Authorization: Bearer <key>`. Empty: no service is let in.
    pub cluster_key: String,
    /// `MISO_DISCORD_API_URL`, such as `https://discord.com/api`; `/v10/…` and `/oauth2/…` are appended.
    pub api_url: String,
    /// `DISCORD_CLIENT_ID`; without it the application's id, once a READY was folded.
    pub client_id: Option<String>,
    /// `DISCORD_CLIENT_SECRET`; without it nobody can log in.
    pub client_secret: Option<String>,
}

impl std::fmt::Debug for DataConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataConfig")
            .field("cluster_key", &if self.cluster_key.is_empty() { "unset" } else { "set" })
            .field("api_url", &self.api_url)
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret.as_ref().map(|_| "set"))
            .finish()
    }
}

/// The role ended; a restart may mend it.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listen(#[from] std::io::Error),
    /// The HTTP client cannot be made: TLS roots or the address are not usable.
    #[error("no client for Discord: {0}; check MISO_DISCORD_API_URL")]
    Client(String),
}

/// The service.
#[derive(Debug)]
pub struct DataApi {
    config: DataConfig,
    state: Arc<DiscordState>,
    asking: asking::Asking,
    cancel: CancellationToken,
}

impl DataApi {
    /// Contacts nobody yet.
    #[must_use]
    pub fn start(config: DataConfig, state: Arc<DiscordState>, cancel: CancellationToken) -> Self {
        Self { config, state, asking: asking::Asking::default(), cancel }
    }

    /// Searches in guilds whose members are not all known ask Discord too, through `gateway.commands` of this
    /// log; without it, and where the log takes no appends, what is known is the answer.
    #[must_use]
    pub fn asking(mut self, log: SharedLog) -> Self {
        self.asking = asking::Asking::new(log);
        self
    }

    /// Serves at once; until the state has been restored, what needs it gets 503. Returns when cancelled;
    /// dropped, it ends at once, with all its connections.
    ///
    /// # Errors
    /// See [`DataError`].
    pub async fn serve(self, listener: TcpListener) -> Result<(), DataError> {
        let api = Arc::new(api::Api::new(self.config, self.state, self.asking)?);
        Ok(miso_http::serve(listener, routes::router(api), self.cancel).await?)
    }
}

/// Where pictures of users and guilds are, for a Discord with this API: `https://cdn.discordapp.com`, or
/// `/cdn` on a simulated one. No trailing slash.
#[must_use]
pub fn cdn_url(api_url: &str) -> String {
    let origin = origin(api_url);
    if origin.ends_with("discord.com") { "https://cdn.discordapp.com".to_owned() } else { format!("{origin}/cdn") }
}

/// Where people log in and invite the bot, for a Discord with this API: `https://discord.com/oauth2/authorize`.
#[must_use]
pub fn authorize_url(api_url: &str) -> String {
    format!("{}/oauth2/authorize", origin(api_url))
}

/// What stands before `/api`.
fn origin(api_url: &str) -> &str {
    let trimmed = api_url.trim_end_matches('/');
    trimmed.strip_suffix("/api").unwrap_or(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discord_s_addresses_follow_from_its_api_s() {
        assert_eq!(authorize_url("https://discord.com/api/"), "https://discord.com/oauth2/authorize");
        assert_eq!(authorize_url("http://127.0.0.1:5/api"), "http://127.0.0.1:5/oauth2/authorize");
        assert_eq!(cdn_url("https://discord.com/api"), "https://cdn.discordapp.com");
        assert_eq!(cdn_url("http://127.0.0.1:5/api"), "http://127.0.0.1:5/cdn");
    }

    #[test]
    fn secrets_do_not_show() {
        let config =
            DataConfig { cluster_key: "abc".into(), client_secret: Some("def".into()), ..DataConfig::default() };
        let shown = format!("{config:?}");
        assert!(!shown.contains("abc") && !shown.contains("def"), "{shown}");
    }
}
