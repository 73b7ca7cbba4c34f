//! Each mistake has Discord's close code.

use serde_json::{Value, json};
use tokio_websockets::Message;

use crate::client::INTENTS;
use crate::rig::{Rig, SECRET};
use crate::upstream::guild;

async fn closed_after(rig: &Rig, payload: &Value) -> Option<u16> {
    let mut client = rig.connect().await;
    client.send(payload).await;
    client.closed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_before_identify() {
    let rig = Rig::start(&[guild(0)]).await;
    assert_eq!(closed_after(&rig, &json!({"op": 99, "d": null})).await, Some(4001));
    assert_eq!(closed_after(&rig, &json!({"op": 3, "d": {"status": "online"}})).await, Some(4003));
    assert_eq!(closed_after(&rig, &json!({"op": 2, "d": {"token": "wrong", "intents": 1}})).await, Some(4004));
    assert_eq!(
        closed_after(&rig, &json!({"op": 6, "d": {"token": "no", "session_id": "x", "seq": 1}})).await,
        Some(4004)
    );
    let mut client = rig.connect().await;
    client.raw(Message::text("{nonsense")).await;
    assert_eq!(client.closed().await, Some(4002));
    let mut client = rig.connect().await;
    client.send(&json!({"op": 1, "d": null, "padding": "x".repeat(5_000)})).await;
    assert_eq!(client.closed().await, Some(4002));
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_that_cannot_be_granted() {
    let rig = Rig::start(&[guild(0)]).await;
    let identify = |more: Value| {
        let mut d = json!({"token": SECRET, "intents": INTENTS});
        for (name, value) in more.as_object().expect("an object") {
            d[name] = value.clone();
        }
        json!({"op": 2, "d": d})
    };
    for shard in [json!([1, 1]), json!([5, 2]), json!([-1, 2]), json!([0, 0]), json!([0]), json!("x")] {
        assert_eq!(closed_after(&rig, &identify(json!({"shard": shard}))).await, Some(4010));
    }
    assert_eq!(closed_after(&rig, &identify(json!({"intents": 1_u64 << 30}))).await, Some(4013));
    assert_eq!(closed_after(&rig, &identify(json!({"intents": null}))).await, Some(4013));
    assert_eq!(closed_after(&rig, &identify(json!({"intents": 1 << 8}))).await, Some(4014));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_encodings_that_are_not_served() {
    let rig = Rig::start(&[guild(0)]).await;
    for query in ["v=8", "v=10&encoding=etf", "v=x&encoding=json"] {
        let mut client = crate::client::Client::connect_early(rig.address(), query).await;
        assert_eq!(client.closed().await, Some(4012), "{query}");
    }
    let mut client = rig.connect_with("v=9").await;
    client.identify(SECRET).await;
    assert_eq!(client.ready(1).await["d"]["v"], 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_after_identify() {
    let rig = Rig::start(&[guild(0)]).await;
    let mut client = rig.member(1).await;
    client.identify(SECRET).await;
    assert_eq!(client.closed().await, Some(4005));

    let mut client = rig.connect().await;
    client.identify(SECRET).await;
    client.dispatch_of("READY").await;
    for _ in 0..121 {
        client.send(&json!({"op": 3, "d": {"status": "online"}})).await;
    }
    assert_eq!(client.closed().await, Some(4008));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_that_was_never_sent_is_4007() {
    let rig = Rig::start(&[guild(0)]).await;
    let client = rig.member(1).await;
    let id = client.session_id.clone();
    drop(client);
    let mut client = rig.connect().await;
    client.resume(SECRET, &id, 9_999).await;
    assert_eq!(client.closed().await, Some(4007));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_survives_bytes_of_any_kind() {
    let rig = Rig::start(&[guild(0)]).await;
    for bytes in
        [vec![0xff; 300], b"null".to_vec(), b"[]".to_vec(), vec![0; 4_096], b"{\"op\":2,\"d\":{\"token\":1}}".to_vec()]
    {
        let mut client = rig.connect().await;
        client.raw(Message::binary(bytes)).await;
        assert_eq!(client.closed().await, Some(4002));
    }
    let mut client = rig.connect().await;
    client.raw_or_cut(Message::binary(vec![b'x'; 2 * 1_024 * 1_024])).await;
    assert_ne!(client.closed().await, Some(1000));
    rig.member(1).await;
}
