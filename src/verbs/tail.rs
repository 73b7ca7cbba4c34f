//! `miso tail`.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
pub(crate) use miso_datasets::rfc3339;
use miso_datasets::{Filter, RowWriter, Scan, Source, Step, line};
use miso_log::{ReadError, Record, Schemas, SharedLog, Spans, Topic};
use miso_model::EventView;
use serde_json::Value;

use crate::config::Config;
use crate::operator::{Acts, act, put_on_record};
use crate::verbs::names::Names;
use crate::verbs::out::{Out, at_path, bare, to_people, told};
use crate::verbs::selection::{Selection, topic};
use crate::verbs::{UsageError, now_ms};

/// Characters of a cell in a table, at most.
const CELL_CHARS: usize = 60;
/// Places of unreadable records that are named, at most; all are counted.
const NAMED: usize = 5;

/// Prints records; joins no group and disturbs none.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso tail gateway.events -n 5\n  miso tail rest.ledger --follow\n  \
    miso tail gateway.events -o @-1h:end --event MESSAGE_CREATE --columns time,user,.data.content\n  \
    miso tail bot.facts -o start --where '.data.kind == \"SettingsChanged\"' | head -3\n\n\
    On a terminal a table, in a pipe one JSON object a line. What people wrote is masked to its length unless\n\
    --with-content, which is put on record in the topic operator.acts.")]
pub(crate) struct Tail {
    /// Topics; `miso topics` lists them
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    /// End after so many records
    #[arg(short)]
    n: Option<u64>,
    /// Go on with what comes
    #[arg(long)]
    follow: bool,
    /// How records are written; without it a table on a terminal, NDJSON in a pipe
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<Form>,
    /// One JSON object a line, as -f ndjson
    #[arg(long)]
    json: bool,
    /// Only these fields: names, or paths such as .data.content
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Vec<String>,
    /// Put names beside the ids of guilds, channels and users
    #[arg(long)]
    names: bool,
    /// Show what members wrote; without it text is masked to its length
    #[arg(long)]
    with_content: bool,
    /// Only places, times and envelopes, no data
    #[arg(long)]
    meta_only: bool,
    /// No records, but how many of each kind could be read and which could not
    #[arg(long)]
    decode_report: bool,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One JSON object a line
    Ndjson,
    /// For people
    Table,
    /// With a header; columns as `miso export` gives them
    Csv,
    /// As `miso export` gives it
    Parquet,
    /// Discord's JSON, else the record's bytes in hexadecimal, a line each; needs --with-content
    Raw,
}

impl Tail {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let range = self.selection.range("-10")?;
        let filter = self.selection.filter()?;
        if self.follow && range.is_closed() {
            return Err(UsageError(format!("--follow has no end, and the range {range} has one: leave one out")).into());
        }
        if self.form() == Form::Raw && !self.with_content {
            return Err(UsageError("-f raw shows what people wrote: add --with-content".to_owned()).into());
        }
        if self.follow && self.topics.len() > 1 {
            return Err(UsageError("--follow takes one topic".to_owned()).into());
        }
        for name in &self.topics {
            super::selection::known_topic(name)?;
        }
        let log = miso_log::open_reader(&config.log, "miso tail").await?;
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        let names = if self.names { Some(Names::read(&log, &schemas).await?) } else { None };
        let mut printer = Printer::new(&self, &filter, names)?;
        for name in &self.topics {
            let topic = topic(&log, name)?;
            let spans = range.resolve(&*log, topic, &self.selection.partition).await?;
            super::tell_missing(topic, &spans.missing);
            if spans.is_empty() && !self.follow {
                eprintln!("miso: {topic:?} holds nothing in {range}; --follow waits for records");
                continue;
            }
            if self.with_content {
                let revealed = act("ContentRevealed", topic.name, &spans.to_string(), false);
                put_on_record(config, Acts { acts: vec![revealed], records: Vec::new() }).await?;
            }
            let more = if self.follow {
                follow(&log, topic, &spans, &schemas, &mut printer).await?
            } else {
                bounded(&log, topic, &spans, &schemas, &mut printer).await?
            };
            if !more {
                break;
            }
        }
        printer.end()?;
        Ok(ExitCode::SUCCESS)
    }

    fn form(&self) -> Form {
        let otherwise = if to_people() { Form::Table } else { Form::Ndjson };
        if self.json { Form::Ndjson } else { self.format.unwrap_or(otherwise) }
    }
}

/// Reads a range to its end; `false` when no more records are wanted.
async fn bounded(
    log: &SharedLog,
    topic: Topic,
    spans: &Spans,
    schemas: &Schemas,
    printer: &mut Printer<'_>,
) -> anyhow::Result<bool> {
    let mut scan = Scan::new(log, topic, &spans.spans);
    loop {
        let step = tokio::select! {
            step = scan.next() => step?,
            _ = tokio::signal::ctrl_c() => return Ok(false),
        };
        match step {
            None => return Ok(true),
            Some(Step::Gone(span)) => super::tell_missing(topic, &[span]),
            Some(Step::Records(batch)) => {
                for record in batch.iter().filter(|record| scan.wants(record.partition, record.offset)) {
                    if !printer.record(topic, record, schemas)? {
                        return Ok(false);
                    }
                }
                printer.flush()?;
            }
        }
    }
}

/// Reads on for ever.
async fn follow(
    log: &SharedLog,
    topic: Topic,
    spans: &Spans,
    schemas: &Schemas,
    printer: &mut Printer<'_>,
) -> anyhow::Result<bool> {
    let from: Vec<(i32, i64)> = spans.spans.iter().map(|span| (span.partition, span.from)).collect();
    let mut reader = log.reader(topic, &from);
    loop {
        let batch = tokio::select! {
            batch = reader.next() => batch,
            _ = tokio::signal::ctrl_c() => return Ok(false),
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(ReadError::BehindRetention { partition, wanted, earliest }) => {
                super::tell_missing(topic, &[miso_log::Span { partition, from: wanted, to: earliest }]);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for record in batch.iter() {
            if !printer.record(topic, record, schemas)? {
                return Ok(false);
            }
        }
        printer.flush()?;
    }
}

struct Printer<'a> {
    tail: &'a Tail,
    filter: &'a Filter,
    names: Option<Names>,
    form: Form,
    out: Option<Out>,
    rows: Option<RowWriter<Out>>,
    columns: Vec<usize>,
    printed: u64,
    unreadable: u64,
    /// Of the decode report: records by name.
    kinds: HashMap<String, u64>,
    headed: bool,
}

impl<'a> Printer<'a> {
    fn new(tail: &'a Tail, filter: &'a Filter, names: Option<Names>) -> anyhow::Result<Self> {
        let form = tail.form();
        let (mut out, mut rows, mut columns) = (Some(Out::new()), None, Vec::new());
        let format = match form {
            Form::Csv => Some(miso_datasets::Format::Csv),
            Form::Parquet => Some(miso_datasets::Format::Parquet),
            Form::Ndjson | Form::Table | Form::Raw => None,
        };
        if let (Some(format), Some(stdout)) = (format, out.take_if(|_| format.is_some())) {
            let all = Source::Topic(miso_log::catalogue::GATEWAY_EVENTS).columns();
            columns = super::export::columns_of(all, &tail.columns)?;
            let chosen: Vec<_> = columns.iter().map(|&index| &all[index]).collect();
            rows = Some(told(RowWriter::new(format, &chosen, stdout))?);
        }
        Ok(Self {
            tail,
            filter,
            names,
            form,
            out,
            rows,
            columns,
            printed: 0,
            unreadable: 0,
            kinds: HashMap::new(),
            headed: false,
        })
    }

    /// Prints a record where it is wanted; `false` when enough are printed.
    fn record(&mut self, topic: Topic, record: &Record, schemas: &Schemas) -> anyhow::Result<bool> {
        match self.filter.accepts(topic, record, schemas) {
            Ok(true) => {}
            Ok(false) => return Ok(true),
            // What cannot be read cannot be filtered: it is told, and counted.
            Err(error) => {
                self.told_unreadable(topic, record, &error.to_string());
                return Ok(true);
            }
        }
        let mut shown = line(topic, record, schemas, self.tail.with_content);
        if self.filter.condition.as_ref().is_some_and(|jq| !jq.keeps(shown.json.to_string().as_bytes())) {
            return Ok(true);
        }
        if shown.unreadable {
            let why = shown.json["unreadable"].as_str().unwrap_or_default().to_owned();
            self.told_unreadable(topic, record, &why);
        }
        if self.tail.decode_report {
            let name = bare(if shown.json["event"].is_null() { &shown.json["record"] } else { &shown.json["event"] });
            *self.kinds.entry(name).or_default() += 1;
            return Ok(true);
        }
        if self.tail.meta_only
            && let Value::Object(map) = &mut shown.json
        {
            map.remove("data");
        }
        if let Some(names) = &self.names {
            names.add(&mut shown.json);
        }
        self.print(topic, record, schemas, &shown.json)?;
        self.printed += 1;
        Ok(self.tail.n.is_none_or(|most| self.printed < most))
    }

    fn print(&mut self, topic: Topic, record: &Record, schemas: &Schemas, json: &Value) -> anyhow::Result<()> {
        if let Some(rows) = &mut self.rows {
            let (columns, mut written) = (&self.columns, Ok(()));
            let _ = Source::Topic(topic).rows(topic, record, schemas, self.tail.with_content, &mut |row| {
                written = rows.write(columns.iter().filter_map(|&index| row.get(index)));
            });
            return told(written);
        }
        let Some(out) = &mut self.out else { return Ok(()) };
        match self.form {
            Form::Raw => match record.value.as_deref() {
                None => Ok(()),
                Some(value) => match EventView::decode(value) {
                    Ok(Some(event)) => told(out.write_all(event.d).and_then(|()| out.write_all(b"\n"))),
                    _ => out.line(value.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
                },
            },
            Form::Table => {
                let columns = self.table_columns();
                if !std::mem::replace(&mut self.headed, true) {
                    let head: Vec<String> = columns.iter().map(|(name, width)| format!("{name:<width$}")).collect();
                    let head = head.join("  ");
                    let line = if to_people() { format!("\x1b[1m{}\x1b[0m", head.trim_end()) } else { head };
                    if let Some(out) = &mut self.out {
                        out.line(line)?;
                    }
                }
                let cell = |(name, width): &(String, usize)| {
                    let text: String = bare(&value_of(json, name)).chars().take(CELL_CHARS).collect();
                    format!("{text:<width$}")
                };
                let cells: Vec<String> = columns.iter().map(cell).collect();
                let Some(out) = &mut self.out else { return Ok(()) };
                out.line(cells.join("  ").trim_end())
            }
            Form::Ndjson | Form::Csv | Form::Parquet if self.tail.columns.is_empty() => out.line(json),
            Form::Ndjson | Form::Csv | Form::Parquet => {
                let fields = self.tail.columns.iter().map(|path| {
                    let name = path.trim_start_matches('.').to_owned();
                    (name, at_path(json, path).clone())
                });
                out.line(Value::Object(fields.collect()))
            }
        }
    }

    /// Names and widths of a table's columns.
    fn table_columns(&self) -> Vec<(String, usize)> {
        if !self.tail.columns.is_empty() {
            return self.tail.columns.iter().map(|path| (path.clone(), path.len().max(20))).collect();
        }
        let usual =
            [("time", 24), ("place", 12), ("event", 24), ("guild", 20), ("channel", 20), ("user", 20), ("data", 0)];
        usual.iter().map(|&(name, width)| (name.to_owned(), width)).collect()
    }

    fn told_unreadable(&mut self, topic: Topic, record: &Record, why: &str) {
        self.unreadable += 1;
        if self.unreadable <= NAMED as u64 {
            eprintln!("miso: {topic:?} {}/{} cannot be read: {why}", record.partition, record.offset);
        }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        match (&mut self.out, &mut self.rows) {
            (Some(out), _) => out.flush(),
            (None, Some(rows)) => told(rows.flush()),
            (None, None) => Ok(()),
        }
    }

    fn end(mut self) -> anyhow::Result<()> {
        if self.tail.decode_report {
            let mut kinds: Vec<(String, u64)> = std::mem::take(&mut self.kinds).into_iter().collect();
            kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            let mut out = self.out.take().unwrap_or_else(Out::new);
            for (kind, count) in kinds {
                out.line(serde_json::json!({ "kind": kind, "records": count }))?;
            }
            out.line(serde_json::json!({ "kind": "unreadable", "records": self.unreadable }))?;
            out.flush()?;
        }
        if self.unreadable > 0 {
            let (count, records) = (self.unreadable, if self.unreadable == 1 { "record" } else { "records" });
            eprintln!(
                "miso: {count} {records} could not be read; `miso schema check` looks for schemas that are missing"
            );
        }
        if let Some(rows) = self.rows.take() {
            let mut out = told(rows.finish())?;
            return out.flush();
        }
        self.flush()
    }
}

/// A column of the usual table, or what stands at a path.
fn value_of(json: &Value, name: &str) -> Value {
    match name {
        "place" => format!("{}/{}", json["partition"], json["offset"]).into(),
        "event" if json["event"].is_null() => json["record"].clone(),
        "guild" | "channel" | "user" if !json[format!("{name}_name")].is_null() => json[format!("{name}_name")].clone(),
        "data" if json["data"].is_null() => json["unreadable"].clone(),
        _ => at_path(json, name).clone(),
    }
}

/// How long ago, for people.
pub(crate) fn ago(at_ms: i64) -> String {
    let seconds = (now_ms() - at_ms).max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
