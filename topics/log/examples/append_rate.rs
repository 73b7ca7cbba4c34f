//! How fast the embedded log takes records of 1.2 kB, by batch size and durability, with callers
//! side by side: `cargo run --release -p miso-log --example append_rate [FOLDER [paced]]`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use miso_log::catalogue::{GATEWAY_EVENTS, REST_ACTIONS};
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_log::{Append, Log, Topic};

/// How long each line of the table is measured.
const EACH: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let path = std::path::Path::new(&folder).join("append_rate.db");
    if std::env::args().nth(2).as_deref() == Some("paced") {
        return paced(&path).await;
    }
    println!(
        "{:<10} {:>6} {:>8} {:>12} {:>10} {:>10} {:>10}",
        "topic", "batch", "callers", "records/s", "p50 µs", "p99 µs", "max µs"
    );
    for (topic, name) in [(GATEWAY_EVENTS, "ordered"), (REST_ACTIONS, "synced")] {
        for (batch, callers) in [(1, 1), (1, 64), (100, 1), (100, 4), (1_000, 1), (1_000, 4)] {
            for suffix in ["", "-wal", "-shm", ".lock"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
            }
            let log = Arc::new(EmbeddedLog::open(EmbeddedConfig::new(&path)).await.expect("opens"));
            let (records, mut latencies) = run(&log, topic, batch, callers).await;
            latencies.sort_unstable();
            let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_micros();
            println!(
                "{name:<10} {batch:>6} {callers:>8} {:>12.0} {:>10} {:>10} {:>10}",
                records as f64 / EACH.as_secs_f64(),
                at(0.5),
                at(0.99),
                at(1.0)
            );
            log.close().await;
        }
    }
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
}

/// Records one by one, 1,000 a second: what a quiet system's latency is, checkpoints included.
async fn paced(path: &std::path::Path) {
    let log = EmbeddedLog::open(EmbeddedConfig::new(path)).await.expect("opens");
    let value = bytes::Bytes::from(vec![b'x'; 1_200]);
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let mut latencies = Vec::new();
    for n in 0..20_000 {
        ticks.tick().await;
        let began = Instant::now();
        log.append(vec![Append::new(GATEWAY_EVENTS, n % 48, value.clone(), 1)]).await.expect("appended");
        latencies.push(began.elapsed());
    }
    latencies.sort_unstable();
    for share in [0.5, 0.99, 0.999, 1.0] {
        println!("{share}: {} µs", latencies[((latencies.len() - 1) as f64 * share) as usize].as_micros());
    }
    log.close().await;
}

async fn run(log: &Arc<EmbeddedLog>, topic: Topic, batch: usize, callers: usize) -> (usize, Vec<Duration>) {
    let value = bytes::Bytes::from(vec![b'x'; 1_200]);
    let mut tasks = tokio::task::JoinSet::new();
    let end = Instant::now() + EACH;
    for caller in 0..callers {
        let (log, value) = (Arc::clone(log), value.clone());
        tasks.spawn(async move {
            let mut records = 0;
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let partition = i32::try_from((caller + records / batch) % 48).expect("below 48");
                let appends = (0..batch).map(|_| Append::new(topic, partition, value.clone(), 1)).collect();
                let began = Instant::now();
                log.append(appends).await.expect("appended");
                latencies.push(began.elapsed());
                records += batch;
            }
            (records, latencies)
        });
    }
    let mut all = (0, Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (records, latencies) = done.expect("ran");
        all.0 += records;
        all.1.extend(latencies);
    }
    all
}
