use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::{operations, place_link, shown};
use crate::app::App;
use crate::failure::Failure;
use crate::operations::{ActionsSeen, Fate};
use crate::view::{ago, banner, dot};
use crate::visitor::SignedIn;
use miso_http::now_ms;

/// Minutes that may be looked at, and the first of them where nothing is said.
const MINUTES: &[i64] = &[15, 60, 360, 1_440];
/// Routes and single actions that are shown.
const SHOWN: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    minutes: Option<i64>,
    #[serde(default)]
    fate: Option<String>,
}

/// `GET /ops/actions?minutes=15&fate=unknown`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    let operations = operations(&app, &signed_in)?;
    let minutes = view.minutes.filter(|minutes| MINUTES.contains(minutes)).unwrap_or(MINUTES[0]);
    let seen = operations.actions(now_ms() - minutes * 60_000).await?;
    let only = Fate::ALL.into_iter().find(|fate| view.fate.as_deref() == Some(fate.name()));
    let content = html! {
        header.page-head { h1 { "Actions" } p.lead { "What was asked of Discord, and what became of it." } }
        form.ops-filter method="get" action="/ops/actions" {
            div { label for="minutes" { "In the last" } select #minutes name="minutes" { @for one in MINUTES { option value=(one) selected[*one == minutes] { (one) " minutes" } } } }
            div {
                label for="fate" { "Which" }
                select #fate name="fate" {
                    option value="" { "every one" }
                    @for one in Fate::ALL { option value=(one.name()) selected[Some(one) == only] { (one.name()) } }
                }
            }
            button type="submit" { "Show" }
        }
        @if !seen.complete { (banner("info", &html! { p { "There were more than are looked at; these are the first of that time." } })) }
        (counts(&seen, minutes))
        (routes(&seen))
        (single(&seen, only))
    };
    Ok(shown(&app, &signed_in, "Actions", &content))
}

fn state(fate: Fate) -> &'static str {
    match fate {
        Fate::Done => "ok",
        Fate::Waiting | Fate::Sent => "off",
        Fate::Refused | Fate::Expired => "warn",
        Fate::Unknown => "danger",
    }
}

fn counts(seen: &ActionsSeen, minutes: i64) -> Markup {
    html! {
        ul.health {
            @for (fate, count) in seen.counts() {
                @if count > 0 || fate == Fate::Unknown {
                    li { (dot(if count == 0 { "ok" } else { state(fate) }, fate.name()))
                        span { strong { (count) } " " (fate.name())
                            @if fate == Fate::Unknown && count > 0 { ": it is not known whether Discord did these. Look there before anything is repeated." } }
                        @if count > 0 { a.button.quiet href=(format!("/ops/actions?minutes={minutes}&fate={}", fate.name())) { "Show" span.hidden { " " (fate.name()) } } }
                    }
                }
            }
        }
    }
}

fn routes(seen: &ActionsSeen) -> Markup {
    let routes = seen.routes();
    html! {
        section aria-labelledby="routes" {
            h2 #routes { "By route" }
            @if routes.is_empty() { p.muted { "Nothing was asked of Discord in this time." } }
            @else {
                div.scroll tabindex="0" role="region" aria-label="Table of actions by route" {
                    table.ops-table {
                        caption.hidden { "Actions by route" }
                        thead { tr { th scope="col" { "Route" } @for fate in Fate::ALL { th.num scope="col" { (fate.name()) } } th scope="col" { "Oldest waits since" } } }
                        tbody {
                            @for (route, counts, oldest) in routes.iter().take(SHOWN) {
                                tr {
                                    th scope="row" { code { (route) } }
                                    @for fate in Fate::ALL { td.num { (counts.get(&fate).copied().unwrap_or(0)) } }
                                    td { @match oldest { Some(at) => { (ago(*at, now_ms())) } None => { span.muted { "none waits" } } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn single(seen: &ActionsSeen, only: Option<Fate>) -> Markup {
    let some = seen.actions.iter().filter(|action| only.is_none_or(|fate| action.fate == fate));
    html! {
        section aria-labelledby="single" {
            h2 #single { "The last ones" }
            div.scroll tabindex="0" role="region" aria-label="Table of single actions" {
                table.ops-table {
                    caption.hidden { "Actions, the newest first" }
                    thead { tr { th scope="col" { "When" } th scope="col" { "Route" } th scope="col" { "Of" } th scope="col" { "Fate" } th scope="col" { "Record" } } }
                    tbody {
                        @for action in some.take(SHOWN) {
                            tr {
                                td { (ago(action.accepted_ms, now_ms())) }
                                td { code { (action.method) " " (action.template) } }
                                td { (action.group) }
                                td { (dot(state(action.fate), action.fate.name())) " " (action.fate.name()) @if let Some(says) = &action.says { " (" (says) ")" } }
                                td { (place_link(action.place.0, action.place.1, action.place.2)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
