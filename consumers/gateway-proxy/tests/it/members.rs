//! Commands of clients, and the members they ask for.

use miso_log::catalogue::GATEWAY_COMMANDS;
use miso_model::{GatewayCommand, LogRecord};
use serde_json::{Value, json};

use crate::rig::{PATIENCE, Rig, SECRET};
use crate::upstream::guild;

async fn commands(rig: &Rig, count: usize) -> Vec<GatewayCommand> {
    let mut reader = rig.log.reader(GATEWAY_COMMANDS, &[(0, 0)]);
    let mut commands = Vec::new();
    let read =
        async {
            while commands.len() < count {
                let batch = reader.next().await.expect("reads");
                commands.extend(batch.iter().map(|record| {
                    GatewayCommand::from_bytes(record.value.as_ref().expect("a value")).expect("a command")
                }));
            }
        };
    tokio::time::timeout(PATIENCE, read).await.expect("commands in time");
    commands
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_go_to_discord_in_order() {
    let rig = Rig::start(&[guild(0)]).await;
    let mut client = rig.member(1).await;
    let id = guild(0).to_string();
    let payloads = [
        json!({"op": 3, "d": {"status": "idle", "since": null, "activities": [], "afk": false}}),
        json!({"op": 4, "d": {"guild_id": id, "channel_id": "5", "self_mute": false, "self_deaf": false}}),
        json!({"op": 31, "d": {"guild_ids": [id]}}),
        json!({"op": 43, "d": {"guild_id": id, "fields": ["status"]}}),
    ];
    for payload in &payloads {
        client.send(payload).await;
    }
    let sent = commands(&rig, 4).await;
    assert_eq!(sent.iter().map(|command| command.op).collect::<Vec<_>>(), [3, 4, 31, 43]);
    for (command, payload) in sent.iter().zip(&payloads) {
        let d: Value = serde_json::from_slice(&command.d).expect("JSON");
        assert_eq!((d, command.shard), (payload["d"].clone(), 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_state_knows_are_answered_at_once() {
    let rig = Rig::start(&[guild(0)]).await;
    let mut client = rig.member(1).await;
    let id = guild(0).to_string();
    client.send(&json!({"op": 8, "d": {"guild_id": id, "query": "", "limit": 0, "nonce": "mine"}})).await;
    let chunk = client.dispatch_of("GUILD_MEMBERS_CHUNK").await;
    let d = &chunk["d"];
    assert_eq!((&d["nonce"], &d["chunk_index"], &d["chunk_count"]), (&json!("mine"), &json!(0), &json!(1)));
    assert_eq!(d["members"].as_array().map(Vec::len), Some(2));
    client.send(&json!({"op": 8, "d": {"guild_id": guild(0), "query": "ali", "limit": 5, "nonce": 7}})).await;
    let chunk = client.dispatch_of("GUILD_MEMBERS_CHUNK").await;
    assert_eq!(chunk["d"]["members"][0]["user"]["username"], "alice");
    assert_eq!((chunk["d"]["members"].as_array().map(Vec::len), &chunk["d"]["nonce"]), (Some(1), &json!(7)));
    client.send(&json!({"op": 8, "d": {"guild_id": id, "user_ids": ["4194304", "99"], "limit": 0}})).await;
    let chunk = client.dispatch_of("GUILD_MEMBERS_CHUNK").await;
    assert_eq!(chunk["d"]["members"].as_array().map(Vec::len), Some(1));
    assert_eq!(chunk["d"]["not_found"], json!(["99"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_discord_reach_only_who_asked_under_its_own_nonce() {
    let mut rig = Rig::start(&[guild(0)]).await;
    let mut client = rig.member(1).await;
    let other = rig.groups.add("other", false).await.expect("added");
    let mut bystander = rig.connect().await;
    bystander.identify(&other).await;
    bystander.ready(1).await;
    // Presences are not in state.
    let ask = json!({"op": 8, "d": {"guild_id": guild(0).to_string(), "query": "", "limit": 0, "presences": true, "nonce": "mine"}});
    client.send(&ask).await;
    let command = commands(&rig, 1).await.remove(0);
    let d: Value = serde_json::from_slice(&command.d).expect("JSON");
    let nonce = d["nonce"].as_str().expect("a nonce").to_owned();
    assert!(nonce.len() <= 32 && nonce != "mine");
    assert_eq!(nonce, command.request_id);
    let chunk =
        json!({"guild_id": guild(0).to_string(), "members": [], "chunk_index": 0, "chunk_count": 1, "nonce": nonce});
    rig.upstream.event("GUILD_MEMBERS_CHUNK", Some(guild(0)), None, None, &chunk).await;
    rig.upstream.messages(guild(0), 0..1).await;
    let got = client.dispatch_of("GUILD_MEMBERS_CHUNK").await;
    assert_eq!(got["d"]["nonce"], "mine");
    assert_eq!(bystander.dispatch().await["t"], "MESSAGE_CREATE");
    let limited = json!({"opcode": 8, "retry_after": 9.5, "meta": {"guild_id": guild(0).to_string(), "nonce": nonce}});
    rig.upstream.event("RATE_LIMITED", None, None, None, &limited).await;
    let message = client.dispatch_of("MESSAGE_CREATE").await;
    assert_eq!(message["d"]["content"], "message 0");
    assert_eq!(client.dispatch().await["d"]["meta"]["nonce"], "mine");
    // A resumed client gets it again with its own nonce.
    let (session, sequence) = (client.session_id.clone(), got["s"].as_i64().expect("a sequence") - 1);
    rig.abort_proxy().await;
    rig.start_proxy().await;
    let mut client = rig.connect().await;
    client.resume(SECRET, &session, sequence).await;
    let again = client.dispatch().await;
    assert_eq!((&again["t"], &again["d"]["nonce"]), (&json!("GUILD_MEMBERS_CHUNK"), &json!("mine")));
}
