use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::{health, operations, shown, thousands};
use crate::app::App;
use crate::failure::Failure;
use crate::view::{ago, dot, empty};
use crate::visitor::SignedIn;
use miso_http::now_ms;

/// A checkpoint is renewed with every event and heartbeat; an older one is marked, milliseconds.
const OLD_MS: i64 = 120_000;

/// `GET /ops/shards`.
pub(crate) async fn list(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    let shards = operations(&app, &signed_in)?.shards().await?;
    let metrics = health::metrics_of(&app, "miso_gateway_").await;
    let content = html! {
        header.page-head { h1 { "Shards" } p.lead { "Connections to Discord, as their checkpoints in the log say." } }
        @if shards.is_empty() { (empty("No shard has connected yet.", &html! {})) }
        @else {
            div.scroll tabindex="0" role="region" aria-label="Table of shards" {
                table.ops-table {
                    caption.hidden { "Shards" }
                    thead { tr { th scope="col" { "Shard" } th scope="col" { "State" } th.num scope="col" { "Sequence" } th scope="col" { "Checkpoint" } th scope="col" { "Session" } th scope="col" { "Owner" } } }
                    tbody {
                        @for seen in &shards {
                            @let of = &seen.checkpoint;
                            tr {
                                th scope="row" { (of.shard) " of " (of.shard_count) }
                                td { @if now_ms() - of.at_ms > OLD_MS { (dot("warn", "quiet for long")) } @else { (dot("ok", "current")) } " " (of.state.as_str()) }
                                td.num { (thousands(of.sequence)) }
                                td { (ago(of.at_ms, now_ms())) }
                                td { @if of.session_id.is_some() { "resumable" } @else { span.muted { "none yet" } } }
                                td { @match &seen.owner { Some(owner) => { code { (owner) } } None => { span.muted { "nobody" } } } ", epoch " (of.epoch) }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(metrics) = &metrics {
            section aria-labelledby="metrics" {
                h2 #metrics { "The gateway's own numbers" }
                p.help { "Resumes, identifies and what is left of the day's budget, of this process." }
                (metrics)
            }
        }
    };
    Ok(shown(&app, &signed_in, "Shards", &content))
}
