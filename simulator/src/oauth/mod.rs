//! Discord's OAuth2: the authorise page, tokens (code with PKCE, refresh), revocation, and the two
//! routes that a user's token opens. Also the page on which somebody invites the bot.

mod grants;
mod page;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

pub(crate) use grants::Grants;

use crate::core::Core;
use crate::rest::parse_query;
use crate::snowflake::{iso8601, unix_us};
use crate::world::BOT_ID;
use grants::Consent;

type Plain = Response<Full<Bytes>>;

/// The pairs of a query or a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn now_ms() -> u64 {
    unix_us() / 1_000
}

/// `GET /oauth2/authorize`: "who are you", or, with `user` and `consent`, the way back at once; with the
/// scope `bot`, "where shall it go".
pub(crate) fn authorize(core: &Core, query: &str) -> Plain {
    let form = Form(parse_query(query));
    let response = authorized(core, query, &form);
    record(core, "authorize", response.status());
    response
}

fn authorized(core: &Core, query: &str, form: &Form) -> Plain {
    if form.get("client_id") != Some(&BOT_ID.to_string()) {
        return html(StatusCode::BAD_REQUEST, page::refused("Unknown application: client_id is not the bot's."));
    }
    let scope = form.get("scope").unwrap_or_default();
    if scope.split(' ').any(|scope| scope == "bot") {
        return invite(core, query, form);
    }
    let redirect = form.get("redirect_uri").unwrap_or_default();
    let allowed = &core.config.redirect_uris;
    let is_url = redirect.starts_with("http://") || redirect.starts_with("https://");
    if !is_url || (!allowed.is_empty() && !allowed.iter().any(|uri| uri == redirect)) {
        return html(StatusCode::BAD_REQUEST, page::refused("Invalid OAuth2 redirect_uri: it is not registered."));
    }
    let back = |pairs: &[(&str, &str)]| redirect_to(redirect, pairs, form.get("state"));
    if form.get("response_type") != Some("code") {
        return back(&[("error", "unsupported_response_type")]);
    }
    if scope.is_empty() {
        return back(&[("error", "invalid_scope")]);
    }
    if form.get("code_challenge").is_some() && form.get("code_challenge_method") != Some("S256") {
        return back(&[("error", "invalid_request"), ("error_description", "code_challenge_method must be S256")]);
    }
    if form.get("deny").is_some() {
        let why = "The resource owner or authorization server denied the request";
        return back(&[("error", "access_denied"), ("error_description", why)]);
    }
    let user = form.get("user").and_then(|user| user.parse::<u64>().ok()).filter(|user| *user != BOT_ID);
    let Some(user) = user.filter(|user| core.world().users.contains_key(user)) else {
        return html(StatusCode::OK, page::who_are_you(&core.world(), query, scope));
    };
    if form.get("consent").is_none() {
        return html(StatusCode::OK, page::who_are_you(&core.world(), query, scope));
    }
    let consent = Consent {
        user,
        scope: scope.to_owned(),
        redirect_uri: redirect.to_owned(),
        challenge: form.get("code_challenge").map(str::to_owned),
    };
    let code = core.grants().agree(consent, now_ms());
    back(&[("code", &code)])
}

/// The bot is invited into a guild that it is not in yet.
fn invite(core: &Core, query: &str, form: &Form) -> Plain {
    let guild = form.get("guild_id").and_then(|guild| guild.parse::<u64>().ok());
    let (Some(guild), Some(_)) = (guild, form.get("consent")) else {
        return html(StatusCode::OK, page::where_to(&core.world(), query));
    };
    let joined = core.change(|world, now| world.invited(guild, now));
    match (joined, form.get("redirect_uri")) {
        (false, _) => html(StatusCode::BAD_REQUEST, page::refused("There is no such server, or the bot is in it.")),
        (true, Some(redirect)) if redirect.starts_with("http://") || redirect.starts_with("https://") => {
            redirect_to(redirect, &[("guild_id", &guild.to_string())], form.get("state"))
        }
        (true, _) => html(StatusCode::OK, page::invited(&core.world(), guild)),
    }
}

/// `POST /oauth2/token`, `/oauth2/token/revoke`. `None`: not one of these.
pub(crate) fn call(core: &Core, method: &str, path: &str, headers: &HeaderMap, body: &Bytes) -> Option<Plain> {
    let what = match path {
        "/oauth2/token" => "token",
        "/oauth2/token/revoke" => "revoke",
        _ => return None,
    };
    if method != "POST" {
        return Some(error(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "POST is needed"));
    }
    let form = Form(parse_query(&String::from_utf8_lossy(body)));
    let response = if !is_form(headers) {
        error(StatusCode::BAD_REQUEST, "invalid_request", "the body is application/x-www-form-urlencoded")
    } else if !client_fits(core, headers, &form) {
        error(StatusCode::UNAUTHORIZED, "invalid_client", "client_id or client_secret is wrong")
    } else if what == "token" {
        token(core, &form)
    } else {
        core.grants().revoke(form.get("token").unwrap_or_default());
        answer(StatusCode::OK, &json!({}))
    };
    record(core, what, response.status());
    Some(response)
}

fn token(core: &Core, form: &Form) -> Plain {
    let mut grants = core.grants();
    let asked = |name| form.get(name).unwrap_or_default();
    let tokens = match form.get("grant_type") {
        Some("authorization_code") => {
            grants.exchange(asked("code"), asked("redirect_uri"), form.get("code_verifier"), now_ms())
        }
        Some("refresh_token") => grants.refresh(asked("refresh_token"), now_ms()),
        _ => return error(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Grant type None is not supported"),
    };
    match tokens {
        Ok(tokens) => answer(
            StatusCode::OK,
            &json!({
                "token_type": "Bearer", "access_token": tokens.access, "expires_in": grants.ttl_s(),
                "refresh_token": tokens.refresh, "scope": tokens.scope,
            }),
        ),
        Err(grants::InvalidGrant) => error(StatusCode::BAD_REQUEST, "invalid_grant", "Invalid \"code\" in request."),
    }
}

/// What a user's token opens. `None`: no `Authorization: Bearer`.
pub(crate) fn user_call(core: &Core, method: &str, path: &str, headers: &HeaderMap) -> Option<Plain> {
    let access = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let found = core.grants().bearer(access, now_ms()).map(|(user, scope, at_ms)| (user, scope.to_owned(), at_ms));
    let expires_ms = found.as_ref().map_or(0, |(.., at_ms)| *at_ms);
    let user = found.map(|(user, scope, _)| (user, scope));
    let has = |scope: &str, wanted: &str| scope.split(' ').any(|scope| scope == wanted);
    let world = core.world();
    let response = match (user, method, path) {
        (None, ..) => refused(StatusCode::UNAUTHORIZED, "401: Unauthorized"),
        (Some((user, scope)), "GET", "/users/@me") if has(&scope, "identify") => match world.users.get(&user) {
            Some(object) => answer(StatusCode::OK, &as_oneself(object)),
            None => refused(StatusCode::UNAUTHORIZED, "401: Unauthorized"),
        },
        (Some((user, scope)), "GET", "/oauth2/@me") => answer(
            StatusCode::OK,
            &json!({
                "application": {"id": BOT_ID.to_string(), "name": "Miso"}, "scopes": scope.split(' ').collect::<Vec<_>>(),
                "expires": iso8601(expires_ms), "user": world.users.get(&user).map(as_oneself),
            }),
        ),
        (Some((user, scope)), "GET", "/users/@me/guilds") if has(&scope, "guilds") => {
            answer(StatusCode::OK, &Value::Array(world.guilds_of(user)))
        }
        (Some(_), "GET", "/users/@me" | "/users/@me/guilds") => refused(StatusCode::UNAUTHORIZED, "401: Unauthorized"),
        (Some(_), ..) => refused(StatusCode::FORBIDDEN, "Bots only: a user's token opens nothing here"),
    };
    drop(world);
    record(core, path, response.status());
    Some(response)
}

fn as_oneself(user: &Value) -> Value {
    let mut user = user.clone();
    for (name, value) in [("locale", json!("en-US")), ("mfa_enabled", json!(false)), ("flags", json!(0))] {
        user[name] = value;
    }
    user
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/x-www-form-urlencoded")
}

/// The client's id and secret, in `Authorization: Basic` or in the form.
fn client_fits(core: &Core, headers: &HeaderMap, form: &Form) -> bool {
    let expected = (BOT_ID.to_string(), core.config.client_secret.clone());
    let basic = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let given = match basic {
        Some(basic) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(basic).ok();
            let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
        }
        None => form.get("client_id").zip(form.get("client_secret")).map(|(id, secret)| (id.into(), secret.into())),
    };
    given == Some(expected)
}

fn redirect_to(uri: &str, pairs: &[(&str, &str)], state: Option<&str>) -> Plain {
    let mut location = uri.to_owned();
    let state = state.map(|state| ("state", state));
    for (name, value) in pairs.iter().copied().chain(state) {
        location.push(if location.contains('?') { '&' } else { '?' });
        location.push_str(name);
        location.push('=');
        location.push_str(&page::encoded(value));
    }
    match HeaderValue::from_str(&location) {
        Ok(location) => {
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(_) => html(StatusCode::BAD_REQUEST, page::refused("Invalid OAuth2 redirect_uri.")),
    }
}

fn answer(status: StatusCode, body: &Value) -> Plain {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(http::header::VIA, HeaderValue::from_static("1.1 google"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn error(status: StatusCode, error: &str, description: &str) -> Plain {
    answer(status, &json!({"error": error, "error_description": description}))
}

fn refused(status: StatusCode, message: &str) -> Plain {
    answer(status, &json!({"message": message, "code": 0}))
}

fn html(status: StatusCode, body: String) -> Plain {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// Tokens and codes stay out of the journal.
fn record(core: &Core, what: &str, status: StatusCode) {
    core.journal.record(&json!({"kind": "oauth", "at_us": unix_us(), "what": what, "status": status.as_u16()}));
}
