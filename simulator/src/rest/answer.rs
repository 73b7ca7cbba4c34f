//! Answers as Discord writes them: JSON, errors, 429 with all its headers, and Cloudflare's page.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, VIA};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;

use super::faults::{Kind, Strike};
use super::limits::{BucketState, Scope};
use super::route::Reply;
use crate::world::Refusal;

fn json_response(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(VIA, HeaderValue::from_static("1.1 google"));
    response
}

pub(super) fn answer(result: Result<Reply, Refusal>) -> Response<Full<Bytes>> {
    match result {
        Err(refusal) => refuse(&refusal),
        Ok(Reply { status, body: Some(body), .. }) => json_response(status, body.to_string()),
        Ok(Reply { status, body: None, .. }) => {
            let mut response = json_response(status, String::new());
            response.headers_mut().remove(CONTENT_TYPE);
            response
        }
    }
}

pub(super) fn refuse(refusal: &Refusal) -> Response<Full<Bytes>> {
    json_response(refusal.status, serde_json::json!({"message": refusal.message, "code": refusal.code}).to_string())
}

pub(super) fn struck(
    strike: Strike,
    bucket: Option<&BucketState>,
    now_us: u64,
) -> (Response<Full<Bytes>>, Option<&'static str>) {
    let retry_after_us = strike.retry_after_ms * 1000;
    match strike.kind {
        Kind::Shared => (too_many("shared", retry_after_us, bucket, now_us), Some("shared")),
        Kind::User => (too_many("user", retry_after_us, bucket, now_us), Some("user")),
        Kind::Global => (too_many("global", retry_after_us, None, now_us), Some("global")),
        Kind::Cloudflare => (cloudflare(retry_after_us), Some("banned")),
        Kind::Status | Kind::Cut | Kind::Hang => {
            let status = strike.status;
            let text = StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("Error");
            (
                json_response(
                    status,
                    serde_json::json!({"message": format!("{status}: {text}"), "code": 0}).to_string(),
                ),
                None,
            )
        }
    }
}

pub(super) fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::User => "user",
        Scope::Global => "global",
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000_000, us / 1000 % 1000)
}

pub(super) fn bucket_headers(headers: &mut HeaderMap, bucket: &BucketState, now_us: u64) {
    set(headers, "x-ratelimit-limit", &bucket.limit.to_string());
    set(headers, "x-ratelimit-remaining", &bucket.remaining.to_string());
    set(headers, "x-ratelimit-reset", &seconds(bucket.reset_us));
    // Rounded up: a client that waits exactly so long finds the window over.
    set(headers, "x-ratelimit-reset-after", &seconds(bucket.reset_us.saturating_sub(now_us).next_multiple_of(1000)));
    set(headers, "x-ratelimit-bucket", &bucket.hash);
}

pub(super) fn too_many(
    scope: &'static str,
    retry_after_us: u64,
    bucket: Option<&BucketState>,
    now_us: u64,
) -> Response<Full<Bytes>> {
    let retry_after_us = retry_after_us.next_multiple_of(1000);
    let global = scope == "global";
    let message = if scope == "shared" { "The resource is being rate limited." } else { "You are being rate limited." };
    let body = format!("{{\"message\":\"{message}\",\"retry_after\":{},\"global\":{global}}}", seconds(retry_after_us));
    let mut response = json_response(429, body);
    let headers = response.headers_mut();
    if let Some(bucket) = bucket {
        bucket_headers(
            headers,
            &BucketState { remaining: 0, reset_us: now_us + retry_after_us, ..bucket.clone() },
            now_us,
        );
    }
    set(headers, "retry-after", &retry_after_us.div_ceil(1_000_000).to_string());
    set(headers, "x-ratelimit-scope", scope);
    if global {
        set(headers, "x-ratelimit-global", "true");
    }
    response
}

/// What Cloudflare says before Discord is reached.
pub(super) fn cloudflare(retry_after_us: u64) -> Response<Full<Bytes>> {
    let mut response =
        Response::new(Full::new(Bytes::from_static(b"<!doctype html><html><body>error code: 1015</body></html>")));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=UTF-8"));
    set(response.headers_mut(), "retry-after", &retry_after_us.div_ceil(1_000_000).to_string());
    response
}
