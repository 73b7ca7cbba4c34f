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
use crate::tokens::Standing;

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
    let standing = api.tokens().standing(hash, now_ms());
    match standing {
        Standing::Known(user) => return Ok(user),
        Standing::Refused => return Err(wrong_token()),
        Standing::Wait(seconds) => {
            let mut problem = Problem::new(429, "too-many-tokens", "Too many wrong tokens", "Try again later.");
            problem.members.retry_after = Some(seconds);
            return Err(problem);
        }
        Standing::Unknown => {}
    }
    match api.discord.own_user(&api.client_id()?, token).await {
        Ok(user) => {
            let user = Arc::new(user);
            remember(api, token, &user);
            Ok(user)
        }
        Err(error) => {
            if error == DiscordError::Refused {
                api.forget(token);
                api.tokens().refused(hash, now_ms());
            }
            Err(error.problem(wrong_token))
        }
    }
}

/// Discord has just told whose token it is.
pub(crate) fn remember(api: &Api, token: &str, user: &Arc<OwnUser>) {
    api.tokens().accepted(TokenHash::of(token.as_bytes()), Arc::clone(user), now_ms());
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
