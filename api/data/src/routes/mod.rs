//! The endpoints: one table, from which the router and the OpenAPI document come.

mod guilds;
mod login;
mod me;
mod members;
mod seeing;

use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, http::StatusCode};
use miso_command_catalogue::Problem;
use miso_http::{Refusal, TRACE, random_id, trace_of};

use crate::api::Api;

/// Bytes of a request's body, at most; beyond it 413.
const BODY_BYTES: usize = 16 * 1_024;

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// Only services, with the deployment's key.
    Key,
    /// A user with their token, or a service for one.
    User,
    /// A member of the guild, or a service.
    Member,
}

/// One endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) summary: &'static str,
    /// Name and meaning of each parameter of the query.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// An example of the body; empty: none.
    pub(crate) body: &'static str,
    /// An example of the answer; empty: 204.
    pub(crate) answer: &'static str,
    handler: fn() -> MethodRouter<Arc<Api>>,
}

macro_rules! endpoint {
    ($method:literal $path:literal $access:ident $summary:literal, $query:expr, $body:expr, $answer:expr, $handler:expr) => {
        Endpoint {
            method: $method,
            path: $path,
            access: Access::$access,
            summary: $summary,
            query: $query,
            body: $body,
            answer: $answer,
            handler: $handler,
        }
    };
}

const TOKENS: &str = r#"{"access_token":"…","refresh_token":"…","expires_in":604800,"scope":"identify guilds","user":{"id":"1","username":"aino","global_name":"Aino","avatar":null,"avatar_url":"https://…","bot":false}}"#;

/// Every endpoint.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!("GET" "/v1/openapi.json" Open "This document.", &[], "", r#"{"openapi":"3.1.0"}"#, || get(openapi)),
    endpoint!("POST" "/v1/oauth/authorize" Key "Where somebody agrees to log in: scopes identify and guilds, PKCE S256.", &[],
        r#"{"redirect_uri":"https://…/callback","state":"…","code_challenge":"…"}"#, r#"{"url":"https://discord.com/oauth2/authorize?…"}"#, || post(login::authorize)),
    endpoint!("POST" "/v1/oauth/token" Key "Exchanges a code, once.", &[],
        r#"{"code":"…","code_verifier":"…","redirect_uri":"https://…/callback"}"#, TOKENS, || post(login::token)),
    endpoint!("POST" "/v1/oauth/refresh" Key "New tokens for a refresh token; the old ones end.", &[], r#"{"refresh_token":"…"}"#, TOKENS, || post(login::refresh)),
    endpoint!("POST" "/v1/oauth/revoke" Key "Ends a login, by its access or refresh token.", &[], r#"{"token":"…"}"#, "", || post(login::revoke)),
    endpoint!("GET" "/v1/me" User "Who the token is.", &[], "",
        r#"{"user":{"id":"1","username":"aino","global_name":"Aino","avatar":null,"avatar_url":"https://…","bot":false},"meta":{"position":null,"age_ms":12}}"#, || get(me::me)),
    endpoint!("GET" "/v1/me/guilds" User "The user's guilds: whether the bot is there, and whether they may manage it.", &[], "",
        r#"{"guilds":[{"id":"7","name":"Kitchen","icon":null,"icon_url":null,"bot_present":true,"owner":true,"permissions":"32","may_manage":true,"reason":null}],"invite_url":"https://…","meta":{"position":null,"age_ms":12}}"#, || get(me::guilds)),
    endpoint!("GET" "/v1/guilds/{guild}" Member "A guild and how the bot stands in it.", &[], "",
        r#"{"id":"7","name":"Kitchen","icon":null,"icon_url":null,"owner_id":"1","member_count":25,"bot":{"permissions":"8","top_role_position":3,"nick":null},"unavailable":false,"meta":{"position":"5:120","age_ms":12}}"#, || get(guilds::one)),
    endpoint!("GET" "/v1/guilds/{guild}/me" Member "What the user may do in the guild.", &[], "",
        r#"{"user":"1","permissions":"32","names":["Manage Server"],"may_manage":true,"roles":["9"],"meta":{"position":"5:120","age_ms":12}}"#, || get(guilds::me)),
    endpoint!("GET" "/v1/guilds/{guild}/channels" Member "Channels in the order of Discord's client; who may not manage the guild gets those they see.", &[], "",
        r#"{"channels":[{"id":"8","name":"general","type":0,"position":0,"parent_id":null,"topic":null,"nsfw":false,"bot_permissions":"3072"}],"meta":{"position":"5:120","age_ms":12}}"#, || get(guilds::channels)),
    endpoint!("GET" "/v1/guilds/{guild}/threads" Member "Active threads.", &[], "",
        r#"{"threads":[{"id":"8","name":"recipes","type":11,"parent_id":"8","owner_id":"1","locked":false,"bot_permissions":"3072"}],"meta":{"position":"5:120","age_ms":12}}"#, || get(guilds::threads)),
    endpoint!("GET" "/v1/guilds/{guild}/roles" Member "Roles, highest first, and whether the bot can give them.", &[], "",
        r#"{"roles":[{"id":"9","name":"Moderators","color":3066993,"position":9,"hoist":true,"mentionable":false,"managed":false,"permissions":"32","assignable":false,"reason":"above Miso's role"}],"meta":{"position":"5:120","age_ms":12}}"#, || get(guilds::roles)),
    endpoint!("GET" "/v1/guilds/{guild}/emojis" Member "The guild's own emojis.", &[], "",
        r#"{"emojis":[{"id":"6","name":"miso","animated":false,"managed":false,"available":true,"url":"https://…"}],"meta":{"position":"5:120","age_ms":12}}"#, || get(guilds::emojis)),
    endpoint!("GET" "/v1/guilds/{guild}/members" Member "Members by id, or those whose names fit, the best first. Where `complete` is false not all members are known; a search then asks Discord.",
        &[("query", "part of a nick, display name or user name, or an id; up to 100 characters"), ("after", "`next` of the page before"), ("limit", "1 to 100; 100 without it")], "",
        r#"{"members":[{"id":"1","username":"aino","global_name":"Aino","nick":null,"avatar":null,"avatar_url":"https://…","bot":false,"roles":["9"],"joined_at":"2026-01-01T00:00:00+00:00"}],"next":null,"complete":true,"meta":{"position":"5:120","age_ms":12}}"#, || get(members::list)),
    endpoint!("GET" "/v1/guilds/{guild}/members/{user}" Member "One member.", &[], "",
        r#"{"id":"1","username":"aino","global_name":"Aino","nick":null,"avatar":null,"avatar_url":"https://…","bot":false,"roles":["9"],"joined_at":null,"meta":{"position":"5:120","age_ms":12}}"#, || get(members::one)),
    endpoint!("GET" "/v1/guilds/{guild}/channels/{channel}/permissions" Member "What the bot or a member may do in a channel or active thread, by Discord's algorithm.",
        &[("user", "a user's id; `bot`, which is what it is without it")], "",
        r#"{"permissions":"3072","names":["View Channel","Send Messages"],"meta":{"position":"5:120","age_ms":12}}"#, || get(guilds::channel_permissions)),
    endpoint!("GET" "/v1/users/{user}" User "A user who shares a guild with the caller and the bot.", &[], "",
        r#"{"id":"1","username":"aino","global_name":"Aino","avatar":null,"avatar_url":"https://…","bot":false,"meta":{"position":null,"age_ms":12}}"#, || get(members::user)),
];

pub(crate) fn router(api: Arc<Api>) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        router = router.route(endpoint.path, (endpoint.handler)());
    }
    router
        .fallback(|| async {
            Refusal(Problem::new(404, "not-found", "No such page", "There is nothing at this address."))
        })
        .method_not_allowed_fallback(|| async {
            Refusal(Problem::new(405, "method-not-allowed", "Wrong method", "This address takes other methods."))
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(around))
        .with_state(api)
}

/// The trace id is put in, problems are written out, requests are counted.
async fn around(request: Request, next: Next) -> Response {
    let trace = trace_of(request.headers()).unwrap_or_else(random_id);
    let method = request.method().clone();
    let mut response = next.run(request).await;
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        if problem.status >= 500 {
            tracing::warn!(trace, %method, status = problem.status, problem = problem.slug(), "a request failed");
        }
        problem.trace_id = Some(trace.clone());
        response = miso_http::answer(&problem, response);
    }
    let status = response.status().as_u16().to_string();
    metrics::counter!("miso_data_requests_total", "status" => status).increment(1);
    if let Ok(value) = HeaderValue::from_str(&trace) {
        response.headers_mut().insert(TRACE, value);
    }
    response
}

async fn openapi() -> Json<serde_json::Value> {
    Json(crate::openapi())
}

/// An id of the path.
fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::new(400, "invalid-id", "That is no id", "Discord's ids are decimal numbers."))
}

/// The body, read.
fn body<T>(read: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    read.map(|Json(body)| body).map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("A body has up to {BODY_BYTES} bytes.");
            Problem::new(413, "too-large", "The request is too large", detail)
        }
        _ => Problem::new(400, "invalid-body", "The body does not fit", rejection.body_text()),
    })
}

/// The query, read.
fn query<T>(read: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    read.map(|Query(query)| query)
        .map_err(|rejection| Problem::new(400, "invalid-query", "The query does not fit", rejection.body_text()))
}
