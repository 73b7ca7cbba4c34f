//! `miso export`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use miso_datasets::{
    CHECKPOINT_FILE, Checkpoint, Column, Dataset, ExportError, Filter, Format, MANIFEST_FILE, Plan, SEGMENT_RECORDS,
    Source, plan,
};
use miso_log::{Schemas, SharedLog, Span, catalogue};

use crate::config::Config;
use crate::operator::{Acts, act, put_on_record};
use crate::verbs::nearest::did_you_mean;
use crate::verbs::progress::{self, Progress};
use crate::verbs::selection::Selection;
use crate::verbs::{STOPPED, UsageError, tell_missing};

/// Writes a dataset or a topic into files; the same range gives the same bytes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  miso export messages -o @2026-11-01:@2026-11-08 --to out/ -f parquet --partition-by day\n  \
    miso export facts -o start --to facts/ -f csv\n  miso export messages --to out/ --resume\n\n\
    Datasets: messages, members, reactions, commands, actions, facts, listens (docs/DATASETS.md); or a topic's name.\n\
    An export that was stopped or killed goes on with --resume and gives the bytes it would have given. Each export is\n\
    put on record in the topic operator.acts."
)]
pub(crate) struct Export {
    /// A dataset, or a topic
    source: String,
    /// A folder: new, empty, or with an export to go on with
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// How files are written
    #[arg(short, long, default_value = "ndjson")]
    format: FileFormat,
    #[command(flatten)]
    selection: Selection,
    /// Only these columns, in this order
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Vec<String>,
    /// Parts of a folder each
    #[arg(long, value_name = "day")]
    partition_by: Option<PartitionBy>,
    /// Go on with the export that is in the folder
    #[arg(long)]
    resume: bool,
    /// Write what members wrote; without it text is masked to its length
    #[arg(long)]
    with_content: bool,
    /// Records between two checkpoints, each of which ends the files that are open
    #[arg(long, value_name = "RECORDS", default_value_t = SEGMENT_RECORDS, value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: u64,
    /// Print the manifest
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    Ndjson,
    Csv,
    Parquet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartitionBy {
    Day,
}

impl Export {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let source = source(&self.source)?;
        let filter = self.selection.filter()?;
        let log = miso_log::open_reader(&config.log, "miso export").await?;
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        let checkpoint = if self.resume { self.found()? } else { self.begin(config, &log, source, &filter).await? };
        if self.resume && self.different(&checkpoint.plan, &filter) {
            return Err(UsageError(format!(
                "the export in {} is of {} with other options; give the same, or begin anew in another folder",
                self.to.display(),
                checkpoint.plan.source
            ))
            .into());
        }
        let mut bar = Progress::new(checkpoint.plan.offsets(log.has_one_order()));
        let name = self.source.clone();
        let export = miso_datasets::export(&log, &schemas, &self.to, checkpoint, &filter, |progress| {
            let label = if progress.day.is_empty() { name.clone() } else { format!("{name}  {}", progress.day) };
            bar.draw(&label, progress.offsets, progress.rows);
        });
        let ended = tokio::select! {
            ended = export => Some(ended),
            _ = tokio::signal::ctrl_c() => None,
        };
        bar.end();
        match ended {
            Some(Ok(manifest)) => self.told(&manifest),
            Some(Err(error @ (ExportError::Write(_) | ExportError::Checkpoint(_) | ExportError::Scan(_)))) => {
                eprintln!("miso: {error}");
                Ok(self.stopped())
            }
            Some(Err(error)) => Err(error.into()),
            None => Ok(self.stopped()),
        }
    }

    /// A new export, put on record before its first byte.
    async fn begin(
        &self,
        config: &Config,
        log: &SharedLog,
        source: Source,
        filter: &Filter,
    ) -> anyhow::Result<Checkpoint> {
        self.check_place()?;
        let range = self.selection.range("start")?;
        let topics = plan(log, source, &range, &self.selection.partition).await?;
        let mut read = Vec::new();
        for topic in &topics {
            let missing: Vec<Span> =
                topic.missing.iter().map(|&(partition, from, to)| Span { partition, from, to }).collect();
            if let Some(known) = catalogue::by_name(&topic.topic) {
                tell_missing(known, &missing);
            }
            let spans = topic.spans.iter().filter(|(_, from, to)| from < to);
            read.extend(spans.map(|(partition, from, to)| format!("{} {partition}:{from}..{to}", topic.topic)));
        }
        let all = source.columns();
        let columns = columns_of(all, &self.columns)?;
        let exported = act("Exported", source.name(), &read.join(","), !self.with_content);
        put_on_record(config, Acts { acts: vec![exported], records: Vec::new() }).await?;
        std::fs::create_dir_all(&self.to)
            .map_err(|error| anyhow::anyhow!("the folder {} cannot be made: {error}", self.to.display()))?;
        Ok(Checkpoint::begin(Plan {
            source: source.name().to_owned(),
            range: range.to_string(),
            topics,
            format: self.format(),
            columns: columns.into_iter().map(|index| all[index].name.to_owned()).collect(),
            by_day: self.partition_by.is_some(),
            masked: !self.with_content,
            filter: filter.describe(),
            condition: self.selection.condition.clone(),
            segment_records: self.checkpoint_every,
        }))
    }

    fn format(&self) -> Format {
        match self.format {
            FileFormat::Ndjson => Format::Ndjson,
            FileFormat::Csv => Format::Csv,
            FileFormat::Parquet => Format::Parquet,
        }
    }

    /// The place must not hold an export already.
    fn check_place(&self) -> anyhow::Result<()> {
        let holds = |name: &str| self.to.join(name).exists();
        let place = self.to.display();
        if holds(CHECKPOINT_FILE) {
            return Err(UsageError(format!(
                "{place} holds an export that is not finished: add --resume, or choose another folder"
            ))
            .into());
        }
        if holds(MANIFEST_FILE) {
            return Err(UsageError(format!("{place} holds a finished export: choose another folder")).into());
        }
        // Files that an export does not know are removed before it goes on: nothing else may stand there.
        let foreign = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.is_ok_and(|entry| entry.path().extension().is_none_or(|extension| extension != "part"))
        };
        if std::fs::read_dir(&self.to).is_ok_and(|entries| entries.into_iter().any(foreign)) {
            return Err(UsageError(format!("{place} is not empty: choose a new folder")).into());
        }
        Ok(())
    }

    /// The checkpoint to go on with.
    fn found(&self) -> anyhow::Result<Checkpoint> {
        if self.to.join(MANIFEST_FILE).exists() && !self.to.join(CHECKPOINT_FILE).exists() {
            return Err(
                UsageError(format!("the export in {} is finished: nothing to resume", self.to.display())).into()
            );
        }
        Checkpoint::read(&self.to).map_err(|error| {
            let place = self.to.display();
            UsageError(format!("{place} holds no export to go on with ({error}): leave out --resume")).into()
        })
    }

    /// Whether the options that were given differ from those of the export that is there; what was left out
    /// does not.
    fn different(&self, plan: &Plan, filter: &Filter) -> bool {
        plan.source != self.source
            || plan.format != self.format()
            || plan.filter != filter.describe()
            || plan.condition != self.selection.condition
            || plan.masked == self.with_content
            || plan.by_day != self.partition_by.is_some()
            || self.selection.offset.as_ref().is_some_and(|range| *range != plan.range)
            || !(self.columns.is_empty() || self.columns == plan.columns)
    }

    fn told(&self, manifest: &Checkpoint) -> anyhow::Result<ExitCode> {
        if self.json {
            let mut out = super::out::Out::new();
            out.line(serde_json::to_string(manifest)?)?;
            out.flush()?;
        }
        let gaps = match manifest.gaps.as_slice() {
            [] => String::new(),
            [gap] => format!(" · 1 gap: shard {}, {} ({})", gap.shard, gap.time, gap.reason),
            gaps => format!(" · {} gaps, see {MANIFEST_FILE}", gaps.len()),
        };
        eprintln!(
            "wrote {} files, {} rows, {}{gaps}",
            manifest.files.len(),
            progress::grouped(manifest.rows),
            progress::bytes(manifest.bytes())
        );
        if manifest.unreadable > 0 {
            eprintln!("{} records could not be read; the first are named in {MANIFEST_FILE}", manifest.unreadable);
        }
        if let Some(next) = next_step(&self.to, manifest) {
            eprintln!("next: {next}");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Says how to go on, where that is possible.
    fn stopped(&self) -> ExitCode {
        if !self.to.join(CHECKPOINT_FILE).exists() {
            return ExitCode::from(crate::FAILED);
        }
        let mut words: Vec<String> = std::env::args().skip(1).collect();
        if !self.resume {
            words.push("--resume".to_owned());
        }
        let quoted = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
        eprintln!("miso: stopped; what is finished is kept. To go on:\n  miso {quoted}");
        ExitCode::from(STOPPED)
    }
}

/// A dataset's or topic's name, or what was probably meant.
fn source(name: &str) -> anyhow::Result<Source> {
    Source::by_name(name).ok_or_else(|| {
        let datasets: Vec<&str> = Dataset::ALL.iter().map(|dataset| dataset.name()).collect();
        let names = datasets.iter().copied().chain(catalogue::ALL.iter().map(|topic| topic.name));
        let near = did_you_mean(name, names);
        let all = datasets.join(", ");
        UsageError(format!("there is no dataset or topic {name:?}.{near} Datasets: {all}; topics: miso topics")).into()
    })
}

/// The places of the columns named; all when none is.
pub(crate) fn columns_of(all: &[Column], names: &[String]) -> anyhow::Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..all.len()).collect());
    }
    let place = |name: &String| {
        all.iter().position(|column| column.name == name).ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|column| column.name).collect();
            let near = did_you_mean(name, known.iter().copied());
            UsageError(format!("there is no column {name:?}.{near} There are: {}", known.join(", "))).into()
        })
    };
    names.iter().map(place).collect()
}

/// What one does with files like these.
fn next_step(place: &Path, manifest: &Checkpoint) -> Option<String> {
    let Source::Dataset(dataset) = manifest.plan.source()? else { return None };
    if manifest.files.is_empty() || manifest.plan.columns.len() != Source::Dataset(dataset).columns().len() {
        return None;
    }
    let extension = manifest.plan.format.extension();
    let files = format!("'{}/**/*.{extension}'", place.display().to_string().trim_end_matches('/'));
    let (_, sql) = dataset.queries(&files).into_iter().next()?;
    Some(format!("duckdb -c {sql:?}"))
}

/// A word as a shell takes it.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(quote("@2026-11-01:@2026-11-08"), "@2026-11-01:@2026-11-08");
        assert_eq!(quote(".a == \"x'y\""), r#"'.a == "x'\''y"'"#);
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn an_unknown_dataset_or_column_suggests_the_nearest() {
        assert!(source("mesages").expect_err("unknown").to_string().contains("\"messages\""));
        let all = Source::Dataset(Dataset::Messages).columns();
        let error = columns_of(all, &["user".to_owned()]).expect_err("unknown").to_string();
        assert!(error.contains("\"user_id\""), "{error}");
    }
}
