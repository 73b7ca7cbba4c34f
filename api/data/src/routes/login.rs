//! Logging in with Discord: for services only, which keep the tokens; here they are kept by hash.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use miso_command_catalogue::Problem;
use miso_http::Refusal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use crate::access::{ServiceOnly, remember, wrong_token};
use crate::api::Api;
use crate::discord::Tokens;

/// Characters of a redirect URI, at most.
const URI_CHARS: usize = 2_048;
/// Characters of a state, a code or a token, at most.
const TEXT_CHARS: usize = 1_024;
/// Characters of a SHA-256 in base64url.
const CHALLENGE_CHARS: usize = 43;
/// Characters of a PKCE verifier (RFC 7636).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

#[derive(Deserialize)]
pub(super) struct Authorize {
    redirect_uri: String,
    state: String,
    code_challenge: String,
}

/// `POST /v1/oauth/authorize`
pub(super) async fn authorize(
    _: ServiceOnly,
    State(api): State<Arc<Api>>,
    asked: Result<Json<Authorize>, JsonRejection>,
) -> Result<Response, Refusal> {
    let asked = body(asked)?;
    check_uri(&asked.redirect_uri)?;
    fits("state", &asked.state, 1..=TEXT_CHARS)?;
    fits("code_challenge", &asked.code_challenge, CHALLENGE_CHARS..=CHALLENGE_CHARS)?;
    let url = api.discord.login_url(&api.client_id()?, &asked.redirect_uri, &asked.state, &asked.code_challenge);
    let url = url.ok_or_else(|| {
        Problem::new(503, "login-not-configured", "Nobody can log in", "MISO_DISCORD_API_URL is not an address.")
    })?;
    Ok(unkept(&json!({"url": url})))
}

#[derive(Deserialize)]
pub(super) struct Code {
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

/// `POST /v1/oauth/token`
pub(super) async fn token(
    _: ServiceOnly,
    State(api): State<Arc<Api>>,
    asked: Result<Json<Code>, JsonRejection>,
) -> Result<Response, Refusal> {
    let asked = body(asked)?;
    fits("code", &asked.code, 1..=TEXT_CHARS)?;
    fits("code_verifier", &asked.code_verifier, VERIFIER_CHARS)?;
    check_uri(&asked.redirect_uri)?;
    let client = api.client_id()?;
    let tokens = api.discord.exchange(&client, &asked.code, &asked.code_verifier, &asked.redirect_uri).await;
    handed_out(&api, tokens.map_err(|error| error.problem(wrong_grant))?).await
}

#[derive(Deserialize)]
pub(super) struct Refresh {
    refresh_token: String,
}

/// `POST /v1/oauth/refresh`
pub(super) async fn refresh(
    _: ServiceOnly,
    State(api): State<Arc<Api>>,
    asked: Result<Json<Refresh>, JsonRejection>,
) -> Result<Response, Refusal> {
    let asked = body(asked)?;
    fits("refresh_token", &asked.refresh_token, 1..=TEXT_CHARS)?;
    let tokens = api.discord.refresh(&api.client_id()?, &asked.refresh_token).await;
    handed_out(&api, tokens.map_err(|error| error.problem(wrong_grant))?).await
}

#[derive(Deserialize)]
pub(super) struct Revoke {
    token: String,
}

/// `POST /v1/oauth/revoke`
pub(super) async fn revoke(
    _: ServiceOnly,
    State(api): State<Arc<Api>>,
    asked: Result<Json<Revoke>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let asked = body(asked)?;
    fits("token", &asked.token, 1..=TEXT_CHARS)?;
    // Forgotten here first: whatever Discord answers, it opens nothing here without being asked for again.
    api.forget(&asked.token);
    api.discord.revoke(&api.client_id()?, &asked.token).await.map_err(|error| error.problem(wrong_grant))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The tokens with the user whose they are.
async fn handed_out(api: &Api, tokens: Tokens) -> Result<Response, Refusal> {
    let user = api
        .discord
        .own_user(&api.client_id()?, &tokens.access_token)
        .await
        .map_err(|error| error.problem(wrong_token))?;
    let user = Arc::new(user);
    remember(api, &tokens.access_token, &user);
    Ok(unkept(&json!({
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_in": tokens.expires_in,
        "scope": tokens.scope,
        "user": super::me::shown(api, &user),
    })))
}

/// Nothing between here and the caller may keep it.
fn unkept(body: &Value) -> Response {
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn check_uri(uri: &str) -> Result<(), Problem> {
    fits("redirect_uri", uri, 1..=URI_CHARS)?;
    if uri.starts_with("http://") || uri.starts_with("https://") {
        return Ok(());
    }
    Err(Problem::new(400, "invalid-body", "The body does not fit", "`redirect_uri` begins with https:// or http://."))
}

fn fits(name: &str, text: &str, length: std::ops::RangeInclusive<usize>) -> Result<(), Problem> {
    if length.contains(&text.len()) {
        return Ok(());
    }
    let detail = format!("`{name}` has {} to {} characters.", length.start(), length.end());
    Err(Problem::new(400, "invalid-body", "The body does not fit", detail))
}

fn wrong_grant() -> Problem {
    let detail = "Discord does not accept this code or token: it is wrong, used, expired or revoked. Log in again.";
    Problem::new(400, "invalid-grant", "Log in again", detail)
}
