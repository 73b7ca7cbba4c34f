//! `miso trace`: one message's way through the pipeline, with milliseconds.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use miso_log::{Record, Schemas, SharedLog, Topic, catalogue};
use miso_model::{Action, Answer, BotCommand, EventView, Fact, Intent, LogRecord, Outcome, Request, Snowflake};

use crate::config::Config;
use crate::verbs::tail::rfc3339;

/// The message's own record is looked for from so long before its id's time: Discord's clock and ours differ.
const BEFORE_MS: i64 = 10_000;
/// What follows from it is looked for until so long after it, unless `--for` says otherwise.
const FOR_MINUTES: i64 = 10;
/// Records of one topic that are looked at, at most; then the trace says that it is incomplete.
const SCANNED: usize = 2_000_000;

/// Shows a message's way through the pipeline: what was recognised, decided, asked of Discord, answered.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso trace 1309871234567890123\n  miso trace 1309871234567890123 --for 120\n\n\
    The id is a message's, an interaction's, or any of Discord's whose event Miso received. Nothing of what people wrote is shown.")]
pub(crate) struct Trace {
    /// Id of a message or an interaction
    id: u64,
    /// Minutes after it in which what follows is looked for
    #[arg(long = "for", value_name = "MINUTES", default_value_t = FOR_MINUTES, value_parser = clap::value_parser!(i64).range(1..=10_080))]
    minutes: i64,
}

/// One step.
struct Step {
    at_ms: i64,
    place: String,
    what: String,
}

/// Ids by which the steps hang together: of the event, of requests and facts, of actions.
#[derive(Default)]
struct Known {
    causes: BTreeSet<String>,
    actions: BTreeSet<Vec<u8>>,
}

impl Trace {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let log = miso_log::open_reader(&config.log, "miso trace").await?;
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        let begin = Snowflake(self.id).created_ms() - BEFORE_MS;
        let end = begin + BEFORE_MS + self.minutes * 60_000;
        let (mut steps, mut known, mut complete) = (Vec::new(), Known::default(), true);
        for topic in [
            catalogue::GATEWAY_EVENTS,
            catalogue::BOT_COMMANDS,
            catalogue::BOT_REQUESTS,
            catalogue::BOT_FACTS,
            catalogue::BOT_ANSWERS,
            catalogue::REST_ACTIONS,
            catalogue::REST_INTERACTIONS,
            catalogue::REST_LEDGER,
        ] {
            complete &= scan(&log, topic, begin, end, |record| {
                if let Some((at_ms, what)) = self.look(topic, record, &schemas, &mut known) {
                    let place = format!("{} {}/{}", topic.name, record.partition, record.offset);
                    steps.push(Step { at_ms, place, what });
                }
            })
            .await?;
            if topic == catalogue::GATEWAY_EVENTS && steps.is_empty() {
                eprintln!(
                    "miso: no event of {} is in the log between {} and {}. Either Miso never received it (look at \
                     `miso topics` and the gateway's readiness), or retention has removed it.",
                    self.id,
                    rfc3339(begin),
                    rfc3339(end)
                );
                return Ok(ExitCode::from(crate::FAILED));
            }
        }
        if !complete {
            eprintln!(
                "miso: a topic holds more than {SCANNED} records in this time; --for with fewer minutes shows all"
            );
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(told(&steps).as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
            written => written.map(|()| ExitCode::SUCCESS).map_err(Into::into),
        }
    }

    /// Whether a record belongs to the trace: when it happened, and what it is.
    fn look(&self, topic: Topic, record: &Record, schemas: &Schemas, known: &mut Known) -> Option<(i64, String)> {
        let value = record.value.as_deref()?;
        if topic == catalogue::GATEWAY_EVENTS {
            let event = EventView::decode(value).ok()??;
            return self.event(&event, known);
        }
        if topic == catalogue::BOT_COMMANDS {
            let command: BotCommand = schemas.decode(value).ok()?;
            (known.causes.contains(&command.event_id)).then(|| {
                (command.at_ms, format!("recognised as a command, {} characters", command.line.chars().count()))
            })
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
            known
                .has(&answer.request_id)
                .then(|| (record.timestamp_ms, format!("the decider answered {}", answer.status)))
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

    /// An event whose own id is the one that is traced.
    fn event(&self, event: &EventView<'_>, known: &mut Known) -> Option<(i64, String)> {
        #[derive(serde::Deserialize)]
        struct Own {
            #[serde(default)]
            id: Option<String>,
        }
        let needle = self.id.to_string();
        if !event.d.windows(needle.len()).any(|part| part == needle.as_bytes()) {
            return None;
        }
        let own: Own = serde_json::from_slice(event.d).ok()?;
        (own.id.as_deref() == Some(&needle)).then(|| {
            known.causes.insert(event.id());
            (event.received_at_ms, format!("{} received by shard {}", event.event_type, event.shard))
        })
    }
}

impl Known {
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
) -> anyhow::Result<bool> {
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
        if scanned >= SCANNED {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The steps in order of time, each with the milliseconds since the first.
fn told(steps: &[Step]) -> String {
    let mut order: Vec<&Step> = steps.iter().collect();
    order.sort_by_key(|step| step.at_ms);
    let Some(first) = order.first().map(|step| step.at_ms) else { return String::new() };
    let width = order.iter().map(|step| step.place.chars().count()).max().unwrap_or(0);
    let what = order.iter().map(|step| step.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for step in order {
        let (at, since) = (rfc3339(step.at_ms), step.at_ms - first);
        text.push_str(&format!("{at}  {:width$}  {:what$}  +{since} ms\n", step.place, step.what));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_in_order_of_time_with_the_milliseconds_since_the_first() {
        let step = |at_ms, place: &str, what: &str| Step { at_ms, place: place.to_owned(), what: what.to_owned() };
        let text =
            told(&[step(1_015, "rest.actions 5/1", "POST"), step(1_000, "gateway.events 3/9", "MESSAGE_CREATE")]);
        assert_eq!(
            text,
            "1970-01-01T00:00:01.000Z  gateway.events 3/9  MESSAGE_CREATE  +0 ms\n\
             1970-01-01T00:00:01.015Z  rest.actions 5/1    POST            +15 ms\n"
        );
    }

    #[test]
    fn requests_of_an_event_are_recognised_by_its_id_and_a_number() {
        let known = Known { causes: BTreeSet::from(["s/9".to_owned()]), actions: BTreeSet::new() };
        assert!(known.has("s/9") && known.has("s/9:2") && known.has("StarChanged/s/9"));
        assert!(!known.has("s/91") && !known.has("s/8:9"));
    }
}
