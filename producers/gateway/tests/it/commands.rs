//! What handlers send upstream: `gateway.commands` to Discord.

use miso_log::Append;
use miso_log::catalogue::GATEWAY_COMMANDS;
use miso_model::{GatewayCommand, LogRecord};
use miso_simulator::SimulatorConfig;
use serde_json::{Value, json};

use crate::bench::{Bench, small, until};

fn command(partition: i32, shard: i32, op: i32, d: &Value) -> Append {
    let command = GatewayCommand { op, shard, request_id: "r".to_owned(), d: d.to_string().into(), at_ms: 1 };
    Append::new(GATEWAY_COMMANDS, partition, command.to_bytes(), 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_reach_their_shard_wherever_they_were_put_and_are_sent_once() {
    let bench = Bench::start(SimulatorConfig { guilds: 8, shards: 2, max_concurrency: 2, ..small() }).await;
    let mut role = bench.role();
    role.live(2).await;
    let presence = |text: &str| json!({"since": null, "activities": [], "status": text, "afk": false});
    let records = vec![
        command(0, 0, 3, &presence("idle")),
        // Shard 1 belongs to owner 1: passed on by owner 5.
        command(5, 1, 3, &presence("dnd")),
        // Never sent: no such opcode for handlers, no such shard, too large for Discord.
        command(0, 0, 2, &json!({})),
        command(0, 9, 3, &presence("online")),
        command(0, 0, 3, &presence(&"x".repeat(5_000))),
    ];
    bench.log.append(records).await.expect("appended");
    until("both commands", async || bench.journal("gateway_command").await.len() == 2).await;
    for (owner, next) in [(0, 4), (1, 1)] {
        let records = bench.records(GATEWAY_COMMANDS).await;
        let last = records.iter().filter(|record| record.partition == owner).map(|record| record.offset).max();
        assert_eq!(records.iter().filter(|record| record.partition == owner).count(), next);
        until("the position is committed", async || {
            let committed = bench.log.committed("miso.gateway", GATEWAY_COMMANDS, owner).await.expect("readable");
            committed == last.map(|last| last + 1)
        })
        .await;
    }
    role.stop().await;
    let mut role = bench.role();
    role.live(2).await;
    let mut sent: Vec<String> = bench
        .journal("gateway_command")
        .await
        .iter()
        .map(|entry| entry["detail"]["d"]["status"].as_str().unwrap_or_default().to_owned())
        .collect();
    sent.sort_unstable();
    assert_eq!(sent, ["dnd", "idle"]);
    role.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_members_come_back_through_the_log() {
    let bench = Bench::start(small()).await;
    let mut role = bench.role();
    role.live(1).await;
    let guild = bench.get("guilds").await[0]["id"].clone();
    let d = json!({"guild_id": guild, "query": "", "limit": 0, "nonce": "r"});
    bench.log.append(vec![command(0, 0, 8, &d)]).await.expect("appended");
    until("a chunk", async || {
        bench.records(miso_log::catalogue::GATEWAY_EVENTS).await.iter().any(|record| {
            let value = record.value.as_deref().unwrap_or_default();
            miso_model::EventView::decode(value)
                .ok()
                .flatten()
                .is_some_and(|event| event.event_type == "GUILD_MEMBERS_CHUNK")
        })
    })
    .await;
    role.stop().await;
}
