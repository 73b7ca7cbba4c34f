//! RESUME: exactly what was missed, under the same numbers, whatever happened in between.

use serde_json::json;

use crate::client::Client;
use crate::rig::{Rig, SECRET};
use crate::upstream::guild;

/// RESUMEs a session and answers the contents of the messages before RESUMED.
pub(crate) async fn resumed(rig: &Rig, session: &str, sequence: i64) -> (Client, Vec<String>) {
    let mut client = rig.connect().await;
    client.guilds = Vec::new();
    client.resume(SECRET, session, sequence).await;
    let mut contents = Vec::new();
    loop {
        let dispatch = client.dispatch().await;
        match dispatch["t"].as_str() {
            Some("RESUMED") => {
                assert!(dispatch["d"].is_object());
                return (client, contents);
            }
            Some("MESSAGE_CREATE") => contents.push(dispatch["d"]["content"].as_str().expect("content").to_owned()),
            _ => {}
        }
    }
}

pub(crate) fn numbered(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| format!("message {n}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_misses_nothing() {
    let guilds = [guild(0), guild(1), guild(2)];
    let mut rig = Rig::start(&guilds).await;
    let mut client = rig.member(3).await;
    rig.upstream.spread(&guilds, 0..100).await;
    client.contents(40).await;
    let (session, sequence) = (client.session_id.clone(), client.sequence);
    drop(client);
    rig.upstream.spread(&guilds, 100..200).await;
    let (mut client, missed) = resumed(&rig, &session, sequence).await;
    let rest = client.contents(160 - missed.len()).await;
    assert_eq!([missed, rest].concat(), numbered(40..200));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxys_crash_is_not_noticed_but_for_the_reconnect() {
    let guilds = [guild(0), guild(1), guild(2)];
    let mut rig = Rig::start(&guilds).await;
    let mut client = rig.member(3).await;
    rig.upstream.spread(&guilds, 0..100).await;
    client.contents(70).await;
    client.heartbeat().await;
    let (session, sequence) = (client.session_id.clone(), client.sequence);
    rig.abort_proxy().await;
    drop(client);
    rig.upstream.spread(&guilds, 100..200).await;
    rig.start_proxy().await;
    let (mut client, missed) = resumed(&rig, &session, sequence).await;
    assert_eq!(missed, numbered(70..100), "what was sent and not received comes again under its numbers");
    assert_eq!(client.contents(100).await, numbered(100..200));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_process_may_start_again() {
    let guilds = [guild(0), guild(1), guild(2)];
    let mut rig = Rig::start(&guilds).await;
    let mut client = rig.member(3).await;
    rig.upstream.spread(&guilds, 0..100).await;
    client.contents(30).await;
    let (session, sequence) = (client.session_id.clone(), client.sequence);
    rig.abort_proxy().await;
    rig.reopen().await;
    rig.upstream.spread(&guilds, 100..150).await;
    rig.start_proxy().await;
    let (mut client, missed) = resumed(&rig, &session, sequence).await;
    let rest = client.contents(120 - missed.len()).await;
    assert_eq!([missed, rest].concat(), numbered(30..150));
    // And once more, in order this time.
    let sequence = client.sequence;
    rig.begin_to_stop();
    let op = loop {
        let payload = client.receive().await;
        match payload["op"].as_i64() {
            Some(1) => client.heartbeat().await,
            Some(11) => {}
            other => break other,
        }
    };
    assert_eq!(op, Some(7), "a draining proxy asks its clients to reconnect");
    drop(client);
    rig.stop_proxy().await;
    rig.start_proxy().await;
    let (mut client, missed) = resumed(&rig, &session, sequence).await;
    assert_eq!(missed, Vec::<String>::new());
    rig.upstream.spread(&guilds, 150..160).await;
    assert_eq!(client.contents(10).await, numbered(150..160));
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_in_a_row_lose_and_repeat_nothing() {
    let guilds = [guild(0), guild(1), guild(47), guild(48)];
    let mut rig = Rig::start(&guilds).await;
    let client = rig.member(4).await;
    let (session, mut sequence) = (client.session_id.clone(), client.sequence);
    let mut seen = Vec::new();
    drop(client);
    for round in 0..6_u64 {
        rig.upstream.spread(&guilds, round * 50..(round + 1) * 50).await;
        rig.abort_proxy().await;
        rig.start_proxy().await;
        let (mut client, missed) = resumed(&rig, &session, sequence).await;
        seen.extend(missed);
        let stop = usize::try_from(round).expect("small") * 50 + 37;
        let more = stop.saturating_sub(seen.len());
        seen.extend(client.contents(more).await);
        if round % 2 == 0 {
            client.heartbeat().await;
        }
        sequence = client.sequence;
    }
    let (mut client, missed) = resumed(&rig, &session, sequence).await;
    seen.extend(missed);
    seen.extend(client.contents(300 - seen.len()).await);
    assert_eq!(seen, numbered(0..300));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_session_gets_op_9_and_may_identify_on_the_same_connection() {
    let rig = Rig::start(&[guild(0)]).await;
    let mut client = rig.connect().await;
    client.resume(SECRET, "0123456789abcdef", 3).await;
    let invalid = client.receive().await;
    assert_eq!((invalid["op"].as_i64(), &invalid["d"]), (Some(9), &json!(false)));
    client.sequence = 0;
    client.identify(SECRET).await;
    client.ready(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_its_client_ended_cannot_be_resumed() {
    let rig = Rig::start(&[guild(0)]).await;
    let client = rig.member(1).await;
    let (session, sequence) = (client.session_id.clone(), client.sequence);
    client.close(1000).await;
    let mut client = rig.connect().await;
    client.resume(SECRET, &session, sequence).await;
    assert_eq!(client.receive().await["op"], 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_takes_the_session_from_a_connection_that_is_still_open() {
    let mut rig = Rig::start(&[guild(0)]).await;
    let mut old = rig.member(1).await;
    let (session, sequence) = (old.session_id.clone(), old.sequence);
    let (mut client, _) = resumed(&rig, &session, sequence).await;
    assert_eq!(old.closed().await, Some(4000));
    rig.upstream.messages(guild(0), 0..3).await;
    assert_eq!(client.contents(3).await, numbered(0..3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_of_another_group_is_unknown() {
    let rig = Rig::start(&[guild(0)]).await;
    let other = rig.groups.add("other", false).await.expect("added");
    let client = rig.member(1).await;
    let mut thief = rig.connect().await;
    thief.resume(&other, &client.session_id, client.sequence).await;
    assert_eq!(thief.receive().await["op"], 9);
}
