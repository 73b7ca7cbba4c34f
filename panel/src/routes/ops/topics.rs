use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_log::{Kept, Topic, catalogue};

use super::tail::records;
use super::{operations, shown, thousands};
use crate::app::App;
use crate::failure::Failure;
use crate::visitor::SignedIn;
use miso_http::now_ms;

/// Records of the sample.
const SAMPLE: usize = 5;
/// Records that are tried to be read, for the report.
const TRIED: usize = 200;

/// Retention for people.
fn kept(topic: Topic) -> String {
    const HOUR: i64 = 3_600_000;
    match topic.kept {
        Kept::Compacted => "the last of each key".into(),
        Kept::Forever => "for ever".into(),
        Kept::For(ms) if ms % (24 * HOUR) == 0 => format!("{} days", ms / (24 * HOUR)),
        Kept::For(ms) => format!("{} hours", ms / HOUR),
    }
}

/// `GET /ops/topics`.
pub(crate) async fn list(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    let topics = operations(&app, &signed_in)?.topics().await?;
    let content = html! {
        header.page-head { h1 { "Topics" } p.lead { "What the log holds, in the order of the data's way." } }
        div.scroll tabindex="0" role="region" aria-label="Table of topics" {
            table.ops-table {
                caption.hidden { "Topics" }
                thead { tr { th scope="col" { "Topic" } th.num scope="col" { "Records" } th.num scope="col" { "Parts" } th scope="col" { "Kept" } th scope="col" { "Written by" } th scope="col" { "Holds" } } }
                tbody {
                    @for seen in &topics {
                        tr {
                            th scope="row" { a href={ "/ops/topics/" (seen.topic.name) } { code { (seen.topic.name) } } }
                            td.num { (thousands(seen.records)) }
                            td.num { (seen.topic.partitions) }
                            td { (kept(seen.topic)) }
                            td { (seen.topic.owner) }
                            td.wide { (seen.topic.holds) }
                        }
                    }
                }
            }
        }
    };
    Ok(shown(&app, &signed_in, "Topics", &content))
}

/// `GET /ops/topics/{topic}`: partitions, and a sample with the report of what can be read.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let operations = operations(&app, &signed_in)?;
    let topic = catalogue::by_name(&name).filter(|topic| operations.log.topics().contains(topic));
    let topic = topic.ok_or(Failure::NotFound)?;
    let partitions = operations.partitions(topic, now_ms()).await?;
    let tried = operations.newest(topic, None, TRIED).await?;
    let schemas = operations.schemas().await?;
    let values: Vec<_> = tried.iter().filter_map(|record| record.value.as_deref()).collect();
    let unread = values.iter().filter(|value| schemas.to_json(value).is_err()).count();
    let minute: i64 = partitions.iter().map(|one| one.last_minute).sum();
    let hour: i64 = partitions.iter().map(|one| one.last_hour).sum();
    let content = html! {
        header.page-head {
            h1 { code { (topic.name) } }
            p.lead { (topic.holds) "." }
            p.changed { "Written by " (topic.owner) ", read by " (topic.readers) ". Kept: " (kept(topic)) ". Partition by " (topic.partition_by) "." }
        }
        section aria-labelledby="now" {
            h2 #now { "Now" }
            p { strong { (thousands(minute)) } " records in the last minute, " strong { (thousands(hour)) } " in the last hour." }
            p {
                "Schemas: " @for (index, record) in topic.records.iter().enumerate() { @if index > 0 { ", " } code { (record) } } ". "
                @if values.is_empty() { "There is nothing to read yet." }
                @else if unread == 0 { "The last " (values.len()) " records can all be read." }
                @else { strong { (unread) } " of the last " (values.len()) " records cannot be read with any schema that is known." }
            }
        }
        section aria-labelledby="sample" {
            h2 #sample { "Sample" }
            p.help { "The newest; what people wrote is shown by its length. " a href={ "/ops/tail?topic=" (topic.name) } { "Tail" } " shows more." }
            (records(topic, &tried[..tried.len().min(SAMPLE)], schemas, false))
        }
        section aria-labelledby="partitions" {
            h2 #partitions { "Partitions" }
            (partition_table(topic, &partitions))
        }
    };
    Ok(shown(&app, &signed_in, topic.name, &content))
}

fn partition_table(topic: Topic, partitions: &[crate::operations::PartitionSeen]) -> Markup {
    html! {
        @if partitions.is_empty() { p.muted { "None holds a record." } }
        @else {
            div.scroll tabindex="0" role="region" aria-label="Table of partitions" {
                table.ops-table {
                    caption.hidden { "Partitions that hold records" }
                    thead { tr { th scope="col" { "Partition" } th scope="col" { "Offsets" } th.num scope="col" { "Records" } th.num scope="col" { "Last minute" } th.num scope="col" { "Last hour" } } }
                    tbody {
                        @for one in partitions {
                            tr {
                                th scope="row" { a href=(format!("/ops/tail?topic={}&partition={}", topic.name, one.partition)) { (one.partition) } }
                                td { code { (one.earliest) ".." (one.latest) } }
                                td.num { (thousands(one.latest - one.earliest)) }
                                td.num { (thousands(one.last_minute)) }
                                td.num { (thousands(one.last_hour)) }
                            }
                        }
                    }
                }
            }
            p.muted { (topic.partitions) " in all; the others are empty." }
        }
    }
}
