//! What one group may have.

use miso_model::{Balance, HandlerGroup};
use serde_json::json;

use crate::rig::{GROUP, Rig, SECRET};
use crate::upstream::guild;

async fn change(rig: &Rig, change: impl FnOnce(&mut HandlerGroup)) {
    let mut group = (*rig.groups.group(GROUP).expect("declared")).clone();
    change(&mut group);
    rig.groups.write(group).await.expect("the log takes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_a_group_does_not_list_are_not_delivered() {
    let mut rig = Rig::start(&[guild(5)]).await;
    change(&rig, |group| group.events = vec!["TYPING_START".to_owned()]).await;
    let mut client = rig.member(1).await;
    rig.upstream.messages(guild(5), 0..3).await;
    rig.upstream.event("TYPING_START", Some(guild(5)), None, None, &json!({"user_id": "1"})).await;
    assert_eq!(client.dispatch().await["t"], "TYPING_START");
}

#[tokio::test(flavor = "multi_thread")]
async fn intents_beyond_the_groups_are_4014() {
    let rig = Rig::start(&[guild(5)]).await;
    change(&rig, |group| group.intents = Some(1)).await;
    let mut client = rig.connect().await;
    client.identify(SECRET).await;
    assert_eq!(client.closed().await, Some(4014));
    let mut client = rig.connect().await;
    client.identify_with(SECRET, &json!({"intents": 1})).await;
    client.ready(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_balanced_by_event_spreads_one_guild() {
    let mut rig = Rig::start(&[guild(5)]).await;
    change(&rig, |group| group.balance = Balance::Event).await;
    let mut first = rig.member(1).await;
    let mut second = rig.member(1).await;
    for number in 0..20_u64 {
        let d =
            json!({"id": number.to_string(), "content": format!("message {number}"), "guild_id": guild(5).to_string()});
        rig.upstream.event("MESSAGE_CREATE", Some(guild(5)), Some((100 + number) << 22), Some(1), &d).await;
    }
    let (mut one, mut two) = (0, 0);
    while one + two < 20 {
        tokio::select! {
            _ = first.dispatch_of("MESSAGE_CREATE") => one += 1,
            _ = second.dispatch_of("MESSAGE_CREATE") => two += 1,
        }
    }
    assert!(one > 0 && two > 0, "{one} and {two}");
}
