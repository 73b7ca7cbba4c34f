use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_log::{Append, Record, Schemas, Topic, catalogue};
use miso_model::{LogRecord, OperatorAct};
use serde::Deserialize;

use super::{operations, shown};
use crate::app::App;
use crate::failure::Failure;
use crate::operations::{Operations, masked, within};
use crate::view::{banner, csrf_field, date_time, icon};
use crate::visitor::{FormData, SignedIn};
use miso_http::now_ms;

/// Records that are shown, and may be asked for.
const COUNTS: &[usize] = &[20, 50, 100];
/// Records among which a word is looked for, at most.
const SEARCHED: usize = 5_000;
/// Characters of a record that are shown; the rest is cut.
const SHOWN_CHARS: usize = 20_000;
/// Characters of a word that is looked for.
const WORD_CHARS: usize = 100;

/// What is looked at.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    partition: Option<String>,
    #[serde(default)]
    offset: Option<String>,
    #[serde(default)]
    count: Option<usize>,
    #[serde(default)]
    contains: Option<String>,
}

/// The same, read.
struct Wanted {
    topic: Topic,
    partition: Option<i32>,
    offset: Option<i64>,
    count: usize,
    contains: Option<String>,
}

impl Wanted {
    fn of(view: &View, operations: &Operations) -> Result<Self, Failure> {
        let name = view.topic.as_deref().filter(|name| !name.is_empty()).unwrap_or(catalogue::GATEWAY_EVENTS.name);
        let topic = catalogue::by_name(name).filter(|topic| operations.log.topics().contains(topic));
        let topic = topic.ok_or(Failure::NotFound)?;
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.trim().parse::<i64>().ok());
        let partition = number(&view.partition).and_then(|partition| i32::try_from(partition).ok());
        let word = view.contains.as_deref().map(str::trim).filter(|word| !word.is_empty());
        Ok(Self {
            topic,
            partition: partition.filter(|partition| (0..topic.partitions).contains(partition)),
            offset: number(&view.offset).filter(|offset| *offset >= 0),
            count: view.count.filter(|count| COUNTS.contains(count)).unwrap_or(COUNTS[0]),
            contains: word.map(|word| word.chars().take(WORD_CHARS).collect()),
        })
    }

    /// From an offset on where there is one, else the newest.
    async fn records(&self, operations: &Operations, schemas: &Schemas) -> Result<Vec<Record>, Failure> {
        let looked = if self.contains.is_some() { SEARCHED } else { self.count };
        let mut records = match (self.partition, self.offset) {
            (Some(partition), Some(offset)) => {
                let bounds = within(operations.log.bounds(self.topic, partition)).await?;
                let from = offset.max(bounds.earliest);
                operations.read(self.topic, &[(partition, from, bounds.latest)], looked).await?
            }
            (partition, _) => operations.newest(self.topic, partition, looked).await?,
        };
        if let Some(word) = &self.contains {
            let holds = |record: &Record| {
                let value = record.value.as_deref().and_then(|value| schemas.to_json(value).ok());
                // What is masked is not found either: nobody reads by searching.
                value.is_some_and(|(name, mut json)| {
                    masked(&mut json);
                    name.contains(word.as_str()) || json.to_string().contains(word.as_str())
                })
            };
            records.retain(holds);
        }
        records.truncate(self.count);
        Ok(records)
    }

    /// The same on the command line.
    fn command(&self) -> String {
        let partition = self.partition.map(|partition| format!(" -p {partition}")).unwrap_or_default();
        let offset = self.offset.map_or_else(|| format!("-{}", self.count), |offset| offset.to_string());
        format!("miso tail {}{partition} -o {offset} -n {}", self.topic.name, self.count)
    }

    fn range(&self, records: &[Record]) -> String {
        let places: Vec<String> = records
            .iter()
            .map(|record| format!("{}:{}..{}", record.partition, record.offset, record.offset + 1))
            .collect();
        places.join(",")
    }
}

/// `GET /ops/tail?topic=…&partition=…&offset=…&contains=…`: records with what people wrote masked.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    let operations = operations(&app, &signed_in)?;
    let wanted = Wanted::of(&view, operations)?;
    let schemas = operations.schemas().await?;
    let found = wanted.records(operations, schemas).await?;
    let content = tail(&signed_in, operations, &wanted, &found, schemas, false);
    Ok(shown(&app, &signed_in, "Tail", &content))
}

/// `POST /ops/tail`: the same unmasked. That somebody looked is kept before anything is shown.
pub(crate) async fn reveal(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    data: FormData,
) -> Result<Response, Failure> {
    let operations = operations(&app, &signed_in)?;
    let text = |name: &str| data.text(name).map(str::to_owned);
    let view = View {
        topic: text("topic"),
        partition: text("partition"),
        offset: text("offset"),
        count: data.text("count").and_then(|count| count.parse().ok()),
        contains: text("contains"),
    };
    let wanted = Wanted::of(&view, operations)?;
    let schemas = operations.schemas().await?;
    let found = wanted.records(operations, schemas).await?;
    let act = OperatorAct {
        actor: format!("user/{}", signed_in.session.user),
        act: "ContentRevealed".to_owned(),
        subject: wanted.topic.name.to_owned(),
        range: wanted.range(&found),
        masked: false,
        at_ms: now_ms(),
    };
    within(operations.log.append(vec![Append::new(catalogue::OPERATOR_ACTS, 0, act.to_bytes(), act.at_ms)])).await?;
    let content = tail(&signed_in, operations, &wanted, &found, schemas, true);
    Ok(shown(&app, &signed_in, "Tail", &content))
}

fn tail(
    signed_in: &SignedIn,
    operations: &Operations,
    wanted: &Wanted,
    found: &[Record],
    schemas: &Schemas,
    revealed: bool,
) -> Markup {
    let shown = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let (partition, offset) = (shown(wanted.partition.map(i64::from)), shown(wanted.offset));
    let contains = wanted.contains.as_deref().unwrap_or_default();
    html! {
        header.page-head { h1 { "Tail" } p.lead { "Records of a topic: the newest, or from an offset on." } }
        form.ops-filter method="get" action="/ops/tail" {
            div {
                label for="topic" { "Topic" }
                select #topic name="topic" { @for topic in operations.log.topics() { option value=(topic.name) selected[*topic == wanted.topic] { (topic.name) } } }
            }
            div { label for="partition" { "Partition" } input.number #partition type="number" name="partition" value=(partition) min="0" placeholder="all"; }
            div { label for="offset" { "From offset" } input.number #offset type="number" name="offset" value=(offset) min="0" placeholder="newest"; }
            div { label for="contains" { "Contains" } input.text #contains type="text" name="contains" value=(contains) maxlength=(WORD_CHARS) autocomplete="off"; }
            div { label for="count" { "Records" } select #count name="count" { @for one in COUNTS { option value=(one) selected[*one == wanted.count] { (one) } } } }
            button type="submit" { (icon("search")) "Show" }
        }
        p.muted { "As a command: " code { (wanted.command()) } }
        @if revealed {
            (banner("warn", &html! { p { "This is what people wrote. That you looked is kept." } }))
        } @else if !found.is_empty() {
            form.ops-filter method="post" action="/ops/tail" {
                (csrf_field(&signed_in.session.csrf))
                @for (name, value) in [("topic", wanted.topic.name), ("partition", &*partition), ("offset", &*offset), ("contains", contains)] {
                    input type="hidden" name=(name) value=(value);
                }
                input type="hidden" name="count" value=(wanted.count);
                button type="submit" { (icon("shield")) "Reveal what people wrote" }
                span.help { "It is kept that you looked." }
            }
        }
        (records(wanted.topic, found, schemas, revealed))
    }
}

/// Records, each to be opened.
pub(super) fn records(topic: Topic, found: &[Record], schemas: &Schemas, revealed: bool) -> Markup {
    html! {
        @if found.is_empty() { p.muted { "No record is there." } }
        div.records {
            @for (index, record) in found.iter().enumerate() {
                @let (name, text) = readable(record, schemas, revealed);
                details open[index == 0] {
                    summary {
                        code { (topic.name) " " (record.partition) "/" (record.offset) }
                        strong { (name) }
                        span.muted { (date_time(record.timestamp_ms)) }
                        @if !record.key.is_empty() { code { (String::from_utf8_lossy(&record.key)) } }
                    }
                    pre tabindex="0" { (text) }
                }
            }
        }
    }
}

fn readable(record: &Record, schemas: &Schemas, revealed: bool) -> (String, String) {
    match record.value.as_deref().map(|value| schemas.to_json(value)) {
        None => ("tombstone".to_owned(), "The key was removed.".to_owned()),
        Some(Err(error)) => ("unreadable".to_owned(), error.to_string()),
        Some(Ok((name, mut json))) => {
            if !revealed {
                masked(&mut json);
            }
            let text = serde_json::to_string_pretty(&json).unwrap_or_default();
            (name, text.chars().take(SHOWN_CHARS).collect())
        }
    }
}
