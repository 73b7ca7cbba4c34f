//! Logging in with Discord: code and PKCE, the state bound to the browser's cookie.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::clock::now_s;
use crate::failure::Failure;
use crate::session::{Jar, LOGIN_S, Pending, Session};
use crate::visitor::SignedIn;
use miso_http::{now_ms, random_id};

/// Bytes of a `next`, at most.
const NEXT_BYTES: usize = 512;

#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    next: Option<String>,
}

/// What Discord sends the browser back with.
#[derive(Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// `GET /login?next=/g`: to Discord's page.
pub(crate) async fn begin(State(app): State<Arc<App>>, Query(wish): Query<Wish>) -> Result<Response, Failure> {
    let next = own_path(wish.next.as_deref().unwrap_or("/g")).to_owned();
    let state = random_id();
    let verifier = format!("{}{}", random_id(), random_id());
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let url = app.data.authorize(&redirect_uri(&app), &state, &challenge).await?;
    let pending = Pending { state, verifier, next, started_s: now_s() };
    let mut response = see_other(&url)?;
    set(&mut response, app.seal.keep(Jar::Login, &pending));
    Ok(response)
}

/// `GET /callback`: back from Discord.
pub(crate) async fn finish(
    State(app): State<Arc<App>>,
    Query(answer): Query<Answer>,
    headers: axum::http::HeaderMap,
) -> Result<Response, Failure> {
    let refused = |detail: &str| Failure::new(400, "login-refused", "The login did not work", detail);
    let again =
        "This login was not started in this browser, was used already, or took longer than ten minutes. Log in again.";
    let pending: Pending = app.seal.open(Jar::Login, &headers).ok_or_else(|| refused(again))?;
    let state = answer.state.unwrap_or_default();
    let fits = bool::from(state.as_bytes().ct_eq(pending.state.as_bytes()));
    if !fits || now_s() - pending.started_s > LOGIN_S || !app.first_use(&pending.state) {
        return Err(refused(again));
    }
    let Some(code) = answer.code.filter(|_| answer.error.is_none()) else {
        return Err(refused("Discord was told not to let the panel in. Log in again if that was not meant."));
    };
    let tokens =
        app.data.token(&code, &pending.verifier, &redirect_uri(&app)).await.map_err(|error| match error.status() {
            Some(400..=499) => refused("Discord did not accept the login. Log in again."),
            _ => error.into(),
        })?;
    let user = tokens.user.ok_or_else(|| refused("Discord did not say who you are. Log in again."))?;
    let id = user.id.parse().map_err(|_| refused("Discord did not say who you are. Log in again."))?;
    // A new session at every login: what a browser held before counts for nothing.
    let session = Session {
        id: random_id(),
        user: id,
        name: user.shown().to_owned(),
        avatar: user.avatar,
        access: tokens.access_token,
        refresh: tokens.refresh_token.unwrap_or_default(),
        expires_s: now_s() + tokens.expires_in,
        started_ms: now_ms(),
        csrf: random_id(),
    };
    let mut response = see_other(own_path(&pending.next))?;
    set(&mut response, app.seal.keep(Jar::Session, &session));
    set(&mut response, app.seal.end(Jar::Login));
    Ok(response)
}

/// `POST /logout`: ends the login here and at Discord. Copies of its cookie count no more either.
pub(crate) async fn end(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    let (ended, revoked) =
        tokio::join!(app.logins.end_one(&app.commands, &signed_in.session), app.data.revoke(&signed_in.session.access));
    for error in [ended.err(), revoked.err()].into_iter().flatten() {
        tracing::warn!(%error, "a login was ended in this browser only");
    }
    let mut response = see_other("/")?;
    set(&mut response, app.seal.end(Jar::Session));
    Ok(response)
}

/// `POST /logout/everywhere`: ends every login that began before now, this one too.
pub(crate) async fn end_all(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    app.logins.end_all(&app.commands, &signed_in.session, now_ms()).await?;
    if let Err(error) = app.data.revoke(&signed_in.session.access).await {
        tracing::warn!(%error, "a token was not revoked");
    }
    let mut response = see_other("/")?;
    set(&mut response, app.seal.end(Jar::Session));
    Ok(response)
}

fn redirect_uri(app: &App) -> String {
    format!("{}/callback", app.config.public_url)
}

fn set(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// 303 to an address.
pub(crate) fn see_other(to: &str) -> Result<Response, Failure> {
    let location = HeaderValue::from_str(to)
        .map_err(|_| Failure::new(502, "bad-address", "A service answered nonsense", "Try again in a moment."))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// A path of the panel's own; anything else becomes `/g`. Browsers read `\` as `/` and skip tabs and
/// line breaks, so these do not pass.
pub(crate) fn own_path(next: &str) -> &str {
    let plain = next.len() <= NEXT_BYTES && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let own = next.starts_with('/') && !next.starts_with("//");
    let loops = next.starts_with("/login") || next.starts_with("/callback") || next.starts_with("/logout");
    if plain && own && !loops { next } else { "/g" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_login_only_own_pages_follow() {
        for own in ["/g", "/g/42/greeting?tab=2", "/me/privacy", "/"] {
            assert_eq!(own_path(own), own);
        }
        for foreign in [
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "",
            "evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " /g",
            "/login?next=/login",
            "/g\u{e9}",
        ] {
            assert_eq!(own_path(foreign), "/g", "{foreign:?}");
        }
    }
}
