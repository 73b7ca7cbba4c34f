//! Kafka across processes: killed in the middle, stopped and continued, the broker away; and what it
//! costs: latency, idle CPU.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use miso_log::kafka::APPEND_TIMEOUT_MS;
use miso_log::{AppendError, Consumer, ConsumerEvent, LogError, Owner, SharedLog, Topic, TransactError, catalogue};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::child::Process;
use crate::embedded_processes::cpu_ns;
use crate::engine::{Engine, PARTITIONS, Topics, from_start, now_ms, own, record, take, text, within};
use crate::kafka::Kafka;

const PREFIX: &str = "processes";

/// One whole line at once: a kill cuts no line in the middle of another.
fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The roles of child processes. `about` is `topics` or `topics|number`.
pub(crate) async fn play(role: &str, brokers: &str, about: &str) {
    let (name, number) = about.split_once('|').unwrap_or((about, "0"));
    let number: i64 = number.parse().expect("a number");
    let topics = Topics::named(name);
    let log = Kafka::at(brokers, PREFIX).open(&topics.all()).await;
    match role {
        "kafka-transact" => transact(log, topics, number).await,
        "kafka-own" => own_and_tell(log, topics).await,
        "kafka-idle" => idle(log, topics).await,
        other => panic!("no role {other}"),
    }
}

fn unique(name: &str) -> String {
    format!("{name}-{}-{}", std::process::id(), now_ms() % 1_000_000_000)
}

fn start(role: &str, brokers: &str, about: &str) -> Process {
    Process::start(role, Path::new(brokers), about)
}

/// What a reader of everything up to now finds in a partition.
async fn everything(log: &SharedLog, topic: Topic, partition: i32) -> Vec<String> {
    let bounds = log.bounds(topic, partition).await.expect("bounds");
    let mut reader = log.reader(topic, &[(partition, bounds.earliest)]);
    let mut texts = Vec::new();
    while let Some(batch) = within("records", reader.next_before(&[(partition, bounds.latest)])).await.expect("read") {
        texts.extend(batch.iter().map(text));
    }
    texts
}

/// Numbers of one process begin at its own thousands.
const BASE: i64 = 1_000_000;
/// Records of a transaction in the topic of events.
const RECORDS: usize = 20;

/// Transactions without end, in a group of its own: records in two topics and the position.
async fn transact(log: SharedLog, topics: Topics, number: i64) {
    let mut consumer = Consumer::join(log, &format!("g{number}"), topics.events).await.expect("joined");
    let owners = own(&mut consumer, 4).await;
    let owner = owners.iter().find(|owner| owner.partition() == 0).expect("owned");
    for n in number * BASE.. {
        let mut records: Vec<_> = (0..RECORDS).map(|_| record(topics.events, 1, n.to_string())).collect();
        records.push(record(topics.actions, 0, n.to_string()));
        say(&format!("T {n}"));
        owner.transact(records, vec![consumer.offset(0, n + 1)]).await.expect("committed");
        say(&format!("D {n}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_killed_in_the_middle_happens_wholly_or_not_at_all() {
    let Some(kafka) = Kafka::given() else { return };
    let kills: usize = std::env::var("MISO_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(200);
    let seed = u64::try_from(now_ms()).expect("after 1970");
    let lanes = 6_u64;
    let each = kills.div_ceil(usize::try_from(lanes).expect("few"));
    let lanes = (0..lanes).map(|lane| tokio::spawn(kill_in_the_middle(kafka.brokers.clone(), seed + lane, each)));
    let (mut happened, mut vanished) = (0, 0);
    for lane in futures_util::future::join_all(lanes).await {
        let (yes, no) = lane.expect("a lane");
        happened += yes;
        vanished += no;
    }
    println!("seed {seed}: of {kills} cut transactions {happened} happened, {vanished} did not");
    assert!(happened + vanished >= kills);
    assert!(happened > 0 && vanished > 0, "both outcomes: {happened} and {vanished}; seed {seed}");
}

/// Each kill strikes between the beginning of a transaction and the news that it is done. Answers
/// how many of those happened, and how many did not.
#[expect(clippy::disallowed_methods, reason = "a random moment is what this test is about")]
async fn kill_in_the_middle(brokers: String, seed: u64, kills: usize) -> (usize, usize) {
    let name = unique(&format!("killed-{seed}"));
    let topics = Topics::named(&name);
    let log = Kafka::at(&brokers, PREFIX).open(&topics.all()).await;
    // What each process had begun last when it was killed.
    let mut cut: BTreeMap<i64, i64> = BTreeMap::new();
    let mut random = seed;
    for number in 0.. {
        if cut.len() >= kills {
            break;
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = ((random >> 33) % 1_200) as f64 / 1_000.0;
        let (brokers, about) = (brokers.clone(), format!("{name}|{number}"));
        let lines = tokio::task::spawn_blocking(move || {
            let mut process = start("kafka-transact", &brokers, &about);
            // Somewhere in a transaction, or just after: as long as the one before took, about.
            process.hear("D ");
            process.hear("T ");
            let began = Instant::now();
            process.hear("D ");
            let took = began.elapsed();
            process.hear("T ");
            std::thread::sleep(took.mul_f64(share));
            process.kill()
        })
        .await
        .expect("killed");
        if let Some(n) = lines.last().and_then(|line| line.strip_prefix("T ")) {
            cut.insert(number, n.parse().expect("a number"));
        }
    }
    let (mut happened, mut vanished) = (0, 0);
    let mut position: BTreeMap<i64, i64> = BTreeMap::new();
    for (&number, &begun) in &cut {
        let next = within("the position", committed(&log, &format!("g{number}"), topics)).await;
        assert!(next == begun || next == begun + 1, "{next} after {begun} was begun; seed {seed}");
        if next > begun {
            happened += 1;
        } else {
            vanished += 1;
        }
        position.insert(number, next);
    }
    let mut events: BTreeMap<i64, usize> = BTreeMap::new();
    for n in everything(&log, topics.events, 1).await {
        *events.entry(n.parse().expect("a number")).or_default() += 1;
    }
    let actions: Vec<i64> =
        everything(&log, topics.actions, 0).await.iter().map(|n| n.parse().expect("a number")).collect();
    for (number, next) in position {
        let done: Vec<i64> = (number * BASE..next).collect();
        let of_this = |n: &&i64| (number * BASE..(number + 1) * BASE).contains(*n);
        let effects: Vec<i64> = actions.iter().filter(of_this).copied().collect();
        assert_eq!(effects, done, "each below the position once, in order, no other; seed {seed}");
        let whole: Vec<(i64, usize)> =
            events.iter().filter(|(n, _)| of_this(n)).map(|(&n, &count)| (n, count)).collect();
        let expected: Vec<(i64, usize)> = done.iter().map(|&n| (n, RECORDS)).collect();
        assert_eq!(whole, expected, "wholly; seed {seed}");
    }
    log.close().await;
    (happened, vanished)
}

/// The position, once the transaction that may move it has ended.
async fn committed(log: &SharedLog, group: &str, topics: Topics) -> i64 {
    loop {
        match log.committed(group, topics.events, 0).await {
            Ok(Some(next)) => return next,
            Ok(None) => panic!("{group} committed once at least"),
            Err(LogError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A member that transacts on its partitions for ever and tells what happens.
async fn own_and_tell(log: SharedLog, topics: Topics) {
    let mut consumer = Consumer::join(log, "shared", topics.events).await.expect("joined");
    let mut owners: BTreeMap<i32, Owner> = BTreeMap::new();
    for n in 0.. {
        tokio::select! {
            biased;
            event = consumer.next() => match event.expect("an event") {
                ConsumerEvent::Assigned(owner) => {
                    say(&format!("A {}", owner.partition()));
                    owners.insert(owner.partition(), owner);
                }
                ConsumerEvent::Revoked(revocation) => {
                    say(&format!("R {}", revocation.partition));
                    owners.remove(&revocation.partition);
                }
                ConsumerEvent::Lost(partition) => {
                    say(&format!("L {partition}"));
                    owners.remove(&partition);
                }
                ConsumerEvent::Batch(_) | ConsumerEvent::Joined | ConsumerEvent::Gap { .. } => {}
            },
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
        for (partition, owner) in &owners {
            say(&format!("T {n} {partition}"));
            let records = vec![record(topics.actions, *partition, format!("child {n}"))];
            let next = consumer.offset(*partition, n);
            match owner.transact(records, vec![next]).await {
                Ok(_) => say(&format!("D {n} {partition}")),
                Err(TransactError::Fenced(_)) => say(&format!("F {n} {partition}")),
                Err(TransactError::Retry(why)) => say(&format!("Y {n} {partition} {why}")),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A process is stopped inside a transaction for longer than its session, and continued. The others
/// go on within 7 s; what the zombie does next fails; none of it comes after the new owner's claim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_stopped_past_its_session_is_refused_and_holds_nobody_up_for_long() {
    let Some(kafka) = Kafka::given() else { return };
    let name = unique("zombie");
    let topics = Topics::named(&name);
    let log = Kafka::at(&kafka.brokers, PREFIX).open(&topics.all()).await;
    let mut here = Consumer::join(Arc::clone(&log), "shared", topics.events).await.expect("joined");
    own(&mut here, 4).await;
    let mut child = start("kafka-own", &kafka.brokers, &name);
    // Two partitions move to the child.
    let mut moved = BTreeSet::new();
    within("a level share", async {
        while moved.len() < 2 {
            if let ConsumerEvent::Revoked(revocation) = here.next().await.expect("an event") {
                moved.insert(revocation.partition);
            }
        }
    })
    .await;
    let (mut child, begun) = tokio::task::spawn_blocking(move || {
        let begun = stop_inside_a_transaction(&mut child);
        (child, begun)
    })
    .await
    .expect("stopped");
    let stopped = Instant::now();

    // The owner here goes on with its own; a reader of what both write sees it; the child's come over.
    let mine = (0..PARTITIONS).find(|partition| !moved.contains(partition)).expect("two are left");
    let owner = here.owner(mine).expect("ours").clone();
    let from = log.bounds(topics.actions, begun.1).await.expect("bounds").latest;
    let mut reader = log.reader(topics.actions, &[(begun.1, from)]);
    let mut gained: BTreeMap<i32, Owner> = BTreeMap::new();
    let mut longest = Duration::ZERO;
    while gained.len() < 2 {
        let began = Instant::now();
        tokio::select! {
            event = here.next() => if let ConsumerEvent::Assigned(owner) = event.expect("an event") {
                gained.insert(owner.partition(), owner);
            },
            () = tokio::time::sleep(Duration::from_millis(5)) => {
                let records = vec![record(topics.actions, begun.1, "here")];
                match owner.transact(records, vec![here.offset(mine, 0)]).await {
                    Ok(_) | Err(TransactError::Retry(_)) => {}
                    Err(error) => panic!("{error}"),
                }
                longest = longest.max(began.elapsed());
            }
        }
        assert!(stopped.elapsed() < Duration::from_secs(20), "the dead member's partitions come over");
    }
    let taken_over = stopped.elapsed();
    let taken = gained[&begun.1].clone();
    let claim = async {
        loop {
            match taken.transact(vec![record(topics.actions, begun.1, "claim")], Vec::new()).await {
                Ok(offsets) => return offsets[0],
                Err(TransactError::Retry(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let claim = within("the claim", claim).await;
    within("the claim read", async {
        while reader.position(begun.1).expect("followed") <= claim {
            reader.next().await.expect("read");
        }
    })
    .await;
    let seen = stopped.elapsed();
    println!(
        "partitions came over after {taken_over:?}, the claim was read after {seen:?}; the longest transaction of the others took {longest:?}"
    );
    assert!(taken_over <= Duration::from_secs(7), "{taken_over:?}");
    assert!(seen <= Duration::from_millis(7_500), "{seen:?}");
    assert!(longest <= Duration::from_secs(7), "{longest:?}");

    rustix::process::kill_process(child.pid(), Signal::CONT).expect("continued");
    let (mut child, lines) = tokio::task::spawn_blocking(move || {
        // What was inside a transaction ends somehow; the next on that partition must not succeed.
        let mut lines = Vec::new();
        while lines.iter().filter(|line: &&String| line.starts_with("L ")).count() < 2 {
            lines.push(child.hear(""));
        }
        (child, lines)
    })
    .await
    .expect("heard");
    let succeeded: Vec<&String> =
        lines.iter().filter(|line| line.starts_with("D ") && **line != format!("D {} {}", begun.0, begun.1)).collect();
    assert!(succeeded.is_empty(), "a zombie's transactions fail: {lines:?}");
    let all = everything(&log, topics.actions, begun.1).await;
    let at = all.iter().position(|text| text == "claim").expect("the claim");
    assert!(!all[at..].iter().any(|text| text.starts_with("child")), "nothing of the zombie follows the claim");
    assert!(all[..at].iter().any(|text| text.starts_with("child")), "it had done something before");
    // It comes back as a member and is given partitions again.
    tokio::task::spawn_blocking(move || {
        let told = std::thread::spawn(move || {
            child.hear("A ");
            child.hear("D ");
            child.kill();
        });
        told.join().expect("it works again");
    });
    within("the share of the one that came back", async {
        let mut given = 0;
        while given < 2 {
            if let ConsumerEvent::Revoked(revocation) = here.next().await.expect("an event") {
                revocation.release();
                given += 1;
            }
        }
    })
    .await;
    log.close().await;
}

/// Stops the process between a `T` and its end; answers that transaction's number and partition.
#[expect(clippy::disallowed_methods, reason = "a stopped process tells nobody when it stands still")]
fn stop_inside_a_transaction(child: &mut Process) -> (i64, i32) {
    let mut worked = BTreeSet::new();
    while worked.len() < 2 {
        worked.insert(child.hear("D ").split_once(' ').expect("number and partition").1.to_owned());
    }
    loop {
        let mut begun = child.hear("T ");
        rustix::process::kill_process(child.pid(), Signal::STOP).expect("stopped");
        // What it had said before it stood still.
        std::thread::sleep(Duration::from_millis(20));
        let mut inside = true;
        while let Some(line) = child.heard() {
            match line.strip_prefix("T ") {
                Some(next) => (begun, inside) = (next.to_owned(), true),
                None => inside &= !line.starts_with("D "),
            }
        }
        if inside {
            let (number, partition) = begun.split_once(' ').expect("number and partition");
            return (number.parse().expect("a number"), partition.parse().expect("a partition"));
        }
        rustix::process::kill_process(child.pid(), Signal::CONT).expect("continued");
    }
}

/// A broker of the test's own, which may be killed.
struct Broker {
    folder: TempDir,
}

impl Broker {
    fn command(&self, verb: &str) -> String {
        let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "scripts", "kafka.sh"].iter().collect();
        let output =
            std::process::Command::new(script).arg(verb).arg(self.folder.path()).output().expect("the script runs");
        assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("utf-8").trim().to_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.command("kill");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_is_a_clear_error_and_nothing_accepted_is_lost() {
    if Kafka::given().is_none() {
        return;
    }
    let broker = Arc::new(Broker { folder: TempDir::new().expect("a folder") });
    let command = |verb: &'static str| {
        let broker = Arc::clone(&broker);
        async move { tokio::task::spawn_blocking(move || broker.command(verb)).await.expect("done") }
    };
    let address = command("start").await;
    let topics = Topics::new();
    let log = Kafka::at(&address, "away").open(&topics.all()).await;
    let mut consumer = Consumer::join(Arc::clone(&log), "g", topics.events).await.expect("joined");
    let owners = own(&mut consumer, 4).await;
    owners[0].transact(vec![record(topics.actions, 1, "before")], Vec::new()).await.expect("committed");

    // Appends that are under way while the broker dies.
    let appending = |range: std::ops::Range<i32>| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut accepted = Vec::new();
            let mut refused = Vec::new();
            for n in range {
                match log.append(vec![record(topics.actions, 0, n.to_string())]).await {
                    Ok(_) => accepted.push(n.to_string()),
                    Err(AppendError::Unavailable(why)) => {
                        refused.push(why);
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            (accepted, refused)
        })
    };
    let under_way = appending(0..1_000_000);
    let mut reader = log.reader(topics.actions, &[(0, 0)]);
    take(&mut reader, 100).await;
    command("kill").await;
    let killed = Instant::now();
    let (mut accepted, refused) = within("an error", under_way).await.expect("ended");
    println!("{} appends were accepted; the error came after {:?}: {}", accepted.len(), killed.elapsed(), refused[0]);
    assert!(killed.elapsed() < Duration::from_millis(u64::from(APPEND_TIMEOUT_MS) + 3_000));
    assert!(refused[0].contains(&address), "it says which broker: {}", refused[0]);
    match log.check().await {
        Err(LogError::Unavailable(why)) => assert!(why.contains(&address), "{why}"),
        other => panic!("{other:?}"),
    }
    let aborted = owners[0].transact(vec![record(topics.actions, 1, "meanwhile")], Vec::new());
    let aborted = tokio::time::timeout(Duration::from_secs(1), aborted).await;
    assert!(!matches!(aborted, Ok(Ok(_))), "no broker, no commit");

    command("start").await;
    let started = Instant::now();
    within("the broker's answer", async { while log.check().await.is_err() {} }).await;
    let again = within("appends", appending(1_000_000..1_000_100)).await.expect("ended");
    assert!(again.1.is_empty(), "{:?}", again.1);
    println!("appends went on {:?} after the broker was up", started.elapsed());
    accepted.extend(again.0);
    let all: Vec<String> = within("all", everything(&log, topics.actions, 0)).await;
    let found: BTreeSet<&String> = all.iter().collect();
    assert!(accepted.iter().all(|n| found.contains(n)), "every accepted record is there");
    assert_eq!(found.len(), all.len(), "none twice");
    // The reader that stood at the head went on by itself.
    let mut seen = 100;
    within("the head", async {
        while seen < all.len() {
            seen += reader.next().await.expect("read").len();
        }
    })
    .await;
    // The member too: the old owner commits again, or lost its partition and was given it anew.
    let mut owner = owners[0].clone();
    within("a commit", async {
        loop {
            match owner.transact(vec![record(topics.actions, 1, "after")], Vec::new()).await {
                Ok(_) => return,
                Err(TransactError::Retry(_)) => {}
                Err(TransactError::Fenced(_)) => loop {
                    match consumer.next().await {
                        Ok(ConsumerEvent::Assigned(given)) => {
                            owner = given;
                            break;
                        }
                        Ok(_) | Err(LogError::Unavailable(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                },
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
    println!("an owner committed {:?} after the broker was up", started.elapsed());
    log.close().await;
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_reader_sees_an_append_and_a_transaction_within_milliseconds() {
    let Some(kafka) = Kafka::given() else { return };
    let topics = Topics::new();
    let log = kafka.open(&topics.all()).await;
    let mut consumer = Consumer::join(Arc::clone(&log), "latency", topics.events).await.expect("joined");
    let owners = own(&mut consumer, 4).await;
    let mut reader = log.reader(topics.actions, &from_start());
    let mut appended = Vec::new();
    let mut committed = Vec::new();
    let mut read = Vec::new();
    for n in 0..600 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let began = Instant::now();
        log.append(vec![record(topics.actions, n % PARTITIONS, "x".repeat(1_200))]).await.expect("appended");
        take(&mut reader, 1).await;
        let to_reader = began.elapsed();
        let began = Instant::now();
        let records = vec![record(topics.actions, n % PARTITIONS, "x".repeat(1_200))];
        let position = consumer.offset(owners[0].partition(), i64::from(n));
        owners[0].transact(records, vec![position]).await.expect("committed");
        let commit = began.elapsed();
        take(&mut reader, 1).await;
        if n >= 100 {
            appended.push(to_reader);
            committed.push(commit);
            read.push(began.elapsed());
        }
    }
    for (what, times) in
        [("append to reader", &mut appended), ("transaction", &mut committed), ("transaction to reader", &mut read)]
    {
        times.sort_unstable();
        println!("{what}: p50 {:?}, p99 {:?}", percentile(times, 50), percentile(times, 99));
        assert!(percentile(times, 50) < Duration::from_millis(20), "{what}");
    }
    let began = Instant::now();
    let callers = (0..64).map(|caller| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut times = Vec::new();
            for _ in 0..100 {
                let began = Instant::now();
                log.append(vec![record(topics.brief, caller % PARTITIONS, "x".repeat(1_200))]).await.expect("appended");
                times.push(began.elapsed());
            }
            times
        })
    });
    let mut times: Vec<Duration> = Vec::new();
    for caller in futures_util::future::join_all(callers).await {
        times.extend(caller.expect("appended"));
    }
    times.sort_unstable();
    println!(
        "64 callers: {:.0} appends/s, p50 {:?}, p99 {:?}",
        6_400.0 / began.elapsed().as_secs_f64(),
        percentile(&times, 50),
        percentile(&times, 99)
    );
    let began = Instant::now();
    let batches = 200;
    let calls = (0..batches)
        .map(|n| log.append((0..500).map(|_| record(topics.events, n % PARTITIONS, "x".repeat(1_200))).collect()));
    for result in futures_util::future::join_all(calls).await {
        result.expect("appended");
    }
    println!("appended in batches of 500: {:.0} records/s", f64::from(batches * 500) / began.elapsed().as_secs_f64());
    let began = Instant::now();
    let mut behind = log.reader(topics.events, &from_start());
    take(&mut behind, (batches * 500) as usize).await;
    println!("read from the beginning: {:.0} records/s", f64::from(batches * 500) / began.elapsed().as_secs_f64());
    // Group commit: four owners at once.
    let began = Instant::now();
    let rounds = 100;
    futures_util::future::join_all(owners.iter().map(|owner| {
        let consumer = &consumer;
        async move {
            for n in 0..rounds {
                let records = (0..100).map(|_| record(topics.events, owner.partition(), "x".repeat(1_200))).collect();
                owner.transact(records, vec![consumer.offset(owner.partition(), n)]).await.expect("committed");
            }
        }
    }))
    .await;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "four owners: {:.0} transactions/s, {:.0} records/s",
        4.0 * 100.0 / seconds,
        4.0 * 100.0 * 100.0 / seconds
    );
    log.close().await;
}

/// One member, one reader, nothing to do.
async fn idle(log: SharedLog, topics: Topics) {
    let mut consumer = Consumer::join(Arc::clone(&log), "idle", topics.events).await.expect("joined");
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
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = cpu_ns();
        tokio::time::sleep(Duration::from_secs(4)).await;
        say(&format!("I {}", (cpu_ns() - before) / 4_000));
    };
    tokio::select! {
        () = waiting => {}
        () = measured => {}
    }
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_process_uses_next_to_no_cpu() {
    let Some(kafka) = Kafka::given() else { return };
    let name = unique("idle");
    let used: u64 = tokio::task::spawn_blocking(move || {
        let mut child = start("kafka-idle", &kafka.brokers, &name);
        let used = child.hear("I ");
        child.end();
        used
    })
    .await
    .expect("measured")
    .parse()
    .expect("microseconds of CPU per second");
    println!("idle: {:.2} % of a core", used as f64 / 10_000.0);
    assert!(used <= 10_000, "{used} µs of CPU in a second");
}

/// Roles start together on a new cluster: each finds or creates the topics and is given its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_create_the_topics_together_are_all_given_their_partitions() {
    let Some(kafka) = Kafka::given() else { return };
    let prefix = unique("together");
    let began = Instant::now();
    let roles = (0..5).map(|role: usize| {
        let kafka = Kafka::at(&kafka.brokers, &prefix);
        tokio::spawn(async move {
            let log = kafka.open(catalogue::ALL).await;
            let topic = catalogue::ALL[role];
            let mut consumer = Consumer::join(Arc::clone(&log), &format!("role-{role}"), topic).await.expect("joined");
            let mut owned = 0;
            within("its partitions", async {
                while owned < topic.partitions {
                    match consumer.next().await {
                        Ok(ConsumerEvent::Assigned(_)) => owned += 1,
                        // A broker that is busy with hundreds of new partitions may answer late.
                        Err(LogError::Unavailable(_)) => {}
                        other => panic!("{other:?}"),
                    }
                }
            })
            .await;
            log.close().await;
        })
    });
    for role in futures_util::future::join_all(roles).await {
        role.expect("its partitions");
    }
    println!("five roles and {} topics: {:?}", catalogue::ALL.len(), began.elapsed());
}
