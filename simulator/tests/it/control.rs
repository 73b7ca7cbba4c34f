//! Blasts, guild life, and the journal.

use std::time::Instant;

use miso_simulator::SimulatorConfig;
use serde_json::{Value, json};

use crate::client::{Client, DEADLINE, Decoder, INTENTS, journal, order, place, quick, start};

/// The number in `blast:<n> …`.
fn number(event: &Value) -> u64 {
    let content = event["d"]["content"].as_str().expect("content");
    content
        .split_once("blast:")
        .and_then(|(_, rest)| rest.split(' ').next())
        .and_then(|n| n.parse().ok())
        .expect("a number")
}

async fn blast_done(simulator: &miso_simulator::Running) -> Value {
    let started = Instant::now();
    loop {
        let status = order(simulator, "GET", "blast", Value::Null).await;
        if status["done"] == true {
            return status;
        }
        assert!(started.elapsed() < DEADLINE, "the blast ends");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_blasted_event_arrives_once_in_order_and_is_in_the_journal() {
    let simulator = start(quick()).await;
    let (mut client, _) = Client::ready(&simulator).await;
    for _ in 0..3 {
        client.event("GUILD_CREATE").await;
    }
    let first =
        order(&simulator, "POST", "blast", json!({"count": 20_000, "bytes": 1200, "prefix": "!echo "})).await["first"]
            .as_u64()
            .unwrap();
    for n in 0..20_000 {
        let event = client.payload().await;
        assert_eq!((event["s"].as_u64().unwrap(), number(&event)), (5 + n, first + n));
        if n == 0 {
            assert!((1100..1300).contains(&event["d"].to_string().len()));
            assert!(event["d"]["content"].as_str().unwrap().starts_with("!echo "));
        }
    }
    let status = blast_done(&simulator).await;
    assert_eq!(status["sent"], 20_000);
    let runs = journal(&simulator, "blast_run").await;
    assert_eq!(runs.iter().map(|run| run["events"].as_u64().unwrap()).sum::<u64>(), 20_000);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_blast_has_its_rate_and_survives_a_resume_with_zstd() {
    let simulator = start(SimulatorConfig { guilds: 7, ..quick() }).await;
    let query = "?v=10&encoding=json&compress=zstd-stream";
    let mut client = Client::hello(&simulator, query, Decoder::ZstdStream(zstd_safe::DCtx::create())).await;
    client.identify(&simulator, json!({"intents": INTENTS})).await;
    let session = client.event("READY").await["d"]["session_id"].as_str().unwrap().to_owned();
    let first =
        order(&simulator, "POST", "blast", json!({"count": 1_000, "rate": 5_000})).await["first"].as_u64().unwrap();
    let mut expected = first;
    let mut sequence = 0;
    for _ in 0..200 {
        let event = client.event("MESSAGE_CREATE").await;
        assert_eq!(number(&event), expected);
        expected += 1;
        sequence = event["s"].as_u64().unwrap();
    }
    drop(client);
    let mut client = Client::hello(&simulator, query, Decoder::ZstdStream(zstd_safe::DCtx::create())).await;
    client.resume(&simulator, &session, sequence).await;
    while expected < first + 1_000 {
        let event = client.event("MESSAGE_CREATE").await;
        assert_eq!(number(&event), expected);
        expected += 1;
    }
    let status = blast_done(&simulator).await;
    let took = status["finished_us"].as_u64().unwrap() - status["started_us"].as_u64().unwrap();
    assert!(took >= 190_000, "1000 events at 5000/s take 0.2 s, not {took} µs");
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_blasted_message_can_be_referred_to() {
    let simulator = start(quick()).await;
    let (mut client, _) = Client::ready(&simulator).await;
    order(&simulator, "POST", "blast", json!({"count": 10})).await;
    let mut last = Value::Null;
    for _ in 0..10 {
        last = client.event("MESSAGE_CREATE").await["d"].clone();
    }
    blast_done(&simulator).await;
    let url = format!("{}/v10/channels/{}/messages", simulator.api_url(), last["channel_id"].as_str().unwrap());
    let reply = json!({"content": "seen", "message_reference": {"message_id": last["id"]}});
    let response = reqwest::Client::new()
        .post(url)
        .header("authorization", format!("Bot {}", simulator.token()))
        .json(&reply)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let reply: Value = response.json().await.unwrap();
    assert_eq!(reply["referenced_message"]["id"], last["id"]);
    simulator.shutdown().await;
}

#[tokio::test]
async fn guilds_are_joined_lost_and_out_of_order_for_a_while() {
    let simulator = start(quick()).await;
    let (mut client, _) = Client::ready(&simulator).await;
    for _ in 0..3 {
        client.event("GUILD_CREATE").await;
    }
    let guild = order(&simulator, "POST", "guilds", json!({"name": "New"})).await["id"].as_str().unwrap().to_owned();
    let created = client.payload().await;
    assert_eq!((&created["t"], &created["d"]["name"]), (&json!("GUILD_CREATE"), &json!("New")));
    assert!(created["d"].get("unavailable").is_none(), "by this libraries tell a join");
    order(&simulator, "POST", &format!("guilds/{guild}/outage"), json!({"unavailable": true})).await;
    let gone = client.payload().await;
    assert_eq!((&gone["t"], &gone["d"]["unavailable"]), (&json!("GUILD_DELETE"), &json!(true)));
    order(&simulator, "POST", &format!("guilds/{guild}/outage"), json!({"unavailable": false})).await;
    assert_eq!(client.payload().await["d"]["unavailable"], false);
    order(&simulator, "DELETE", &format!("guilds/{guild}"), Value::Null).await;
    let left = client.payload().await;
    assert_eq!((&left["t"], &left["d"]), (&json!("GUILD_DELETE"), &json!({"id": guild})));
    order(&simulator, "POST", "event", json!({"type": "SOMETHING_NEW", "data": {"x": 1}})).await;
    assert_eq!(client.payload().await["t"], "SOMETHING_NEW");
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_journal_file_has_what_the_api_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simulator.journal");
    let simulator = start(SimulatorConfig { journal: Some(path.clone()), ..quick() }).await;
    let (_, channel, _, user) = place(&simulator).await;
    let (mut client, ready) = Client::ready(&simulator).await;
    let said = order(&simulator, "POST", "say", json!({"channel": channel, "user": user, "content": "noted"})).await;
    client.event("MESSAGE_CREATE").await;
    let events = journal(&simulator, "event").await;
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["id"], &last["sequence"]), (&json!("MESSAGE_CREATE"), &said["id"], &json!(5)));
    assert_eq!(last["session"], ready["session_id"]);
    simulator.shutdown().await;
    let text = std::fs::read_to_string(path).unwrap();
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(entries.iter().enumerate().all(|(index, entry)| entry["index"] == index as u64));
    assert!(entries.contains(last));
}

#[tokio::test]
async fn a_taken_port_and_an_impossible_journal_are_clear_errors() {
    let simulator = start(quick()).await;
    let taken = SimulatorConfig { listen: simulator.address(), ..quick() };
    let error = miso_simulator::Simulator::start(taken).await.unwrap_err().to_string();
    assert!(error.contains(&simulator.address().to_string()), "{error}");
    let nowhere = SimulatorConfig { journal: Some("/nonexistent/folder/journal".into()), ..quick() };
    assert!(miso_simulator::Simulator::start(nowhere).await.unwrap_err().to_string().contains("journal"));
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_control_api_answers_its_own_process_without_http() {
    let simulator = start(quick()).await;
    let guilds = simulator.order("GET", "guilds", Value::Null).unwrap();
    let (guild, user) = (&guilds[0], &guilds[0]["users"][0]);
    let channel = &guild["channels"][1]["id"];
    let said = simulator.order("POST", "say", json!({"channel": channel, "user": user, "content": "hi"})).unwrap();
    let messages =
        simulator.order("GET", &format!("channels/{}/messages?after=0", channel.as_str().unwrap()), Value::Null);
    assert_eq!(messages.unwrap()[0]["id"], said["id"]);
    let refused = simulator.order("POST", "say", json!({"channel": "5", "user": user, "content": "hi"})).unwrap_err();
    assert!(refused.to_string().contains("404: Unknown Channel"), "{refused}");
    let page = simulator.order("GET", "journal?from=0&limit=1", Value::Null).unwrap();
    assert_eq!(page["first"], 0);
    simulator.shutdown().await;
}
