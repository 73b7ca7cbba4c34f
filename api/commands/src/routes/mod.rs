//! The endpoints, one file per group.

mod commands;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use miso_command_catalogue::Problem;
use miso_http::{TRACE, key_fits, random_id, trace_of};

use crate::api::Api;
use crate::problem::Refusal;

/// Bytes of a request's body, at most; beyond it 413.
pub(crate) const BODY_BYTES: usize = 64 * 1_024;
/// Bytes of an `Idempotency-Key`, at most.
const KEY_BYTES: usize = 255;
/// Where a read model stands, or must stand: `partition:offset` of `bot.facts`.
pub(crate) const POSITION: &str = "miso-position";

pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v1/commands", get(commands::list))
        .route("/v1/commands/{name}", post(commands::run).get(commands::describe))
        .route("/v1/guilds/{guild}/settings", get(settings::read).patch(settings::change))
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

/// The key is checked before, the trace id put in after.
async fn around(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let trace = trace_of(request.headers()).unwrap_or_else(random_id);
    let method = request.method().clone();
    let mut response = if api.cluster_key.as_deref().is_none_or(|key| key_fits(key, request.headers())) {
        next.run(request).await
    } else {
        let detail = "This service needs the deployment's key: send `Authorization: Bearer` and MISO_CLUSTER_KEY.";
        Refusal(Problem::new(401, "wrong-key", "The key is missing or wrong", detail)).into_response()
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
