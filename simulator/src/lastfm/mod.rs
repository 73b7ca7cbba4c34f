//! A Last.fm that behaves, quirks and all: its API under `/lastfm/2.0/`, its pages under `/lastfm/site`, its
//! pictures under `/lastfm/images`. Listeners follow the seed; users of the simulated Discord are listeners under
//! their own names. What goes wrong is ordered under `/control/lastfm`.

mod api;
mod catalogue;
mod control;
mod covers;
mod faults;
mod listeners;
mod lists;
mod pages;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

pub(crate) use control::order;

use crate::core::Core;
use crate::rest::{Planned, parse_query};
use crate::snowflake::unix_us;
use faults::{Calls, Effect, Faults};
use listeners::Listeners;

/// Everything that Last.fm knows.
#[derive(Debug)]
pub(crate) struct Lastfm {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    listeners: Listeners,
    faults: Faults,
    calls: Calls,
}

impl Lastfm {
    pub(crate) fn new(seed: u64) -> Self {
        let listeners = Listeners::new(seed, unix_us() / 1_000_000);
        Self { state: Mutex::new(State { listeners, faults: Faults::default(), calls: Calls::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body, and what it is.
struct Answer {
    status: StatusCode,
    kind: &'static str,
    body: Bytes,
}

impl Answer {
    fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self { status, kind: "application/json", body: body.to_string().into() }
    }

    fn html(status: StatusCode, body: String) -> Self {
        Self { status, kind: "text/html; charset=utf-8", body: body.into() }
    }
}

/// Answers what is asked behind `/lastfm`.
pub(crate) fn answer(core: &Core, path: &str, query: &str) -> Planned {
    let query = parse_query(query);
    let of_query = |name: &str| query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let now_us = unix_us();
    // Users of the simulated Discord are looked up before the lock: locks are never nested.
    let named = if path.starts_with("/2.0") { of_query("user").to_owned() } else { pages::user_of(path) };
    let is_member = !named.is_empty() && core.world().has_username(&named);
    let mut state = core.lastfm.state();
    if is_member {
        state.listeners.ensure(&named);
    }
    let what = what(path, of_query("method"));
    state.calls.count(&what, now_us / 1_000);
    let effect = state.faults.strike(&what);
    let base = format!("http://{}/lastfm", core.address);
    let (answer, delay_ms, cut) = match effect {
        Some(Effect::Cut) => (Answer::html(StatusCode::OK, String::new()), 0, true),
        Some(Effect::Answer(answer)) => (answer, 0, false),
        other => {
            let delay_ms = if let Some(Effect::Slow(ms)) = other { ms } else { 0 };
            let state = &mut *state;
            let answer = if path.starts_with("/2.0") {
                api::answer(&mut state.listeners, &base, &query, now_us / 1_000_000)
            } else if let Some(path) = path.strip_prefix("/site/") {
                pages::answer(&mut state.listeners, &base, path, &query, now_us / 1_000_000)
            } else if let Some(path) = path.strip_prefix("/images/") {
                covers::answer(path)
            } else {
                Answer::html(StatusCode::NOT_FOUND, "<h1>404</h1>".to_owned())
            };
            (answer, delay_ms, false)
        }
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.kind));
    Planned { response, delay_ms, cut }
}

/// What a request is counted and struck as: the method, `page:…` or `image`.
fn what(path: &str, method: &str) -> String {
    if path.starts_with("/2.0") {
        return method.to_lowercase();
    }
    match path.strip_prefix("/site/") {
        Some(path) => format!("page:{}", pages::kind_of(path)),
        None => "image".to_owned(),
    }
}
