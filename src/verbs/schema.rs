//! `miso schema`.

use std::process::ExitCode;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use clap::{Args, Subcommand};
use miso_log::{Range, Schemas, SharedLog, catalogue};
use miso_model::{SchemaRecord, all_codecs, fingerprint_of};
use serde_json::Value;

use crate::config::Config;
use crate::verbs::nearest::did_you_mean;
use crate::verbs::out::{Out, table, to_people};
use crate::verbs::{DIFFERENT, UsageError};

/// Shows the Avro schemas of records, and whether all of the log can be read with this version.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso schema ls\n  miso schema show GatewayEvent\n  miso schema check\n  \
    miso schema diff 1a2b3c4d5e6f7081 GatewayEvent\n\n\
    A schema is named by its record (then this version's is meant) or by its fingerprint, 16 hexadecimal digits.")]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    verb: SchemaVerb,
}

#[derive(Debug, Subcommand)]
enum SchemaVerb {
    /// List every schema that the log has seen
    Ls {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print one
    Show {
        /// Record or fingerprint
        schema: String,
    },
    /// Whether each can be read by this version, and this version's by each; exit code 3 when not
    Check {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// How two differ, field by field; exit code 3 when they do
    Diff {
        /// Record or fingerprint
        from: String,
        /// Record or fingerprint
        to: String,
    },
}

/// A schema of the log or of this version.
struct Known {
    fingerprint: u64,
    name: String,
    schema: Schema,
    /// Whether it is this version's.
    current: bool,
    in_log: bool,
}

impl SchemaArgs {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let log = miso_log::open_reader(&config.log, "miso schema").await?;
        let all = known(&log).await?;
        let mut out = Out::new();
        let code = match &self.verb {
            SchemaVerb::Ls { json } => list(&mut out, &all, *json || !to_people())?,
            SchemaVerb::Show { schema } => {
                out.line(serde_json::to_string_pretty(&find(&all, schema)?.schema)?)?;
                ExitCode::SUCCESS
            }
            SchemaVerb::Check { json } => check(&mut out, &all, *json || !to_people())?,
            SchemaVerb::Diff { from, to } => {
                let (from, to) = (find(&all, from)?, find(&all, to)?);
                let differences = differences(&serde_json::to_value(&from.schema)?, &serde_json::to_value(&to.schema)?);
                for difference in &differences {
                    out.line(difference)?;
                }
                ExitCode::from(if differences.is_empty() { 0 } else { DIFFERENT })
            }
        };
        out.flush()?;
        Ok(code)
    }
}

async fn known(log: &SharedLog) -> anyhow::Result<Vec<Known>> {
    let current = |codec: &'static miso_model::RecordCodec| Known {
        fingerprint: codec.fingerprint,
        name: codec.name.to_owned(),
        schema: codec.schema.clone(),
        current: true,
        in_log: false,
    };
    let mut all: Vec<Known> = all_codecs().into_iter().map(current).collect();
    let schemas = Schemas::open(Arc::clone(log)).await?;
    let topic = catalogue::SCHEMAS;
    let spans = Range::all().resolve(&**log, topic, &[]).await?;
    let mut reader = log.reader(topic, &spans.starts());
    while let Some(batch) = reader.next_before(&spans.ends()).await? {
        for record in batch.iter() {
            let Some(written) = record.value.as_deref().and_then(|value| schemas.decode::<SchemaRecord>(value).ok())
            else {
                continue;
            };
            let Ok(schema) = Schema::parse_str(&written.schema) else {
                eprintln!("miso: the schema of {} at offset {} cannot be parsed", written.name, record.offset);
                continue;
            };
            let fingerprint = fingerprint_of(&schema);
            if let Some(known) = all.iter_mut().find(|known| known.fingerprint == fingerprint) {
                known.in_log = true;
                continue;
            }
            let name = written.name.rsplit('.').next().unwrap_or_default().to_owned();
            all.push(Known { fingerprint, name, schema, current: false, in_log: true });
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name).then(b.current.cmp(&a.current)).then(a.fingerprint.cmp(&b.fingerprint)));
    Ok(all)
}

fn find<'a>(all: &'a [Known], text: &str) -> anyhow::Result<&'a Known> {
    let fingerprint = (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten();
    let found = all.iter().find(|known| match fingerprint {
        Some(fingerprint) => known.fingerprint == fingerprint,
        None => known.current && known.name == text,
    });
    found.ok_or_else(|| {
        let near = did_you_mean(text, all.iter().map(|known| known.name.as_str()));
        UsageError(format!("there is no schema {text:?}.{near} miso schema ls lists them")).into()
    })
}

fn list(out: &mut Out, all: &[Known], json: bool) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    for known in all {
        let fields = serde_json::to_value(&known.schema)?["fields"].as_array().map_or(0, Vec::len);
        let fingerprint = format!("{:016x}", known.fingerprint);
        if json {
            out.line(serde_json::json!({
                "record": known.name, "fingerprint": fingerprint, "fields": fields,
                "current": known.current, "in_log": known.in_log,
            }))?;
        } else {
            let version = if known.current { "this version's" } else { "another version's" };
            let seen = if known.in_log { "yes" } else { "no" };
            rows.push(vec![known.name.clone(), fingerprint, fields.to_string(), version.to_owned(), seen.to_owned()]);
        }
    }
    if !json {
        out.line(table(&["record", "fingerprint", "fields", "of", "in the log"], &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(out: &mut Out, all: &[Known], json: bool) -> anyhow::Result<ExitCode> {
    let mut bad = 0;
    for other in all.iter().filter(|known| !known.current) {
        let Some(current) = all.iter().find(|known| known.current && known.name == other.name) else {
            bad += 1;
            told(out, other, json, "this version has no record of this name: it passes such records by")?;
            continue;
        };
        let forward = SchemaCompatibility::can_read(&other.schema, &current.schema).err();
        let back = SchemaCompatibility::can_read(&current.schema, &other.schema).err();
        let text = match (forward, back) {
            (None, None) => "can be read here, and reads what is written here".to_owned(),
            (Some(error), _) => format!("cannot be read by this version: {error}"),
            (None, Some(error)) => format!("cannot read what this version writes: {error}"),
        };
        bad += usize::from(text.starts_with("cannot"));
        told(out, other, json, &text)?;
    }
    eprintln!(
        "{} schemas, {} of other versions, {bad} not compatible",
        all.len(),
        all.iter().filter(|k| !k.current).count()
    );
    Ok(ExitCode::from(if bad == 0 { 0 } else { DIFFERENT }))
}

fn told(out: &mut Out, known: &Known, json: bool, text: &str) -> anyhow::Result<()> {
    let fingerprint = format!("{:016x}", known.fingerprint);
    if json {
        return out.line(serde_json::json!({ "record": known.name, "fingerprint": fingerprint, "finding": text }));
    }
    out.line(format!("{}  {fingerprint}  {text}", known.name))
}

/// Fields that only one has, and those whose types or defaults differ. Documentation does not count.
fn differences(from: &Value, to: &Value) -> Vec<String> {
    let fields = |schema: &Value| -> Vec<(String, Value)> {
        let all = schema["fields"].as_array().cloned().unwrap_or_default();
        let field = |mut field: Value| {
            let name = field["name"].as_str().unwrap_or_default().to_owned();
            without_docs(&mut field);
            (name, field)
        };
        all.into_iter().map(field).collect()
    };
    let (from, to) = (fields(from), fields(to));
    let mut found = Vec::new();
    for (name, old) in &from {
        match to.iter().find(|(other, _)| other == name) {
            None => found.push(format!("- {name}: {}", old["type"])),
            Some((_, new)) if new != old => {
                let default =
                    |field: &Value| field.get("default").map_or_else(String::new, |value| format!(" = {value}"));
                found.push(format!("~ {name}: {}{} → {}{}", old["type"], default(old), new["type"], default(new)));
            }
            Some(_) => {}
        }
    }
    let new = to.iter().filter(|(name, _)| !from.iter().any(|(other, _)| other == name));
    found.extend(new.map(|(name, field)| format!("+ {name}: {}", field["type"])));
    found
}

fn without_docs(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("doc");
            map.values_mut().for_each(without_docs);
        }
        Value::Array(values) => values.iter_mut().for_each(without_docs),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_differ_by_fields_types_and_defaults_not_by_documentation() {
        let schema = |fields: Value| serde_json::json!({ "type": "record", "name": "R", "fields": fields });
        let old = schema(serde_json::json!([
            {"name": "a", "type": "long", "doc": "x"}, {"name": "b", "type": "int"}, {"name": "gone", "type": "string"}
        ]));
        let new = schema(serde_json::json!([
            {"name": "a", "type": "long", "doc": "y"}, {"name": "b", "type": "long"},
            {"name": "c", "type": ["null", "long"], "default": null}
        ]));
        assert_eq!(
            differences(&old, &new),
            [r#"~ b: "int" → "long""#, r#"- gone: "string""#, r#"+ c: ["null","long"]"#]
        );
        assert!(differences(&old, &old).is_empty());
    }
}
