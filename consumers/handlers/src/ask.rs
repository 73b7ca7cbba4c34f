//! Requests to the decider that are sent along, not waited for.

use miso_log::Append;
use miso_log::catalogue::{AGGREGATES, BOT_REQUESTS};
use miso_model::{Aggregate, LogRecord, Request};
use serde_json::Value;

/// A request of a group, in the name of the handler. `id` derives from what it tells of: a repeat takes
/// effect once.
pub(crate) fn request(group: &str, aggregate: Aggregate, kind: &str, id: String, body: &Value, now_ms: i64) -> Append {
    let request = Request {
        request_id: id,
        aggregate: aggregate.to_string(),
        kind: kind.to_owned(),
        expected_version: None,
        actor: format!("handler/{group}"),
        body: body.to_string().into(),
        at_ms: now_ms,
    };
    Append::new(BOT_REQUESTS, aggregate.partition(AGGREGATES), request.to_bytes(), now_ms)
}
