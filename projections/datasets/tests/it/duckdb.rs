use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use miso_datasets::{Dataset, Format, Source};
use serde_json::Value;

use crate::given::{GUILD, Given, ROUNDS, exported, wanted};

/// Asks a real DuckDB.
fn ask(statements: &[String]) -> Vec<Vec<Vec<Value>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let installed = Command::new(root.join("scripts/duckdb.sh")).status().expect("scripts/duckdb.sh runs");
    assert!(installed.success(), "DuckDB is installed");
    let mut python = Command::new(root.join("target/duckdb/bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/query.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let input = serde_json::to_vec(statements).expect("JSON");
    python.stdin.take().expect("a pipe").write_all(&input).expect("written");
    let output = python.wait_with_output().expect("ends");
    assert!(output.status.success(), "DuckDB refused one of {statements:#?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn duckdb_reads_every_dataset_and_runs_its_three_queries() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    let (mut statements, mut of) = (Vec::new(), Vec::new());
    for dataset in Dataset::ALL {
        for format in [Format::Parquet, Format::Csv, Format::Ndjson] {
            let place = given.place(&format!("{}-{format:?}", dataset.name()));
            let mut plan = wanted(&log, Source::Dataset(dataset), format, "start").await;
            plan.by_day = true;
            let manifest = exported(&log, &schemas, &place, plan).await;
            let files = format!("'{}/**/*.{}'", place.display(), format.extension());
            statements.push(format!("select count(*) from {files}"));
            of.push((dataset, format, Some(manifest.rows)));
            for (_, sql) in dataset.queries(&files) {
                statements.push(sql);
                of.push((dataset, format, None));
            }
        }
    }
    let answers = ask(&statements);
    let mut first: Option<&Vec<Vec<Value>>> = None;
    for (index, ((dataset, format, rows), answer)) in of.iter().zip(&answers).enumerate() {
        if let Some(rows) = rows {
            assert_eq!(answer[0][0], *rows, "{dataset:?} {format:?}");
        }
        // The same answers from every format, but for how a type is written.
        let queries = 4;
        if *format == Format::Parquet && rows.is_none() {
            first = Some(answer);
            let csv = &answers[index + queries];
            assert_eq!(answer.len(), csv.len(), "{}", statements[index]);
        }
    }
    assert!(first.is_some());
}

#[tokio::test]
async fn parquet_has_ids_as_int64_and_times_as_timestamps() {
    let given = Given::new().await;
    let (log, schemas) = given.reader().await;
    let place = given.place("types");
    let plan = wanted(&log, Source::Dataset(Dataset::Messages), Format::Parquet, "start").await;
    exported(&log, &schemas, &place, plan).await;
    let files = format!("'{}/*.parquet'", place.display());
    let answers = ask(&[
        format!("select column_name, column_type from (describe select * from {files})"),
        format!("select min(guild_id), min(time), count(*) filter (content is null), sum(content_chars) from {files}"),
        format!("select count(*) from {files} where event = 'created' and bot"),
    ]);
    let kind = |name: &str| {
        let row = answers[0].iter().find(|row| row[0] == name).expect("a column");
        row[1].as_str().expect("text").to_owned()
    };
    assert_eq!(kind("guild_id"), "BIGINT");
    assert_eq!(kind("time"), "TIMESTAMP WITH TIME ZONE");
    assert_eq!(kind("bot"), "BOOLEAN");
    assert_eq!(kind("content"), "VARCHAR");
    assert_eq!(answers[1][0][0], GUILD);
    assert_eq!(answers[1][0][1], "2096-11-03 23:00:00+00:00");
    assert_eq!(answers[1][0][2], 2 * ROUNDS / 10, "a deleted message has no text");
    assert_eq!(answers[2][0][0], ROUNDS.div_ceil(3));
}
