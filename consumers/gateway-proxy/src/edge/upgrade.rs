//! HTTP on the listener: the websocket handshake on `/`, everything else for the REST router.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::mending::Prefixed;

/// A request's head must be there so soon; also how long an idle REST connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);
/// RFC 6455, section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What the handshake's query asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Query {
    pub(crate) version: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) compress: Option<String>,
}

impl Query {
    /// Of a URL's query, without `?`. The last of a repeated name counts.
    pub(crate) fn parse(query: &str) -> Self {
        let mut this = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "v" => this.version = Some(value.to_owned()),
                "encoding" => this.encoding = Some(value.to_owned()),
                "compress" => this.compress = Some(value.to_owned()),
                _ => {}
            }
        }
        this
    }
}

type Slot = Arc<Mutex<Option<(OnUpgrade, Query)>>>;

/// Serves HTTP until the connection ends, or becomes a websocket: then gives its stream.
pub(crate) async fn http(stream: Prefixed, rest: Router, stop: CancellationToken) -> Option<(Prefixed, Query)> {
    let slot = Slot::default();
    let taken = Arc::clone(&slot);
    let service = service_fn(move |request: Request<Incoming>| {
        let (rest, slot) = (rest.clone(), Arc::clone(&slot));
        async move { respond(request, rest, &slot).await }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(serving);
    tokio::select! {
        // A client that speaks no HTTP, or goes away, is nobody's error.
        ended = &mut serving => ended.ok()?,
        () = stop.cancelled() => {
            // Answers are finished, nothing new is taken.
            serving.as_mut().graceful_shutdown();
            serving.await.ok()?;
        }
    }
    let (upgrade, query) = taken.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    let parts = upgrade.await.ok()?.downcast::<TokioIo<Prefixed>>().ok()?;
    let mut stream = parts.io.into_inner();
    stream.unread(&parts.read_buf);
    Some((stream, query))
}

async fn respond(
    mut request: Request<Incoming>,
    rest: Router,
    slot: &Slot,
) -> Result<Response<Body>, std::convert::Infallible> {
    if !is_websocket(&request) {
        return rest.oneshot(request.map(Body::new)).await;
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| accept_of(key.as_bytes()));
    let version = request.headers().get(header::SEC_WEBSOCKET_VERSION);
    let (Some(accept), true) = (key, version.is_none_or(|version| version == "13")) else {
        return Ok(refused());
    };
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let upgrade = hyper::upgrade::on(&mut request);
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, query));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, http::HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, http::HeaderValue::from_static("websocket"));
    // No Sec-WebSocket-Extensions: permessage-deflate is declined.
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Version 13 only, with a key.
fn refused() -> Response<Body> {
    let mut response =
        Response::new(Body::from("a websocket handshake of version 13 with Sec-WebSocket-Key is needed"));
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, http::HeaderValue::from_static("13"));
    response.headers_mut().insert(header::UPGRADE, http::HeaderValue::from_static("websocket"));
    response
}

fn is_websocket(request: &Request<Incoming>) -> bool {
    request.method() == Method::GET
        && matches!(request.uri().path(), "" | "/" | "//")
        && lists(request.headers(), &header::CONNECTION, "upgrade")
        && lists(request.headers(), &header::UPGRADE, "websocket")
}

fn lists(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(word))
}

fn accept_of(key: &[u8]) -> http::HeaderValue {
    let mut sha = sha1_smol::Sha1::new();
    sha.update(key);
    sha.update(ACCEPT_GUID);
    let accept = BASE64_STANDARD.encode(sha.digest().bytes());
    http::HeaderValue::from_str(&accept).unwrap_or(http::HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshakes_key_is_answered_as_the_standard_says() {
        assert_eq!(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn queries_of_real_libraries_are_read() {
        let query = Query::parse("v=10&encoding=json&compress=zstd-stream");
        assert_eq!(query.version.as_deref(), Some("10"));
        assert_eq!(query.encoding.as_deref(), Some("json"));
        assert_eq!(query.compress.as_deref(), Some("zstd-stream"));
        assert_eq!(Query::parse(""), Query::default());
    }
}
