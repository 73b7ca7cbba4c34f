//! Sessions that begin and end: gaps, shards, refusals, and what is committed before a connection.

use std::time::Duration;

use miso_gateway::{GatewayStatus, IntentsChoice, ShardStatus, Shards};
use miso_log::catalogue::{GATEWAY_CHECKPOINTS, GATEWAY_EVENTS};
use miso_model::{Checkpoint, GatewayGap, LogRecord, SLOTS, ShardReady, ShardState, slot};
use miso_simulator::SimulatorConfig;
use serde_json::json;
use tokio::time::timeout;

use crate::bench::{Bench, DEADLINE, small, until};

impl Bench {
    /// Records of one kind in `gateway.events`, with their partitions, in order.
    async fn of<T: LogRecord>(&self) -> Vec<(i32, T)> {
        let records = self.records(GATEWAY_EVENTS).await.into_iter();
        let ours = records.filter(|record| record.value.as_ref().is_some_and(|value| T::codec().wrote(value)));
        ours.map(|record| {
            let value = record.value.expect("a value");
            (record.partition, T::from_bytes(&value).expect("a record"))
        })
        .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidated_session_is_a_gap_in_every_partition_and_a_new_identify() {
    let bench = Bench::start(small()).await;
    let mut role = bench.role();
    role.live(1).await;
    let first = bench.all_arrive().await;
    bench.post("gateway/invalidate", json!({"resumable": false})).await;
    until("a second IDENTIFY", async || bench.journal("identify").await.len() == 2).await;
    role.live(1).await;
    bench.all_arrive().await;
    let gaps: Vec<(i32, GatewayGap)> = bench.of().await;
    let partitions: Vec<i32> = gaps.iter().map(|(partition, _)| *partition).collect();
    assert_eq!(partitions, (0..SLOTS).collect::<Vec<_>>());
    let (session, sequences) = first.first_key_value().expect("a session");
    for (_, gap) in &gaps {
        assert_eq!((&gap.session_id, gap.after_sequence), (session, *sequences.last().expect("events")));
    }
    role.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_tells_every_partition_which_guilds_it_has() {
    let bench = Bench::start(SimulatorConfig { guilds: 20, ..small() }).await;
    let mut role = bench.role();
    role.live(1).await;
    bench.all_arrive().await;
    let readies: Vec<(i32, ShardReady)> = bench.of().await;
    assert_eq!(readies.len(), usize::try_from(SLOTS).expect("few"));
    let mut guilds = 0;
    for (partition, ready) in &readies {
        guilds += ready.guild_ids.len();
        assert!(ready.guild_ids.iter().all(|&guild| slot(guild) == *partition));
    }
    assert_eq!(guilds, 20);
    role.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_of_a_bucket_identify_one_after_the_other_and_all_become_live() {
    for (shards, max_concurrency) in [(3, 1), (4, 2)] {
        let discord = SimulatorConfig { guilds: 12, shards, max_concurrency, identify_window_ms: 200, ..small() };
        let mut bench = Bench::start(discord).await;
        bench.config.identify_interval = Duration::from_millis(260);
        let mut role = bench.role();
        role.live(usize::try_from(shards).expect("few")).await;
        bench.blast(2_000, 0).await;
        bench.blast_done().await;
        let logged = bench.all_arrive().await;
        assert_eq!(logged.len(), usize::try_from(shards).expect("few"), "a session for each shard");
        assert_eq!(bench.journal("identify_too_fast").await.len(), 0);
        // Aborted, all of them resume.
        role.abort().await;
        let mut role = bench.role();
        role.live(usize::try_from(shards).expect("few")).await;
        bench.post("blast", json!({"count": 1_000, "rate": 0})).await;
        bench.blast_done().await;
        bench.all_arrive().await;
        assert_eq!(bench.journal("identify").await.len(), usize::try_from(shards).expect("few"));
        role.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_number_of_shards_is_a_gap_per_shard_and_new_sessions() {
    let mut bench = Bench::start(SimulatorConfig { guilds: 6, max_concurrency: 4, ..small() }).await;
    bench.config.shards = Shards::Count(1);
    let mut role = bench.role();
    role.live(1).await;
    let old = bench.all_arrive().await;
    role.stop().await;
    bench.config.shards = Shards::Count(2);
    let mut role = bench.role();
    role.live(2).await;
    let gaps: Vec<(i32, GatewayGap)> = bench.of().await;
    assert_eq!(gaps.len(), usize::try_from(SLOTS).expect("few"));
    let gap = &gaps[0].1;
    assert_eq!((gap.shard, gap.shard_count, gap.reason.as_str()), (0, 1, "shard count changed"));
    assert_eq!(Some(&gap.session_id), old.keys().next());
    let keys: Vec<Vec<u8>> = {
        let mut last = std::collections::BTreeMap::new();
        for record in bench.records(GATEWAY_CHECKPOINTS).await {
            last.insert(record.key.to_vec(), record.value.is_some());
        }
        last.into_iter().filter(|(key, there)| *there && !key.starts_with(b"claim/")).map(|(key, _)| key).collect()
    };
    assert_eq!(keys, [b"0/2".to_vec(), b"1/2".to_vec()]);
    role.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connecting_is_committed_before_every_identify_and_resume() {
    let bench = Bench::start(small()).await;
    let mut role = bench.role();
    for attempt in 0..3 {
        role.live(1).await;
        bench.post("gateway/drop", json!({})).await;
        until("a RESUME", async || bench.journal("resume").await.len() > attempt).await;
    }
    role.live(1).await;
    bench.all_arrive().await;
    role.stop().await;
    let records = bench.records(GATEWAY_CHECKPOINTS).await.into_iter().filter(|record| &record.key[..] == b"0/1");
    let checkpoints: Vec<Checkpoint> =
        records.map(|record| Checkpoint::from_bytes(&record.value.expect("a value")).expect("a record")).collect();
    let connecting = checkpoints.iter().filter(|checkpoint| checkpoint.state == ShardState::Connecting).count();
    let opened = bench.journal("identify").await.len() + bench.journal("resume").await.len();
    assert!(connecting >= opened && opened == 4, "{connecting} for {opened}");
    assert!(checkpoints.windows(2).all(|pair| pair[0].sequence <= pair[1].sequence));
    assert!(checkpoints.iter().all(|checkpoint| checkpoint.epoch == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_and_refused_intents_say_what_to_do() {
    let mut bench = Bench::start(SimulatorConfig { application_flags: 0, ..small() }).await;
    bench.config.intents = IntentsChoice::Bits(1 << 1);
    let mut role = bench.role();
    let fatal = |status: &GatewayStatus| matches!(status.shards.get(&0), Some(ShardStatus::Fatal(_)));
    timeout(DEADLINE, role.status.wait_for(fatal)).await.expect("in time").expect("running");
    let reason = role.status.borrow().ready().expect_err("not ready");
    assert!(reason.contains("4014") && reason.contains("MISO_INTENTS"), "{reason}");
    role.stop().await;
    bench.config.token = "wrong".to_owned();
    let mut role = bench.role();
    let refused = |status: &GatewayStatus| status.problem.as_ref().is_some_and(|problem| problem.contains("401"));
    timeout(DEADLINE, role.status.wait_for(refused)).await.expect("in time").expect("running");
    let reason = role.status.borrow().ready().expect_err("not ready");
    assert!(reason.contains("DISCORD_TOKEN"), "{reason}");
    role.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intents_follow_the_applications_flags() {
    let bench = Bench::start(small()).await;
    let mut role = bench.role();
    role.live(1).await;
    let identify = bench.journal("identify").await;
    let intents = identify[0]["detail"]["intents"].as_u64().expect("intents");
    assert_eq!(intents & (1 << 8), 0, "no presences");
    assert_eq!(intents & (1 << 1 | 1 << 15), 1 << 1 | 1 << 15, "what the application is allowed");
    role.stop().await;
}
