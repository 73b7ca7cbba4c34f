//! One request, from its credential to its answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Limited};
use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS};
use miso_log::{Append, AppendError};
use miso_model::{Action, HandlerGroup, Header, Lane, LogRecord, Orphaned, Payload, Route};
use tokio::sync::OwnedSemaphorePermit;

use crate::hold::Accepted;
use crate::{BODY_PATIENCE, Ingress, MAX_BODY, answer, gets};

/// Granularity of the bound on held bodies, bytes.
pub(crate) const PERMIT_BYTES: usize = 1_024;
/// An `Idempotency-Key` is at most this long; a longer one is refused with 400.
const MAX_KEY: usize = 255;

const REASON: HeaderName = HeaderName::from_static("x-audit-log-reason");
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Any method on any path below `/api/v10` and `/api/v9`.
pub(crate) async fn handle(State(ingress): State<Arc<Ingress>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let whole = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let path = ["/api/v10", "/api/v9"].iter().find_map(|base| whole.strip_prefix(base)).unwrap_or(whole).to_owned();
    let application = ingress.state.own_user().map(|own| own.id.0);
    let route = Route::of(head.method.as_str(), &path, application);
    let group = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let group = group.and_then(|credential| ingress.groups.authenticate(credential));
    if group.is_none() && !route.tokened {
        metrics::counter!("miso_ingress_unauthorized_total").increment(1);
        return answer::unauthorized();
    }
    if matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return gets::get(&ingress, &path).await;
    }
    if !matches!(head.method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE) {
        return answer::problem(405, "405: Method Not Allowed");
    }
    let (body, held) = match read_body(&ingress, &head.headers, body).await {
        Ok(read) => read,
        Err(refused) => return refused,
    };
    if let Some(wait) = too_long(&ingress, group.as_deref(), head.method.as_str(), &path).await {
        metrics::counter!("miso_ingress_limited_total").increment(1);
        return answer::limited(wait);
    }
    let name = group.as_deref().map_or("", |group| group.name.as_str());
    let accepted_ms = now_ms();
    let id: [u8; 16] = rand::random();
    let (mut action, route) = Action::new(id, name, head.method.as_str(), &path, body, accepted_ms, application);
    if !pass_headers(&head.headers, &mut action) {
        return answer::problem(400, "Idempotency-Key: 1 to 255 visible ASCII characters.");
    }
    run(&ingress, action, &route, id, held).await
}

/// Appends the action and waits for its outcome.
async fn run(ingress: &Ingress, action: Action, route: &Route, id: [u8; 16], held: OwnedSemaphorePermit) -> Response {
    let topic = match route.lane {
        Lane::Actions => REST_ACTIONS,
        Lane::Interactions => REST_INTERACTIONS,
    };
    let Some(mut wait) = ingress.outcomes.wait_for(id, route.partition).await else {
        return answer::unavailable("The log cannot be read now, or too many requests wait; nothing was accepted.");
    };
    metrics::counter!("miso_ingress_actions_total").increment(1);
    let orphan = Orphaned {
        action_id: action.action_id.clone(),
        action_offset: 0,
        fingerprint: action.fingerprint(),
        accepted_ms: action.accepted_ms,
        at_ms: action.accepted_ms,
    };
    let record = Append::new(topic, route.partition, action.to_bytes(), action.accepted_ms);
    drop(action);
    let mut accepted = Accepted::new(&ingress.log, record, orphan);
    let mut held = Some(held);
    // Discord's answer may stand in the ledger before our own append has been told as synced: an
    // outcome proves that the action was.
    let outcome = loop {
        tokio::select! {
            appended = &mut accepted, if held.is_some() => {
                held = None;
                if let Err(error) = appended {
                    return refused(&error);
                }
            }
            outcome = wait.outcome() => break outcome,
        }
    };
    accepted.answered();
    match outcome {
        Some(outcome) => answer::of_outcome(outcome),
        None => answer::problem(
            409,
            "The outcome of this request passed by unseen; it is in rest.ledger. It is not repeated.",
        ),
    }
}

fn refused(error: &AppendError) -> Response {
    match error {
        AppendError::TooLarge { .. } => too_large(),
        AppendError::Unavailable(_) | AppendError::Refused(_) => {
            tracing::warn!(%error, "a request could not be accepted");
            answer::unavailable("The log is not available; nothing was accepted. Try again.")
        }
    }
}

fn too_large() -> Response {
    answer::problem(413, &format!("The body is larger than the {MAX_BODY} bytes that Miso takes."))
}

async fn read_body(
    ingress: &Ingress,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<(Bytes, OwnedSemaphorePermit), Response> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(too_large());
    }
    let chunked = headers.contains_key(http::header::TRANSFER_ENCODING);
    let expected = length.unwrap_or(if chunked { MAX_BODY } else { 0 });
    let permits = u32::try_from(expected / PERMIT_BYTES + 1).unwrap_or(u32::MAX);
    let bodies = Arc::clone(&ingress.bodies);
    let held = match Arc::clone(&bodies).try_acquire_many_owned(permits) {
        Ok(held) => held,
        Err(_) => match tokio::time::timeout(BODY_PATIENCE, bodies.acquire_many_owned(permits)).await {
            Ok(Ok(held)) => held,
            _ => return Err(answer::unavailable("Too many large bodies are held; nothing was accepted. Try again.")),
        },
    };
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok((body.to_bytes(), held)),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(_) => Err(answer::problem(400, "The body broke off.")),
    }
}

/// The predicted wait, where it is longer than the group takes.
async fn too_long(ingress: &Ingress, group: Option<&HandlerGroup>, method: &str, path: &str) -> Option<Duration> {
    let patience = Duration::from_millis(u64::try_from(group?.accept_wait_ms?).ok()?);
    let wait = ingress.gets.predicted_wait(method, path).await;
    (wait > patience).then_some(wait)
}

/// Takes over what goes along to Discord, and the key; `false`: the key is none.
fn pass_headers(headers: &HeaderMap, action: &mut Action) -> bool {
    for name in [CONTENT_TYPE, REASON] {
        if let Some(value) = headers.get(&name) {
            let value = Payload(Bytes::copy_from_slice(value.as_bytes()));
            action.headers.push(Header { name: name.as_str().to_owned(), value });
        }
    }
    let Some(key) = headers.get(KEY) else { return true };
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_KEY);
    action.idempotency_key = key.map(str::to_owned);
    key.is_some()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
