//! The listener: HTTP/1.1 by hand on hyper, so that a connection can be cut at any moment and an upgraded socket is the bare one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::control;
use crate::core::Core;
use crate::gateway::{Greeting, serve as serve_gateway};
use crate::rest::{MAX_BODY, Planned, Received, faulted, handle, parse_query};
use crate::{lastfm, oauth, pictures, sites};

/// Rest after an accept error (no file descriptors left, …).
const ACCEPT_REST: Duration = Duration::from_millis(50);
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Makes hyper end the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on order")]
struct Cut;

type Answer = Result<Response<Full<Bytes>>, Cut>;

/// Accepts until shutdown.
pub(crate) async fn accept(core: Arc<Core>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = core.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                core.tasks.spawn(connection(Arc::clone(&core), stream, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

async fn connection(core: Arc<Core>, stream: TcpStream, peer: SocketAddr) {
    let _no_delay = stream.set_nodelay(true);
    let shutdown = core.shutdown.clone();
    let service = service_fn(|request: Request<Incoming>| {
        let core = Arc::clone(&core);
        async move {
            if sites::is_site(request.headers()) {
                return Ok(sites::answer(core, request).await.map(Either::Right));
            }
            answer(core, peer.ip(), request).await.map(|response| response.map(Either::Left))
        }
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        () = shutdown.cancelled() => {}
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        },
    }
}

async fn answer(core: Arc<Core>, peer: IpAddr, request: Request<Incoming>) -> Answer {
    let path = request.uri().path();
    if request.headers().contains_key(UPGRADE) {
        return Ok(upgrade(&core, request));
    }
    if let Some(rest) = path.strip_prefix("/control") {
        if !peer.is_loopback() {
            return Ok(text(StatusCode::FORBIDDEN, "the control API answers loopback only"));
        }
        let path = rest.to_owned();
        let (parts, body) = request.into_parts();
        let Some(body) = read(body).await else {
            return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "body too large"));
        };
        let query = parse_query(parts.uri.query().unwrap_or_default());
        return Ok(control::handle(&core, parts.method.as_str(), &path, &query, &body));
    }
    if path.strip_prefix("/api").unwrap_or(path) == "/oauth2/authorize" {
        return Ok(oauth::authorize(&core, request.uri().query().unwrap_or_default()));
    }
    if let Some(file) = path.strip_prefix("/cdn/attachments/") {
        return Ok(uploaded(&core, file));
    }
    if let Some(picture) = path.strip_prefix("/cdn") {
        return Ok(pictures::answer(picture));
    }
    if let Some(rest) = path.strip_prefix("/lastfm") {
        return sent(lastfm::answer(&core, rest, request.uri().query().unwrap_or_default())).await;
    }
    let Some(path) = api_path(path).map(str::to_owned) else {
        return Ok(json(StatusCode::NOT_FOUND, r#"{"message":"404: Not Found","code":0}"#));
    };
    let (parts, body) = request.into_parts();
    let Some(body) = read(body).await else {
        return Ok(json(StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request entity too large","code":40005}"#));
    };
    let received = Received {
        method: parts.method.as_str(),
        path: &path,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
        peer,
    };
    let planned = of_user(&core, &received).unwrap_or_else(|| handle(&core, &received));
    sent(planned).await
}

/// A file that came with a message, while it is kept.
fn uploaded(core: &Core, path: &str) -> Response<Full<Bytes>> {
    let Some(upload) = core.world().uploads.at(path).cloned() else {
        return text(StatusCode::NOT_FOUND, "there is no such file, or no more");
    };
    let mut response = Response::new(Full::new(upload.content));
    if let Ok(kind) = upload.kind.parse() {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

async fn sent(planned: Planned) -> Answer {
    if planned.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(planned.delay_ms)).await;
    }
    if planned.cut { Err(Cut) } else { Ok(planned.response) }
}

/// What belongs to OAuth2 or comes with a user's token.
fn of_user(core: &Core, received: &Received<'_>) -> Option<Planned> {
    let (method, path, headers) = (received.method, received.path, received.headers);
    let is_oauth = path.starts_with("/oauth2/token");
    let is_bearer = headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"Bearer "));
    if !is_oauth && !is_bearer {
        return None;
    }
    if let Some(struck) = faulted(core, method, path) {
        return Some(struck);
    }
    let response = oauth::call(core, method, path, headers, received.body)
        .or_else(|| oauth::user_call(core, method, path, headers))?;
    Some(Planned { response, delay_ms: 0, cut: false })
}

/// The path behind `/api/v10`, `/api/v9` or `/api`.
fn api_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/api")?;
    let rest = rest.strip_prefix("/v10").or_else(|| rest.strip_prefix("/v9")).unwrap_or(rest);
    rest.starts_with('/').then_some(rest)
}

async fn read(body: Incoming) -> Option<Bytes> {
    Limited::new(body, MAX_BODY).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

fn upgrade(core: &Arc<Core>, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return text(StatusCode::BAD_REQUEST, "only websocket upgrades are known");
    };
    if core.hub.refusing.load(Ordering::Relaxed) {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the gateway is away on order");
    }
    let digest = sha1_smol::Sha1::from([key.as_bytes(), WEBSOCKET_GUID.as_bytes()].concat()).digest().bytes();
    let accept = base64::engine::general_purpose::STANDARD.encode(digest);
    let greeting = greeting(request.uri().query().unwrap_or_default());
    let upgrading = hyper::upgrade::on(&mut request);
    let task = Arc::clone(core);
    core.tasks.spawn(async move {
        let Ok(upgraded) = upgrading.await else {
            return;
        };
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
            return;
        };
        serve_gateway(task, parts.io.into_inner(), parts.read_buf, greeting).await;
    });
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

fn greeting(query: &str) -> Greeting {
    let mut greeting = Greeting::default();
    for (name, value) in parse_query(query) {
        match name.as_str() {
            "v" => greeting.version = Some(value),
            "encoding" => greeting.encoding = Some(value),
            "compress" => greeting.compress = Some(value),
            _ => {}
        }
    }
    greeting
}

fn with_type(status: StatusCode, kind: &'static str, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    with_type(status, "text/plain", body)
}

fn json(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = with_type(status, "application/json", body);
    response.headers_mut().insert(http::header::VIA, HeaderValue::from_static("1.1 google"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_and_no_version_are_the_api() {
        assert_eq!(api_path("/api/v10/users/@me"), Some("/users/@me"));
        assert_eq!(api_path("/api/v9/gateway"), Some("/gateway"));
        assert_eq!(api_path("/api/gateway"), Some("/gateway"));
        assert_eq!(api_path("/users/@me"), None);
        assert_eq!(api_path("/apix"), None);
    }
}
