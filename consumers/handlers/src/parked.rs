use miso_log::catalogue::PARKED;
use miso_log::{Append, Record, Topic};
use miso_model::{HandlerGap, LogRecord, ParkedRecord};

use crate::clock::now_ms;

/// A record that the group gives up on; `class` is short and stable, `error` holds no content.
pub(crate) fn parked(group: &str, topic: Topic, record: &Record, class: &'static str, error: &str) -> Append {
    metrics::counter!("miso_handlers_parked_total", "group" => group.to_owned(), "class" => class).increment(1);
    tracing::error!(
        group,
        topic = topic.name,
        partition = record.partition,
        offset = record.offset,
        class,
        error,
        "parked"
    );
    let parked = ParkedRecord {
        group: group.to_owned(),
        topic: topic.name.to_owned(),
        partition: record.partition,
        offset: record.offset,
        error_class: class.to_owned(),
        error: error.to_owned(),
        attempts: 1,
        value: record.value.clone().unwrap_or_default().into(),
        at_ms: now_ms(),
    };
    Append::new(PARKED, 0, parked.to_bytes(), parked.at_ms)
}

/// Retention removed `from..to` before the group read it.
pub(crate) fn gap(group: &str, topic: Topic, partition: i32, from: i64, to: i64) -> Append {
    metrics::counter!("miso_handlers_gaps_total", "group" => group.to_owned()).increment(1);
    tracing::error!(group, topic = topic.name, partition, from, to, "retention removed records before they were read");
    let gap =
        HandlerGap { group: group.to_owned(), topic: topic.name.to_owned(), partition, from, to, at_ms: now_ms() };
    Append::new(PARKED, 0, gap.to_bytes(), gap.at_ms)
}

/// Where JSON is wrong, without the JSON.
pub(crate) fn place_of(error: &serde_json::Error) -> String {
    format!("{:?} at line {}, column {}", error.classify(), error.line(), error.column())
}
