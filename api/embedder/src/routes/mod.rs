//! The endpoints: one table, from which the router and the OpenAPI document come.

mod about;
mod file;
mod media;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use miso_command_catalogue::Problem;
use miso_http::{Refusal, TRACE, random_id, trace_of};

use crate::api::Api;

/// Bytes of a request's body, at most; beyond it 413.
const BODY_BYTES: usize = 64 * 1_024;

/// What an endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// JSON of this schema.
    Schema(&'static str),
    /// JSON that people read.
    Object,
    /// A picture, video or sound.
    File,
}

/// One endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Whether it takes no key.
    pub(crate) is_open: bool,
    pub(crate) summary: &'static str,
    /// Name and meaning of each parameter of the query.
    pub(crate) query: &'static [(&'static str, &'static str)],
    pub(crate) returns: Returns,
    handler: fn() -> MethodRouter<Arc<Api>>,
}

/// Every endpoint.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "GET",
        path: "/v1/media",
        is_open: false,
        summary: "What a link shows, in the one schema.",
        query: &[
            ("url", "the link"),
            ("lang", "the language of what the site says itself, such as `en`; `en` without it"),
            ("max_bytes", "the largest file that the caller takes: 26214400 without it, 104857600 at most"),
        ],
        returns: Returns::Schema("Answer"),
        handler: || get(media::one),
    },
    Endpoint {
        method: "POST",
        path: "/v1/media/batch",
        is_open: false,
        summary: "Up to ten links at once; one link's problem stays its own.",
        query: &[],
        returns: Returns::Schema("Batch"),
        handler: || post(media::batch),
    },
    Endpoint {
        method: "GET",
        path: "/v1/file/{signed}",
        is_open: true,
        summary: "A file of an answer, streamed; takes Range. The signature is the key.",
        query: &[],
        returns: Returns::File,
        handler: || get(file::file),
    },
    Endpoint {
        method: "GET",
        path: "/v1/providers",
        is_open: false,
        summary: "Every provider with its strategies, switches and health figures.",
        query: &[],
        returns: Returns::Object,
        handler: || get(about::providers),
    },
    Endpoint {
        method: "GET",
        path: "/v1/health",
        is_open: true,
        summary: "Whether the service and its providers work.",
        query: &[],
        returns: Returns::Object,
        handler: || get(about::health),
    },
    Endpoint {
        method: "GET",
        path: "/openapi.json",
        is_open: true,
        summary: "This document.",
        query: &[],
        returns: Returns::Object,
        handler: || get(about::openapi),
    },
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
