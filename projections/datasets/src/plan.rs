//! What an export shall hold, decided at its start and kept: an export that goes on holds the same.

use miso_log::{Range, RangeError, SharedLog, Topic};
use serde::{Deserialize, Serialize};

use crate::checkpoint::TopicSpans;
use crate::{Column, Format, Source};

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the dataset or topic.
    pub source: String,
    /// As it was asked for.
    pub range: String,
    /// What that named at the start, by topic in the order they are read.
    pub topics: Vec<TopicSpans>,
    /// How files are written.
    pub format: Format,
    /// Columns, in this order.
    pub columns: Vec<String>,
    /// A folder for each day (UTC) of the rows.
    pub by_day: bool,
    /// Whether what people wrote is masked to its length.
    pub masked: bool,
    /// [`Filter::describe`](crate::Filter::describe), for people.
    pub filter: String,
    /// The filter's condition, as written.
    #[serde(default)]
    pub condition: Option<String>,
    /// Records between two checkpoints.
    pub segment_records: u64,
}

impl Plan {
    /// The source it names.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        Source::by_name(&self.source)
    }

    /// Its columns with their place in the source's rows. `None`: there is no such column.
    #[must_use]
    pub fn columns(&self) -> Option<Vec<(usize, &'static Column)>> {
        let all = self.source()?.columns();
        let place = |name: &String| all.iter().position(|column| column.name == name).map(|index| (index, &all[index]));
        self.columns.iter().map(place).collect()
    }

    /// Offsets to be looked at: on a log with one order those of a topic from the first to the last, else
    /// the sum over its partitions. For progress.
    #[must_use]
    pub fn offsets(&self, one_order: bool) -> u64 {
        let of = |topic: &TopicSpans| {
            let spans = topic.spans.iter().filter(|(_, from, to)| from < to);
            if one_order {
                let from = spans.clone().map(|span| span.1).min().unwrap_or(0);
                return spans.map(|span| span.2).max().unwrap_or(0) - from;
            }
            spans.map(|(_, from, to)| to - from).sum()
        };
        self.topics.iter().map(of).map(|count| u64::try_from(count).unwrap_or(0)).sum()
    }
}

/// Resolves a range in every topic of a source, now.
///
/// # Errors
/// See [`RangeError`].
pub async fn plan(
    log: &SharedLog,
    source: Source,
    range: &Range,
    partitions: &[i32],
) -> Result<Vec<TopicSpans>, RangeError> {
    let mut topics = Vec::new();
    for topic in source.topics() {
        topics.push(spans_of(log, topic, range, partitions).await?);
    }
    Ok(topics)
}

async fn spans_of(log: &SharedLog, topic: Topic, range: &Range, partitions: &[i32]) -> Result<TopicSpans, RangeError> {
    let spans = range.resolve(&**log, topic, partitions).await?;
    let all = |spans: &[miso_log::Span]| spans.iter().map(|span| (span.partition, span.from, span.to)).collect();
    Ok(TopicSpans { topic: topic.name.to_owned(), spans: all(&spans.spans), missing: all(&spans.missing) })
}
