//! For operators: what the process says of itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::app::App;
use crate::failure::Failure;
use crate::view::{Frame, Place, dot, empty, icon, page};
use crate::visitor::SignedIn;

/// Metrics that are shown, at most.
const METRICS: usize = 300;

/// Pages below `/ops`: address, icon, name.
pub(crate) const OPS_PAGES: &[(&str, &str, &str)] = &[
    ("/ops/topics", "list", "Topics"),
    ("/ops/groups", "users", "Groups"),
    ("/ops/shards", "server", "Shards"),
    ("/ops/actions", "send", "Actions"),
    ("/ops/parked", "circle-alert", "Parked"),
    ("/ops/replays", "rotate-ccw", "Replays"),
    ("/ops/tail", "terminal", "Tail"),
    ("/ops/health", "shield-check", "Health"),
];

fn allowed(app: &App, signed_in: &SignedIn) -> Result<(), Failure> {
    if app.config.operators.contains(&signed_in.session.user) {
        return Ok(());
    }
    Err(Failure::Forbidden {
        needs: "These pages are for who operates Miso.".to_owned(),
        who: "Operators are named in MISO_PANEL_OPERATORS.".to_owned(),
    })
}

/// `GET /ops`.
pub(crate) async fn overview(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    allowed(&app, &signed_in)?;
    let content = match app.config.ops_url.as_deref() {
        None => html! {
            header.page-head { h1 { "Operations" } }
            (empty("The panel is not told where the operations listener is.", &html! {}))
        },
        Some(base) => process(&app, base.trim_end_matches('/')).await,
    };
    Ok(page(&app, &signed_in.visitor, &Frame::new("Operations", Place::Ops).wide(), &content))
}

async fn process(app: &App, base: &str) -> Markup {
    let text = |path: &str| {
        let request = app.http.get(format!("{base}{path}"));
        async move { request.send().await.ok()?.text().await.ok() }
    };
    let (ready, metrics) = tokio::join!(text("/readyz"), text("/metrics"));
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
            miso-filter {
                input.text type="search" aria-label="Find a metric" placeholder="Find a metric" autocomplete="off";
                table.plain-table.metrics {
                    caption.hidden { "Metrics of the process" }
                    thead { tr { th scope="col" { "Metric" } th scope="col" { "Value" } } }
                    tbody {
                        @for (name, value) in samples(metrics.as_deref().unwrap_or_default()) { tr { th scope="row" { code { (name) } } td.num { (value) } } }
                    }
                }
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

/// Miso's own samples of a Prometheus page, without buckets.
fn samples(page: &str) -> Vec<(&str, &str)> {
    let lines = page
        .lines()
        .filter(|line| line.starts_with("miso_") && !line.contains("_bucket{") && !line.contains("quantile="));
    lines.filter_map(|line| line.rsplit_once(' ')).take(METRICS).collect()
}

/// `GET /ops/…`: pages that are planned.
pub(crate) async fn later(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    allowed(&app, &signed_in)?;
    let path = signed_in.visitor.path.split('?').next().unwrap_or_default();
    let name = OPS_PAGES.iter().find(|(href, ..)| *href == path).map(|(_, _, name)| *name);
    let name = name
        .or(path.starts_with("/ops/trace/").then_some("Trace"))
        .or((path == "/ops/handlers/new").then_some("New handler"));
    let name = name.ok_or(Failure::NotFound)?;
    let back = html! { a.button href="/ops" { (icon("layout-dashboard")) "Overview" } };
    let content = html! {
        header.page-head { h1 { (name) } }
        (empty("This page is not built yet. The command line shows the same: see miso --help.", &back))
    };
    Ok(page(&app, &signed_in.visitor, &Frame::new(name, Place::Ops), &content))
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_own_samples_are_shown_without_their_buckets() {
        let page =
            "# TYPE miso_a counter\nmiso_a_total{status=\"200\"} 3\nmiso_b_seconds_bucket{le=\"1\"} 1\nprocess_x 1\n";
        assert_eq!(super::samples(page), [("miso_a_total{status=\"200\"}", "3")]);
    }
}
