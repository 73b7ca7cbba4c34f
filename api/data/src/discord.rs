//! What is asked of Discord: tokens, and what belongs to a token's user.

use std::time::Duration;

use miso_command_catalogue::Problem;
use miso_model::{GuildId, Permissions, UserId};
use reqwest::{RequestBuilder, Response, StatusCode, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::DataError;

/// Time for one request, the answer included.
const PATIENCE: Duration = Duration::from_secs(8);
/// Bytes of an answer, at most; a longer one is as if Discord had not answered. 200 guilds are 100 KiB.
pub const MAX_ANSWER_BYTES: usize = 2 * 1_024 * 1_024;

/// What a login may see of Discord.
const SCOPE: &str = "identify guilds";

/// Why Discord did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiscordError {
    #[error("no client secret")]
    NoSecret,
    #[error("Discord refuses the client's id or secret")]
    ClientRefused,
    #[error("Discord refuses the code or token")]
    Refused,
    #[error("Discord asks to wait {0} s")]
    Limited(u32),
    #[error("Discord does not answer: {0}")]
    Away(String),
}

impl DiscordError {
    /// `refused`: what the caller is told where Discord refuses what they brought.
    pub(crate) fn problem(self, refused: fn() -> Problem) -> Problem {
        let mut problem = match &self {
            Self::Refused => return refused(),
            Self::NoSecret => Problem::new(
                503,
                "login-not-configured",
                "Nobody can log in yet",
                "The operator has to set DISCORD_CLIENT_SECRET (Discord's developer portal, OAuth2) and restart.",
            ),
            Self::ClientRefused => Problem::new(
                503,
                "login-not-configured",
                "Nobody can log in",
                "Discord refuses the application's id or secret: the operator has to check DISCORD_CLIENT_ID and \
                 DISCORD_CLIENT_SECRET.",
            ),
            Self::Limited(_) => Problem::new(
                503,
                "discord-limits",
                "Discord asks to wait",
                "Discord takes no more requests for a moment. Try again shortly.",
            ),
            Self::Away(_) => Problem::new(
                503,
                "discord-away",
                "Discord does not answer",
                "Discord cannot be reached just now. Try again in a moment.",
            ),
        };
        problem.members.retry_after = Some(if let Self::Limited(seconds) = self { seconds } else { 5 });
        problem
    }
}

/// Tokens as Discord hands them out.
#[derive(Clone, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    /// Seconds.
    pub(crate) expires_in: i64,
    pub(crate) scope: String,
}

/// A guild in a user's own list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ListedGuild {
    pub(crate) id: GuildId,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) icon: Option<String>,
    #[serde(default)]
    pub(crate) owner: bool,
    #[serde(default)]
    pub(crate) permissions: Permissions,
}

/// A user of Discord, as they see themselves.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OwnUser {
    pub(crate) id: UserId,
    #[serde(flatten)]
    pub(crate) fields: serde_json::Map<String, Value>,
}

#[derive(Debug)]
pub(crate) struct Discord {
    http: reqwest::Client,
    /// Without trailing slash.
    api: String,
    secret: Option<String>,
}

impl Discord {
    pub(crate) fn new(api_url: &str, secret: Option<String>) -> Result<Self, DataError> {
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("DiscordBot (https://github.com/miso-bot/miso, ", env!("CARGO_PKG_VERSION"), ")"))
            .build()
            .map_err(|error| DataError::Client(error.to_string()))?;
        Ok(Self { http, api: api_url.trim_end_matches('/').to_owned(), secret })
    }

    /// The page on which somebody agrees to log in.
    pub(crate) fn login_url(&self, client: &str, redirect_uri: &str, state: &str, challenge: &str) -> Option<String> {
        let pairs = [
            ("client_id", client),
            ("response_type", "code"),
            ("redirect_uri", redirect_uri),
            ("scope", SCOPE),
            ("state", state),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
            ("prompt", "none"),
        ];
        let mut url = reqwest::Url::parse(&crate::authorize_url(&self.api)).ok()?;
        url.query_pairs_mut().extend_pairs(pairs);
        Some(url.into())
    }

    /// The page on which somebody invites the bot.
    pub(crate) fn invite_url(&self, client: &str, permissions: Permissions) -> Option<String> {
        let bits = permissions.0.to_string();
        let pairs = [("client_id", client), ("scope", "bot applications.commands"), ("permissions", &bits)];
        let mut url = reqwest::Url::parse(&crate::authorize_url(&self.api)).ok()?;
        url.query_pairs_mut().extend_pairs(pairs);
        Some(url.into())
    }

    pub(crate) async fn exchange(
        &self,
        client: &str,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<Tokens, DiscordError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", redirect_uri),
        ];
        read(self.as_client(client, "/oauth2/token", &form).await?).await
    }

    pub(crate) async fn refresh(&self, client: &str, refresh_token: &str) -> Result<Tokens, DiscordError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        read(self.as_client(client, "/oauth2/token", &form).await?).await
    }

    pub(crate) async fn revoke(&self, client: &str, token: &str) -> Result<(), DiscordError> {
        self.as_client(client, "/oauth2/token/revoke", &[("token", token)]).await.map(|_| ())
    }

    /// Whose token it is. One that Discord gave out for another application is refused: who runs that could act
    /// here as its users.
    pub(crate) async fn own_user(&self, client: &str, token: &str) -> Result<OwnUser, DiscordError> {
        #[derive(Deserialize)]
        struct Authorization {
            application: Application,
            #[serde(default)]
            user: Option<OwnUser>,
        }
        #[derive(Deserialize)]
        struct Application {
            id: String,
        }
        let found: Authorization = read(self.as_user(token, "/v10/oauth2/@me").await?).await?;
        found.user.filter(|_| found.application.id == client).ok_or(DiscordError::Refused)
    }

    /// The guilds of a token's user: 200 at most, which is as many as a user can be in.
    pub(crate) async fn own_guilds(&self, token: &str) -> Result<Vec<ListedGuild>, DiscordError> {
        read(self.as_user(token, "/v10/users/@me/guilds?limit=200").await?).await
    }

    async fn as_client(&self, client: &str, path: &str, form: &[(&str, &str)]) -> Result<Response, DiscordError> {
        let secret = self.secret.as_deref().ok_or(DiscordError::NoSecret)?;
        let request = self.http.post(format!("{}{path}", self.api)).basic_auth(client, Some(secret)).form(form);
        match ask(request).await? {
            response if response.status() == StatusCode::UNAUTHORIZED => Err(DiscordError::ClientRefused),
            response if response.status().is_client_error() => Err(DiscordError::Refused),
            response => Ok(response),
        }
    }

    async fn as_user(&self, token: &str, path: &str) -> Result<Response, DiscordError> {
        let response = ask(self.http.get(format!("{}{path}", self.api)).bearer_auth(token)).await?;
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(DiscordError::Refused),
            // That is not about the token.
            status if status.is_client_error() => Err(DiscordError::Away(status.to_string())),
            _ => Ok(response),
        }
    }
}

/// An answer that is neither 429 nor 5xx.
async fn ask(request: RequestBuilder) -> Result<Response, DiscordError> {
    let response = request.send().await.map_err(away)?;
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => {
            let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            Err(DiscordError::Limited(header.and_then(|text| text.parse().ok()).unwrap_or(5)))
        }
        status if status.is_server_error() => Err(DiscordError::Away(status.to_string())),
        _ => Ok(response),
    }
}

async fn read<T: DeserializeOwned>(mut response: Response) -> Result<T, DiscordError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(away)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(DiscordError::Away("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| DiscordError::Away("the answer is not as documented".to_owned()))
}

/// Addresses stay out of it: codes and tokens do not belong into logs.
fn away(error: reqwest::Error) -> DiscordError {
    DiscordError::Away(error.without_url().to_string())
}
