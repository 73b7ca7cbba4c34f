//! The social sites that links lead to: a few posts of every kind on each, in the shapes that the real ones
//! answer with, and a host that means harm. A request is a site's when its `Host` is a name that is not this
//! machine's.

mod body;
mod control;
mod files;
mod posts;
mod state;
mod trouble;

mod bluesky;
mod mastodon;
mod meta;
mod reddit;
mod tiktok;
mod web;
mod x;
mod youtube;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use crate::core::Core;
use crate::rest::parse_query;

pub(crate) use body::Paced;
pub(crate) use control::order;
pub(crate) use state::Sites;

/// Bytes of a request's body that are read.
const MAX_BODY: usize = 64 * 1_024;
/// How long an answer that is broken by slowness takes: longer than anybody waits.
const SLOW: Duration = Duration::from_secs(60);

/// A request to a site.
pub(crate) struct Asked {
    method: String,
    host: String,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Vec<(String, String)>,
}

impl Asked {
    fn query(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn field(&self, name: &str) -> &str {
        self.body.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A site's answer.
pub(crate) struct Reply {
    /// What a strategy that reads it is called: `x.syndication`; where no single one does, the host's kind.
    label: &'static str,
    status: u16,
    kind: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Paced,
}

impl Reply {
    fn json(label: &'static str, status: u16, body: &Value) -> Self {
        Self { label, status, kind: "application/json", headers: Vec::new(), body: Paced::whole(body.to_string()) }
    }

    fn html(label: &'static str, status: u16, body: impl Into<Bytes>) -> Self {
        Self { label, status, kind: "text/html; charset=utf-8", headers: Vec::new(), body: Paced::whole(body) }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn redirect(label: &'static str, to: &str) -> Self {
        Self::html(label, 302, "").with("location", to)
    }
}

/// Whether the request is for one of the sites.
pub(crate) fn is_site(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = name_of(host);
    name.contains('.') && name.bytes().any(|byte| byte.is_ascii_alphabetic()) && !name.ends_with(".localhost")
}

fn name_of(host: &str) -> String {
    host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

/// Answers for the host that the request names.
pub(crate) async fn answer(core: Arc<Core>, request: Request<Incoming>) -> Response<Paced> {
    let (parts, body) = request.into_parts();
    let body =
        Limited::new(body, MAX_BODY).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let asked = Asked {
        method: parts.method.to_string(),
        host: name_of(host),
        path: parts.uri.path().to_owned(),
        query: parse_query(parts.uri.query().unwrap_or_default()),
        headers: parts.headers,
        body: parse_query(&String::from_utf8_lossy(&body)),
    };
    let reply = route(&core.sites, &asked);
    let (reply, is_slow) = core.sites.struck(&asked.host, reply);
    if is_slow {
        tokio::time::sleep(SLOW).await;
    }
    respond(reply)
}

fn route(sites: &Sites, asked: &Asked) -> Reply {
    let host = asked.host.strip_prefix("www.").unwrap_or(&asked.host);
    match host {
        "x.com" | "twitter.com" | "api.x.com" | "publish.x.com" | "cdn.syndication.twimg.com" | "fixer.example.org" => {
            x::answer(asked)
        }
        "bsky.app" | "public.api.bsky.app" | "bsky.social" => bluesky::answer(asked),
        "mastodon.social" => mastodon::answer(asked),
        "reddit.com" | "oauth.reddit.com" => reddit::answer(asked),
        "youtube.com" => youtube::answer(asked),
        "tiktok.com" | "vm.tiktok.com" => tiktok::answer(asked),
        "instagram.com" => meta::instagram(asked),
        "threads.com" | "threads.net" => meta::threads(asked),
        "trouble.example.org" => trouble::answer(sites, asked),
        _ if files::HOSTS.contains(&host) => files::answer(asked),
        _ if web::HOSTS.contains(&host) => web::answer(asked),
        _ => Reply::html("nobody", 404, "<html><title>No such site</title></html>"),
    }
}

fn respond(reply: Reply) -> Response<Paced> {
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.kind));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The number at the end of a path, as most sites' links have.
fn last_number(path: &str) -> Option<u64> {
    path.trim_end_matches('/').rsplit('/').find_map(|part| part.parse().ok())
}
