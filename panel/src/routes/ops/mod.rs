//! For operators: what the process says of itself, and what stands in the log. Red only where somebody
//! must act.

mod actions;
mod groups;
mod handlers;
mod health;
mod parked;
mod shards;
mod tail;
mod topics;
mod trace;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::app::App;
use crate::failure::Failure;
use crate::operations::Operations;
use crate::view::{Frame, Place, page};
use crate::visitor::SignedIn;

pub(super) use trace::steps as trace_steps;

/// Pages below `/ops`: address, icon, name.
pub(crate) const OPS_PAGES: &[(&str, &str, &str)] = &[
    ("/ops/topics", "list", "Topics"),
    ("/ops/groups", "users", "Groups"),
    ("/ops/handlers/new", "plus", "New handler"),
    ("/ops/shards", "server", "Shards"),
    ("/ops/actions", "send", "Actions"),
    ("/ops/parked", "circle-alert", "Parked"),
    ("/ops/tail", "terminal", "Tail"),
    ("/ops/trace", "search", "Trace"),
    ("/ops/replays", "rotate-ccw", "Replays"),
    ("/ops/health", "shield-check", "Health"),
];

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/ops", get(health::overview))
        .route("/ops/health", get(health::parts_page))
        .route("/ops/replays", get(health::acts))
        .route("/ops/topics", get(topics::list))
        .route("/ops/topics/{topic}", get(topics::one))
        .route("/ops/groups", get(groups::list))
        .route("/ops/groups/{group}", get(groups::one))
        .route("/ops/groups/{group}/rotate", post(groups::rotate))
        .route("/ops/handlers/new", get(handlers::form).post(handlers::create))
        .route("/ops/handlers/{group}/light", get(handlers::light))
        .route("/ops/shards", get(shards::list))
        .route("/ops/actions", get(actions::list))
        .route("/ops/parked", get(parked::list))
        .route("/ops/tail", get(tail::show).post(tail::reveal))
        .route("/ops/trace", get(trace::ask))
        .route("/ops/trace/{id}", get(trace::one))
}

/// Whether the visitor operates Miso.
pub(super) fn operates(app: &App, signed_in: &SignedIn) -> bool {
    app.config.operators.contains(&signed_in.session.user)
}

fn allowed(app: &App, signed_in: &SignedIn) -> Result<(), Failure> {
    if operates(app, signed_in) {
        return Ok(());
    }
    Err(Failure::Forbidden {
        needs: "These pages are for who operates Miso.".to_owned(),
        who: "Operators are named in MISO_PANEL_OPERATORS.".to_owned(),
    })
}

/// The log, for an operator.
fn operations<'a>(app: &'a App, signed_in: &SignedIn) -> Result<&'a Operations, Failure> {
    allowed(app, signed_in)?;
    log_of(app)
}

/// The log.
pub(super) fn log_of(app: &App) -> Result<&Operations, Failure> {
    app.operations.as_ref().ok_or_else(|| {
        let detail = "This panel was not given the log. The command line shows the same: see miso --help.";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE.as_u16(), "no-log", "The log is not here", detail)
    })
}

fn shown(app: &App, signed_in: &SignedIn, title: &str, content: &Markup) -> axum::response::Response {
    page(app, &signed_in.visitor, &Frame::new(title, Place::Ops).wide(), content)
}

/// A count with its thousands apart.
fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if number < 0 { format!("−{text}") } else { text }
}

/// Where a record stands, as a link to it.
fn place_link(topic: &str, partition: i32, offset: i64) -> Markup {
    html! { a href=(format!("/ops/tail?topic={topic}&partition={partition}&offset={offset}")) { code { (topic) " " (partition) "/" (offset) } } }
}

/// How far behind, in words: `now`, `3 s`.
fn behind(ms: Option<i64>) -> String {
    ms.map_or_else(
        || "none".to_owned(),
        |ms| if ms < 1_000 { format!("{ms} ms") } else { crate::view::duration(ms / 1_000) },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_in_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }
}
