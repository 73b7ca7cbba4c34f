use miso_http::now_ms;
use miso_log::catalogue::{BOT_REQUESTS, PARKED};
use miso_log::{Append, Record};
use miso_model::{HandlerGap, LogRecord, ParkedRecord, RecordError};

use crate::decider::GROUP;

/// A request that cannot be read.
pub(crate) fn park(record: &Record, error: &RecordError) -> Append {
    metrics::counter!("miso_commands_parked_total").increment(1);
    tracing::error!(partition = record.partition, offset = record.offset, %error, "a request cannot be read; parked");
    let parked = ParkedRecord {
        group: GROUP.to_owned(),
        topic: BOT_REQUESTS.name.to_owned(),
        partition: record.partition,
        offset: record.offset,
        error_class: "malformed_record".to_owned(),
        error: error.to_string(),
        attempts: 1,
        value: record.value.clone().unwrap_or_default().into(),
        at_ms: now_ms(),
    };
    Append::new(PARKED, 0, parked.to_bytes(), parked.at_ms)
}

/// Requests that retention removed before they were decided: offsets `from..to`.
pub(crate) fn gap(partition: i32, from: i64, to: i64) -> Append {
    let gap = HandlerGap {
        group: GROUP.to_owned(),
        topic: BOT_REQUESTS.name.to_owned(),
        partition,
        from,
        to,
        at_ms: now_ms(),
    };
    Append::new(PARKED, 0, gap.to_bytes(), gap.at_ms)
}
