//! One message's way through the pipeline: every record that follows from it, in order of time. Nothing
//! of what people wrote is in it.

use std::collections::BTreeSet;

use miso_model::{Action, Answer, BotCommand, EventView, Fact, Intent, LogRecord, Outcome, Request, Snowflake};

use crate::{LogError, ReadError, Record, Schemas, SharedLog, Topic, catalogue};

/// The message's own record is looked for from so long before its id's time: Discord's clock and ours differ.
pub const TRACE_BEFORE_MS: i64 = 10_000;
/// Records of one topic that are looked at, at most; then the trace says that it is incomplete.
pub const TRACE_SCANNED: usize = 2_000_000;

/// The topics that are looked through, in the order in which records follow from each other.
const WAY: &[Topic] = &[
    catalogue::GATEWAY_EVENTS,
    catalogue::BOT_COMMANDS,
    catalogue::BOT_REQUESTS,
    catalogue::BOT_FACTS,
    catalogue::BOT_ANSWERS,
    catalogue::REST_ACTIONS,
    catalogue::REST_INTERACTIONS,
    catalogue::REST_LEDGER,
];

/// A step could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TraceError {
    /// The log could not be asked.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The record's topic.
    pub topic: Topic,
    /// The record's partition.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
    /// What happened, for people.
    pub what: String,
}

/// What follows from a message or an interaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// In order of time; none when no event with this id is in the log.
    pub steps: Vec<TraceStep>,
    /// Not, where a topic holds more records of this time than are looked at.
    pub complete: bool,
}

/// Ids by which the steps hang together: of the event, of requests and facts, of actions.
#[derive(Default)]
struct Known {
    causes: BTreeSet<String>,
    actions: BTreeSet<Vec<u8>>,
}

/// Looks for everything that follows from an event about `id` in the `for_ms` milliseconds after it:
/// the id of a message, of an interaction, or any of Discord's whose event was received.
///
/// # Errors
/// See [`TraceError`].
pub async fn trace(log: &SharedLog, schemas: &Schemas, id: u64, for_ms: i64) -> Result<Trace, TraceError> {
    let begin = Snowflake(id).created_ms() - TRACE_BEFORE_MS;
    let end = begin.saturating_add(TRACE_BEFORE_MS).saturating_add(for_ms);
    let (mut steps, mut known, mut complete) = (Vec::new(), Known::default(), true);
    for &topic in WAY {
        complete &= scan(log, topic, begin, end, |record| {
            if let Some((at_ms, what)) = look(id, topic, record, schemas, &mut known) {
                steps.push(TraceStep { at_ms, topic, partition: record.partition, offset: record.offset, what });
            }
        })
        .await?;
        if topic == catalogue::GATEWAY_EVENTS && steps.is_empty() {
            break;
        }
    }
    steps.sort_by_key(|step| step.at_ms);
    Ok(Trace { steps, complete })
}

/// Whether a record belongs to the trace: when it happened, and what it is.
fn look(id: u64, topic: Topic, record: &Record, schemas: &Schemas, known: &mut Known) -> Option<(i64, String)> {
    let value = record.value.as_deref()?;
    if topic == catalogue::GATEWAY_EVENTS {
        let event = EventView::decode(value).ok()??;
        return known.event(id, &event);
    }
    if topic == catalogue::BOT_COMMANDS {
        let command: BotCommand = schemas.decode(value).ok()?;
        known
            .causes
            .contains(&command.event_id)
            .then(|| (command.at_ms, format!("recognised as a command, {} characters", command.line.chars().count())))
    } else if topic == catalogue::BOT_REQUESTS {
        let request: Request = schemas.decode(value).ok()?;
        known.has(&request.request_id).then(|| {
            known.causes.insert(request.request_id.clone());
            (request.at_ms, format!("asked the decider: {} of {}", request.kind, request.aggregate))
        })
    } else if topic == catalogue::BOT_FACTS {
        let fact: Fact = schemas.decode(value).ok()?;
        known.has(&fact.request_id).then(|| {
            known.causes.insert(format!("{}/{}", fact.aggregate, fact.version));
            (fact.at_ms, format!("decided: {}, version {} of {}", fact.kind, fact.version, fact.aggregate))
        })
    } else if topic == catalogue::BOT_ANSWERS {
        let answer: Answer = schemas.decode(value).ok()?;
        known.has(&answer.request_id).then(|| (record.timestamp_ms, format!("the decider answered {}", answer.status)))
    } else if topic == catalogue::REST_LEDGER {
        known.ledger(value)
    } else {
        let action: Action = schemas.decode(value).ok()?;
        action.cause.as_deref().is_some_and(|cause| known.causes.contains(cause)).then(|| {
            known.actions.insert(action.action_id.to_vec());
            (
                action.accepted_ms,
                format!("{} {} asked of the sender by {}", action.method, action.template, action.group),
            )
        })
    }
}

impl Known {
    /// An event whose own id is the one that is traced.
    fn event(&mut self, id: u64, event: &EventView<'_>) -> Option<(i64, String)> {
        let needle = id.to_string();
        if !event.d.windows(needle.len()).any(|part| part == needle.as_bytes()) {
            return None;
        }
        let own: serde_json::Value = serde_json::from_slice(event.d).ok()?;
        (own.get("id").and_then(serde_json::Value::as_str) == Some(&*needle)).then(|| {
            self.causes.insert(event.id());
            (event.received_at_ms, format!("{} received by shard {}", event.event_type, event.shard))
        })
    }

    /// Requests of one event are called after it: `<event>`, `<event>:<n>` or `<kind>/<event>`.
    fn has(&self, id: &str) -> bool {
        let known = |part: Option<(&str, &str)>, of: fn((&str, &str)) -> String| {
            part.is_some_and(|part| self.causes.contains(&of(part)))
        };
        self.causes.contains(id)
            || known(id.rsplit_once(':'), |(event, _)| event.to_owned())
            || known(id.split_once('/'), |(_, event)| event.to_owned())
    }

    fn ledger(&self, value: &[u8]) -> Option<(i64, String)> {
        let ours = |id: &[u8]| self.actions.contains(id);
        if Intent::codec().wrote(value) {
            let intent = Intent::from_bytes(value).ok().filter(|intent| ours(&intent.action_id))?;
            return Some((intent.at_ms, format!("sent to Discord, attempt {}", intent.attempt)));
        }
        let outcome = Outcome::from_bytes(value).ok().filter(|outcome| ours(&outcome.action_id))?;
        let reason = outcome.reason.map(|reason| format!(", {reason}")).unwrap_or_default();
        Some((outcome.received_ms, format!("Discord answered {} ({}{reason})", outcome.status, outcome.kind.as_str())))
    }
}

/// Every record of a topic in a time; `false` when there were more than are looked at.
async fn scan(
    log: &SharedLog,
    topic: Topic,
    from_ms: i64,
    until_ms: i64,
    mut each: impl FnMut(&Record),
) -> Result<bool, TraceError> {
    let (mut from, mut ends) = (Vec::new(), Vec::new());
    for partition in 0..topic.partitions {
        let begin = log.offset_at(topic, partition, from_ms).await?;
        let end = log.offset_at(topic, partition, until_ms).await?;
        if begin < end {
            from.push((partition, begin));
            ends.push((partition, end));
        }
    }
    if from.is_empty() {
        return Ok(true);
    }
    let mut reader = log.reader(topic, &from);
    let mut scanned = 0;
    while let Some(batch) = reader.next_before(&ends).await? {
        for record in batch.iter() {
            each(record);
        }
        scanned += batch.len();
        if scanned >= TRACE_SCANNED {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_an_event_are_recognised_by_its_id_and_a_number() {
        let known = Known { causes: BTreeSet::from(["s/9".to_owned()]), actions: BTreeSet::new() };
        assert!(known.has("s/9") && known.has("s/9:2") && known.has("StarChanged/s/9"));
        assert!(!known.has("s/91") && !known.has("s/8:9"));
    }
}
