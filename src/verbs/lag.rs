//! `miso lag`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use miso_log::{SharedLog, Topic, parse_duration};

use crate::config::Config;
use crate::verbs::nearest::did_you_mean;
use crate::verbs::out::{Out, table, to_people};
use crate::verbs::progress::grouped;
use crate::verbs::tail::ago;
use crate::verbs::{DIFFERENT, UsageError, now_ms};

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// The oldest record that a group has not passed is waited for so long.
const OLDEST_WITHIN: Duration = Duration::from_secs(5);

/// Shows how far consumer groups are behind; reads only, joins none of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  miso lag\n  miso lag handlers.messages --watch\n  miso lag --fail-over 30s   exit code 3 when any group is later"
)]
pub(crate) struct Lag {
    /// One group
    group: Option<String>,
    /// Look again every 2 seconds
    #[arg(long)]
    watch: bool,
    /// Exit with code 3 when the oldest record not passed is older than this
    #[arg(long, value_name = "DURATION")]
    fail_over: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// A group in a topic.
struct Behind {
    group: String,
    topic: Topic,
    partitions: usize,
    records: i64,
    /// Timestamp of the oldest record that was not passed.
    oldest_ms: Option<i64>,
}

impl Lag {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let over_ms = match self.fail_over.as_deref() {
            None => None,
            Some(text) => Some(parse_duration(text).ok_or_else(|| {
                UsageError(format!("--fail-over {text:?} is no duration; write one such as 30s or 5m"))
            })?),
        };
        let log = miso_log::open_reader(&config.log, "miso lag").await?;
        loop {
            let behind = self.look(&log).await?;
            self.print(&behind)?;
            if let Some(over_ms) = over_ms {
                let late = |behind: &&Behind| behind.oldest_ms.is_some_and(|oldest| now_ms() - oldest > over_ms);
                if let Some(late) = behind.iter().find(late) {
                    eprintln!(
                        "miso: {} is {} behind in {:?}, more than {}",
                        late.group,
                        ago(late.oldest_ms.unwrap_or_default()),
                        late.topic,
                        self.fail_over.as_deref().unwrap_or_default()
                    );
                    return Ok(ExitCode::from(DIFFERENT));
                }
            }
            if !self.watch {
                return Ok(ExitCode::SUCCESS);
            }
            tokio::select! {
                () = tokio::time::sleep(WATCH_EVERY) => {}
                _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
            }
        }
    }

    async fn look(&self, log: &SharedLog) -> anyhow::Result<Vec<Behind>> {
        let all = log.groups().await?;
        let wanted = match &self.group {
            None => all,
            Some(group) if all.contains(group) => vec![group.clone()],
            Some(group) => {
                let near = did_you_mean(group, all.iter().map(String::as_str));
                let known = if all.is_empty() { "none yet".to_owned() } else { all.join(", ") };
                return Err(UsageError(format!("no group {group:?} has a position.{near} Groups: {known}")).into());
            }
        };
        let mut found = Vec::new();
        for group in wanted {
            let mut topics: BTreeMap<&str, Behind> = BTreeMap::new();
            for lag in log.lag(&group).await? {
                let topic = lag.topic;
                let new = || Behind { group: group.clone(), topic, partitions: 0, records: 0, oldest_ms: None };
                let behind = topics.entry(topic.name).or_insert_with(new);
                behind.partitions += 1;
                behind.records += lag.records;
                if let (1.., Some(next)) = (lag.records, lag.next) {
                    let at = timestamp(log, topic, lag.partition, next).await?;
                    behind.oldest_ms = [behind.oldest_ms, at].into_iter().flatten().min();
                }
            }
            found.extend(topics.into_values());
        }
        Ok(found)
    }

    fn print(&self, behind: &[Behind]) -> anyhow::Result<()> {
        let mut out = Out::new();
        if self.json || !to_people() {
            for behind in behind {
                out.line(serde_json::json!({
                    "group": behind.group, "topic": behind.topic.name, "partitions": behind.partitions,
                    "records": behind.records, "oldest_ms": behind.oldest_ms.map(|at| (now_ms() - at).max(0)),
                }))?;
            }
        } else if behind.is_empty() {
            eprintln!("miso: no group has a position yet");
        } else {
            let row = |behind: &Behind| {
                vec![
                    behind.group.clone(),
                    behind.topic.name.to_owned(),
                    behind.partitions.to_string(),
                    grouped(u64::try_from(behind.records).unwrap_or(0)),
                    behind.oldest_ms.map_or_else(|| "-".to_owned(), ago),
                ]
            };
            let rows: Vec<Vec<String>> = behind.iter().map(row).collect();
            out.line(table(&["group", "topic", "partitions", "records", "behind"], &rows))?;
        }
        out.flush()
    }
}

/// Timestamp of the first record at or after an offset; none when nothing readable stands there.
async fn timestamp(log: &SharedLog, topic: Topic, partition: i32, next: i64) -> anyhow::Result<Option<i64>> {
    let end = log.bounds(topic, partition).await?.latest;
    let mut reader = log.reader(topic, &[(partition, next)]);
    let ends = [(partition, end)];
    let first = async {
        loop {
            match reader.next_before(&ends).await {
                Ok(Some(batch)) => return Ok(batch.iter().next().map(|record| record.timestamp_ms)),
                Ok(None) => return Ok(None),
                // What is gone was passed by time: what is there now is the oldest.
                Err(miso_log::ReadError::BehindRetention { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    };
    match tokio::time::timeout(OLDEST_WITHIN, first).await {
        Ok(found) => Ok(found?),
        Err(_) => Ok(None),
    }
}
