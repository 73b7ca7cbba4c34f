//! `miso topics`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use miso_datasets::{Dataset, Scan, Source, Step, line};
use miso_log::{Kept, Range, Schemas, SharedLog, Topic, catalogue};

use crate::config::Config;
use crate::verbs::UsageError;
use crate::verbs::out::{Out, table, to_people};
use crate::verbs::progress::grouped;
use crate::verbs::selection::known_topic;

/// Lists the topics and what they hold now; reads only, also while a process writes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  miso topics\n  miso topics ls -r '^rest'\n  miso topics describe gateway.events")]
pub(crate) struct Topics {
    #[command(subcommand)]
    verb: Option<TopicsVerb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum TopicsVerb {
    /// List them
    Ls(List),
    /// One of them: keys, retention, schema, columns, a sample, readers
    Describe {
        /// The topic
        topic: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only those whose names this regular expression finds
    #[arg(short = 'r', long, value_name = "RE")]
    regex: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

impl Topics {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let log = miso_log::open_reader(&config.log, "miso topics").await?;
        match self.verb {
            None => list(&log, &self.list).await,
            Some(TopicsVerb::Ls(wanted)) => list(&log, &wanted).await,
            Some(TopicsVerb::Describe { topic, json }) => describe(&log, known_topic(&topic)?, json).await,
        }
    }
}

async fn list(log: &SharedLog, wanted: &List) -> anyhow::Result<ExitCode> {
    let regex = wanted.regex.as_deref().map(regex_lite::Regex::new).transpose();
    let regex = regex.map_err(|error| UsageError(format!("-r is no regular expression: {error}")))?;
    let mut out = Out::new();
    let mut rows = Vec::new();
    for &topic in catalogue::ALL.iter().filter(|topic| regex.as_ref().is_none_or(|regex| regex.is_match(topic.name))) {
        let offsets = offsets(log, topic).await?;
        if wanted.json {
            out.line(serde_json::json!({
                "topic": topic.name, "partitions": topic.partitions, "kept": kept(topic), "offsets": offsets,
                "partition_by": topic.partition_by, "records": topic.records, "owner": topic.owner,
                "readers": topic.readers, "holds": topic.holds,
            }))?;
        } else {
            rows.push(vec![
                topic.name.to_owned(),
                topic.partitions.to_string(),
                kept(topic),
                offsets.to_string(),
                topic.owner.to_owned(),
                topic.holds.to_owned(),
            ]);
        }
    }
    if !wanted.json {
        out.line(table(&["topic", "partitions", "kept", "offsets", "written by", "holds"], &rows))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Offsets between the oldest and the end, over all partitions; 0 where the log does not have the topic yet.
async fn offsets(log: &SharedLog, topic: Topic) -> anyhow::Result<i64> {
    let mut offsets = 0;
    if !log.topics().contains(&topic) {
        return Ok(offsets);
    }
    for partition in 0..topic.partitions {
        let bounds = log.bounds(topic, partition).await?;
        offsets += bounds.latest - bounds.earliest;
    }
    Ok(offsets)
}

async fn describe(log: &SharedLog, topic: Topic, json: bool) -> anyhow::Result<ExitCode> {
    let schemas = Schemas::open(Arc::clone(log)).await?;
    let sample = sample(log, topic, &schemas).await?;
    let columns: Vec<&str> = Source::Topic(topic).columns().iter().map(|column| column.name).collect();
    let mut partitions = Vec::new();
    if log.topics().contains(&topic) {
        for partition in 0..topic.partitions {
            let bounds = log.bounds(topic, partition).await?;
            partitions.push((partition, bounds.earliest, bounds.latest));
        }
    }
    let datasets: Vec<&str> = Dataset::ALL
        .into_iter()
        .filter(|dataset| Source::Dataset(*dataset).topics().contains(&topic))
        .map(Dataset::name)
        .collect();
    let mut out = Out::new();
    if json || !to_people() {
        out.line(serde_json::json!({
            "topic": topic.name, "holds": topic.holds, "kept": kept(topic), "partition_by": topic.partition_by,
            "durability": format!("{:?}", topic.durability).to_lowercase(), "max_record_bytes": topic.max_record_bytes,
            "records": topic.records, "owner": topic.owner, "readers": topic.readers, "columns": columns,
            "datasets": datasets, "partitions": partitions, "sample": sample,
        }))?;
    } else {
        let lines = [
            ("holds", topic.holds.to_owned()),
            ("kept", kept(topic)),
            ("partitions", format!("{}, by {}", topic.partitions, topic.partition_by)),
            ("durability", format!("{:?}", topic.durability).to_lowercase()),
            ("records", format!("{} (miso schema show NAME)", topic.records.join(", "))),
            ("largest", format!("{} bytes", grouped(topic.max_record_bytes as u64))),
            ("written by", topic.owner.to_owned()),
            ("read by", topic.readers.to_owned()),
            ("columns", columns.join(", ")),
            ("datasets", if datasets.is_empty() { "-".to_owned() } else { datasets.join(", ") }),
            ("sample", sample.map_or_else(|| "nothing there now".to_owned(), |sample| sample.to_string())),
        ];
        out.line(topic.name)?;
        for (name, text) in lines {
            out.line(format!("  {name:<11} {text}"))?;
        }
        let held: Vec<Vec<String>> = partitions
            .iter()
            .filter(|(_, earliest, latest)| earliest < latest)
            .map(|(partition, earliest, latest)| vec![partition.to_string(), earliest.to_string(), latest.to_string()])
            .collect();
        if !held.is_empty() {
            out.line(table(&["partition", "earliest", "latest"], &held))?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The newest record, masked.
async fn sample(log: &SharedLog, topic: Topic, schemas: &Schemas) -> anyhow::Result<Option<serde_json::Value>> {
    if !log.topics().contains(&topic) {
        return Ok(None);
    }
    let last = Range::parse("-1", crate::verbs::now_ms(), &jiff::tz::TimeZone::UTC)?;
    let spans = last.resolve(&**log, topic, &[]).await?;
    let mut scan = Scan::new(log, topic, &spans.spans);
    let mut newest: Option<miso_log::Record> = None;
    while let Some(step) = scan.next().await? {
        let Step::Records(batch) = step else { continue };
        for record in batch.iter().filter(|record| scan.wants(record.partition, record.offset)) {
            if newest.as_ref().is_none_or(|newest| record.timestamp_ms >= newest.timestamp_ms) {
                newest = Some(record.clone());
            }
        }
    }
    Ok(newest.map(|record| line(topic, &record, schemas, false).json))
}

/// Retention for people.
pub(crate) fn kept(topic: Topic) -> String {
    const HOUR: i64 = 3_600_000;
    match topic.kept {
        Kept::Compacted => "compacted".into(),
        Kept::Forever => "for ever".into(),
        Kept::For(ms) if ms % (24 * HOUR) == 0 => format!("{} days", ms / (24 * HOUR)),
        Kept::For(ms) => format!("{} hours", ms / HOUR),
    }
}
