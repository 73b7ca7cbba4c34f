//! The embedded log across processes: killed, cut off from power, out of space, idle, read beside
//! the writer.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use miso_log::embedded::{EmbeddedConfig, EmbeddedLog, EmbeddedReader};
use miso_log::{Append, AppendError, Consumer, Log, LogError, SharedLog};
use tempfile::TempDir;

use crate::child::Process;
use crate::engine::{Topics, from_start, keyed, now_ms, own, record, take, text, within};

/// One whole line at once: a kill cuts no line in the middle of another.
fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn config(path: &Path, topics: Topics) -> EmbeddedConfig {
    let mut config = EmbeddedConfig::new(path);
    config.catalogue = topics.all();
    config
}

async fn open(path: &Path, topics: Topics) -> SharedLog {
    Arc::new(EmbeddedLog::open(config(path, topics)).await.expect("opens"))
}

/// The roles of child processes.
pub(crate) async fn play(role: &str, path: &Path, topics: &str) {
    let topics = Topics::named(topics);
    match role {
        "transact" => transact(path, topics).await,
        "sync" => sync(path, topics).await,
        "fill" => fill(path, topics).await,
        "idle" => idle(path, topics).await,
        "follow" => follow(path, topics).await,
        other => panic!("no role {other}"),
    }
}

/// Records of the ordered topic in one transaction.
const RECORDS: i64 = 30;

async fn transact(path: &Path, topics: Topics) {
    let log = open(path, topics).await;
    let mut consumer = Consumer::join(log.clone(), "g", topics.events).await.expect("joined");
    let owners = own(&mut consumer, 4).await;
    let owner = owners.iter().find(|owner| owner.partition() == 0).expect("owned");
    let first = log.committed("g", topics.events, 0).await.expect("position").unwrap_or(0);
    let filler = "x".repeat(1_000);
    for n in first.. {
        let mut records: Vec<Append> =
            (0..RECORDS).map(|_| record(topics.events, 1, format!("{n} {filler}"))).collect();
        records.push(record(topics.actions, 0, n.to_string()));
        records.push(keyed(topics.latest, 0, "last", &n.to_string()));
        say(&format!("T {n}"));
        owner.transact(records, vec![consumer.offset(0, n + 1)]).await.expect("committed");
        say(&format!("D {n}"));
    }
}

/// Records of each transaction found from these positions on, and the positions after.
async fn tally(log: &SharedLog, topic: miso_log::Topic, partition: i32, from: i64) -> (BTreeMap<i64, i64>, i64) {
    let end = log.bounds(topic, partition).await.expect("bounds").latest;
    let mut reader = log.reader(topic, &[(partition, from)]);
    let mut counts = BTreeMap::new();
    while let Some(batch) = within("records", reader.next_before(&[(partition, end)])).await.expect("read") {
        for record in batch.iter() {
            let n = text(record).split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
            *counts.entry(n).or_default() += 1;
        }
    }
    (counts, end)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_killed_in_the_middle_happens_wholly_or_not_at_all() {
    const KILLS: usize = 200;
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log.db");
    let topics = Topics::named("killed");
    let seed = u64::try_from(now_ms()).expect("after 1970");
    let mut random = seed;
    let (mut happened, mut vanished, mut between) = (0, 0, 0);
    let (mut events_at, mut actions_at, mut known) = (0, 0, 0);
    while happened + vanished < KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_micros((random >> 33) % 4_000);
        let lines = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                let mut process = Process::start("transact", &path, "killed");
                process.hear("T ");
                process.listen(after);
                process.kill()
            })
            .await
            .expect("killed")
        };
        let said = |mark: &str| lines.iter().rev().find_map(|line| line.strip_prefix(mark)?.parse::<i64>().ok());
        let attempted = said("T ").expect("one at least");
        let acknowledged = said("D ");

        let log = open(&path, topics).await;
        let next = log.committed("g", topics.events, 0).await.expect("position").unwrap_or(0);
        assert!(next == attempted || next == attempted + 1, "{next} after {attempted} was begun; seed {seed}");
        if let Some(acknowledged) = acknowledged {
            assert!(next > acknowledged, "{acknowledged} was acknowledged, the position is {next}; seed {seed}");
        }
        let (events, end) = tally(&log, topics.events, 1, events_at).await;
        events_at = end;
        let (actions, end) = tally(&log, topics.actions, 0, actions_at).await;
        actions_at = end;
        let whole: BTreeMap<i64, i64> = (known..next).map(|n| (n, RECORDS)).collect();
        let single: BTreeMap<i64, i64> = (known..next).map(|n| (n, 1)).collect();
        assert_eq!((events, actions), (whole, single), "seed {seed}");
        known = next;
        log.close().await;
        match acknowledged {
            Some(acknowledged) if acknowledged == attempted => between += 1,
            _ if next > attempted => happened += 1,
            _ => vanished += 1,
        }
    }
    println!(
        "seed {seed}: of {KILLS} cut transactions {happened} happened, {vanished} did not; {between} kills fell between two"
    );
    assert!(happened > 0 && vanished > 0, "both outcomes: {happened} and {vanished}; seed {seed}");
}

async fn sync(path: &Path, topics: Topics) {
    let mut config = config(path, topics);
    config.on_synced = Some(Arc::new(|length| say(&format!("S {length}"))));
    let log: SharedLog = Arc::new(EmbeddedLog::open(config).await.expect("opens"));
    let ordered = log.clone();
    tokio::spawn(async move {
        for n in 0.. {
            let records = (0..10).map(|_| record(topics.events, 0, format!("{n} {}", "x".repeat(1_000)))).collect();
            ordered.append(records).await.expect("appended");
        }
    });
    for n in 0.. {
        let appended = log.append(vec![record(topics.actions, 0, n.to_string())]).await;
        appended.expect("appended");
        say(&format!("A {n}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wal_cut_at_the_last_completed_sync_holds_every_acknowledged_synced_record() {
    let topics = Topics::named("power");
    let mut cut_something = 0;
    for round in 0..15_u64 {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("log.db");
        let lines = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                let mut process = Process::start("sync", &path, "power");
                process.hear("A 20");
                process.listen(Duration::from_micros(round * 700));
                process.kill()
            })
            .await
            .expect("killed")
        };
        let said = |mark: &str| lines.iter().rev().find_map(|line| line.strip_prefix(mark)?.parse::<u64>().ok());
        let synced = said("S ").expect("one at least");
        let acknowledged = said("A ").expect("one at least");

        let after = TempDir::new().expect("a folder");
        let copy = after.path().join("log.db");
        std::fs::copy(&path, &copy).expect("copied");
        let mut wal = std::fs::read(folder.path().join("log.db-wal")).expect("read");
        let synced = usize::try_from(synced).expect("fits");
        cut_something += usize::from(wal.len() > synced);
        wal.truncate(synced);
        std::fs::write(after.path().join("log.db-wal"), wal).expect("written");

        let log = open(&copy, topics).await;
        let (actions, _) = tally(&log, topics.actions, 0, 0).await;
        for n in 0..=i64::try_from(acknowledged).expect("fits") {
            assert_eq!(actions.get(&n), Some(&1), "action {n} was acknowledged, up to {acknowledged}");
        }
        let (events, _) = tally(&log, topics.events, 0, 0).await;
        assert!(events.values().all(|&count| count == 10), "whole transactions");
        log.close().await;
    }
    assert!(cut_something > 5, "the cut took something away: {cut_something} of 15 times");
}

async fn fill(path: &Path, topics: Topics) {
    let log = open(path, topics).await;
    let filler = "x".repeat(10_000);
    let mut accepted = 0_usize;
    let error = loop {
        match log.append(vec![record(topics.actions, 0, format!("{accepted} {filler}"))]).await {
            Ok(_) => {
                say(&format!("A {accepted}"));
                accepted += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Unavailable(_)), "{error}");
    say(&format!("E {error}"));
    let check = log.check().await.expect_err("not ready");
    say(&format!("C {check}"));
    let mut reader = log.reader(topics.actions, &[(0, 0)]);
    say(&format!("R {}", take(&mut reader, accepted).await.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_no_more_is_said_and_nothing_accepted_is_lost() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log.db");
    let topics = Topics::named("full");
    let at = path.clone();
    let lines = tokio::task::spawn_blocking(move || Process::start_limited("fill", &at, "full", 6_000).end())
        .await
        .expect("ended");
    let accepted = lines.iter().filter(|line| line.starts_with("A ")).count();
    assert!(accepted > 10, "{lines:?}");
    for mark in ["E ", "C "] {
        let said = lines.iter().find_map(|line| line.strip_prefix(mark)).expect("an error");
        assert!(said.contains("disk") && said.contains(&*folder.path().to_string_lossy()), "{said}");
    }
    assert!(lines.contains(&format!("R {accepted}")), "reading goes on: {lines:?}");
    let log = open(&path, topics).await;
    let (found, _) = tally(&log, topics.actions, 0, 0).await;
    assert_eq!(found.len(), accepted);
    log.append(vec![record(topics.actions, 0, "-1 with room again")]).await.expect("appended");
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_there_is_room_again_writing_goes_on_in_the_same_process() {
    let folder = TempDir::new().expect("a folder");
    let topics = Topics::new();
    let mut config = config(&folder.path().join("log.db"), topics);
    config.max_pages = Some(300);
    let log = EmbeddedLog::open(config).await.expect("opens");
    let old = now_ms() - 3 * crate::engine::HOUR_MS;
    let mut accepted = 0;
    let error = loop {
        let aged = Append::new(topics.brief, 0, vec![7; 10_000], old);
        match log.append(vec![aged]).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(accepted > 50 && error.to_string().contains("disk is full"), "{accepted}: {error}");
    let mut reader = log.reader(topics.brief, &from_start());
    assert_eq!(take(&mut reader, accepted).await.len(), accepted, "what was accepted is there");
    log.sweep().await.expect("retention frees room");
    log.append(vec![Append::new(topics.brief, 0, vec![7; 10_000], now_ms())]).await.expect("appended");
    log.check().await.expect("ready again");
    log.close().await;
}

async fn idle(path: &Path, topics: Topics) {
    let log = open(path, topics).await;
    let mut consumer = Consumer::join(log.clone(), "g", topics.events).await.expect("joined");
    own(&mut consumer, 4).await;
    let mut reader = log.reader(topics.events, &from_start());
    log.append(vec![record(topics.events, 0, "one")]).await.expect("appended");
    take(&mut reader, 1).await;
    let waiting = async {
        loop {
            tokio::select! {
                _ = consumer.next() => {}
                _ = reader.next() => {}
            }
        }
    };
    let measured = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (before, reads_before) = (cpu_ns(), reads());
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (reads_after, after) = (reads(), cpu_ns());
        say(&format!("I {} {}", (after - before) / 1_000, reads_after - reads_before));
    };
    tokio::select! {
        () = waiting => {}
        () = measured => {}
    }
}

/// CPU time of all threads, nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("threads");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// System calls that read.
fn reads() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").expect("io");
    io.lines().find_map(|line| line.strip_prefix("syscr: ")?.parse().ok()).expect("syscr")
}

#[test]
fn an_idle_process_uses_no_cpu_and_reads_no_database() {
    let folder = TempDir::new().expect("a folder");
    let mut process = Process::start("idle", &folder.path().join("log.db"), "idle");
    let said = process.hear("I ");
    process.end();
    let numbers: Vec<u64> = said.split(' ').map(|n| n.parse().expect("a number")).collect();
    assert!(numbers[0] <= 10_000, "0.5 % of 2 s are 10,000 µs; used {} µs", numbers[0]);
    assert!(numbers[1] <= 4, "{} reads, two of them of the measurement", numbers[1]);
}

async fn follow(path: &Path, topics: Topics) {
    let refused = EmbeddedLog::open(config(path, topics)).await.expect_err("it is in use");
    assert!(matches!(refused, LogError::InUse(_)));
    say(&format!("U {refused}"));
    let log = EmbeddedReader::open(path, &topics.all()).await.expect("opens");
    let mut reader = log.reader(topics.events, &from_start());
    say("READY");
    loop {
        for record in take(&mut reader, 1).await {
            let text = text(&record);
            say(&format!("R {text}"));
            if text == "last" {
                let bounds = log.bounds(topics.events, record.partition).await.expect("bounds");
                let lag: i64 = log.lag("g").await.expect("lag").iter().map(|lag| lag.records).sum();
                let groups = log.groups().await.expect("groups");
                say(&format!("B {} {} {lag} {}", bounds.earliest, bounds.latest, groups.join(",")));
                assert!(matches!(log.append(Vec::new()).await, Err(AppendError::Refused(_))));
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_reads_while_one_writes_and_may_not_write() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log.db");
    let topics = Topics::named("shared");
    let log = open(&path, topics).await;
    log.append(vec![record(topics.events, 2, "before")]).await.expect("appended");
    let start = miso_log::OffsetCommit { group: "g".into(), topic: topics.events, partition: 2, next: 0 };
    log.commit(vec![start]).await.expect("committed");
    let at = path.clone();
    let process = tokio::task::spawn_blocking(move || {
        let mut process = Process::start("follow", &at, "shared");
        let refused = process.hear("U ");
        assert!(refused.contains("log.db") && refused.contains(&std::process::id().to_string()), "{refused}");
        process.hear("READY");
        process
    })
    .await
    .expect("started");
    let mut expected = vec!["before".to_owned()];
    for n in 0..2_500 {
        expected.push(n.to_string());
        log.append(vec![record(topics.events, 2, n.to_string())]).await.expect("appended");
    }
    expected.push("last".to_owned());
    let last = log.append(vec![record(topics.events, 2, "last")]).await.expect("appended")[0];
    let lines = tokio::task::spawn_blocking(move || process.end()).await.expect("ended");
    let seen: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("R ")).collect();
    assert_eq!(seen, expected);
    assert!(lines.contains(&format!("B 0 {} 2502 g", last + 1)), "{:?}", lines.last());
    log.close().await;
    let reader = EmbeddedReader::open(&path, &topics.all()).await.expect("a file that nobody writes opens too");
    let mut all = reader.reader(topics.events, &from_start());
    assert_eq!(take(&mut all, 2_502).await.len(), 2_502);
    reader.close().await;
}
