//! `miso parked`: what consumers gave up on.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use miso_datasets::{Scan, Step, line, rfc3339};
use miso_log::{Kept, Range, Record, Schemas, SharedLog, Topic, catalogue};
use miso_model::{HandlerGap, OperatorAct, ParkedRecord};

use crate::config::Config;
use crate::operator::{Acts, PutBack, act, put_on_record};
use crate::verbs::out::{Out, table, to_people};
use crate::verbs::{NEEDS_YES, UsageError, now_ms};

/// Records that one call redrives or discards, at most.
const MOST_AT_ONCE: usize = 10_000;

/// What was done with a parked record.
const REDRIVEN: &str = "Redriven";
const DISCARDED: &str = "Discarded";

/// Shows what consumers gave up on, puts it back into its topic, or lays it to rest.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso parked ls\n  miso parked show 17\n  miso parked redrive 17 --yes\n  \
    miso parked discard --group handlers.events --yes\n\n\
    A record that is put back comes after everything that is in its topic now, and every group of that topic sees it.\n\
    A discarded one stays in the log, but is no longer listed. Both are put on record in operator.acts.")]
pub(crate) struct Parked {
    #[command(subcommand)]
    verb: ParkedVerb,
}

#[derive(Debug, Subcommand)]
enum ParkedVerb {
    /// List what waits for a decision
    Ls {
        /// Also what was redriven or discarded
        #[arg(long)]
        all: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one whole
    Show {
        /// Its offset, as `ls` shows it
        offset: i64,
        /// Show what members wrote
        #[arg(long)]
        with_content: bool,
    },
    /// Put records back at the end of their topics
    Redrive(Which),
    /// List records no longer
    Discard(Which),
}

#[derive(Debug, Args)]
struct Which {
    /// Offsets, as `ls` shows them
    offsets: Vec<i64>,
    /// All that this group gave up on
    #[arg(long)]
    group: Option<String>,
    /// All
    #[arg(long)]
    all: bool,
    /// Do it
    #[arg(long)]
    yes: bool,
}

/// One that was parked, and what became of it.
struct Entry {
    offset: i64,
    what: What,
    done: Option<String>,
}

enum What {
    Record(Box<ParkedRecord>),
    Gap(HandlerGap),
    Unreadable(String),
}

impl Parked {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let log = miso_log::open_reader(&config.log, "miso parked").await?;
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        match self.verb {
            ParkedVerb::Ls { all, json } => {
                let entries = entries(&log, &schemas).await?;
                let shown: Vec<&Entry> = entries.iter().filter(|entry| all || entry.done.is_none()).collect();
                print(&shown, json || !to_people())?;
                Ok(ExitCode::SUCCESS)
            }
            ParkedVerb::Show { offset, with_content } => show(config, &log, &schemas, offset, with_content).await,
            ParkedVerb::Redrive(which) => decide(config, &log, &schemas, &which, REDRIVEN).await,
            ParkedVerb::Discard(which) => decide(config, &log, &schemas, &which, DISCARDED).await,
        }
    }
}

/// All records of a topic in the order in which they stand there.
async fn read_all(log: &SharedLog, topic: Topic) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    if !log.topics().contains(&topic) {
        return Ok(records);
    }
    let spans = Range::all().resolve(&**log, topic, &[]).await?;
    let mut scan = Scan::new(log, topic, &spans.spans);
    while let Some(step) = scan.next().await? {
        if let Step::Records(batch) = step {
            records.extend(batch.iter().filter(|r| scan.wants(r.partition, r.offset)).cloned());
        }
    }
    Ok(records)
}

async fn entries(log: &SharedLog, schemas: &Schemas) -> anyhow::Result<Vec<Entry>> {
    let mut done: BTreeMap<i64, String> = BTreeMap::new();
    for record in read_all(log, catalogue::OPERATOR_ACTS).await? {
        let Some(act) = record.value.as_deref().and_then(|value| schemas.decode::<OperatorAct>(value).ok()) else {
            continue;
        };
        let of_parked = act.subject == catalogue::PARKED.name && (act.act == REDRIVEN || act.act == DISCARDED);
        if let (true, Ok(offset)) = (of_parked, act.range.parse()) {
            done.insert(offset, format!("{} by {} {}", act.act.to_lowercase(), act.actor, rfc3339(act.at_ms)));
        }
    }
    let entry = |record: Record| {
        let value = record.value.as_deref()?;
        let what = match schemas.decode::<HandlerGap>(value) {
            Ok(gap) => What::Gap(gap),
            Err(_) => match schemas.decode::<ParkedRecord>(value) {
                Ok(parked) => What::Record(Box::new(parked)),
                Err(error) => What::Unreadable(error.to_string()),
            },
        };
        Some(Entry { offset: record.offset, what, done: done.remove(&record.offset) })
    };
    Ok(read_all(log, catalogue::PARKED).await?.into_iter().filter_map(entry).collect())
}

fn print(entries: &[&Entry], json: bool) -> anyhow::Result<()> {
    let mut out = Out::new();
    let mut rows = Vec::new();
    for entry in entries {
        let (at_ms, group, place, class, why, attempts) = match &entry.what {
            What::Record(parked) => (
                parked.at_ms,
                parked.group.clone(),
                format!("{} {}/{}", parked.topic, parked.partition, parked.offset),
                parked.error_class.clone(),
                parked.error.clone(),
                parked.attempts,
            ),
            What::Gap(gap) => (
                gap.at_ms,
                gap.group.clone(),
                format!("{} {}/{}..{}", gap.topic, gap.partition, gap.from, gap.to),
                "gap".to_owned(),
                "retention removed them before the group read them".to_owned(),
                0,
            ),
            What::Unreadable(why) => (0, String::new(), String::new(), "unreadable".to_owned(), why.clone(), 0),
        };
        if json {
            out.line(serde_json::json!({
                "offset": entry.offset, "time": rfc3339(at_ms), "group": group, "of": place, "class": class,
                "error": why, "attempts": attempts, "done": entry.done,
            }))?;
        } else {
            let why = entry.done.clone().unwrap_or(why);
            rows.push(vec![entry.offset.to_string(), rfc3339(at_ms), group, place, class, why]);
        }
    }
    if !json && rows.is_empty() {
        eprintln!("miso: nothing is parked");
    } else if !json {
        out.line(table(&["offset", "time", "group", "of", "class", "error"], &rows))?;
    }
    out.flush()
}

async fn show(
    config: &Config,
    log: &SharedLog,
    schemas: &Schemas,
    offset: i64,
    with_content: bool,
) -> anyhow::Result<ExitCode> {
    let records = read_all(log, catalogue::PARKED).await?;
    let Some(record) = records.into_iter().find(|record| record.offset == offset) else {
        return Err(UsageError(format!("nothing is parked at offset {offset}; miso parked ls lists what is")).into());
    };
    if with_content {
        let revealed = act("ContentRevealed", catalogue::PARKED.name, &offset.to_string(), false);
        put_on_record(config, Acts { acts: vec![revealed], records: Vec::new() }).await?;
    }
    let mut shown = line(catalogue::PARKED, &record, schemas, with_content).json;
    let parked = record.value.as_deref().and_then(|value| schemas.decode::<ParkedRecord>(value).ok());
    // The record in it, as it would be shown in its own topic.
    if let Some(parked) = parked
        && let Some(topic) = catalogue::by_name(&parked.topic)
    {
        let own = Record {
            partition: parked.partition,
            offset: parked.offset,
            timestamp_ms: parked.at_ms,
            key: Default::default(),
            value: Some(parked.value.0.clone()),
        };
        shown["data"]["value"] = line(topic, &own, schemas, with_content).json;
    }
    let mut out = Out::new();
    out.line(serde_json::to_string_pretty(&shown)?)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Redrives or discards.
async fn decide(
    config: &Config,
    log: &SharedLog,
    schemas: &Schemas,
    which: &Which,
    done: &'static str,
) -> anyhow::Result<ExitCode> {
    if which.offsets.is_empty() && which.group.is_none() && !which.all {
        return Err(
            UsageError("say which: offsets, --group NAME or --all; miso parked ls lists them".to_owned()).into()
        );
    }
    let waiting: Vec<Entry> = entries(log, schemas).await?.into_iter().filter(|entry| entry.done.is_none()).collect();
    if let Some(unknown) = which.offsets.iter().find(|offset| !waiting.iter().any(|entry| entry.offset == **offset)) {
        return Err(UsageError(format!("nothing waits at offset {unknown}; miso parked ls lists what does")).into());
    }
    let chosen = |entry: &Entry| {
        let group = match &entry.what {
            What::Record(parked) => Some(&parked.group),
            What::Gap(gap) => Some(&gap.group),
            What::Unreadable(_) => None,
        };
        which.all || which.offsets.contains(&entry.offset) || (which.group.is_some() && group == which.group.as_ref())
    };
    let mut plan: Vec<(i64, Option<PutBack>)> = Vec::new();
    for entry in waiting.into_iter().filter(chosen).take(MOST_AT_ONCE) {
        match (&entry.what, done) {
            (What::Record(parked), REDRIVEN) => match back(parked) {
                Ok(back) => plan.push((entry.offset, Some(back))),
                Err(why) => eprintln!("miso: {} stays: {why}", entry.offset),
            },
            (What::Gap(_) | What::Unreadable(_), REDRIVEN) => {
                eprintln!("miso: {} stays: there is no record in it to put back", entry.offset);
            }
            _ => plan.push((entry.offset, None)),
        }
    }
    let verb = if done == REDRIVEN { "put back" } else { "discard" };
    eprintln!("{} records to {verb}", plan.len());
    if !which.yes {
        eprintln!("miso: nothing is done without --yes");
        return Ok(ExitCode::from(NEEDS_YES));
    }
    for (offset, back) in plan {
        let acts = vec![act(done, catalogue::PARKED.name, &offset.to_string(), true)];
        put_on_record(config, Acts { acts, records: back.into_iter().collect() }).await?;
    }
    eprintln!("done");
    Ok(ExitCode::SUCCESS)
}

/// A parked record on its way back.
fn back(parked: &ParkedRecord) -> Result<PutBack, String> {
    let topic = catalogue::by_name(&parked.topic).ok_or_else(|| format!("there is no topic {}", parked.topic))?;
    if topic.kept == Kept::Compacted {
        return Err(format!("{topic:?} is compacted, and the record's key is not known any more"));
    }
    if parked.value.is_empty() {
        return Err("its bytes were not kept".to_owned());
    }
    Ok(PutBack::new(topic.name, parked.partition, &parked.value, now_ms()))
}
