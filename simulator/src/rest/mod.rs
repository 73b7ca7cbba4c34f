//! REST: one request through ban, authorization, limits, faults, world, and into the journal.

mod answer;
mod channels;
mod faults;
mod guilds;
mod limits;
mod messages;
mod multipart;
mod query;
mod route;
mod users;
mod webhooks;

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Response};
use http_body_util::Full;
use serde::Serialize;
use serde_json::Value;

pub(crate) use faults::{FaultSpec, Faults};
pub(crate) use limits::{Limits, Rule};
pub(crate) use query::{decode, parse_query};

use crate::core::Core;
use crate::gateway::IDENTIFY_TOTAL;
use crate::snowflake::unix_us;
use crate::world::{INVALID_FORM, METHOD_NOT_ALLOWED, NOT_FOUND, Refusal, UNAUTHORIZED};
use answer::{answer, bucket_headers, cloudflare, refuse, scope_name, struck, too_many};
use faults::{Kind, Stage};
use limits::{Asked, Scope, Verdict};
use route::{Access, Call, Found, GatewayFacts};

/// Largest body read; more is refused with 413.
pub(crate) const MAX_BODY: usize = 32 << 20;
/// Bodies up to this length are kept in the journal.
const MAX_JOURNAL_BODY: usize = 64 << 10;

/// A request as it came in; `path` begins behind `/api/v10`.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    pub(crate) peer: IpAddr,
}

/// The answer, and what happens to it on its way.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) response: Response<Full<Bytes>>,
    pub(crate) delay_ms: u64,
    /// The connection ends instead of answering.
    pub(crate) cut: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    kind: &'static str,
    at_us: u64,
    method: &'a str,
    path: &'a str,
    query: &'a str,
    route: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Value>,
    body_bytes: usize,
    nonce: Option<&'a Value>,
    reason: Option<&'a str>,
    user_agent: Option<&'a str>,
    status: u16,
    applied: bool,
    effect: Option<String>,
    fault: Option<&'a str>,
    limited: Option<&'static str>,
    delay_ms: u64,
    cut: bool,
}

/// What became of a request before it is journalled.
struct Outcome {
    response: Response<Full<Bytes>>,
    applied: bool,
    effect: Option<u64>,
    fault: Option<(Stage, Kind)>,
    limited: Option<&'static str>,
    hang_ms: u64,
}

impl Outcome {
    fn plain(response: Response<Full<Bytes>>) -> Self {
        Self { response, applied: false, effect: None, fault: None, limited: None, hang_ms: 0 }
    }
}

/// The answer of an ordered fault, for requests that are not in the table. A `hang` is only a wait before 504.
pub(crate) fn faulted(core: &Core, method: &str, path: &str) -> Option<Planned> {
    let strike = core.faults().strike(method, path)?;
    let delay_ms = if strike.kind == Kind::Hang { strike.retry_after_ms } else { 0 };
    let (response, _) = struck(strike, None, unix_us());
    Some(Planned { response, delay_ms, cut: strike.kind == Kind::Cut })
}

/// Handles one request: everything but the waiting.
pub(crate) fn handle(core: &Core, received: &Received<'_>) -> Planned {
    let found = route::find(received.method, received.path);
    let (body, uploads) = match read_body(received) {
        Ok(read) => (Ok(read.0), read.1),
        Err(refusal) => (Err(refusal), Vec::new()),
    };
    let template = match &found {
        Found::Route(route, _) => Some(route.template),
        Found::WrongMethod | Found::Nothing => None,
    };
    let (outcome, body) = match found {
        Found::Nothing => (Outcome::plain(refuse(&NOT_FOUND)), body.unwrap_or(Value::Null)),
        Found::WrongMethod => (Outcome::plain(refuse(&METHOD_NOT_ALLOWED)), body.unwrap_or(Value::Null)),
        Found::Route(route, params) => {
            let mut call = Call {
                params,
                query: parse_query(received.query),
                body: Value::Null,
                uploads,
                reason: received.headers.get("x-audit-log-reason").and_then(|value| value.to_str().ok()).map(decode),
                now_ms: unix_us() / 1000,
                gateway: GatewayFacts {
                    url: core.gateway_url(),
                    shards: core.config.shards,
                    max_concurrency: core.config.max_concurrency,
                    remaining: IDENTIFY_TOTAL.saturating_sub(core.hub.identifies.load(Ordering::Relaxed)),
                },
            };
            let refused = match body {
                Ok(body) => {
                    call.body = body;
                    None
                }
                Err(refusal) => Some(refusal),
            };
            let outcome = run(core, received, route, &call, refused);
            (outcome, call.body)
        }
    };
    let status = outcome.response.status().as_u16();
    if matches!(status, 401 | 403 | 429) && outcome.limited != Some("shared") {
        core.limits().count_invalid(received.peer, unix_us());
    }
    let cut = matches!(outcome.fault, Some((_, Kind::Cut)));
    let delay_ms = outcome.hang_ms + core.faults().delay();
    let fault = outcome.fault.map(|(stage, kind)| format!("{stage:?} {kind:?}").to_lowercase());
    core.journal.record(&Entry {
        kind: "rest",
        at_us: unix_us(),
        method: received.method,
        path: received.path,
        query: received.query,
        route: template,
        body: Some(&body).filter(|_| received.body.len() <= MAX_JOURNAL_BODY).filter(|body| !body.is_null()),
        body_bytes: received.body.len(),
        nonce: body.get("nonce"),
        reason: received.headers.get("x-audit-log-reason").and_then(|value| value.to_str().ok()),
        user_agent: received.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()),
        status,
        applied: outcome.applied,
        effect: outcome.effect.map(|id| id.to_string()),
        fault: fault.as_deref(),
        limited: outcome.limited,
        delay_ms,
        cut,
    });
    Planned { response: outcome.response, delay_ms, cut }
}

fn run(
    core: &Core,
    received: &Received<'_>,
    route: &'static route::Route,
    call: &Call,
    malformed: Option<Refusal>,
) -> Outcome {
    let now_us = unix_us();
    let resource = route::resource(route.template, &call.params);
    let asked = Asked {
        method: route.method,
        template: route.template,
        resource: &resource,
        exempt_from_global: route.access != Access::Bot,
        renames: route.method == "PATCH"
            && route.template == "/channels/{channel}"
            && (call.body.get("name").is_some() || call.body.get("topic").is_some()),
    };
    if let Some(retry_after_us) = core.limits().banned(received.peer, now_us) {
        return Outcome { limited: Some("banned"), ..Outcome::plain(cloudflare(retry_after_us)) };
    }
    if route.access == Access::Bot && !authorized(received.headers, &core.config.token) {
        return Outcome::plain(refuse(&UNAUTHORIZED));
    }
    let bucket = match core.limits().ask(&asked, now_us) {
        Verdict::Pass(bucket) => bucket,
        Verdict::Limited { scope, retry_after_us, bucket } => {
            let limited = Some(if scope == Scope::Global { "global" } else { "user" });
            return Outcome {
                limited,
                ..Outcome::plain(too_many(scope_name(scope), retry_after_us, bucket.as_ref(), now_us))
            };
        }
    };
    let strike = core.faults().strike(received.method, received.path);
    let fault = strike.map(|strike| (strike.stage, strike.kind));
    if let Some(strike) = strike.filter(|strike| strike.stage == Stage::Before && strike.kind != Kind::Hang) {
        let (response, limited) = struck(strike, bucket.as_ref(), now_us);
        return Outcome { fault, limited, ..Outcome::plain(response) };
    }
    let result = match malformed {
        Some(refusal) => Err(refusal),
        None => core.change(|world, _| (route.handler)(world, call)),
    };
    let (applied, effect) = result.as_ref().map_or((false, None), |reply| (reply.applied, reply.effect));
    let (mut response, limited) = match strike.filter(|strike| strike.kind != Kind::Hang) {
        Some(strike) => struck(strike, bucket.as_ref(), now_us),
        None => (answer(result), None),
    };
    if let Some(bucket) = &bucket {
        bucket_headers(response.headers_mut(), bucket, now_us);
    }
    let hang_ms = strike.filter(|strike| strike.kind == Kind::Hang).map_or(0, |strike| strike.retry_after_ms);
    Outcome { response, applied, effect, fault, limited, hang_ms }
}

fn authorized(headers: &HeaderMap, token: &str) -> bool {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bot "))
        == Some(token)
}

fn read_body(received: &Received<'_>) -> Result<(Value, Vec<crate::world::Upload>), Refusal> {
    if received.body.is_empty() {
        return Ok((Value::Null, Vec::new()));
    }
    let kind = received.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        let form = multipart::read(kind, received.body).ok_or(INVALID_FORM)?;
        let json =
            form.payload_json.map_or(Ok(Value::Object(serde_json::Map::new())), |json| serde_json::from_slice(&json));
        return Ok((json.map_err(|_| INVALID_FORM)?, form.uploads));
    }
    serde_json::from_slice(received.body).map(|body| (body, Vec::new())).map_err(|_| INVALID_FORM)
}
