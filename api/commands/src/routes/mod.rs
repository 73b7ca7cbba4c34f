//! The endpoints, one file per group.

pub(crate) mod activity;
pub(crate) mod audit;
mod caller;
mod commands;
mod endpoints;
pub(crate) mod limits;
pub(crate) mod openapi;
mod personal;
mod reminders;
pub(crate) mod samples;
mod settings;
pub(crate) mod stars;
mod transfer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use miso_bot_store::BotStore;
use miso_command_catalogue::Problem;
use miso_http::{TRACE, key_fits, now_ms, random_id, trace_of};

use crate::api::Api;
use crate::problem::Refusal;
use caller::{Caller, position};
use endpoints::ENDPOINTS;

/// Bytes of a request's body, at most; beyond it 413.
pub const BODY_BYTES: usize = miso_settings::FILE_BYTES;
/// Bytes of an `Idempotency-Key`, at most.
const KEY_BYTES: usize = 200;
/// Where a read model stands, or must stand: `partition:offset` of `bot.facts`.
pub(crate) const POSITION: &str = "miso-position";
/// How long a read waits for the position that its caller has seen; then 503.
const POSITION_PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn router(api: Arc<Api>) -> Router {
    let router =
        ENDPOINTS.iter().fold(Router::new(), |router, endpoint| router.route(endpoint.path, (endpoint.handler)()));
    router
        .fallback(|| async {
            Refusal(Problem::new(404, "not-found", "No such page", "There is nothing at this address."))
        })
        .method_not_allowed_fallback(|| async {
            Refusal(Problem::new(405, "method-not-allowed", "Wrong method", "This address takes other methods."))
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&api), around))
        .with_state(api)
}

/// Key, context and rate are checked before, the trace id put in after.
async fn around(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let trace = trace_of(request.headers()).unwrap_or_else(random_id);
    let method = request.method().clone();
    let mut response = match admitted(&api, request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => Refusal(problem).into_response(),
    };
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        if problem.status >= 500 {
            tracing::warn!(trace, %method, status = problem.status, problem = problem.slug(), "a request failed");
        }
        problem.trace_id = Some(trace.clone());
        response = miso_http::answer(&problem, response);
    }
    let status = response.status().as_u16().to_string();
    metrics::counter!("miso_commands_requests_total", "status" => status).increment(1);
    if let Ok(value) = HeaderValue::from_str(&trace) {
        response.headers_mut().insert(TRACE, value);
    }
    response
}

fn admitted(api: &Api, headers: &HeaderMap) -> Result<Caller, Problem> {
    let key = api.cluster_key.as_deref();
    if !key.is_none_or(|key| key_fits(key, headers)) {
        let detail = "This service needs the deployment's key: send `Authorization: Bearer` and MISO_CLUSTER_KEY.";
        return Err(Problem::new(401, "wrong-key", "The key is missing or wrong", detail));
    }
    let caller = Caller::of(headers, key.unwrap_or_default(), now_ms() / 1_000)?;
    let user = caller.context.as_ref().map(|context| context.user);
    api.limits.take(user, Instant::now()).map_err(|wait| {
        metrics::counter!("miso_commands_limited_total").increment(1);
        let mut problem =
            Problem::new(429, "too-often", "Too often", "Too many requests at once. Try again in a moment.");
        problem.members.retry_after = Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1));
        problem
    })?;
    Ok(caller)
}

/// The store, at the position that the caller has seen.
async fn store_at(api: &Api, headers: &HeaderMap) -> Result<BotStore, Refusal> {
    let store = api.store()?;
    if let Some((partition, next)) = position(headers)?
        && !store.wait_for(partition, next, POSITION_PATIENCE).await?
    {
        let detail = "The database has not seen this change yet. Try again in a moment.";
        return Err(Problem::new(503, "behind", "Not there yet", detail).into());
    }
    Ok(store)
}

/// A JSON body.
fn read_body<T: serde::de::DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(413, "too-large", "The body is too large", format!("A body has {BODY_BYTES} bytes at most."))
        } else {
            Problem::new(400, "unreadable-body", "The body cannot be read", "The body broke off.")
        }
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        Problem::new(400, "unreadable-body", "The body cannot be read", format!("The body does not fit: {error}."))
            .into()
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn query_refused(rejection: QueryRejection) -> Refusal {
    Problem::new(400, "unreadable-query", "The query cannot be read", rejection.body_text()).into()
}

/// The request's id: the caller's `Idempotency-Key`, else a fresh one.
pub(crate) fn request_id(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(random_id()) };
    match key.to_str() {
        Ok(key) if (1..=KEY_BYTES).contains(&key.len()) => Ok(key.to_owned()),
        _ => {
            let detail = format!("An Idempotency-Key has 1 to {KEY_BYTES} visible ASCII characters.");
            Err(Problem::new(400, "invalid-key", "The Idempotency-Key does not fit", detail))
        }
    }
}

/// Adds where the store stood when it answered.
pub(crate) fn positioned(mut response: Response, position: Option<(i32, i64)>) -> Response {
    if let Some((partition, next)) = position
        && let Ok(value) = HeaderValue::from_str(&format!("{partition}:{next}"))
    {
        response.headers_mut().insert(POSITION, value);
    }
    response
}
