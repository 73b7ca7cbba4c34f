//! Who asks: a person with their own token, or a service with the deployment's key.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use miso_command_catalogue::{CONTEXT_HEADER, Problem, SignedContext};
use miso_http::{Refusal, bearer, key_fits, now_ms};
use miso_model::UserId;

use crate::api::Api;
use crate::bounded::TokenHash;
use crate::discord::{DiscordError, OwnUser};

/// Tokens whose user is remembered; beyond it the oldest is asked for again.
pub const MAX_TOKENS: usize = 10_000;
/// How long Discord's word on whose token it is counts, milliseconds.
pub const TOKEN_TRUST_MS: i64 = 300_000;
/// Unknown tokens that Discord may refuse in ten minutes; from then on unknown tokens get 429, known ones
/// go on. Discord shuts an address out at 10,000 invalid requests.
pub const MAX_REFUSED_TOKENS: u32 = 500;
pub(crate) const REFUSED_WINDOW_MS: i64 = 600_000;
/// Bytes of a token, at most; a longer one is refused unread.
const TOKEN_BYTES: usize = 1_024;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// A service, for nobody: it sees every guild.
    Service,
    /// A service, for a user whom it vouches for.
    For(UserId),
    /// A user, by their own token.
    Person { user: Arc<OwnUser>, token: Arc<str> },
}

impl Caller {
    pub(crate) fn user(&self) -> Option<UserId> {
        match self {
            Self::Service => None,
            Self::For(user) => Some(*user),
            Self::Person { user, .. } => Some(user.id),
        }
    }

    /// The user, where there must be one.
    pub(crate) fn needs_user(&self) -> Result<UserId, Problem> {
        self.user().ok_or_else(|| {
            let detail = "This is about somebody: send a user's token, or Miso-Context beside the key.";
            Problem::new(403, "no-user", "For whom?", detail)
        })
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        if is_service(api, &parts.headers) {
            return Ok(of_service(api, &parts.headers)?);
        }
        let token = bearer(&parts.headers).filter(|token| (1..=TOKEN_BYTES).contains(&token.len()));
        let token = token.and_then(|token| std::str::from_utf8(token).ok()).ok_or_else(no_token)?;
        let user = whose(api, token).await?;
        Ok(Self::Person { user, token: token.into() })
    }
}

/// Only services: who holds the deployment's key.
#[derive(Debug)]
pub(crate) struct ServiceOnly;

impl FromRequestParts<Arc<Api>> for ServiceOnly {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        if is_service(api, &parts.headers) {
            return Ok(Self);
        }
        let detail = "This needs the deployment's key: send `Authorization: Bearer` and MISO_CLUSTER_KEY.";
        Err(Problem::new(401, "wrong-key", "The key is missing or wrong", detail).into())
    }
}

fn is_service(api: &Api, headers: &HeaderMap) -> bool {
    !api.cluster_key.is_empty() && key_fits(&api.cluster_key, headers)
}

fn of_service(api: &Api, headers: &HeaderMap) -> Result<Caller, Problem> {
    let Some(context) = headers.get(CONTEXT_HEADER) else { return Ok(Caller::Service) };
    let text = context.to_str().unwrap_or_default();
    match SignedContext::verify(text, api.cluster_key.as_bytes(), now_ms() / 1_000) {
        Ok(context) => Ok(Caller::For(context.user)),
        Err(error) => {
            Err(Problem::new(401, "context-refused", "The context is not accepted", format!("Miso-Context: {error}.")))
        }
    }
}

/// Whose token it is, by Discord's word.
async fn whose(api: &Api, token: &str) -> Result<Arc<OwnUser>, Problem> {
    let hash = TokenHash::of(token.as_bytes());
    if let Some(known) = api.users().get(hash, now_ms()) {
        return Ok(known);
    }
    if let Some(seconds) = api.refusals().wait_s(now_ms()) {
        let mut problem = Problem::new(429, "too-many-tokens", "Too many wrong tokens", "Try again later.");
        problem.members.retry_after = Some(seconds);
        return Err(problem);
    }
    match api.discord.own_user(&api.client_id()?, token).await {
        Ok(user) => {
            let user = Arc::new(user);
            remember(api, token, &user);
            Ok(user)
        }
        Err(error) => {
            if error == DiscordError::Refused {
                api.refusals().count(now_ms());
                api.forget(token);
            }
            Err(error.problem(wrong_token))
        }
    }
}

/// Discord has just told whose token it is.
pub(crate) fn remember(api: &Api, token: &str, user: &Arc<OwnUser>) {
    let hash = TokenHash::of(token.as_bytes());
    api.users().put(hash, Arc::clone(user), now_ms() + TOKEN_TRUST_MS);
}

fn no_token() -> Problem {
    let detail = "Send `Authorization: Bearer` and the token that Discord gave to you, or the deployment's key.";
    Problem::new(401, "no-token", "Who are you?", detail)
}

pub(crate) fn wrong_token() -> Problem {
    Problem::new(
        401,
        "token-refused",
        "Log in again",
        "Discord does not accept this token: it is wrong, expired or revoked.",
    )
}
