//! `miso actions`.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use miso_datasets::{Scan, Step, rfc3339};
use miso_log::{Range, Record, Schemas, SharedLog, Topic, catalogue};
use miso_model::{Action, Outcome, OutcomeKind};

use crate::config::Config;
use crate::verbs::out::{Out, table, to_people};
use crate::verbs::selection::Selection;

/// Actions held at the same time, at most; older ones are left out, which is said.
const MOST_ACTIONS: usize = 200_000;

/// Lists outgoing requests and what became of each.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  miso actions\n  miso actions --unknown -o @-7d   those that left and of which no answer came\n  \
    miso actions -o @-1h --json | jq 'select(.status >= 400)'\n\n\
    An unknown action left for Discord and no answer came; Discord's API gives no way to find out what it did, and Miso\n\
    never repeats it. `miso export actions` gives every step of all."
)]
pub(crate) struct Actions {
    /// Only those whose effect is unknown
    #[arg(long)]
    unknown: bool,
    /// Only those of this handler group
    #[arg(long)]
    of: Option<String>,
    /// The last so many
    #[arg(short, default_value_t = 100)]
    n: usize,
    #[command(flatten)]
    selection: Selection,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

struct Asked {
    at_ms: i64,
    group: String,
    method: String,
    path: String,
    place: String,
    outcome: Option<Outcome>,
}

impl Actions {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let range = self.selection.range("@-24h")?;
        let log = miso_log::open_reader(&config.log, "miso actions").await?;
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        let mut asked: HashMap<Vec<u8>, Asked> = HashMap::new();
        let mut left_out = 0_u64;
        for topic in [catalogue::REST_ACTIONS, catalogue::REST_INTERACTIONS] {
            each(&log, topic, &range, &mut |record| {
                let Some(action) = record.value.as_deref().and_then(|value| schemas.decode::<Action>(value).ok())
                else {
                    return;
                };
                if self.of.as_ref().is_some_and(|group| *group != action.group) {
                    return;
                }
                if asked.len() >= MOST_ACTIONS {
                    left_out += 1;
                    return;
                }
                let place = format!("{} {}/{}", topic.name, record.partition, record.offset);
                let (at_ms, group, method) = (action.accepted_ms, action.group, action.method);
                // The template: a path may carry an interaction's token.
                let new = Asked { at_ms, group, method, path: action.template, place, outcome: None };
                asked.insert(action.action_id.to_vec(), new);
            })
            .await?;
        }
        each(&log, catalogue::REST_LEDGER, &range, &mut |record| {
            let outcome = record.value.as_deref().and_then(|value| schemas.decode::<Outcome>(value).ok());
            if let Some(outcome) = outcome
                && let Some(asked) = asked.get_mut(&outcome.action_id.to_vec())
            {
                asked.outcome = Some(outcome);
            }
        })
        .await?;
        let unknown = |asked: &Asked| asked.outcome.as_ref().is_some_and(|o| o.kind == OutcomeKind::UnknownEffect);
        let mut rows: Vec<(Vec<u8>, Asked)> =
            asked.into_iter().filter(|(_, asked)| !self.unknown || unknown(asked)).collect();
        rows.sort_by(|a, b| a.1.at_ms.cmp(&b.1.at_ms).then_with(|| a.0.cmp(&b.0)));
        let rows = &rows[rows.len().saturating_sub(self.n)..];
        self.print(rows)?;
        if left_out > 0 {
            eprintln!("miso: {left_out} more lie in this range; a smaller one shows all");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, rows: &[(Vec<u8>, Asked)]) -> anyhow::Result<()> {
        let mut out = Out::new();
        if self.json || !to_people() {
            for (id, asked) in rows {
                let outcome = asked.outcome.as_ref();
                out.line(serde_json::json!({
                    "action": hex(id), "time": rfc3339(asked.at_ms), "group": asked.group, "method": asked.method,
                    "route": asked.path, "at": asked.place, "outcome": outcome.map(|o| o.kind.as_str()),
                    "status": outcome.map(|o| o.status), "reason": outcome.and_then(|o| o.reason.clone()),
                    "took_ms": outcome.map(|o| o.received_ms - asked.at_ms),
                }))?;
            }
            return out.flush();
        }
        if rows.is_empty() {
            eprintln!("miso: none in this range");
            return Ok(());
        }
        let row = |(_, asked): &(Vec<u8>, Asked)| {
            let outcome = asked.outcome.as_ref().map_or_else(
                || "waits".to_owned(),
                |o| format!("{} {} after {} ms", o.kind.as_str(), o.status, o.received_ms - asked.at_ms),
            );
            let what = format!("{} {}", asked.method, asked.path);
            vec![rfc3339(asked.at_ms), asked.group.clone(), what, asked.place.clone(), outcome]
        };
        let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
        out.line(table(&["time", "group", "request", "at", "outcome"], &rows))?;
        out.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every record of a range.
async fn each(log: &SharedLog, topic: Topic, range: &Range, with: &mut impl FnMut(&Record)) -> anyhow::Result<()> {
    let spans = range.resolve(&**log, topic, &[]).await?;
    let mut scan = Scan::new(log, topic, &spans.spans);
    while let Some(step) = scan.next().await? {
        if let Step::Records(batch) = step {
            batch.iter().filter(|record| scan.wants(record.partition, record.offset)).for_each(&mut *with);
        }
    }
    Ok(())
}
