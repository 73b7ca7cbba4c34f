//! Crashes, hand-backs, zombies.

use std::sync::Arc;
use std::time::Duration;

use miso_log::catalogue::{REST_ACTIONS, REST_LEDGER};
use miso_log::{Append, MemberEvent};
use miso_model::{Intent, LogRecord, OutcomeKind, SenderReleased};
use miso_sender::{GROUP, Sender, SenderHandle};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::rig::{Id, Rig, json_of, now_ms};

impl Rig {
    /// Writes an intent as an earlier owner would have, `age_ms` ago.
    pub(crate) async fn leave_intent(&self, partition: i32, id: Id, offset: i64, age_ms: i64) {
        let mut member = self.log.join(GROUP, REST_ACTIONS).await.expect("joined");
        loop {
            match member.next().await.expect("an event") {
                MemberEvent::Assigned(owner) if owner.partition() == partition => {
                    let intent = Intent {
                        action_id: id.to_vec().into(),
                        action_offset: offset,
                        interactions: false,
                        attempt: 1,
                        nonce: None,
                        bucket: None,
                        at_ms: now_ms() - age_ms,
                    };
                    let record = Append::new(REST_LEDGER, partition, intent.to_bytes(), now_ms());
                    owner.transact(vec![record], Vec::new()).await.expect("committed");
                    return;
                }
                _ => {}
            }
        }
    }

    /// Tells that the client of an action left.
    pub(crate) async fn orphan(&self, path: &str, id: Id, offset: i64, fingerprint: i64) {
        let orphan = miso_model::Orphaned {
            action_id: id.to_vec().into(),
            action_offset: offset,
            fingerprint,
            accepted_ms: now_ms(),
            at_ms: now_ms(),
        };
        let partition = miso_model::Route::of("POST", path, None).partition;
        self.log
            .append(vec![Append::new(REST_ACTIONS, partition, orphan.to_bytes(), now_ms())])
            .await
            .expect("appended");
    }
}

async fn unsettled(rig: &Rig, method: &str, path: &str, body: &Value, age_ms: i64) -> Id {
    let (id, offset) = rig.append_with(method, path, body, |_| {}).await;
    let partition = miso_model::Route::of(method, path, None).partition;
    rig.leave_intent(partition, id, offset, age_ms).await;
    id
}

async fn quiet_rig() -> Rig {
    Rig::with(|simulator| simulator.global_per_second = 0, |config| config.takeover_wait = Duration::from_millis(100))
        .await
}

#[tokio::test]
async fn a_sender_that_dies_before_it_recorded_an_answer_sends_the_message_once() {
    let mut rig = quiet_rig().await;
    rig.run();
    let channel = rig.channels[0];
    rig.order("POST", "delay", json!({"min_ms": 400, "max_ms": 400}));
    let first = rig.say(channel, "1").await;
    let second = rig.say(channel, "2").await;
    rig.until("the first in flight", |rig| rig.said(channel).len() == 1).await;
    rig.abort().await;
    rig.order("DELETE", "faults", Value::Null);
    rig.run();
    for id in [first, second] {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    assert_eq!(rig.said(channel), ["1", "2"]);
    assert_eq!(rig.received("POST", &format!("/channels/{channel}/messages")).len(), 3);
}

#[tokio::test]
async fn an_intent_of_another_post_is_unknown_after_a_crash_and_nothing_newer_waits_for_it() {
    let mut rig = quiet_rig().await;
    let path = format!("/channels/{}/webhooks", rig.channels[0]);
    let id = unsettled(&rig, "POST", &path, &json!({"name": "hook"}), 1_000).await;
    rig.run();
    assert_eq!(rig.outcome(id).await.kind, OutcomeKind::UnknownEffect);
    assert_eq!(rig.outcome(rig.say(rig.channels[0], "x").await).await.status, 200);
    assert!(rig.received("POST", &path).is_empty());
}

#[tokio::test]
async fn a_retry_after_a_crash_takes_the_unknown_effect_of_its_first_try_before_that_is_written() {
    let mut rig = quiet_rig().await;
    let path = format!("/channels/{}/threads", rig.channels[0]);
    let body = json!({"name": "once", "type": 11});
    let keyed = |action: &mut miso_model::Action| action.idempotency_key = Some("k".to_owned());
    let (first, offset) = rig.append_with("POST", &path, &body, keyed).await;
    rig.leave_intent(miso_model::Route::of("POST", &path, None).partition, first, offset, 1_000).await;
    // Both stand in the log when the next owner begins.
    let (retry, _) = rig.append_with("POST", &path, &body, keyed).await;
    rig.run();
    for id in [first, retry] {
        assert_eq!(rig.outcome(id).await.kind, OutcomeKind::UnknownEffect);
    }
    assert!(rig.received("POST", &path).is_empty(), "an unknown effect is never repeated");
}

#[tokio::test]
async fn a_retry_of_what_waits_for_an_unsettled_request_of_its_channel_is_one_request() {
    let mut rig = quiet_rig().await;
    let channel = rig.channels[0];
    let edit = unsettled(&rig, "PATCH", &format!("/channels/{channel}"), &json!({"nsfw": true}), 1_000).await;
    let path = format!("/channels/{channel}/threads");
    let body = json!({"name": "once", "type": 11});
    let keyed = |action: &mut miso_model::Action| action.idempotency_key = Some("k".to_owned());
    let (first, _) = rig.append_with("POST", &path, &body, keyed).await;
    let (retry, _) = rig.append_with("POST", &path, &body, keyed).await;
    rig.run();
    assert_eq!(rig.outcome(edit).await.status, 200);
    let outcomes = [rig.outcome(first).await, rig.outcome(retry).await];
    assert_eq!(outcomes.map(|outcome| outcome.status), [201, 201]);
    assert_eq!(rig.received("POST", &path).len(), 1);
}

#[tokio::test]
async fn an_unsettled_edit_is_repeated_before_anything_newer_of_its_channel() {
    let mut rig = quiet_rig().await;
    let channel = rig.channels[0];
    let path = format!("/channels/{channel}");
    let edit = unsettled(&rig, "PATCH", &path, &json!({"nsfw": true}), 1_000).await;
    let newer = rig.say(channel, "newer").await;
    rig.run();
    for id in [edit, newer] {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    let order: Vec<String> =
        rig.journal().into_iter().map(|entry| entry["method"].as_str().expect("a method").to_owned()).collect();
    assert_eq!(order, ["PATCH", "POST"]);
}

#[tokio::test]
async fn after_the_nonces_window_the_message_is_looked_for_before_it_is_sent() {
    let mut rig = quiet_rig().await;
    let (sent, unsent) = (rig.channels[0], rig.channels[1]);
    // Sent by an earlier process; its answer was never recorded.
    let client = reqwest::Client::new();
    let url = format!("{}/v10/channels/{sent}/messages", rig.simulator.api_url());
    let request = client.post(url).header("authorization", format!("Bot {}", rig.simulator.token()));
    let message: Value =
        request.json(&json!({"content": "long ago"})).send().await.expect("sent").json().await.expect("json");
    let mut ids = Vec::new();
    for channel in [sent, unsent] {
        let path = format!("/channels/{channel}/messages");
        ids.push(unsettled(&rig, "POST", &path, &json!({"content": "long ago"}), 600_000).await);
    }
    let embed = unsettled(
        &rig,
        "POST",
        &format!("/channels/{}/messages", rig.channels[2]),
        &json!({"embeds": [{"title": "a"}]}),
        600_000,
    )
    .await;
    rig.run();
    let found = rig.outcome(ids[0]).await;
    assert_eq!((found.status, &json_of(&found)["id"]), (200, &message["id"]));
    assert_eq!(rig.said(sent).len(), 1);
    assert_eq!(rig.outcome(ids[1]).await.status, 200);
    assert_eq!(rig.said(unsent), ["long ago"], "what was never sent is sent");
    assert_eq!(rig.outcome(embed).await.kind, OutcomeKind::UnknownEffect, "without text there is no telling");
}

#[tokio::test]
async fn after_the_nonces_window_an_event_with_the_nonce_proves_the_message() {
    let mut rig = quiet_rig().await;
    let channel = rig.channels[0];
    let id: Id = rand::random();
    let path = format!("/channels/{channel}/messages");
    let (action, _, partition) = rig.action(id, "POST", &path, &json!({"embeds": [{"title": "a"}]}), |_| {});
    let record = Append::new(REST_ACTIONS, partition, action.to_bytes(), action.accepted_ms);
    let offset = rig.log.append(vec![record]).await.expect("appended")[0];
    rig.leave_intent(partition, id, offset, 600_000).await;
    let nonce = miso_sender::nonce::nonce_of(&id);
    let event = miso_model::EventView {
        shard: 0,
        shard_count: 1,
        session_id: "s",
        sequence: 1,
        epoch: 1,
        received_at_ms: now_ms(),
        event_type: "MESSAGE_CREATE",
        guild_id: Some(miso_model::GuildId(5)),
        channel_id: Some(miso_model::ChannelId(channel)),
        user_id: None,
        d: format!("{{\"id\":\"77\",\"nonce\":\"{nonce}\"}}").as_bytes(),
    }
    .encode();
    rig.log.append(vec![Append::new(miso_log::catalogue::GATEWAY_EVENTS, 0, event, now_ms())]).await.expect("appended");
    rig.run();
    let outcome = rig.outcome(id).await;
    assert_eq!((outcome.status, json_of(&outcome)["id"].clone()), (200, json!("77")));
    assert!(rig.received("POST", &path).is_empty());
}

#[tokio::test]
async fn a_shutdown_settles_what_is_in_flight_and_leaves_the_rest_in_the_log() {
    let mut rig = quiet_rig().await;
    rig.run();
    let channel = rig.channels[0];
    rig.order("POST", "delay", json!({"min_ms": 300, "max_ms": 300}));
    let first = rig.say(channel, "1").await;
    let second = rig.say(channel, "2").await;
    rig.until("the first in flight", |rig| rig.said(channel).len() == 1).await;
    rig.stop().await;
    assert_eq!(rig.outcome(first).await.status, 200);
    assert!(rig.known(second).is_none());
    assert_eq!(rig.said(channel), ["1"]);
    let released = ledger(&rig).await.iter().filter(|value| SenderReleased::codec().wrote(value)).count();
    assert_eq!(released, 48);
    let begin = std::time::Instant::now();
    rig.config.takeover_wait = Duration::from_secs(600);
    rig.run();
    assert_eq!(rig.outcome(second).await.status, 200);
    assert!(begin.elapsed() < Duration::from_secs(10), "after an orderly end nobody waits");
}

#[tokio::test]
async fn two_senders_share_the_partitions_and_every_request_through_a_handover_completes_once() {
    let mut rig = quiet_rig().await;
    rig.run();
    let other = CancellationToken::new();
    let mut second = None;
    let mut ids = Vec::new();
    for number in 0..60 {
        for &channel in &rig.channels[..6] {
            ids.push(rig.say(channel, &number.to_string()).await);
        }
        if number == 20 {
            let running = Sender::run(rig.config.clone(), Arc::clone(&rig.log), SenderHandle::new(), other.clone());
            second = Some(tokio::spawn(running));
        }
        if number == 40 {
            rig.abort().await;
        }
    }
    for id in ids {
        assert_eq!(rig.outcome(id).await.status, 200);
    }
    other.cancel();
    second.expect("started").await.expect("no panic").expect("no error");
    let expected: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    for &channel in &rig.channels[..6] {
        assert_eq!(rig.said(channel), expected);
    }
}

#[tokio::test]
async fn positions_are_committed_so_that_a_restart_reads_no_old_action_again() {
    let mut rig = quiet_rig().await;
    rig.run();
    for number in 0..10 {
        rig.outcome(rig.say(rig.channels[number % 4], "x").await).await;
    }
    rig.stop().await;
    let lag: i64 = rig.log.lag(GROUP).await.expect("lag").iter().map(|lag| lag.records).sum();
    assert_eq!(lag, 0);
}

async fn ledger(rig: &Rig) -> Vec<bytes::Bytes> {
    let mut all = Vec::new();
    for partition in 0..48 {
        let end = rig.log.bounds(REST_LEDGER, partition).await.expect("bounds").latest;
        let mut reader = rig.log.reader(REST_LEDGER, &[(partition, 0)]);
        let mut last = -1;
        while last + 1 < end && reader.position(partition).is_some_and(|position| position < end) {
            for record in reader.next().await.expect("read").iter() {
                last = record.offset;
                all.extend(record.value.clone());
            }
        }
    }
    all
}
