//! Messages to people: a channel is opened, then the message follows, once.

use miso_log::catalogue::REST_ACTIONS;
use miso_model::{Action, LogRecord, OutcomeKind};
use serde_json::{Value, json};

use crate::rig::{Id, Rig, json_of};

const OPEN: &str = "/users/@me/channels";

impl Rig {
    async fn tell(&self, text: &str) -> Id {
        let body = json!({"recipient_id": self.user.to_string()});
        let follow = json!({"content": text}).to_string();
        self.append_with("POST", OPEN, &body, |action| action.follow_up = Some(follow.into())).await.0
    }

    /// The actions that followed, in the log.
    async fn followed(&self) -> Vec<Action> {
        let mut followed = Vec::new();
        for partition in 0..REST_ACTIONS.partitions {
            let bounds = self.log.bounds(REST_ACTIONS, partition).await.expect("bounds");
            let mut reader = self.log.reader(REST_ACTIONS, &[(partition, bounds.earliest)]);
            while let Some(batch) = reader.next_before(&[(partition, bounds.latest)]).await.expect("reads") {
                let actions = batch.iter().filter_map(|record| record.value.as_deref());
                let actions = actions.map(|value| Action::from_bytes(value).expect("an action"));
                followed.extend(actions.filter(|action| action.path.starts_with("/channels/")));
            }
        }
        followed
    }
}

fn id_of(action: &Action) -> Id {
    action.action_id.to_vec().try_into().expect("16 bytes")
}

#[tokio::test]
async fn a_message_follows_into_the_channel_that_was_opened() {
    let rig = Rig::start().await;
    let opened = rig.outcome(rig.tell("psst").await).await;
    assert_eq!((opened.kind.clone(), opened.status), (OutcomeKind::Done, 200));
    let channel: u64 = json_of(&opened)["id"].as_str().and_then(|id| id.parse().ok()).expect("a channel");
    let followed = rig.followed().await;
    assert_eq!(followed.len(), 1);
    let sent = rig.outcome(id_of(&followed[0])).await;
    assert_eq!((sent.status, json_of(&sent)["content"].clone()), (200, json!("psst")));
    assert_eq!(rig.said(channel), ["psst"]);
}

#[tokio::test]
async fn a_sender_that_dies_between_opening_and_message_sends_the_message_once() {
    let mut rig = Rig::start().await;
    for dies_after_reply in [false, true] {
        // The first time it dies before it knows the answer; then before the message was answered.
        rig.order("POST", "delay", json!({"min_ms": 300, "max_ms": 300}));
        let before = rig.followed().await.len();
        let opens = rig.received("POST", OPEN).len();
        let id = rig.tell("once").await;
        if dies_after_reply {
            rig.outcome(id).await;
        } else {
            rig.until("the channel is being opened", |rig| rig.received("POST", OPEN).len() > opens).await;
        }
        rig.abort().await;
        rig.order("DELETE", "faults", Value::Null);
        rig.run();
        let opened = rig.outcome(id).await;
        assert_eq!((opened.kind.clone(), opened.status), (OutcomeKind::Done, 200), "opening twice is opening once");
        let followed = rig.followed().await;
        assert_eq!(followed.len(), before + 1);
        assert_eq!(rig.outcome(id_of(followed.last().expect("one"))).await.status, 200);
    }
    let opened: u64 = rig.followed().await[0].path.split('/').nth(2).and_then(|id| id.parse().ok()).expect("an id");
    assert_eq!(rig.said(opened), ["once", "once"], "one for each");
}

#[tokio::test]
async fn closed_doors_and_messages_beyond_the_bound_are_told_and_nothing_follows() {
    let rig = Rig::start().await;
    rig.fault(json!({"method": "POST", "kind": "status", "status": 403}));
    assert_eq!(rig.outcome(rig.tell("no").await).await.status, 403);
    let large = rig.outcome(rig.tell(&"x".repeat(miso_model::FOLLOW_UP_BYTES)).await).await;
    assert_eq!((large.kind, large.reason.as_deref()), (OutcomeKind::Refused, Some("follow_up_too_large")));
    assert!(rig.followed().await.is_empty());
}
