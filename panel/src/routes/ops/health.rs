use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use miso_log::catalogue;
use miso_model::{LogRecord, OperatorAct};
use serde_json::{Map, Value};

use super::{allowed, operations, shown};
use crate::app::App;
use crate::failure::Failure;
use crate::view::{ago, dot, empty};
use crate::visitor::SignedIn;
use miso_http::now_ms;

/// Metrics that are shown, at most.
const METRICS: usize = 300;
/// Acts of operators that are shown, the newest.
const ACTS: usize = 100;

/// `GET /ops`.
pub(crate) async fn overview(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    allowed(&app, &signed_in)?;
    let content = match base(&app) {
        None => unknown("Operations"),
        Some(base) => process(&app, base).await,
    };
    Ok(shown(&app, &signed_in, "Operations", &content))
}

/// `GET /ops/health`.
pub(crate) async fn parts_page(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    allowed(&app, &signed_in)?;
    let content = match base(&app) {
        None => unknown("Health"),
        Some(base) => {
            let ready = text(&app, base, "/readyz").await;
            let ready = ready.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
            html! {
                header.page-head { h1 { "Health" } p.lead { "What each part of this process waits for." } }
                @match &ready {
                    None => { p.muted { "The operations listener does not answer." } }
                    Some(ready) => { (parts(ready)) }
                }
            }
        }
    };
    Ok(shown(&app, &signed_in, "Health", &content))
}

/// `GET /ops/replays`: what operators did that others may ask about.
pub(crate) async fn acts(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    let operations = operations(&app, &signed_in)?;
    let records = if operations.log.topics().contains(&catalogue::OPERATOR_ACTS) {
        operations.newest(catalogue::OPERATOR_ACTS, None, ACTS).await?
    } else {
        Vec::new()
    };
    let acts: Vec<OperatorAct> =
        records.iter().filter_map(|record| OperatorAct::from_bytes(record.value.as_deref()?).ok()).collect();
    let content = html! {
        header.page-head {
            h1 { "Replays" }
            p.lead { "Replays, exports, rebuilds and re-drives are started from the command line; a replay is captured, nothing of it reaches Discord. Each is kept here." }
        }
        pre.credential { "miso replay --help" }
        @if acts.is_empty() { (empty("No operator has done any of that yet.", &html! {})) }
        @else {
            div.scroll tabindex="0" role="region" aria-label="Table of acts of operators" {
                table.ops-table {
                    caption.hidden { "What operators did, the newest first" }
                    thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "Of" } th scope="col" { "Range" } } }
                    tbody {
                        @for act in &acts {
                            tr {
                                td { (ago(act.at_ms, now_ms())) }
                                td { (act.actor) }
                                td { (act.act) @if act.masked { " " span.tag { "masked" } } }
                                td { code { (act.subject) } }
                                td.wide { @if act.range.is_empty() { span.muted { "all" } } @else { code { (act.range) } } }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(shown(&app, &signed_in, "Replays", &content))
}

fn base(app: &App) -> Option<&str> {
    app.config.ops_url.as_deref().map(|base| base.trim_end_matches('/'))
}

async fn text(app: &App, base: &str, path: &str) -> Option<String> {
    app.http.get(format!("{base}{path}")).send().await.ok()?.text().await.ok()
}

fn unknown(title: &str) -> Markup {
    html! {
        header.page-head { h1 { (title) } }
        (empty("The panel is not told where the operations listener is.", &html! {}))
    }
}

async fn process(app: &App, base: &str) -> Markup {
    let (ready, metrics) = tokio::join!(text(app, base, "/readyz"), text(app, base, "/metrics"));
    let ready: Option<Map<String, Value>> = ready.and_then(|text| serde_json::from_str(&text).ok());
    html! {
        header.page-head { h1 { "Operations" } p.lead { "Red only where somebody must act." } }
        section aria-labelledby="parts" {
            h2 #parts { "Parts" }
            @match &ready {
                None => { p.muted { "The operations listener does not answer." } }
                Some(ready) => { (parts(ready)) }
            }
        }
        section aria-labelledby="metrics" {
            h2 #metrics { "Metrics" }
            (metrics_table(&samples(metrics.as_deref().unwrap_or_default(), "miso_")))
        }
    }
}

/// Metrics of the process whose name begins so.
pub(super) async fn metrics_of(app: &App, begins: &str) -> Option<Markup> {
    let page = text(app, base(app)?, "/metrics").await?;
    Some(metrics_table(&samples(&page, begins)))
}

fn metrics_table(samples: &[(&str, &str)]) -> Markup {
    html! {
        miso-filter {
            input.text type="search" aria-label="Find a metric" placeholder="Find a metric" autocomplete="off";
            table.plain-table.metrics {
                caption.hidden { "Metrics of the process" }
                thead { tr { th scope="col" { "Metric" } th scope="col" { "Value" } } }
                tbody { @for (name, value) in samples { tr { th scope="row" { code { (name) } } td.num { (value) } } } }
            }
        }
    }
}

fn parts(ready: &Map<String, Value>) -> Markup {
    let parts = ready.get("parts").and_then(Value::as_object);
    html! {
        ul.health {
            @for (name, state) in parts.into_iter().flatten() {
                @let says = state.as_str().unwrap_or("unknown");
                @let state = if says == "ready" { "ok" } else { "warn" };
                li.(state) { (dot(state, says)) span { strong { (name) } " " (says) } }
            }
        }
    }
}

/// Samples of a Prometheus page whose name begins so, without buckets.
fn samples<'a>(page: &'a str, begins: &str) -> Vec<(&'a str, &'a str)> {
    let lines = page
        .lines()
        .filter(|line| line.starts_with(begins) && !line.contains("_bucket{") && !line.contains("quantile="));
    lines.filter_map(|line| line.rsplit_once(' ')).take(METRICS).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_own_samples_are_shown_without_their_buckets() {
        let page =
            "# TYPE miso_a counter\nmiso_a_total{status=\"200\"} 3\nmiso_b_seconds_bucket{le=\"1\"} 1\nprocess_x 1\n";
        assert_eq!(super::samples(page, "miso_"), [("miso_a_total{status=\"200\"}", "3")]);
        assert!(super::samples(page, "miso_c").is_empty());
    }
}
