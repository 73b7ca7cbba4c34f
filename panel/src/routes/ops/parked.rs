use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::html;
use miso_log::catalogue;
use miso_model::{HandlerGap, LogRecord, ParkedRecord};

use super::{operations, place_link, shown};
use crate::app::App;
use crate::failure::Failure;
use crate::view::{ago, empty};
use crate::visitor::SignedIn;
use miso_http::now_ms;

/// Records that are looked at, the newest.
const LOOKED_AT: usize = 200;

/// `GET /ops/parked`: what consumers gave up on, and what retention took from them.
pub(crate) async fn list(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    let records = operations(&app, &signed_in)?.newest(catalogue::PARKED, None, LOOKED_AT).await?;
    let (mut parked, mut gaps) = (Vec::new(), Vec::new());
    for record in &records {
        let Some(value) = record.value.as_deref() else { continue };
        if ParkedRecord::codec().wrote(value) {
            parked.extend(ParkedRecord::from_bytes(value).ok().map(|one| (record.partition, record.offset, one)));
        } else if HandlerGap::codec().wrote(value) {
            gaps.extend(HandlerGap::from_bytes(value).ok());
        }
    }
    let mut classes: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (_, _, one) in &parked {
        *classes.entry((one.group.as_str(), one.error_class.as_str())).or_default() += 1;
    }
    let content = html! {
        header.page-head { h1 { "Parked" } p.lead { "Records that a consumer gave up on. They are kept for 30 days, whole." } }
        @if parked.is_empty() && gaps.is_empty() { (empty("Nothing was given up.", &html! {})) }
        @if !parked.is_empty() {
            section aria-labelledby="classes" {
                h2 #classes { "By class" }
                ul.plain { @for ((group, class), count) in &classes { li { strong { (count) } " × " code { (class) } " of " code { (group) } } } }
                p.help { "What a re-drive would do, without doing it:" }
                pre.credential tabindex="0" { "miso parked --help" }
            }
            section aria-labelledby="records" {
                h2 #records { "The last ones" }
                div.scroll tabindex="0" role="region" aria-label="Table of parked records" {
                    table.ops-table {
                        caption.hidden { "Parked records, the newest first" }
                        thead { tr { th scope="col" { "When" } th scope="col" { "Group" } th scope="col" { "Class" } th scope="col" { "Error" } th.num scope="col" { "Attempts" } th scope="col" { "Record" } } }
                        tbody {
                            @for (partition, offset, one) in &parked {
                                tr {
                                    td { a href=(format!("/ops/tail?topic={}&partition={partition}&offset={offset}", catalogue::PARKED.name)) { (ago(one.at_ms, now_ms())) } }
                                    td { code { (one.group) } }
                                    td { code { (one.error_class) } }
                                    td.wide { (one.error) }
                                    td.num { (one.attempts) }
                                    td { (place_link(&one.topic, one.partition, one.offset)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !gaps.is_empty() {
            section aria-labelledby="gaps" {
                h2 #gaps { "Gaps" }
                p.help { "Retention removed records before a group had read them: it was away for longer than they are kept." }
                ul.plain { @for gap in &gaps { li { (ago(gap.at_ms, now_ms())) ": " code { (gap.group) } " lost " (gap.to - gap.from) " offsets of " code { (gap.topic) " " (gap.partition) } } } }
            }
        }
    };
    Ok(shown(&app, &signed_in, "Parked", &content))
}
