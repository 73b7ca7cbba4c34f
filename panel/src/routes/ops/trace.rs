use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_log::Trace;
use serde::Deserialize;

use super::{log_of, operations, place_link, shown};
use crate::app::App;
use crate::failure::Failure;
use crate::login::see_other;
use crate::operations::within;
use crate::view::{banner, date_time, icon};
use crate::visitor::SignedIn;

/// What follows from a message is looked for until so long after it, milliseconds.
const FOR_MS: i64 = 10 * 60_000;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    id: Option<String>,
}

/// `GET /ops/trace?id=…`: leads to the trace of an id.
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    operations(&app, &signed_in)?;
    let wanted = view.id.as_deref().map(str::trim).filter(|id| !id.is_empty());
    let digits = wanted.map(|id| id.bytes().all(|byte| byte.is_ascii_digit()) && id.len() <= 20);
    if let (Some(id), Some(true)) = (wanted, digits) {
        return see_other(&format!("/ops/trace/{id}"));
    }
    let content = html! {
        (head(wanted.unwrap_or_default()))
        @if digits == Some(false) { (banner("danger", &html! { p { "An id is a number, as “Copy ID” in Discord gives it." } })) }
    };
    Ok(shown(&app, &signed_in, "Trace", &content))
}

/// `GET /ops/trace/{id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(id): Path<u64>,
) -> Result<Response, Failure> {
    operations(&app, &signed_in)?;
    let content = html! {
        (head(&id.to_string()))
        (steps(&app, id, true).await?)
    };
    Ok(shown(&app, &signed_in, "Trace", &content))
}

fn head(id: &str) -> Markup {
    html! {
        header.page-head { h1 { "Trace" } p.lead { "One message's way through the pipeline: why did the bot answer, or why not?" } }
        form.ops-filter method="get" action="/ops/trace" {
            div { label for="id" { "Id of a message or an interaction" } input.text #id type="text" name="id" value=(id) inputmode="numeric" autocomplete="off"; }
            button type="submit" { (icon("search")) "Trace" }
        }
    }
}

/// The way of a message, with a link to each record for operators.
pub(in crate::routes) async fn steps(app: &App, id: u64, linked: bool) -> Result<Markup, Failure> {
    let operations = log_of(app)?;
    let schemas = operations.schemas().await?;
    let trace = within(miso_log::trace(&operations.log, schemas, id, FOR_MS)).await?;
    Ok(told(&trace, linked))
}

fn told(trace: &Trace, linked: bool) -> Markup {
    let first = trace.steps.first().map_or(0, |step| step.at_ms);
    html! {
        @if trace.steps.is_empty() {
            p.muted { "No event of this id is in the log: Miso did not receive it, or retention has removed it." }
        } @else {
            p.muted { (date_time(first)) ", " (trace.steps.len()) @if trace.steps.len() == 1 { " step" } @else { " steps" } }
            ol.steps {
                @for step in &trace.steps {
                    li {
                        span.since { "+" (step.at_ms - first) " ms" }
                        div {
                            p { (step.what) }
                            small { @if linked { (place_link(step.topic.name, step.partition, step.offset)) } @else { (step.topic.name) " " (step.partition) "/" (step.offset) } }
                        }
                    }
                }
            }
            @if trace.steps.len() == 1 { p.muted { "Nothing followed from it." } }
        }
        @if !trace.complete { (banner("info", &html! { p { "There was more in this time than is looked at." } })) }
    }
}
