//! `miso rebuild`, `miso diff` and `miso swap`: read models made anew from the facts.

use std::process::ExitCode;

use clap::Args;
use jiff::tz::TimeZone;
use miso_bot_store::Beside;
use miso_log::{Range, SharedLog, catalogue};

use crate::config::Config;
use crate::operator::{Acts, act, put_on_record};
use crate::verbs::nearest::did_you_mean;
use crate::verbs::out::{Out, table, to_people};
use crate::verbs::progress::{Progress, grouped};
use crate::verbs::{DIFFERENT, NEEDS_YES, UsageError, now_ms};

/// The read models that can be rebuilt.
const MODELS: [(&str, &str); 1] = [("bot", "the tables behind the commands API, from bot.facts")];

/// Builds a read model anew from the log, beside the live one
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso rebuild bot\n  miso rebuild bot --at @2026-11-20   as it was then\n  \
    miso diff bot\n  miso swap bot --yes\n\nThe live model is not touched; Miso may run meanwhile.")]
pub(crate) struct Rebuild {
    /// bot
    model: String,
    /// Only what came before this point of the topic: @TIME, an offset, -N
    #[arg(long, value_name = "POINT", allow_hyphen_values = true)]
    at: Option<String>,
    /// Print the positions as JSON
    #[arg(long)]
    json: bool,
}

/// Compares a rebuilt read model with the live one, row by row; exit code 3 when they differ
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// bot
    model: String,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Puts a rebuilt read model in the place of the live one
#[derive(Debug, Args)]
pub(crate) struct Swap {
    /// bot
    model: String,
    /// Do it
    #[arg(long)]
    yes: bool,
}

async fn open(config: &Config, model: &str) -> anyhow::Result<(SharedLog, Beside)> {
    if !MODELS.iter().any(|(name, _)| *name == model) {
        let near = did_you_mean(model, MODELS.iter().map(|(name, _)| *name));
        let all: Vec<String> = MODELS.iter().map(|(name, what)| format!("{name} ({what})")).collect();
        return Err(UsageError(format!("there is no read model {model:?}.{near} There are: {}", all.join(", "))).into());
    }
    let log = miso_log::open_reader(&config.log, "miso rebuild").await?;
    let store = miso_bot_store::open(&config.store.0).await?;
    let beside = Beside::open(store, &log).await?;
    Ok((log, beside))
}

impl Rebuild {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let at = self.at.as_deref().map(|text| Range::parse(text, now_ms(), &TimeZone::UTC)).transpose();
        let at = at.map_err(|error| UsageError(format!("--at: {error}")))?;
        let (log, beside) = open(config, &self.model).await?;
        let until = match &at {
            None => None,
            Some(at) => {
                let spans = at.resolve(&*log, catalogue::BOT_FACTS, &[]).await?;
                Some(spans.spans.iter().map(|span| (span.partition, span.from)).collect::<Vec<_>>())
            }
        };
        let mut bar = Progress::new(catalogue::BOT_FACTS.partitions.unsigned_abs().into());
        let positions = beside
            .build(&log, until.as_deref(), |partition| {
                let done = u64::from(partition.unsigned_abs()) + 1;
                bar.draw(&self.model, done, done);
            })
            .await?;
        bar.end();
        if self.json {
            let mut out = Out::new();
            out.line(serde_json::json!({ "model": self.model, "positions": positions }))?;
            out.flush()?;
        }
        eprintln!("rebuilt; compare with `miso diff {}`, take it with `miso swap {} --yes`", self.model, self.model);
        Ok(ExitCode::SUCCESS)
    }
}

impl Diff {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (log, beside) = open(config, &self.model).await?;
        let diff = beside.diff(&log).await?;
        let mut out = Out::new();
        if self.json || !to_people() {
            for table in &diff.tables {
                out.line(serde_json::json!({
                    "table": table.table, "rows": table.rows, "only_live": table.only_live,
                    "only_rebuilt": table.only_rebuilt, "shown": table.shown,
                }))?;
            }
        } else {
            let number = |number: i64| grouped(u64::try_from(number).unwrap_or(0));
            let row = |diff: &miso_bot_store::TableDiff| {
                vec![diff.table.to_owned(), number(diff.rows), number(diff.only_live), number(diff.only_rebuilt)]
            };
            let rows: Vec<Vec<String>> = diff.tables.iter().map(row).collect();
            out.line(table(&["table", "rows", "only live", "only rebuilt"], &rows))?;
            for table in &diff.tables {
                for shown in &table.shown {
                    out.line(format!("{}  {shown}", table.table))?;
                }
            }
        }
        out.flush()?;
        if diff.live != diff.rebuilt {
            eprintln!("note: the rebuilt tables were kept at an earlier position than the live ones");
        }
        let rows: i64 = diff.tables.iter().map(|table| table.rows).sum();
        if diff.is_empty() {
            eprintln!("{} rows compared, no difference", grouped(u64::try_from(rows).unwrap_or(0)));
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("{} rows compared; they differ", grouped(u64::try_from(rows).unwrap_or(0)));
        Ok(ExitCode::from(DIFFERENT))
    }
}

impl Swap {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (log, beside) = open(config, &self.model).await?;
        if !self.yes {
            let diff = beside.diff(&log).await?;
            let changed: i64 = diff.tables.iter().map(|table| table.only_live + table.only_rebuilt).sum();
            eprintln!("the swap would change {} rows in {} tables", changed, diff.tables.len());
            eprintln!("miso: nothing is done without --yes");
            return Ok(ExitCode::from(NEEDS_YES));
        }
        put_on_record(config, Acts { acts: vec![act("ModelSwapped", &self.model, "", true)], records: Vec::new() })
            .await?;
        beside.swap(&log).await?;
        eprintln!("swapped");
        Ok(ExitCode::SUCCESS)
    }
}
