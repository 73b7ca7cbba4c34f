//! The endpoints: one table, from which the router and the OpenAPI document come.

mod about;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use miso_command_catalogue::Problem;
use miso_http::{Refusal, TRACE, random_id, trace_of};

use crate::api::Api;

/// Bytes of a request's body, at most; beyond it 413.
const BODY_BYTES: usize = 64 * 1_024;

/// One endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    handler: fn() -> MethodRouter<Arc<Api>>,
}

/// Every endpoint.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "GET",
        path: "/v1/health",
        summary: "Whether the service lives.",
        handler: || get(about::health),
    },
    Endpoint { method: "GET", path: "/openapi.json", summary: "This document.", handler: || get(about::openapi) },
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
    metrics::counter!("miso_embedder_requests_total", "status" => status).increment(1);
    if let Ok(value) = HeaderValue::from_str(&trace) {
        response.headers_mut().insert(TRACE, value);
    }
    response
}
