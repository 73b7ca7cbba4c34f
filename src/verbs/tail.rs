//! `miso tail`.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use clap::Args;
use miso_log::{Record, Schemas, Topic, catalogue};

use crate::config::Config;

/// Prints records of a topic, one JSON object a line; joins no group and disturbs none.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso tail gateway.events -n 5\n  miso tail rest.ledger --follow\n  \
    miso tail bot.facts -o start | head -3")]
pub(crate) struct Tail {
    /// Name of the topic; `miso topics` lists them
    topic: String,
    /// Where to begin: start, end, an offset, or -N (the last N offsets of each partition)
    #[arg(short, long, default_value = "-10", allow_hyphen_values = true)]
    offset: String,
    /// Only this partition
    #[arg(short, long)]
    partition: Option<i32>,
    /// End after so many records
    #[arg(short, long)]
    n: Option<u64>,
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// Show what members wrote; without it text is masked to its length
    #[arg(long)]
    with_content: bool,
}

impl Tail {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let Some(topic) = catalogue::by_name(&self.topic) else {
            let names: Vec<_> = catalogue::ALL.iter().map(|topic| topic.name).collect();
            eprintln!("miso: there is no topic {:?}; there are: {}", self.topic, names.join(", "));
            return Ok(ExitCode::from(crate::USAGE));
        };
        let log = miso_log::open_reader(&config.log, "miso tail").await?;
        let mut from = Vec::new();
        let mut ends = std::collections::BTreeMap::new();
        for partition in 0..topic.partitions {
            if self.partition.is_some_and(|only| only != partition) {
                continue;
            }
            let bounds = log.bounds(topic, partition).await?;
            let Some(at) = start_offset(&self.offset, bounds.earliest, bounds.latest) else {
                eprintln!("miso: -o {:?} is not start, end, an offset or -N", self.offset);
                return Ok(ExitCode::from(crate::USAGE));
            };
            if self.follow || at < bounds.latest {
                from.push((partition, at));
                ends.insert(partition, bounds.latest);
            }
        }
        if from.is_empty() {
            eprintln!("miso: nothing there now; --follow waits for records");
            return Ok(ExitCode::SUCCESS);
        }
        let schemas = Schemas::open(std::sync::Arc::clone(&log)).await?;
        let mut reader = log.reader(topic, &from);
        let mut out = std::io::stdout().lock();
        let mut printed = 0;
        while self.follow || ends.iter().any(|(&p, &end)| reader.position(p).is_some_and(|at| at < end)) {
            let batch = tokio::select! {
                batch = reader.next() => batch?,
                _ = tokio::signal::ctrl_c() => break,
            };
            for record in batch.iter() {
                if !self.follow && ends.get(&record.partition).is_some_and(|&end| record.offset >= end) {
                    continue;
                }
                let line = line(topic, record, &schemas, self.with_content);
                match writeln!(out, "{line}") {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
                    written => written?,
                }
                printed += 1;
                if self.n.is_some_and(|most| printed >= most) {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn start_offset(text: &str, earliest: i64, latest: i64) -> Option<i64> {
    let at = match text {
        "start" => earliest,
        "end" => latest,
        _ => {
            let number: i64 = text.parse().ok()?;
            if number < 0 { latest.saturating_add(number) } else { number }
        }
    };
    Some(at.max(earliest))
}

/// One record as JSON.
fn line(topic: Topic, record: &Record, schemas: &Schemas, with_content: bool) -> serde_json::Value {
    let mut line = serde_json::json!({
        "topic": topic.name,
        "partition": record.partition,
        "offset": record.offset,
        "time": rfc3339(record.timestamp_ms),
    });
    if !record.key.is_empty() {
        line["key"] = String::from_utf8_lossy(&record.key).into();
    }
    match record.value.as_deref().map(|value| schemas.to_json(value)) {
        None => line["tombstone"] = true.into(),
        Some(Err(error)) => line["unreadable"] = error.to_string().into(),
        Some(Ok((name, mut data))) => {
            line["record"] = name.into();
            if !with_content {
                mask(&mut data);
            }
            line["data"] = data;
        }
    }
    line
}

/// Names of fields whose text a member or a handler wrote.
const WRITTEN_BY_PEOPLE: [&str; 4] = ["content", "line", "body", "message"];

/// Replaces what people wrote by its length, at any depth.
fn mask(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                match value {
                    serde_json::Value::String(text) if WRITTEN_BY_PEOPLE.contains(&name.as_str()) => {
                        *value = format!("‹{} chars›", text.chars().count()).into();
                    }
                    _ => mask(value),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(mask),
        _ => {}
    }
}

/// Unix milliseconds as RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(ms: i64) -> String {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    at.ok().and_then(|at| at.format(FORM).ok()).unwrap_or_else(|| format!("{ms} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_462_015_105_796), "2016-04-30T11:18:25.796Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn offsets_are_names_numbers_or_counted_from_the_end() {
        assert_eq!(start_offset("start", 5, 20), Some(5));
        assert_eq!(start_offset("end", 5, 20), Some(20));
        assert_eq!(start_offset("-3", 5, 20), Some(17));
        assert_eq!(start_offset("-30", 5, 20), Some(5));
        assert_eq!(start_offset("7", 5, 20), Some(7));
        assert_eq!(start_offset("x", 5, 20), None);
    }

    #[test]
    fn what_people_wrote_is_masked_at_any_depth() {
        let mut data = serde_json::json!({"d": {"content": "secret", "id": "1", "embeds": [{"content": "x"}]}});
        mask(&mut data);
        assert_eq!(
            data,
            serde_json::json!({"d": {"content": "‹6 chars›", "id": "1", "embeds": [{"content": "‹1 chars›"}]}})
        );
    }
}
