//! An export: scans a range, writes its rows, and leaves a checkpoint after every segment of it, so that a
//! killed one goes on with the same bytes.

use std::io;
use std::path::Path;

use miso_log::{Record, Schemas, SharedLog, Span, Topic, catalogue};
use miso_model::{GatewayGap, LogRecord as _};

use crate::checkpoint::{Checkpoint, Gap, NAMED, Place};
use crate::parts::{PartError, Parts};
use crate::{Cell, Clock, Column, Filter, RowLine, Scan, ScanError, Source, Step, rfc3339};

/// Records between two checkpoints: what is done again after a crash, at most.
pub const SEGMENT_RECORDS: u64 = 500_000;
/// Progress is told after so many records.
const TELL_EVERY: u64 = 5_000;

/// An export did not come to its end. What its checkpoint covers stays.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The plan names what this version does not have.
    #[error("the checkpoint is of another version of Miso: it names {0}")]
    Plan(String),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] PartError),
    /// The checkpoint or the manifest cannot be written.
    #[error("the checkpoint cannot be written: {0}")]
    Checkpoint(io::Error),
    /// The log cannot be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Retention overtook the export: part of what it must hold is gone.
    #[error(
        "retention removed offsets {from} to {to} of partition {partition} while they were to be read; begin anew with a later range"
    )]
    Gone {
        /// The partition.
        partition: i32,
        /// First offset that is gone.
        from: i64,
        /// First that is there.
        to: i64,
    },
}

/// How far an export is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Day of the last row, where files are parted by day.
    pub day: String,
    /// Rows written.
    pub rows: u64,
    /// Records looked at.
    pub records: u64,
    /// Offsets passed, of [`Plan::offsets`].
    pub offsets: u64,
}

/// Writes what `checkpoint` still wants into `place`, which must be its own; answers the finished manifest.
/// `filter` must be the plan's. `tell` is called every few thousand records.
///
/// # Errors
/// See [`ExportError`]; call again with the checkpoint of the place to go on.
pub async fn export(
    log: &SharedLog,
    schemas: &Schemas,
    place: &Path,
    mut checkpoint: Checkpoint,
    filter: &Filter,
    mut tell: impl FnMut(&Progress),
) -> Result<Checkpoint, ExportError> {
    let plan = checkpoint.plan.clone();
    let unknown = || ExportError::Plan(plan.source.clone());
    let source = plan.source().ok_or_else(unknown)?;
    let columns = plan.columns().ok_or_else(unknown)?;
    checkpoint.remove_later(place).map_err(ExportError::Checkpoint)?;
    checkpoint.save(place).map_err(ExportError::Checkpoint)?;
    let mut work = Work {
        source,
        schemas,
        filter,
        columns,
        masked: plan.masked,
        by_day: plan.by_day,
        one_order: log.has_one_order(),
        place,
        clock: Clock::default(),
        progress: Progress { rows: checkpoint.rows, records: checkpoint.records, ..Progress::default() },
        line: RowLine::new(source.columns()),
    };
    while checkpoint.topic < plan.topics.len() {
        let topic = &plan.topics[checkpoint.topic];
        let log_topic = catalogue::by_name(&topic.topic).ok_or_else(|| ExportError::Plan(topic.topic.clone()))?;
        let mut spans = topic.to_read();
        for span in &mut spans {
            if let Some(&(_, next)) = checkpoint.positions.iter().find(|(partition, _)| *partition == span.partition) {
                span.from = next;
            }
        }
        work.topic(log, log_topic, spans, &mut checkpoint, &mut tell).await?;
    }
    checkpoint.gaps.sort();
    checkpoint.end(place).map_err(ExportError::Checkpoint)?;
    tell(&work.progress);
    Ok(checkpoint)
}

struct Work<'a> {
    source: Source,
    schemas: &'a Schemas,
    filter: &'a Filter,
    columns: Vec<(usize, &'static Column)>,
    masked: bool,
    by_day: bool,
    one_order: bool,
    place: &'a Path,
    clock: Clock,
    progress: Progress,
    /// Rows as JSON, for the filter's condition.
    line: RowLine,
}

impl Work<'_> {
    fn parts<'p>(&self, place: &'p Path, checkpoint: &Checkpoint) -> Parts<'p> {
        let columns = self.columns.iter().map(|(_, column)| *column).collect();
        Parts::new(place, checkpoint.plan.format, columns, checkpoint.segment)
    }

    /// One topic to its end, segment by segment. The last segment of a topic ends with it.
    async fn topic(
        &mut self,
        log: &SharedLog,
        topic: Topic,
        spans: Vec<Span>,
        checkpoint: &mut Checkpoint,
        tell: &mut impl FnMut(&Progress),
    ) -> Result<(), ExportError> {
        let mut scan = Scan::new(log, topic, &spans);
        let mut at: Vec<(i32, i64)> = spans.iter().map(|span| (span.partition, span.from)).collect();
        let (passed, first) = (self.progress.offsets, spans.iter().map(|span| span.from).min().unwrap_or(0));
        let place = self.place;
        let mut parts = self.parts(place, checkpoint);
        let mut of_segment = 0;
        while let Some(step) = scan.next().await? {
            let batch = match step {
                Step::Records(batch) => batch,
                Step::Gone(span) => {
                    return Err(ExportError::Gone { partition: span.partition, from: span.from, to: span.to });
                }
            };
            for record in batch.iter().filter(|record| scan.wants(record.partition, record.offset)) {
                self.record(topic, record, &mut parts, checkpoint)?;
                if let Some(position) = at.iter_mut().find(|(partition, _)| *partition == record.partition) {
                    if self.one_order {
                        self.progress.offsets = passed + u64::try_from(record.offset + 1 - first).unwrap_or(0);
                    } else {
                        self.progress.offsets += u64::try_from(record.offset + 1 - position.1).unwrap_or(0);
                    }
                    position.1 = record.offset + 1;
                }
                of_segment += 1;
                if self.progress.records.is_multiple_of(TELL_EVERY) {
                    tell(&self.progress);
                }
                if of_segment >= checkpoint.plan.segment_records {
                    of_segment = 0;
                    checkpoint.positions.clone_from(&at);
                    self.seal(parts, checkpoint)?;
                    // Whoever waits beside (for an interrupt) has its turn.
                    tokio::task::yield_now().await;
                    parts = self.parts(place, checkpoint);
                }
            }
        }
        // With its last segment: a topic whose files are known is not read again.
        checkpoint.topic += 1;
        checkpoint.positions.clear();
        self.seal(parts, checkpoint)
    }

    /// Ends a segment: its files are whole, then the checkpoint knows them.
    fn seal(&mut self, parts: Parts<'_>, checkpoint: &mut Checkpoint) -> Result<(), ExportError> {
        checkpoint.files.extend(parts.finish()?);
        checkpoint.segment += 1;
        checkpoint.rows = self.progress.rows;
        checkpoint.records = self.progress.records;
        checkpoint.save(self.place).map_err(ExportError::Checkpoint)
    }

    fn record(
        &mut self,
        topic: Topic,
        record: &Record,
        parts: &mut Parts<'_>,
        checkpoint: &mut Checkpoint,
    ) -> Result<(), ExportError> {
        self.progress.records += 1;
        self.note_gap(topic, record, checkpoint);
        let mut failed = None;
        let read = self.filter.accepts(topic, record, self.schemas).and_then(|wanted| {
            if !wanted {
                return Ok(());
            }
            let (source, schemas, masked) = (self.source, self.schemas, self.masked);
            source.rows(topic, record, schemas, !masked, &mut |row| {
                if failed.is_none() {
                    failed = self.row(row, parts).err();
                }
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if let Err(why) = read {
            checkpoint.unreadable += 1;
            if checkpoint.unreadable_first.len() < NAMED {
                checkpoint.unreadable_first.push(Place {
                    topic: topic.name.to_owned(),
                    partition: record.partition,
                    offset: record.offset,
                    why: why.to_string(),
                });
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &[Cell<'_>], parts: &mut Parts<'_>) -> Result<(), ExportError> {
        if !self.meets_condition(row) {
            return Ok(());
        }
        let time = row.iter().find_map(|cell| if let Cell::Time(ms) = cell { Some(*ms) } else { None });
        let day = if self.by_day { self.clock.date(time.unwrap_or(0)) } else { "" };
        if self.by_day && self.progress.day != day {
            day.clone_into(&mut self.progress.day);
        }
        self.progress.rows += 1;
        let selected = self.columns.iter().map(|&(index, _)| row.get(index).unwrap_or(&Cell::Null));
        Ok(parts.write(day, selected)?)
    }

    /// The filter's condition, over the whole row as NDJSON has it.
    fn meets_condition(&mut self, row: &[Cell<'_>]) -> bool {
        let Some(condition) = &self.filter.condition else { return true };
        self.line.line(row).is_ok_and(|line| condition.keeps(&line))
    }

    /// Each gap stands in every partition; it is told once.
    fn note_gap(&self, topic: Topic, record: &Record, checkpoint: &mut Checkpoint) {
        let Some(value) = record.value.as_deref() else { return };
        if topic != catalogue::GATEWAY_EVENTS || !GatewayGap::codec().wrote(value) {
            return;
        }
        let Ok(gap) = GatewayGap::from_bytes(value) else { return };
        let gap = Gap {
            shard: gap.shard,
            session_id: gap.session_id,
            after_sequence: gap.after_sequence,
            time: rfc3339(gap.at_ms),
            reason: gap.reason,
        };
        if !checkpoint.gaps.contains(&gap) {
            checkpoint.gaps.push(gap);
        }
    }
}
