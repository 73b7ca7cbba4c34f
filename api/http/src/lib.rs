//! What the HTTP services share: the server's loop, problems as answers, trace ids, the deployment's key.

mod problem;
mod serve;
mod trace;

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq;

pub use problem::{Refusal, answer};
pub use serve::{MAX_CONNECTIONS, serve};
pub use trace::{TRACE, now_ms, random_id, trace_of};

/// What stands behind `Authorization: Bearer`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")
}

/// Whether the caller sent the deployment's key as `Authorization: Bearer`; compared in constant time.
#[must_use]
pub fn key_fits(key: &str, headers: &HeaderMap) -> bool {
    bearer(headers).is_some_and(|given| given.ct_eq(key.as_bytes()).into())
}
