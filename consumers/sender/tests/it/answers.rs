//! What becomes of one request, whatever Discord answers.

use std::time::Duration;

use miso_model::OutcomeKind;
use serde_json::{Value, json};

use crate::rig::{Rig, json_of, now_ms};

#[tokio::test]
async fn a_message_is_sent_and_its_answer_is_the_outcome() {
    let rig = Rig::start().await;
    let channel = rig.channels[0];
    let outcome = rig.outcome(rig.say(channel, "hello").await).await;
    assert_eq!((outcome.kind.clone(), outcome.status), (OutcomeKind::Done, 200));
    assert_eq!(json_of(&outcome)["content"], "hello");
    let header =
        |name: &str| outcome.headers.iter().find(|header| header.name == name).map(|header| header.value.to_vec());
    assert_eq!(header("content-type").as_deref(), Some(&b"application/json"[..]));
    assert!(header("date").is_some() && header("via").is_some() && header("x-ratelimit-remaining").is_some());
    let sent = &rig.received("POST", &format!("/channels/{channel}/messages"))[0];
    assert_eq!(sent["body"]["enforce_nonce"], true);
    assert_eq!(sent["nonce"].as_str().map(str::len), Some(22));
    assert!(sent["user_agent"].as_str().expect("an agent").starts_with("DiscordBot ("));
}

#[tokio::test]
async fn a_clients_nonce_is_never_touched() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.channels[0]);
    for body in [json!({"content": "a", "nonce": "1"}), json!({"content": "b", "nonce": 5, "enforce_nonce": true})] {
        rig.outcome(rig.append("POST", &path, &body).await).await;
    }
    let sent = rig.received("POST", &path);
    assert_eq!((&sent[0]["nonce"], &sent[0]["body"]["enforce_nonce"]), (&json!("1"), &Value::Null));
    assert_eq!((&sent[1]["nonce"], &sent[1]["body"]["enforce_nonce"]), (&json!(5), &json!(true)));
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_or_502_is_sent_again_under_its_nonce_and_appears_once() {
    let rig = Rig::start().await;
    for fault in [
        json!({"kind": "cut", "stage": "after"}),
        json!({"kind": "status", "status": 502, "stage": "after"}),
        json!({"kind": "cut", "stage": "before"}),
    ] {
        let channel = rig.channels[0];
        let before = rig.said(channel).len();
        rig.fault(fault);
        let outcome = rig.outcome(rig.say(channel, "once").await).await;
        assert_eq!((outcome.kind.clone(), outcome.status), (OutcomeKind::Done, 200));
        assert_eq!(rig.said(channel).len(), before + 1);
    }
    let sent = rig.received("POST", &format!("/channels/{}/messages", rig.channels[0]));
    assert_eq!(sent.len(), 6, "each was sent twice");
    assert_eq!(sent[0]["body"], sent[1]["body"], "byte for byte");
}

#[tokio::test]
async fn another_post_whose_answer_is_lost_is_unknown_and_never_repeated() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/webhooks", rig.channels[0]);
    for fault in [json!({"kind": "cut", "stage": "after"}), json!({"kind": "status", "status": 502, "stage": "after"})]
    {
        rig.fault(fault);
        let outcome = rig.outcome(rig.append("POST", &path, &json!({"name": "hook"})).await).await;
        assert_eq!((outcome.kind.clone(), outcome.status), (OutcomeKind::UnknownEffect, 409));
    }
    assert_eq!(rig.received("POST", &path).len(), 2);
}

#[tokio::test]
async fn a_create_message_with_a_nonce_that_is_not_enforced_is_never_repeated() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.channels[0]);
    rig.fault(json!({"kind": "cut", "stage": "after"}));
    let outcome = rig.outcome(rig.append("POST", &path, &json!({"content": "a", "nonce": "1"})).await).await;
    assert_eq!(outcome.kind, OutcomeKind::UnknownEffect);
    assert_eq!(rig.received("POST", &path).len(), 1);
}

#[tokio::test]
async fn edits_and_deletes_are_repeated_and_a_delete_that_finds_nothing_has_succeeded() {
    let rig = Rig::start().await;
    let channel = rig.channels[0];
    let message = json_of(&rig.outcome(rig.say(channel, "a").await).await)["id"].as_str().expect("an id").to_owned();
    let path = format!("/channels/{channel}/messages/{message}");
    rig.fault(json!({"method": "PATCH", "kind": "cut", "stage": "after"}));
    let edited = rig.outcome(rig.append("PATCH", &path, &json!({"content": "b"})).await).await;
    assert_eq!((edited.status, json_of(&edited)["content"].clone()), (200, json!("b")));
    rig.fault(json!({"method": "DELETE", "kind": "cut", "stage": "after"}));
    let deleted = rig.outcome(rig.append("DELETE", &path, &Value::Null).await).await;
    assert_eq!((deleted.kind.clone(), deleted.status, deleted.body.len()), (OutcomeKind::Done, 204, 0));
    assert_eq!(rig.received("DELETE", &path).len(), 2);
    let gone = rig.outcome(rig.append("DELETE", &path, &Value::Null).await).await;
    assert_eq!(gone.status, 404, "without an unknown attempt before, 404 is 404");
}

#[tokio::test]
async fn a_late_patch_never_overwrites_a_newer_one() {
    let rig = Rig::start().await;
    let channel = rig.channels[0];
    let message = json_of(&rig.outcome(rig.say(channel, "0").await).await)["id"].as_str().expect("an id").to_owned();
    let path = format!("/channels/{channel}/messages/{message}");
    rig.fault(json!({"method": "PATCH", "kind": "cut", "stage": "before"}));
    let mut ids = Vec::new();
    for text in ["1", "2", "3"] {
        ids.push(rig.append("PATCH", &path, &json!({"content": text})).await);
    }
    for id in ids {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    let sent: Vec<Value> =
        rig.received("PATCH", &path).into_iter().map(|entry| entry["body"]["content"].clone()).collect();
    assert_eq!(sent, ["1", "1", "2", "3"]);
}

#[tokio::test]
async fn a_refusal_of_discord_ends_an_action_and_blocks_nothing() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.channels[0]);
    let poison = rig.append("POST", &path, &json!({})).await;
    let good = rig.say(rig.channels[0], "good").await;
    let refused = rig.outcome(poison).await;
    assert_eq!((refused.kind.clone(), refused.status), (OutcomeKind::Done, 400));
    assert_eq!(rig.outcome(good).await.status, 200);
    rig.fault(json!({"kind": "status", "status": 403}));
    assert_eq!(rig.outcome(rig.say(rig.channels[0], "x").await).await.status, 403);
}

#[tokio::test]
async fn an_unknown_route_is_forwarded() {
    let rig = Rig::start().await;
    let outcome = rig.outcome(rig.append("POST", "/brand/new/thing", &json!({})).await).await;
    assert_eq!(outcome.status, 404);
    assert_eq!(rig.received("POST", "/brand/new/thing").len(), 1);
}

#[tokio::test]
async fn interactions_are_answered_in_time_or_not_at_all() {
    let rig = Rig::start().await;
    let interaction =
        rig.order("POST", "interaction", json!({"channel": rig.channels[0].to_string(), "user": rig.user.to_string()}));
    let (id, token) = (interaction["id"].as_str().expect("id"), interaction["token"].as_str().expect("token"));
    let path = format!("/interactions/{id}/{token}/callback");
    let answer = json!({"type": 4, "data": {"content": "pong"}});
    let outcome = rig.outcome(rig.append("POST", &path, &answer).await).await;
    assert!((200..300).contains(&outcome.status), "{}", outcome.status);
    assert!(outcome.interactions);
    let late = rig
        .append_with("POST", "/interactions/1/late/callback", &answer, |action| action.expires_ms = Some(now_ms() - 1))
        .await
        .0;
    let outcome = rig.outcome(late).await;
    assert_eq!((outcome.kind.clone(), outcome.status), (OutcomeKind::Expired, 404));
    assert!(rig.received("POST", "/interactions/1/late/callback").is_empty());
}

#[tokio::test]
async fn a_webhook_that_is_gone_fails_its_queue_at_once() {
    let rig = Rig::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(rig.append("POST", "/webhooks/12345/no-such-token", &json!({"content": "a"})).await);
    }
    for id in ids {
        let outcome = rig.outcome(id).await;
        assert_eq!((outcome.status, json_of(&outcome)["code"].clone()), (404, json!(10_015)));
    }
    assert_eq!(rig.received("POST", "/webhooks/12345/no-such-token").len(), 1);
    assert_eq!(rig.outcome(rig.say(rig.channels[0], "the bot goes on").await).await.status, 200);
}

#[tokio::test]
async fn an_identical_retry_of_an_orphan_takes_its_result() {
    let rig = Rig::start().await;
    let channel = rig.channels[0];
    let path = format!("/channels/{channel}/messages");
    let body = json!({"content": "patience"});
    // In flight, then done: both times the retry gets what the orphan got.
    for late in [false, true] {
        rig.order("POST", "delay", json!({"min_ms": 300, "max_ms": 300}));
        let before = rig.said(channel).len();
        let mut fingerprint = 0;
        let (first, offset) = rig.append_with("POST", &path, &body, |action| fingerprint = action.fingerprint()).await;
        if late {
            rig.outcome(first).await;
        }
        rig.orphan(&path, first, offset, fingerprint).await;
        let retry = rig.append("POST", &path, &body).await;
        let (first, second) = (rig.outcome(first).await, rig.outcome(retry).await);
        assert_eq!(json_of(&first)["id"], json_of(&second)["id"]);
        assert_eq!(rig.said(channel).len(), before + 1);
        let again = rig.append("POST", &path, &body).await;
        assert_ne!(json_of(&rig.outcome(again).await)["id"], json_of(&first)["id"], "adopted once");
    }
}

#[tokio::test]
async fn a_retry_that_came_before_its_orphan_was_told_takes_its_result_too() {
    let rig = Rig::start().await;
    let channel = rig.channels[0];
    let path = format!("/channels/{channel}/messages");
    rig.order("POST", "delay", json!({"min_ms": 400, "max_ms": 400}));
    let body = json!({"content": "patience"});
    let mut fingerprint = 0;
    let (first, offset) = rig.append_with("POST", &path, &body, |action| fingerprint = action.fingerprint()).await;
    let retry = rig.append("POST", &path, &body).await;
    rig.orphan(&path, first, offset, fingerprint).await;
    assert_eq!(json_of(&rig.outcome(first).await)["id"], json_of(&rig.outcome(retry).await)["id"]);
    assert_eq!(rig.said(channel).len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_result_also_after_a_restart() {
    let mut rig = Rig::start().await;
    let channel = rig.channels[0];
    let path = format!("/channels/{channel}/messages");
    let mut outcomes = Vec::new();
    for restart in [false, false, true] {
        if restart {
            rig.abort().await;
            rig.run();
        }
        let key = |action: &mut miso_model::Action| action.idempotency_key = Some("k".to_owned());
        let id = rig.append_with("POST", &path, &json!({"content": "a"}), key).await.0;
        outcomes.push(json_of(&rig.outcome(id).await)["id"].clone());
    }
    assert!(outcomes[0].is_string() && outcomes.iter().all(|id| *id == outcomes[0]), "{outcomes:?}");
    assert_eq!(rig.said(channel).len(), 1);
}

#[tokio::test]
async fn a_large_body_is_read_when_due_and_sent_byte_for_byte() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.channels[0]);
    let picture: Vec<u8> = (0..3_000_000_u32).map(|byte| u8::try_from(byte % 251).expect("small")).collect();
    let mut form =
        b"--XX\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"content\":\"big\"}\r\n--XX\r\n\
        Content-Disposition: form-data; name=\"files[0]\"; filename=\"a.png\"\r\n\r\n"
            .to_vec();
    form.extend_from_slice(&picture);
    form.extend_from_slice(b"\r\n--XX--\r\n");
    rig.fault(json!({"kind": "cut", "stage": "after"}));
    let length = form.len();
    let id = rig
        .append_with("POST", &path, &Value::Null, |action| {
            action.body = form.into();
            action.headers[0].value = "multipart/form-data; boundary=XX".to_owned().into();
        })
        .await
        .0;
    let outcome = rig.outcome(id).await;
    assert_eq!((outcome.status, json_of(&outcome)["attachments"][0]["size"].clone()), (200, json!(3_000_000)));
    let sent = rig.received("POST", &path);
    let nonced = u64::try_from(length).expect("fits") + 54;
    assert!(
        sent.len() == 2 && sent.iter().all(|entry| entry["body_bytes"] == nonced && entry["nonce"].is_string()),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_get_goes_through_the_same_limits() {
    let rig = Rig::start().await;
    let answer = rig.handle.get(&format!("/channels/{}", rig.channels[0])).await.expect("an answer");
    assert_eq!(answer.status, 200);
    rig.fault(json!({"method": "GET", "kind": "user", "retry_after_ms": 200}));
    let answer = rig.handle.get(&format!("/channels/{}", rig.channels[0])).await.expect("an answer");
    assert_eq!(answer.status, 200, "a 429 does not reach the client");
    rig.fault(json!({"method": "GET", "kind": "cut", "count": 2}));
    assert_eq!(rig.handle.get("/users/@me").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn discord_away_costs_nothing_but_time() {
    let mut rig = Rig::with(|_| {}, |config| config.api_url = "http://127.0.0.1:9/api".to_owned()).await;
    rig.run();
    let id = rig.append("POST", &format!("/channels/{}/webhooks", rig.channels[0]), &json!({"name": "hook"})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(rig.known(id).is_none());
    rig.abort().await;
    rig.config.api_url = rig.simulator.api_url();
    rig.run();
    let outcome = rig.outcome(id).await;
    assert_eq!(
        (outcome.kind.clone(), outcome.status),
        (OutcomeKind::Done, 200),
        "no byte had left, so it is no unknown"
    );
}
