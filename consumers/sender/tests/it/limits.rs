//! The rate limits, as the simulator enforces them.

use std::time::{Duration, Instant};

use miso_model::OutcomeKind;
use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn messages_of_a_channel_keep_their_order_and_cause_no_429() {
    let rig = Rig::start().await;
    let mut ids = Vec::new();
    for number in 0..20 {
        for &channel in &rig.channels[..4] {
            ids.push(rig.say(channel, &number.to_string()).await);
        }
    }
    for id in ids {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for &channel in &rig.channels[..4] {
        assert_eq!(rig.said(channel), expected);
    }
    assert_eq!(rig.limited(), (0, 0));
}

#[tokio::test]
async fn the_global_limit_is_used_fully_and_never_exceeded() {
    let mut rig = Rig::with(
        |simulator| {
            simulator.global_per_second = 50;
            simulator.message_window_ms = 50;
        },
        |_| {},
    )
    .await;
    rig.run();
    let begin = Instant::now();
    let mut ids = Vec::new();
    for number in 0..10 {
        for &channel in &rig.channels[..20] {
            ids.push(rig.say(channel, &number.to_string()).await);
        }
    }
    for id in ids {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    assert_eq!(rig.limited(), (0, 0));
    let took = begin.elapsed();
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(7), "200 at 50/s: 3 s at the least, {took:?}");
    for &channel in &rig.channels[..20] {
        assert_eq!(rig.said(channel), (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_429_of_a_bucket_blocks_only_that_bucket_and_keeps_the_order() {
    let rig = Rig::start().await;
    let (blocked, free) = (rig.channels[0], rig.channels[1]);
    rig.fault(json!({"route": format!("/channels/{blocked}/messages"), "kind": "user", "retry_after_ms": 1_000}));
    let held: Vec<_> = [rig.say(blocked, "1").await, rig.say(blocked, "2").await].into();
    let begin = Instant::now();
    assert_eq!(rig.outcome(rig.say(free, "x").await).await.status, 200);
    assert!(begin.elapsed() < Duration::from_millis(800), "another bucket was stalled");
    for id in held {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    assert!(begin.elapsed() >= Duration::from_millis(900));
    assert_eq!(rig.said(blocked), ["1", "2"]);
}

#[tokio::test]
async fn a_shared_429_is_waited_for() {
    let rig = Rig::start().await;
    rig.fault(json!({"kind": "shared", "retry_after_ms": 500}));
    let begin = Instant::now();
    assert_eq!(rig.outcome(rig.say(rig.channels[0], "1").await).await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(450));
}

#[tokio::test]
async fn a_global_429_pauses_all_but_interactions() {
    let rig = Rig::start().await;
    rig.fault(json!({"kind": "global", "retry_after_ms": 1_500}));
    let first = rig.say(rig.channels[0], "1").await;
    rig.until("the 429", |rig| !rig.received("POST", &format!("/channels/{}/messages", rig.channels[0])).is_empty())
        .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begin = Instant::now();
    let other = rig.say(rig.channels[1], "2").await;
    let interaction =
        rig.order("POST", "interaction", json!({"channel": rig.channels[0].to_string(), "user": rig.user.to_string()}));
    let path = format!(
        "/interactions/{}/{}/callback",
        interaction["id"].as_str().expect("id"),
        interaction["token"].as_str().expect("token")
    );
    let answer = rig.append("POST", &path, &json!({"type": 4, "data": {"content": "pong"}})).await;
    assert!(rig.outcome(answer).await.status < 300);
    assert!(begin.elapsed() < Duration::from_secs(1), "the interaction waited for the global limit");
    assert!(rig.known(other).is_none());
    for id in [first, other] {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn cloudflare_pauses_everything_from_this_address() {
    let rig = Rig::start().await;
    rig.fault(json!({"kind": "cloudflare", "retry_after_ms": 300}));
    let begin = Instant::now();
    let first = rig.say(rig.channels[0], "1").await;
    rig.until("the refusal", |rig| !rig.journal().is_empty()).await;
    let other = rig.say(rig.channels[1], "2").await;
    for id in [first, other] {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    assert!(begin.elapsed() >= Duration::from_millis(390));
    assert_eq!(rig.journal().len(), 3);
}

#[tokio::test]
async fn a_refused_token_holds_everything_until_it_is_another() {
    let mut rig = Rig::with(|simulator| simulator.global_per_second = 0, |_| {}).await;
    let right = rig.simulator.token().to_owned();
    rig.token.send_replace("wrong".to_owned());
    rig.run();
    let mut ids = Vec::new();
    for number in 0..3 {
        for &channel in &rig.channels[..3] {
            ids.push(rig.say(channel, &number.to_string()).await);
        }
    }
    rig.until("a 401", |rig| rig.journal().iter().any(|entry| entry["status"] == 401)).await;
    let webhook = rig.append("POST", "/webhooks/1/t", &json!({"content": "a"})).await;
    assert_eq!(rig.outcome(webhook).await.status, 404, "webhooks are not tied to the token");
    let refused = rig.journal().iter().filter(|entry| entry["status"] == 401).count();
    assert!(refused <= 3, "{refused} requests with a refused token");
    assert!(ids.iter().all(|id| rig.known(*id).is_none()));
    rig.token.send_replace(right);
    for id in ids {
        assert_eq!(rig.outcome(id).await.status, 200, "queued requests take the new token");
    }
}

#[tokio::test]
async fn renaming_twice_holds_the_third_rename_but_no_other_edit() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}", rig.channels[0]);
    for name in ["one", "two"] {
        assert_eq!(rig.outcome(rig.append("PATCH", &path, &json!({"name": name})).await).await.status, 200);
    }
    let third = rig.append("PATCH", &path, &json!({"name": "three"})).await;
    rig.until("the third rename", |rig| rig.received("PATCH", &path).len() == 3).await;
    let begin = Instant::now();
    assert_eq!(rig.outcome(rig.append("PATCH", &path, &json!({"nsfw": true})).await).await.status, 200);
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(rig.known(third).is_none());
}

#[tokio::test]
async fn a_long_block_survives_a_restart() {
    let mut rig = Rig::start().await;
    let channel = rig.channels[0];
    let path = format!("/channels/{channel}/messages");
    rig.fault(json!({"route": &path, "kind": "user", "retry_after_ms": 86_400_000}));
    let id = rig.say(channel, "tomorrow").await;
    rig.until("the 429", |rig| rig.received("POST", &path).len() == 1).await;
    // The return stands in the ledger once a later outcome of the same partition does.
    let edit = rig.append("PATCH", &format!("/channels/{channel}"), &json!({"nsfw": true})).await;
    rig.outcome(edit).await;
    for orderly in [false, true] {
        if orderly {
            rig.stop().await;
        } else {
            rig.abort().await;
        }
        rig.run();
        let edit = rig.append("PATCH", &format!("/channels/{channel}"), &json!({"nsfw": orderly})).await;
        assert_eq!(rig.outcome(edit).await.status, 200);
        assert!(rig.known(id).is_none());
        assert_eq!(rig.received("POST", &path).len(), 1, "the block was forgotten");
    }
    let wait = rig.handle.predicted_wait("POST", &path).await;
    assert!(wait > Duration::from_secs(80_000), "{wait:?}");
}

#[tokio::test]
async fn routes_without_headers_have_no_limit_of_their_own() {
    let mut rig = Rig::with(
        |simulator| {
            simulator.global_per_second = 0;
            simulator.bucket_limits = false;
        },
        |_| {},
    )
    .await;
    rig.run();
    let mut ids = Vec::new();
    for number in 0..100 {
        ids.push(
            rig.append(
                "POST",
                &format!("/channels/{}/typing", rig.channels[number % rig.channels.len()]),
                &Value::Null,
            )
            .await,
        );
        ids.push(rig.say(rig.channels[number % 5], &number.to_string()).await);
    }
    for id in ids {
        assert!((200..300).contains(&rig.outcome(id).await.status));
    }
}

#[tokio::test]
async fn a_typing_indicator_is_replaced_by_a_newer_one_and_tells_no_error() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/typing", rig.channels[0]);
    rig.fault(json!({"route": &path, "kind": "user", "retry_after_ms": 500}));
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(rig.append("POST", &path, &Value::Null).await);
    }
    let mut kinds = Vec::new();
    for id in ids {
        let outcome = rig.outcome(id).await;
        assert_eq!(outcome.status, 204);
        kinds.push(outcome.kind);
    }
    // The first is in flight or waits again, according to who was faster: then it is replaced too.
    let replaced = kinds.iter().filter(|kind| **kind == OutcomeKind::Refused).count();
    assert!((3..=4).contains(&replaced), "{kinds:?}");
    let sent = rig.received("POST", &path).iter().filter(|entry| entry["status"] == 204).count();
    assert_eq!(sent, 5 - replaced);
}

#[tokio::test]
async fn nothing_is_sent_beyond_the_invalid_budget() {
    let mut rig = Rig::with(|simulator| simulator.global_per_second = 0, |config| config.invalid_limit = 5).await;
    rig.run();
    rig.fault(json!({"kind": "status", "status": 403, "count": 1_000}));
    for number in 0..20 {
        rig.say(rig.channels[number % rig.channels.len()], "x").await;
    }
    rig.until("five refusals", |rig| rig.journal().len() == 5).await;
    rig.abort().await;
    rig.run();
    tokio::time::sleep(Duration::from_millis(2_900)).await;
    assert_eq!(rig.journal().len(), 5, "the budget was forgotten over a restart");
}
