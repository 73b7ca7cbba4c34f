//! Members of a group share its guilds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::client::{Client, INTENTS};
use crate::rig::{PATIENCE, Rig, SECRET, until};
use crate::upstream::guild;

/// Reads dispatches of both until `done` says so; answers the messages of each, by guild.
async fn read_both(
    a: &mut Client,
    b: &mut Client,
    mut done: impl FnMut(&Client, &Client, &[Vec<(u64, u64)>; 2]) -> bool,
) -> [Vec<(u64, u64)>; 2] {
    let mut seen = [Vec::new(), Vec::new()];
    let read = async {
        while !done(a, b, &seen) {
            let (who, dispatch) = tokio::select! {
                dispatch = a.dispatch() => (0, dispatch),
                dispatch = b.dispatch() => (1, dispatch),
            };
            if dispatch["t"] == "MESSAGE_CREATE" {
                let guild = dispatch["d"]["guild_id"].as_str().expect("guild").parse().expect("id");
                let content = dispatch["d"]["content"].as_str().expect("content");
                seen[who].push((guild, content.rsplit(' ').next().expect("number").parse().expect("a number")));
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("both get theirs in time");
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_member_takes_its_share_and_no_event_is_lost_or_doubled() {
    let guilds: Vec<u64> = (0..10).map(guild).collect();
    let mut rig = Rig::start(&guilds).await;
    let mut first = rig.member(10).await;
    let mut second = rig.connect().await;
    second.identify(SECRET).await;
    let ready = second.ready(0).await;
    assert_eq!(ready["d"]["guilds"].as_array().map(Vec::len), Some(10));
    rig.upstream.spread(&guilds, 0..200).await;
    let seen = read_both(&mut first, &mut second, |a, b, seen| {
        a.guilds.len() == 5 && b.guilds.len() == 5 && seen[0].len() + seen[1].len() >= 200
    })
    .await;
    rig.upstream.spread(&guilds, 200..400).await;
    let later = read_both(&mut first, &mut second, |_, _, seen| seen[0].len() + seen[1].len() >= 200).await;
    assert_eq!(later[0].len(), 100, "five guilds each");
    let all: Vec<(u64, u64)> = [&seen[0], &seen[1], &later[0], &later[1]].into_iter().flatten().copied().collect();
    let numbers: BTreeSet<u64> = all.iter().map(|&(_, number)| number).collect();
    assert_eq!((numbers.len(), all.len()), (400, 400));
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    for (guild, number) in [seen[0].clone(), later[0].clone()].concat() {
        assert!(last.insert(guild, number).is_none_or(|before| before < number), "order within a guild");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_member_had_not_acknowledged_goes_to_another() {
    let guilds: Vec<u64> = (0..6).map(guild).collect();
    let mut rig = Rig::start(&guilds).await;
    let mut first = rig.member(6).await;
    let mut second = rig.connect().await;
    second.identify(SECRET).await;
    second.ready(0).await;
    read_both(&mut first, &mut second, |a, b, _| a.guilds.len() == 3 && b.guilds.len() == 3).await;
    first.answers = false;
    rig.upstream.spread(&guilds, 0..60).await;
    let mine = first.contents(30).await;
    let theirs = second.contents(30).await;
    let (session, sequence) = (first.session_id.clone(), first.sequence);
    drop(first);
    let again = second.contents(30).await;
    let sorted = |mut contents: Vec<String>| {
        contents.sort();
        contents
    };
    assert_eq!(sorted(again), sorted(mine), "delivered again, to who is there");
    assert_eq!(theirs.len(), 30);
    assert_eq!(second.guilds.len(), 6);
    let mut late = rig.connect().await;
    late.resume(SECRET, &session, sequence).await;
    assert_eq!(late.receive().await["op"], 9, "its session ended when its guilds went");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_member_that_resumes_in_time_keeps_its_guilds() {
    let guilds: Vec<u64> = (0..4).map(guild).collect();
    let mut rig = Rig::start(&guilds).await;
    let mut first = rig.member(4).await;
    let mut second = rig.connect().await;
    second.identify(SECRET).await;
    second.ready(0).await;
    read_both(&mut first, &mut second, |a, b, _| a.guilds.len() == 2 && b.guilds.len() == 2).await;
    let (session, sequence, kept) = (first.session_id.clone(), first.sequence, first.guilds.clone());
    drop(first);
    rig.upstream.spread(&guilds, 0..40).await;
    let mut first = rig.connect().await;
    first.guilds.clone_from(&kept);
    first.resume(SECRET, &session, sequence).await;
    first.dispatch_of("RESUMED").await;
    assert_eq!(first.contents(20).await.len(), 20);
    assert_eq!(second.contents(20).await.len(), 20);
    assert_eq!(first.guilds, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn slices_of_any_count_see_their_guilds_only() {
    let guilds: Vec<u64> = (0..20).map(guild).collect();
    let mut rig = Rig::start(&guilds).await;
    let mut clients = Vec::new();
    for index in 0..5_u64 {
        let mut client = rig.connect().await;
        client.identify_with(SECRET, &json!({"intents": INTENTS, "shard": [index, 5]})).await;
        let mine = guilds.iter().filter(|&&guild| (guild >> 22) % 5 == index).count();
        let ready = client.ready(mine).await;
        assert_eq!(ready["d"]["guilds"].as_array().map(Vec::len), Some(mine));
        clients.push(client);
    }
    rig.upstream.spread(&guilds, 0..100).await;
    for (index, client) in (0_u64..).zip(&mut clients) {
        for _ in 0..20 {
            let message = client.dispatch_of("MESSAGE_CREATE").await;
            let guild: u64 = message["d"]["guild_id"].as_str().expect("guild").parse().expect("id");
            assert_eq!((guild >> 22) % 5, index);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_do_not_see_each_other() {
    let guilds: Vec<u64> = (0..3).map(guild).collect();
    let mut rig = Rig::start(&guilds).await;
    let credential = rig.groups.add("other", false).await.expect("added");
    let mut first = rig.member(3).await;
    let mut other = rig.connect().await;
    other.identify(&format!("Bot {credential}")).await;
    other.ready(3).await;
    rig.upstream.spread(&guilds, 0..30).await;
    let expected: Vec<String> = (0..30).map(|n| format!("message {n}")).collect();
    assert_eq!(first.contents(30).await, expected);
    assert_eq!(other.contents(30).await, expected);
    let old = rig.groups.rotate("other").await.expect("rotated");
    rig.groups.remove("other").await.expect("removed");
    let mut late = rig.connect().await;
    late.identify(&old).await;
    assert_eq!(late.closed().await, Some(4004));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_members_place_is_taken_without_loss_when_it_ends_in_order() {
    let guilds: Vec<u64> = (0..4).map(guild).collect();
    let mut rig = Rig::start(&guilds).await;
    let first = rig.member(4).await;
    let mut second = rig.connect().await;
    second.identify(SECRET).await;
    second.ready(0).await;
    first.close(1000).await;
    rig.upstream.spread(&guilds, 0..40).await;
    let contents = second.contents(40).await;
    assert_eq!(contents.iter().collect::<BTreeSet<_>>().len(), 40);
    let partition = miso_model::slot(guilds[0]);
    let all = rig.upstream.next_offset(partition);
    let committed = until("its position", || async { rig.committed(partition).await == all });
    second.silent_during(committed).await;
}
