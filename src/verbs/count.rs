//! `miso count`.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use miso_datasets::{Envelope, Filter, Jq, Scan, Step, Unreadable, envelope, line, rfc3339};
use miso_log::{Record, Schemas, Topic};

use crate::config::Config;
use crate::verbs::out::{Out, table, to_people};
use crate::verbs::progress::{Progress, grouped};
use crate::verbs::selection::{Selection, known_topic, topic};

/// Different groups that are counted, at most; what else comes is counted together.
const MOST_GROUPS: usize = 100_000;

/// Counts records by what their envelopes say; no payload is parsed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso count gateway.events --by event -o @-1h\n  \
    miso count gateway.events --by guild,hour --event MESSAGE_CREATE -o @-1d\n  miso count bot.facts --by event")]
pub(crate) struct Count {
    /// The topic
    topic: String,
    /// By what
    #[arg(long, value_delimiter = ',', default_value = "event")]
    by: Vec<By>,
    #[command(flatten)]
    selection: Selection,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Event,
    Guild,
    Channel,
    User,
    Key,
    Partition,
    Hour,
    Day,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Guild => "guild",
            Self::Channel => "channel",
            Self::User => "user",
            Self::Key => "key",
            Self::Partition => "partition",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    fn of(self, record: &Record, envelope: &Envelope<'_>) -> String {
        fn id<T: ToString>(id: Option<T>) -> String {
            id.map_or_else(|| "-".to_owned(), |id| id.to_string())
        }
        match self {
            Self::Event => envelope.event.clone().into_owned(),
            Self::Guild => id(envelope.guild),
            Self::Channel => id(envelope.channel),
            Self::User => id(envelope.user),
            Self::Key => String::from_utf8_lossy(&record.key).into_owned(),
            Self::Partition => record.partition.to_string(),
            Self::Hour => format!("{}:00Z", rfc3339(record.timestamp_ms).chars().take(13).collect::<String>()),
            Self::Day => rfc3339(record.timestamp_ms).chars().take(10).collect(),
        }
    }

    /// Whether the envelope has to be read for it.
    fn looks_inside(self) -> bool {
        matches!(self, Self::Event | Self::Guild | Self::Channel | Self::User)
    }
}

impl Count {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let range = self.selection.range("start")?;
        let filter = self.selection.filter()?;
        known_topic(&self.topic)?;
        let log = miso_log::open_reader(&config.log, "miso count").await?;
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        let topic = topic(&log, &self.topic)?;
        let spans = range.resolve(&*log, topic, &self.selection.partition).await?;
        super::tell_missing(topic, &spans.missing);
        let first = spans.spans.iter().map(|span| span.from).min().unwrap_or(0);
        let total = spans.spans.iter().map(|span| span.to).max().unwrap_or(0) - first;
        let mut bar = Progress::new(u64::try_from(total).unwrap_or(0));
        let inside = self.by.iter().any(|by| by.looks_inside());
        let mut counts: HashMap<Vec<String>, u64> = HashMap::new();
        let (mut unreadable, mut rest, mut all) = (0_u64, 0_u64, 0_u64);
        let mut scan = Scan::new(&log, topic, &spans.spans);
        while let Some(step) = scan.next().await? {
            let batch = match step {
                Step::Records(batch) => batch,
                Step::Gone(span) => {
                    super::tell_missing(topic, &[span]);
                    continue;
                }
            };
            for record in batch.iter().filter(|record| scan.wants(record.partition, record.offset)) {
                let key = match key(&self.by, inside, topic, record, &schemas, &filter) {
                    Ok(Some(key)) => key,
                    Ok(None) => continue,
                    Err(_) => {
                        unreadable += 1;
                        continue;
                    }
                };
                all += 1;
                if let Some(count) = counts.get_mut(&key) {
                    *count += 1;
                } else if counts.len() < MOST_GROUPS {
                    counts.insert(key, 1);
                } else {
                    rest += 1;
                }
                bar.draw(&self.topic, u64::try_from(record.offset - first).unwrap_or(0), all);
            }
        }
        bar.end();
        let mut rows: Vec<(Vec<String>, u64)> = counts.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.print(&rows)?;
        eprintln!("{} records", grouped(all));
        if rest > 0 {
            eprintln!(
                "miso: {} of them are of groups beyond the first {MOST_GROUPS}; a filter makes fewer",
                grouped(rest)
            );
        }
        if unreadable > 0 {
            eprintln!(
                "miso: {} more could not be read; `miso tail {} --decode-report` looks",
                grouped(unreadable),
                self.topic
            );
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, rows: &[(Vec<String>, u64)]) -> anyhow::Result<()> {
        let mut out = Out::new();
        if self.json || !to_people() {
            for (key, count) in rows {
                let mut line = serde_json::Map::new();
                for (by, value) in self.by.iter().zip(key) {
                    line.insert(by.name().to_owned(), value.as_str().into());
                }
                line.insert("records".to_owned(), (*count).into());
                out.line(serde_json::Value::Object(line))?;
            }
        } else {
            let header: Vec<&str> = self.by.iter().map(|by| by.name()).chain(["records"]).collect();
            let row = |(key, count): &(Vec<String>, u64)| key.iter().cloned().chain([grouped(*count)]).collect();
            out.line(table(&header, &rows.iter().map(row).collect::<Vec<_>>()))?;
        }
        out.flush()
    }
}

/// The group of a record; none when it is not wanted.
fn key(
    by: &[By],
    inside: bool,
    topic: Topic,
    record: &Record,
    schemas: &Schemas,
    filter: &Filter,
) -> Result<Option<Vec<String>>, Unreadable> {
    let unwanted = |jq: &Jq| !jq.keeps(line(topic, record, schemas, false).json.to_string().as_bytes());
    if !filter.accepts(topic, record, schemas)? || filter.condition.as_ref().is_some_and(unwanted) {
        return Ok(None);
    }
    let envelope = match record.value.as_deref() {
        Some(value) if inside => envelope(topic, value, schemas)?,
        None if inside => Envelope { event: "tombstone".into(), ..Envelope::default() },
        _ => Envelope::default(),
    };
    Ok(Some(by.iter().map(|by| by.of(record, &envelope)).collect()))
}
