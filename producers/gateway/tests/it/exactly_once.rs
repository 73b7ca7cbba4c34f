//! Every event is in the log once and in order, whatever happens to the role and its connections.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::bench::{Bench, small};

/// Aborts of one run.
const ABORTS: usize = 12;

async fn rest(rng: &mut StdRng, at_most_ms: u64) {
    sleep_until(Instant::now() + Duration::from_micros(rng.random_range(0..at_most_ms * 1_000))).await;
}

/// Aborts the role at random times while events flow; a new one takes over each time.
async fn aborted_at_random(seed: u64, mut bench: Bench, zstd: bool) {
    let mut rng = StdRng::seed_from_u64(seed);
    bench.config.zstd = zstd;
    let mut role = bench.role();
    role.live(1).await;
    bench.blast(20_000, 8_000).await;
    let mut while_live = 0;
    for abort in 0..ABORTS {
        // Half of them once events flow, the others wherever the start-up happens to be.
        if abort % 2 == 0 {
            role.live(1).await;
            while_live += 1;
        }
        rest(&mut rng, 120).await;
        role.abort().await;
        role = bench.role();
    }
    bench.blast_done().await;
    role.live(1).await;
    let logged = bench.all_arrive().await;
    assert_eq!(bench.journal("identify").await.len(), 1, "seed {seed}: always the same session");
    assert_eq!(logged.len(), 1, "seed {seed}");
    let resumes = bench.journal("resume").await.len();
    assert!(resumes >= while_live, "seed {seed}: {resumes} resumes, {while_live} aborts struck a live shard");
    role.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_role_resumes_from_its_checkpoint_compressed() {
    aborted_at_random(rand::random(), Bench::start(small()).await, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_role_resumes_from_its_checkpoint_uncompressed() {
    aborted_at_random(rand::random(), Bench::start(small()).await, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_role_resumes_from_its_checkpoint_on_kafka() {
    // Without a broker the embedded log is what is tried.
    let Some(bench) = Bench::start_on_kafka(small()).await else { return };
    aborted_at_random(rand::random(), bench, true).await;
}

/// Op 7, closes, cuts and op 9 `true` while events flow: always a RESUME, nothing lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_are_resumed() {
    let seed = rand::random();
    let mut rng = StdRng::seed_from_u64(seed);
    let bench = Bench::start(small()).await;
    let mut role = bench.role();
    role.live(1).await;
    bench.blast(12_000, 6_000).await;
    let faults = [
        ("gateway/reconnect", json!({})),
        ("gateway/close", json!({"code": 4000})),
        ("gateway/drop", json!({})),
        ("gateway/close", json!({"code": 4008})),
        ("gateway/invalidate", json!({"resumable": true})),
        ("gateway/reconnect", json!({})),
    ];
    let mut struck = 0;
    for (path, body) in faults {
        role.live(1).await;
        rest(&mut rng, 60).await;
        struck += bench.post(path, body).await["connections"].as_u64().expect("a count");
        // The role has seen it when it is not live any more, or live on another connection.
        let resumes = usize::try_from(struck).expect("few");
        crate::bench::until("a RESUME", async || bench.journal("resume").await.len() >= resumes).await;
    }
    bench.blast_done().await;
    bench.all_arrive().await;
    assert_eq!(struck, 6, "seed {seed}");
    assert_eq!(bench.journal("identify").await.len(), 1, "seed {seed}");
    let opened = bench.journal("gateway_open").await;
    assert!(opened.iter().all(|entry| entry["compress"] == json!("zstd-stream")), "{opened:?}");
    role.stop().await;
}

/// A clean stop hands everything over: what comes meanwhile is there after the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_role_misses_nothing_until_its_next_start() {
    let bench = Bench::start(small()).await;
    let mut role = bench.role();
    role.live(1).await;
    role.stop().await;
    let closed = bench.journal("gateway_closed").await;
    assert_eq!(closed.last().map(|entry| entry["code"].clone()), Some(json!(4000)), "resumable: {closed:?}");
    bench.blast(1_000, 0).await;
    bench.blast_done().await;
    let mut role = bench.role();
    role.live(1).await;
    bench.all_arrive().await;
    assert_eq!(bench.journal("identify").await.len(), 1);
    role.stop().await;
}
