//! What is particular to the embedded log, in one process.

use std::sync::Arc;
use std::time::Instant;

use miso_log::embedded::EmbeddedLog;
use miso_log::{Durability, Kept, LogError, SharedLog, Topic, TopicSpec};

use crate::embedded::Embedded;
use crate::engine::{Engine, Topics, from_start, now_ms, record, take, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_reader_sees_an_append_within_half_a_millisecond() {
    let topics = Topics::new();
    let log = Embedded::new().open(&topics.all()).await;
    let mut reader = log.reader(topics.events, &from_start());
    let mut medians = Vec::new();
    // A busy machine may spoil a round, not all of them.
    for _ in 0..10 {
        let mut latencies = Vec::new();
        for _ in 0..200 {
            let waiting = tokio::spawn(async move {
                let records = take(&mut reader, 1).await;
                (Instant::now(), records.len(), reader)
            });
            tokio::task::yield_now().await;
            let began = Instant::now();
            log.append(vec![record(topics.events, 0, "now")]).await.expect("appended");
            let (seen, count, back) = within("the record", waiting).await.expect("joined");
            assert_eq!(count, 1);
            latencies.push(seen.saturating_duration_since(began));
            reader = back;
        }
        latencies.sort_unstable();
        medians.push(latencies[100]);
        if latencies[100].as_micros() < 500 {
            return log.close().await;
        }
    }
    panic!("medians of ten rounds: {medians:?}");
}

#[tokio::test]
async fn a_second_writer_is_told_who_holds_the_file() {
    let engine = Embedded::new();
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    match EmbeddedLog::open(engine.config(&topics.all())).await {
        Err(LogError::InUse(text)) => {
            assert!(text.contains("log.db") && text.contains(&std::process::id().to_string()), "{text}");
        }
        other => panic!("{other:?}"),
    }
    log.close().await;
    engine.open(&topics.all()).await.close().await;
}

#[tokio::test]
async fn a_file_with_other_partitions_or_no_log_at_all_is_refused_with_what_to_do() {
    let engine = Embedded::new();
    let topics = Topics::new();
    engine.open(&topics.all()).await.close().await;
    let wider = Topic(Box::leak(Box::new(TopicSpec {
        partitions: 5,
        kept: Kept::Forever,
        durability: Durability::Ordered,
        ..*topics.events.0
    })));
    let error = EmbeddedLog::open(engine.config(&[wider])).await.expect_err("refused").to_string();
    assert!(error.contains("4 partitions") && error.contains(topics.events.name) && error.contains('5'), "{error}");

    let other = Embedded::new();
    std::fs::write(other.path(), "this is no log, but a text long enough to be looked at").expect("written");
    let error = EmbeddedLog::open(other.config(&topics.all())).await.expect_err("refused").to_string();
    assert!(error.contains("log.db"), "{error}");
}

#[tokio::test]
async fn an_address_opens_its_engine_and_registers_the_schemas_first() {
    let folder = tempfile::TempDir::new().expect("a folder");
    for address in ["", "log.db", "file:", "redis://x", "postgres://h/db"] {
        let error = miso_log::open(address, "test").await.expect_err("refused").to_string();
        assert!(error.contains("file:PATH") && error.contains("kafka://"), "{error}");
    }
    let address = format!("file:{}", folder.path().join("deep/log.db").display());
    for _ in 0..2 {
        let log = miso_log::open(&address, "test").await.expect("opens");
        let count = miso_model::all_codecs().len();
        let mut reader = log.reader(miso_log::catalogue::SCHEMAS, &[(0, 0)]);
        assert_eq!(take(&mut reader, count).await.len(), count);
        let end = log.bounds(miso_log::catalogue::SCHEMAS, 0).await.expect("bounds").latest;
        assert_eq!(usize::try_from(end).expect("fits"), count, "once each");
        log.close().await;
    }
}

#[tokio::test]
async fn checkpoints_retention_and_deletion_never_disturb_offsets_or_readers() {
    let engine = Embedded::new();
    let topics = Topics::new();
    let mut config = engine.config(&topics.all());
    config.checkpoint_bytes = 1_024 * 1_024;
    let log: SharedLog = Arc::new(EmbeddedLog::open(config).await.expect("opens"));
    let filler = "y".repeat(2_000);
    let mut offsets = Vec::new();
    for n in 0..3_000 {
        let records = (0..4).map(|p| record(topics.events, p, format!("{n} {filler}"))).collect();
        offsets.extend(log.append(records).await.expect("appended"));
    }
    assert!(offsets.is_sorted_by(|a, b| a < b));
    log.close().await;
    let wal = std::fs::metadata(engine.path().with_extension("db-wal")).map_or(0, |meta| meta.len());
    assert_eq!(wal, 0, "a closed log is one file");
    let log = engine.open(&topics.all()).await;
    let mut reader = log.reader(topics.events, &from_start());
    let read: Vec<i64> = take(&mut reader, 12_000).await.iter().map(|record| record.offset).collect();
    assert_eq!(read, offsets);
    log.close().await;
}

#[tokio::test]
async fn offsets_are_not_given_again_after_retention_has_emptied_a_topic() {
    let engine = Embedded::new();
    let topics = Topics::new();
    let log = engine.open(&topics.all()).await;
    let old = now_ms() - 2 * crate::engine::HOUR_MS;
    let aged = |_| crate::engine::aged(topics.brief, 3, "old", old);
    let offsets = log.append((0..2_345).map(aged).collect()).await.expect("appended");
    engine.expire(&log, topics.brief, 3, i64::MAX).await;
    log.close().await;
    let log = engine.open(&topics.all()).await;
    let bounds = log.bounds(topics.brief, 3).await.expect("bounds");
    assert_eq!(bounds.earliest, bounds.latest, "empty");
    let next = log.append(vec![record(topics.brief, 3, "new")]).await.expect("appended")[0];
    assert_eq!(next, offsets[2_344] + 1);
    log.close().await;
}
