//! `miso trace`: one message's way through the pipeline, with milliseconds.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use miso_log::{Schemas, TRACE_BEFORE_MS, TRACE_SCANNED, TraceStep};
use miso_model::Snowflake;

use crate::config::Config;
use crate::verbs::tail::rfc3339;

/// What follows from the message is looked for until so long after it, unless `--for` says otherwise.
const FOR_MINUTES: i64 = 10;

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

impl Trace {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let log = miso_log::open_reader(&config.log, "miso trace").await?;
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        let for_ms = self.minutes * 60_000;
        let trace = miso_log::trace(&log, &schemas, self.id, for_ms).await?;
        if trace.steps.is_empty() {
            let made = Snowflake(self.id).created_ms();
            eprintln!(
                "miso: no event of {} is in the log between {} and {}. Either Miso never received it (look at \
                 `miso topics` and the gateway's readiness), or retention has removed it.",
                self.id,
                rfc3339(made - TRACE_BEFORE_MS),
                rfc3339(made + for_ms)
            );
            return Ok(ExitCode::from(crate::FAILED));
        }
        if !trace.complete {
            eprintln!(
                "miso: a topic holds more than {TRACE_SCANNED} records in this time; --for with fewer minutes shows all"
            );
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(told(&trace.steps).as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
            written => written.map(|()| ExitCode::SUCCESS).map_err(Into::into),
        }
    }
}

/// The steps, each with the milliseconds since the first.
fn told(steps: &[TraceStep]) -> String {
    let Some(first) = steps.first().map(|step| step.at_ms) else { return String::new() };
    let place = |step: &TraceStep| format!("{} {}/{}", step.topic.name, step.partition, step.offset);
    let width = steps.iter().map(|step| place(step).chars().count()).max().unwrap_or(0);
    let what = steps.iter().map(|step| step.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for step in steps {
        let (at, since) = (rfc3339(step.at_ms), step.at_ms - first);
        text.push_str(&format!("{at}  {:width$}  {:what$}  +{since} ms\n", place(step), step.what));
    }
    text
}

#[cfg(test)]
mod tests {
    use miso_log::{Topic, catalogue};

    use super::*;

    #[test]
    fn steps_are_told_with_the_milliseconds_since_the_first() {
        let step = |at_ms, topic: Topic, partition, offset, what: &str| TraceStep {
            at_ms,
            topic,
            partition,
            offset,
            what: what.to_owned(),
        };
        let text = told(&[
            step(1_000, catalogue::GATEWAY_EVENTS, 3, 9, "MESSAGE_CREATE"),
            step(1_015, catalogue::REST_ACTIONS, 5, 1, "POST"),
        ]);
        assert_eq!(
            text,
            "1970-01-01T00:00:01.000Z  gateway.events 3/9  MESSAGE_CREATE  +0 ms\n\
             1970-01-01T00:00:01.015Z  rest.actions 5/1    POST            +15 ms\n"
        );
    }
}
