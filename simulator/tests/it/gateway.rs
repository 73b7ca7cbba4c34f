//! The gateway's promises.

use miso_simulator::SimulatorConfig;
use serde_json::{Value, json};

use crate::client::{Client, Decoder, Got, journal, order, place, quick, start};

#[tokio::test]
async fn ready_lists_guilds_and_each_follows_whole_with_the_bot_among_its_members() {
    let simulator = start(quick()).await;
    let (mut client, ready) = Client::ready(&simulator).await;
    for field in ["v", "user", "session_id", "resume_gateway_url", "application", "private_channels"] {
        assert!(!ready[field].is_null(), "{field}");
    }
    assert_eq!(ready["resume_gateway_url"], simulator.gateway_url());
    let listed = ready["guilds"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    for sequence in 2..5 {
        let guild = client.payload().await;
        assert_eq!((&guild["t"], &guild["s"]), (&json!("GUILD_CREATE"), &json!(sequence)));
        let guild = &guild["d"];
        assert_eq!(guild["unavailable"], false);
        assert!(guild["members"].as_array().unwrap().iter().any(|member| member["user"]["id"] == ready["user"]["id"]));
        for list in ["channels", "threads", "roles", "emojis", "voice_states"] {
            assert!(!guild[list].as_array().unwrap().is_empty(), "{list}");
        }
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn every_compression_carries_the_same_payloads() {
    let simulator = start(quick()).await;
    let ways = [
        ("?v=10&encoding=json", Decoder::Plain, json!({})),
        ("?v=9&encoding=json&compress=zlib-stream", Decoder::ZlibStream(flate2::Decompress::new(true)), json!({})),
        (
            "?v=10&encoding=json&compress=zstd-stream",
            Decoder::ZstdStream(zstd_safe::DCtx::create()),
            json!({"compress": true}),
        ),
        ("?v=10&encoding=json", Decoder::Plain, json!({"compress": true})),
        ("", Decoder::Plain, json!({})),
    ];
    for (query, decoder, extra) in ways {
        let mut client = Client::hello(&simulator, query, decoder).await;
        client.identify(&simulator, extra).await;
        assert_eq!(client.payload().await["t"], "READY");
        for _ in 0..3 {
            let guild = client.payload().await;
            assert!(guild["d"]["members"].as_array().unwrap().len() == 9, "{query}");
        }
        client.send(&json!({"op": 1, "d": 4})).await;
        assert_eq!(client.payload().await["op"], 11, "{query}");
        client.close(1000).await;
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn wrong_payloads_get_the_documented_close_codes() {
    let simulator = start(SimulatorConfig { application_flags: 0, ..quick() }).await;
    let token = simulator.token().to_owned();
    let identify = |extra: Value| {
        let mut data = json!({"token": token, "intents": 513});
        data.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"op": 2, "d": data}).to_string()
    };
    let cases = [
        ("{".to_owned(), 4002),
        ("[1]".to_owned(), 4002),
        (format!("{{\"op\":1,\"d\":\"{}\"}}", "x".repeat(5000)), 4002),
        (json!({"op": 99, "d": null}).to_string(), 4001),
        (json!({"op": 8, "d": {}}).to_string(), 4003),
        (json!({"op": 2, "d": {"token": "nobody", "intents": 1}}).to_string(), 4004),
        (json!({"op": 6, "d": {"token": "nobody", "session_id": "x", "seq": 1}}).to_string(), 4004),
        (identify(json!({"shard": [3, 2]})), 4010),
        (identify(json!({"intents": 1_u64 << 40})), 4013),
        (identify(json!({"intents": 1 << 15})), 4014),
    ];
    for (payload, code) in cases {
        let mut client = Client::plain(&simulator).await;
        client.send_text(payload).await;
        assert_eq!(client.closed().await, Some(code));
    }
    let mut client = Client::connect(&simulator, "?v=6", Decoder::Plain).await;
    assert_eq!(client.closed().await, Some(4012));
    let mut client = Client::plain(&simulator).await;
    client.send_text(identify(json!({}))).await;
    client.send_text(identify(json!({}))).await;
    assert_eq!(client.closed().await, Some(4005));
    simulator.shutdown().await;
}

#[tokio::test]
async fn more_than_120_payloads_a_minute_close_with_4008() {
    let simulator = start(quick()).await;
    let mut client = Client::plain(&simulator).await;
    for _ in 0..121 {
        client.send(&json!({"op": 1, "d": null})).await;
    }
    assert_eq!(client.closed().await, Some(4008));
    simulator.shutdown().await;
}

#[tokio::test]
async fn identify_buckets_allow_one_per_window() {
    let simulator = start(SimulatorConfig { identify_window_ms: 600_000, max_concurrency: 2, ..quick() }).await;
    let mut first = Client::plain(&simulator).await;
    first.identify(&simulator, json!({"shard": [0, 4]})).await;
    first.event("READY").await;
    let mut other_bucket = Client::plain(&simulator).await;
    other_bucket.identify(&simulator, json!({"shard": [1, 4]})).await;
    other_bucket.event("READY").await;
    let mut same_bucket = Client::plain(&simulator).await;
    same_bucket.identify(&simulator, json!({"shard": [2, 4]})).await;
    assert_eq!(same_bucket.payload().await, json!({"op": 9, "d": false, "s": null, "t": null}));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_silent_client_is_closed() {
    let simulator = start(SimulatorConfig { heartbeat_interval_ms: 40, ..quick() }).await;
    let (mut client, _) = Client::ready(&simulator).await;
    assert_eq!(client.closed().await, Some(4009));
    simulator.shutdown().await;
}

#[tokio::test]
async fn resume_replays_what_was_missed_in_order_and_then_says_resumed() {
    let simulator = start(quick()).await;
    let (_, channel, _, user) = place(&simulator).await;
    let (mut client, ready) = Client::ready(&simulator).await;
    let session = ready["session_id"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        client.event("GUILD_CREATE").await;
    }
    order(&simulator, "POST", "gateway/drop", json!({})).await;
    assert_eq!(client.closed().await, None);
    for n in 0..5 {
        order(&simulator, "POST", "say", json!({"channel": channel, "user": user, "content": format!("missed {n}")}))
            .await;
    }
    let mut client = Client::plain(&simulator).await;
    client.resume(&simulator, &session, 4).await;
    for n in 0..5 {
        let event = client.payload().await;
        assert_eq!((&event["s"], &event["d"]["content"]), (&json!(5 + n), &json!(format!("missed {n}"))));
    }
    let resumed = client.payload().await;
    assert_eq!((&resumed["t"], &resumed["s"]), (&json!("RESUMED"), &json!(10)));
    assert!(resumed["d"].is_object());
    // A second connection steals the session of the open one.
    let mut thief = Client::plain(&simulator).await;
    thief.resume(&simulator, &session, 9).await;
    thief.event("RESUMED").await;
    assert_eq!(client.closed().await, None);
    let outcomes: Vec<Value> =
        journal(&simulator, "resume").await.iter().map(|entry| entry["detail"]["outcome"].clone()).collect();
    assert_eq!(outcomes, ["resumed", "resumed"]);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_session_that_cannot_be_resumed_is_invalid_and_a_sequence_from_the_future_is_4007() {
    let simulator = start(SimulatorConfig { resume_buffer: 10, allow_short_resume_buffer: true, ..quick() }).await;
    let (_, channel, _, user) = place(&simulator).await;
    let (mut client, ready) = Client::ready(&simulator).await;
    let session = ready["session_id"].as_str().unwrap().to_owned();
    client.event("GUILD_CREATE").await;
    order(&simulator, "POST", "gateway/drop", json!({})).await;
    let mut ahead = Client::plain(&simulator).await;
    ahead.resume(&simulator, &session, 900).await;
    assert_eq!(ahead.closed().await, Some(4007));
    for n in 0..20 {
        order(&simulator, "POST", "say", json!({"channel": channel, "user": user, "content": n.to_string()})).await;
    }
    let mut late = Client::plain(&simulator).await;
    late.resume(&simulator, &session, 2).await;
    assert_eq!(late.payload().await["op"], 9);
    // The same connection may IDENTIFY.
    late.identify(&simulator, json!({})).await;
    assert_eq!(late.payload().await["t"], "READY");
    simulator.shutdown().await;
}

#[tokio::test]
async fn closing_with_1000_ends_the_session_and_with_4000_keeps_it() {
    let simulator = start(quick()).await;
    for (code, expected) in [(1000, 9), (4000, 0)] {
        let (client, ready) = Client::ready(&simulator).await;
        client.close(code).await;
        let mut again = Client::plain(&simulator).await;
        again.resume(&simulator, ready["session_id"].as_str().unwrap(), 1).await;
        assert_eq!(again.payload().await["op"], expected, "after {code}");
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn shards_get_their_guilds_only_and_direct_messages_go_to_shard_zero() {
    let simulator = start(SimulatorConfig { guilds: 12, ..quick() }).await;
    let (_, _, _, user) = place(&simulator).await;
    let mut clients = Vec::new();
    let mut seen = 0;
    for shard in 0..3_u64 {
        let mut client = Client::plain(&simulator).await;
        client.identify(&simulator, json!({"shard": [shard, 3]})).await;
        let ready = client.event("READY").await;
        let guilds = ready["d"]["guilds"].as_array().unwrap().clone();
        assert!(guilds.iter().all(|guild| (guild["id"].as_str().unwrap().parse::<u64>().unwrap() >> 22) % 3 == shard));
        for _ in &guilds {
            client.event("GUILD_CREATE").await;
        }
        seen += guilds.len();
        clients.push(client);
    }
    assert_eq!(seen, 12);
    let direct = order(&simulator, "POST", "direct", json!({"user": user})).await["channel"].clone();
    order(&simulator, "POST", "say", json!({"channel": direct, "user": user, "content": "psst"})).await;
    assert_eq!(clients[0].event("MESSAGE_CREATE").await["d"]["content"], "psst");
    for client in &mut clients[1..] {
        client.send(&json!({"op": 1, "d": null})).await;
        assert_eq!(client.payload().await["op"], 11, "nothing came before the acknowledgement");
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn intents_filter_events_and_content() {
    let simulator = start(quick()).await;
    let (guild, channel, _, user) = place(&simulator).await;
    let (guilds, messages) = (1, 1 << 9);
    let mut blind = Client::plain(&simulator).await;
    blind.identify(&simulator, json!({"intents": guilds | messages})).await;
    let ready = blind.event("READY").await;
    for _ in 0..3 {
        blind.event("GUILD_CREATE").await;
    }
    order(&simulator, "POST", "join", json!({"guild": guild})).await;
    order(&simulator, "POST", "say", json!({"channel": channel, "user": user, "content": "secret"})).await;
    let hidden = blind.payload().await;
    assert_eq!((&hidden["t"], &hidden["d"]["content"]), (&json!("MESSAGE_CREATE"), &json!("")));
    let mention = format!("<@{}> hello", ready["d"]["user"]["id"].as_str().unwrap());
    order(&simulator, "POST", "say", json!({"channel": channel, "user": user, "content": mention})).await;
    assert_eq!(blind.payload().await["d"]["content"], mention);
    simulator.shutdown().await;
}

#[tokio::test]
async fn members_are_sent_in_chunks_with_the_nonce_and_full_lists_are_limited() {
    let simulator = start(SimulatorConfig { guilds: 1, members_per_guild: 1_500, ..quick() }).await;
    let (guild, _, _, user) = place(&simulator).await;
    let (mut client, _) = Client::ready(&simulator).await;
    let created = client.event("GUILD_CREATE").await;
    assert_eq!((&created["d"]["large"], &created["d"]["member_count"]), (&json!(true), &json!(1_501)));
    let ask = json!({"op": 8, "d": {"guild_id": guild, "query": "", "limit": 0, "nonce": "n"}});
    client.send(&ask).await;
    let (first, second) = (client.payload().await["d"].clone(), client.payload().await["d"].clone());
    assert_eq!((&first["chunk_count"], &second["chunk_index"], &first["nonce"]), (&json!(2), &json!(1), &json!("n")));
    assert_eq!(first["members"].as_array().unwrap().len() + second["members"].as_array().unwrap().len(), 1_501);
    client.send(&ask).await;
    let limited = client.payload().await;
    assert_eq!((&limited["t"], &limited["d"]["meta"]["nonce"]), (&json!("RATE_LIMITED"), &json!("n")));
    let user: u64 = user.parse().unwrap();
    client.send(&json!({"op": 8, "d": {"guild_id": guild, "user_ids": [user, 5]}})).await;
    let chunk = client.payload().await;
    assert_eq!(chunk["d"]["members"].as_array().unwrap().len(), 1);
    assert_eq!(chunk["d"]["not_found"], json!([5]));
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_control_api_closes_invalidates_and_asks_for_reconnects_and_heartbeats() {
    let simulator = start(quick()).await;
    let (mut client, ready) = Client::ready(&simulator).await;
    order(&simulator, "POST", "gateway/heartbeat", json!({})).await;
    client.op(1).await;
    order(&simulator, "POST", "gateway/reconnect", json!({"shard": 0})).await;
    client.op(7).await;
    order(&simulator, "POST", "gateway/acks", json!({"enabled": false})).await;
    client.send(&json!({"op": 1, "d": null})).await;
    order(&simulator, "POST", "gateway/invalidate", json!({"resumable": true})).await;
    let next = client.payload().await;
    assert_eq!((&next["op"], &next["d"]), (&json!(9), &json!(true)), "no acknowledgement came");
    client.resume(&simulator, ready["session_id"].as_str().unwrap(), 4).await;
    client.event("RESUMED").await;
    order(&simulator, "POST", "gateway/invalidate", json!({"resumable": false})).await;
    assert_eq!(client.op(9).await["d"], false);
    client.resume(&simulator, ready["session_id"].as_str().unwrap(), 4).await;
    assert_eq!(client.op(9).await["d"], false);
    order(&simulator, "POST", "gateway/refuse", json!({"enabled": true})).await;
    let builder = tokio_websockets::ClientBuilder::new().uri(&simulator.gateway_url()).unwrap();
    assert!(builder.connect().await.is_err(), "the gateway is away");
    order(&simulator, "POST", "gateway/refuse", json!({"enabled": false})).await;
    order(&simulator, "POST", "gateway/close", json!({"code": 4004})).await;
    assert_eq!(client.next().await, Got::Closed(Some(4004)));
    simulator.shutdown().await;
}
