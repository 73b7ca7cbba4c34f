//! Answers to handlers. Pure.
//!
//! `application/json` without a charset (six libraries compare literally), `Via` on everything of
//! ours (without it a 429 is taken for a Cloudflare ban), never 202.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue, RETRY_AFTER, VIA};
use http::{HeaderMap, StatusCode};
use miso_model::Outcome;
use serde_json::{Value, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OURS: HeaderValue = HeaderValue::from_static("1.1 miso");
/// What a client is told to wait when the log or the sender is away, seconds.
const AWAY_SECONDS: u64 = 5;

/// Headers of Discord's that a handler is given.
fn passes(name: &HeaderName) -> bool {
    [CONTENT_TYPE, DATE, VIA, RETRY_AFTER].contains(name) || name.as_str().starts_with("x-ratelimit-")
}

pub(crate) fn of_discord(status: u16, headers: &HeaderMap, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in headers.iter().filter(|(name, _)| passes(name)) {
        response.headers_mut().append(name, value.clone());
    }
    response
}

pub(crate) fn of_outcome(outcome: Outcome) -> Response {
    let mut response = Response::new(Body::from(outcome.body.0));
    let status = u16::try_from(outcome.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    *response.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
    for header in outcome.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(header.name.as_bytes()), HeaderValue::from_maybe_shared(header.value.0))
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

pub(crate) fn json_bytes(status: u16, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(VIA, OURS);
    response
}

pub(crate) fn json(status: u16, body: &Value) -> Response {
    json_bytes(status, body.to_string().into())
}

/// An error of ours: readable for libraries (`message`, `code`) and for people (RFC 9457).
pub(crate) fn problem(status: u16, message: &str) -> Response {
    let title = StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("Error");
    json(
        status,
        &json!({"type": "about:blank", "title": title, "status": status, "detail": message, "message": message, "code": 0}),
    )
}

pub(crate) fn unauthorized() -> Response {
    json(
        401,
        &json!({
            "type": "about:blank", "title": "Unauthorized", "status": 401, "message": "401: Unauthorized", "code": 0,
            "detail": "This is no credential of a handler group: `miso group add NAME` makes one.",
        }),
    )
}

/// Nothing was accepted; asking again later is right.
pub(crate) fn unavailable(message: &str) -> Response {
    let mut response = problem(503, message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(AWAY_SECONDS));
    response
}

/// A complete 429: nothing was accepted. `Retry-After` in whole seconds, the whole `X-RateLimit-*`
/// set, `Via`.
pub(crate) fn limited(wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = seconds.max(1);
    let mut response = json(
        429,
        &json!({"message": "You are being rate limited.", "retry_after": wait.as_secs_f64().max(0.001), "global": false, "code": 0}),
    );
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    headers.insert("x-ratelimit-limit", HeaderValue::from(1));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
    headers.insert("x-ratelimit-reset-after", HeaderValue::from(seconds));
    headers.insert("x-ratelimit-bucket", HeaderValue::from_static("miso"));
    headers.insert("x-ratelimit-scope", HeaderValue::from_static("user"));
    let reset = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|since| since.as_secs() + seconds)
        .unwrap_or_default();
    headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_429_of_ours_is_complete() {
        let response = limited(Duration::from_millis(8_700));
        assert_eq!(response.status(), 429);
        let headers = response.headers();
        assert_eq!((headers["retry-after"].as_bytes(), headers["via"].as_bytes()), (&b"9"[..], &b"1.1 miso"[..]));
        assert_eq!(headers["content-type"], "application/json");
        for name in ["limit", "remaining", "reset", "reset-after", "bucket", "scope"] {
            assert!(headers.contains_key(format!("x-ratelimit-{name}")), "{name}");
        }
        assert_eq!(limited(Duration::from_millis(10)).headers()["retry-after"], "1", "never 0");
    }

    #[test]
    fn headers_of_discord_that_describe_the_connection_do_not_pass() {
        let headers: HeaderMap =
            [("date", "x"), ("connection", "close"), ("x-ratelimit-limit", "5"), ("set-cookie", "a")]
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
        let response = of_discord(200, &headers, Bytes::new());
        assert_eq!(response.headers().len(), 2);
    }
}
