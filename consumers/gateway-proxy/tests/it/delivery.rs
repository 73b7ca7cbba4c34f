//! What a client gets, and when it counts as received.

use std::time::Duration;

use miso_model::slot;
use serde_json::{Value, json};

use crate::client::INTENTS;
use crate::rig::{Rig, SECRET, until};
use crate::upstream::{OWN_USER, guild, message};

#[tokio::test(flavor = "multi_thread")]
async fn ready_has_what_libraries_need_and_guilds_follow_as_available() {
    let guilds = [guild(0), guild(1), guild(49)];
    let rig = Rig::start(&guilds).await;
    let mut client = rig.connect().await;
    client.identify_with(SECRET, &json!({"intents": INTENTS, "shard": [0, 1]})).await;
    let ready = client.dispatch().await;
    let d = &ready["d"];
    assert_eq!((ready["s"].as_i64(), d["v"].as_i64()), (Some(1), Some(10)));
    assert_eq!(d["user"]["id"], OWN_USER.to_string());
    assert_eq!(d["resume_gateway_url"], "ws://miso.example");
    assert_eq!(d["private_channels"], json!([]));
    assert_eq!(d["shard"], json!([0, 1]));
    assert_eq!(d["application"]["id"], OWN_USER.to_string());
    assert_eq!(d["guilds"].as_array().map(Vec::len), Some(3));
    assert!(d["guilds"].as_array().expect("guilds").iter().all(|guild| guild["unavailable"] == true));
    for _ in 0..3 {
        let create = client.dispatch().await;
        assert_eq!((create["t"].as_str(), &create["d"]["unavailable"]), (Some("GUILD_CREATE"), &json!(false)));
        assert_eq!(create["d"]["unknown_field"], json!({"kept": true}), "unknown fields pass");
        let members = create["d"]["members"].as_array().expect("members");
        let own = json!(OWN_USER.to_string());
        assert!(members.iter().any(|member| member["user"]["id"] == own));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identify_is_held_until_discord_was_ready() {
    let mut rig = Rig::without_proxy().await;
    rig.start_proxy().await;
    let mut client = rig.connect().await;
    client.identify(SECRET).await;
    client.silent_during(tokio::time::sleep(Duration::from_millis(150))).await;
    rig.upstream.ready(&[guild(3)]).await;
    client.ready(0).await;
    rig.upstream.guild_create(guild(3)).await;
    let create = client.dispatch_of("GUILD_CREATE").await;
    assert_eq!(create["d"]["unavailable"], false, "an initial GUILD_CREATE is no join");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_while_nobody_is_there() {
    let guilds = [guild(0), guild(1), guild(2), guild(48)];
    let mut rig = Rig::start(&guilds).await;
    rig.upstream.spread(&guilds, 0..2_000).await;
    let mut client = rig.member(4).await;
    let contents = client.contents(2_000).await;
    assert_eq!(contents, (0..2_000).map(|n| format!("message {n}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_committed_before_its_acknowledgement_and_grace() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let partition = slot(guild(5));
    let mut client = rig.member(1).await;
    client.answers = false;
    rig.upstream.messages(guild(5), 0..100).await;
    client.contents(100).await;
    let first = rig.upstream.next_offset(partition) - 100;
    // What was filtered or is in the snapshot is passed, the messages are not.
    client.silent_during(tokio::time::sleep(Duration::from_millis(600))).await;
    assert!(rig.committed(partition).await <= first);
    client.heartbeat().await;
    let all = first + 100;
    until("the acknowledged position", || async { rig.committed(partition).await == all }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_asked_to_acknowledge_within_about_a_second() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let partition = slot(guild(5));
    let mut client = rig.member(1).await;
    rig.upstream.messages(guild(5), 0..10).await;
    client.contents(10).await;
    let all = rig.upstream.next_offset(partition);
    let committed =
        until("the position without any heartbeat of its own", || async { rig.committed(partition).await == all });
    client.silent_during(committed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_full_stops_the_flow_until_it_is_acknowledged() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let mut client = rig.member(1).await;
    client.answers = false;
    for chunk in 0..14 {
        rig.upstream.messages(guild(5), chunk * 5_000..(chunk + 1) * 5_000).await;
    }
    let before = client.sequence;
    let mut count = 0_i64;
    // READY and the snapshot are in the window too.
    while client.sequence < 65_536 {
        client.dispatch_of("MESSAGE_CREATE").await;
        count += 1;
    }
    assert_eq!(client.sequence, before + count);
    client.silent_during(tokio::time::sleep(Duration::from_millis(300))).await;
    client.answers = true;
    client.heartbeat().await;
    let rest = usize::try_from(70_000 - count).expect("some are left");
    let contents = client.contents(rest).await;
    assert_eq!(contents.last().map(String::as_str), Some("message 69999"));
}

#[tokio::test(flavor = "multi_thread")]
async fn intents_decide_what_comes() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let mut client = rig.connect().await;
    // Guilds and reactions, no messages.
    client.identify_with(SECRET, &json!({"intents": 1 | 1 << 10})).await;
    client.ready(1).await;
    rig.upstream.messages(guild(5), 0..5).await;
    let reaction = json!({"guild_id": guild(5).to_string(), "emoji": {"name": "x"}});
    rig.upstream.event("MESSAGE_REACTION_ADD", Some(guild(5)), None, None, &reaction).await;
    rig.upstream.event("SOMETHING_NEW", Some(guild(5)), None, None, &json!({"x": 1})).await;
    assert_eq!(client.dispatch().await["t"], "MESSAGE_REACTION_ADD");
    assert_eq!(client.dispatch().await["t"], "SOMETHING_NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_emptied_without_its_intent_and_direct_messages_are_open() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let mut client = rig.connect().await;
    client.identify_with(SECRET, &json!({"intents": INTENTS & !(1 << 15)})).await;
    client.ready(1).await;
    rig.upstream.messages(guild(5), 0..1).await;
    let mut mention = message(guild(5), 2, "hello <@>");
    mention["mentions"] = json!([{"id": OWN_USER.to_string()}]);
    rig.upstream.event("MESSAGE_CREATE", Some(guild(5)), None, Some(4_194_304), &mention).await;
    let direct = json!({"id": "1", "channel_id": "77", "content": "psst", "author": {"id": "4194304"}, "mentions": []});
    rig.upstream.event("MESSAGE_CREATE", None, Some(77 << 22), Some(4_194_304), &direct).await;
    let mut contents = client.contents(3).await;
    contents.sort();
    assert_eq!(contents, ["", "hello <@>", "psst"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_is_passed_on_as_it_came_once_and_other_creates_are_no_joins() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let mut client = rig.member(1).await;
    rig.upstream.guild_join(guild(6)).await;
    let join = client.dispatch().await;
    assert_eq!(join["t"], "GUILD_CREATE");
    assert!(join["d"].get("unavailable").is_none(), "a join has no `unavailable`: {join}");
    // Discord identifies anew: the guild is there already.
    rig.upstream.ready(&[guild(5), guild(6)]).await;
    rig.upstream.guild_create(guild(5)).await;
    let gone = client.dispatch().await;
    assert_eq!((gone["t"].as_str(), &gone["d"]["unavailable"]), (Some("GUILD_DELETE"), &json!(true)));
    let create = client.dispatch().await;
    assert_eq!((create["t"].as_str(), &create["d"]["unavailable"]), (Some("GUILD_CREATE"), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_while_nobody_was_there_is_a_join_for_who_comes() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let client = rig.member(1).await;
    client.close(1000).await;
    rig.upstream.guild_join(guild(6)).await;
    rig.folded().await;
    let mut client = rig.connect().await;
    client.identify(SECRET).await;
    let ready = client.ready(2).await;
    let listed: Vec<&Value> = ready["d"]["guilds"].as_array().expect("guilds").iter().collect();
    assert_eq!(listed.len(), 1, "a guild whose join is still to come is not listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_a_guild_is_passed_on() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let mut client = rig.member(1).await;
    rig.upstream.event("GUILD_DELETE", Some(guild(5)), None, None, &json!({"id": guild(5).to_string()})).await;
    let delete = client.dispatch().await;
    assert_eq!(delete["t"], "GUILD_DELETE");
    assert!(delete["d"].get("unavailable").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_record_stops_nobody() {
    let mut rig = Rig::start(&[guild(5)]).await;
    let mut client = rig.member(1).await;
    rig.upstream.messages(guild(5), 0..3).await;
    rig.upstream.garbage(guild(5)).await;
    rig.upstream.messages(guild(5), 3..6).await;
    assert_eq!(client.contents(6).await.last().map(String::as_str), Some("message 5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_are_answered_before_identify_and_with_any_sequence() {
    let rig = Rig::start(&[guild(5)]).await;
    let mut client = rig.connect().await;
    client.send(&json!({"op": 1, "d": 250})).await;
    assert_eq!(client.receive().await["op"], 11);
    client.identify(SECRET).await;
    client.ready(1).await;
    // A library that begins with its old session's sequence.
    client.send(&json!({"op": 1, "d": 250})).await;
    assert_eq!(client.receive().await["op"], 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn identify_before_hello_was_read_is_taken() {
    let rig = Rig::start(&[guild(5)]).await;
    let mut client = crate::client::Client::connect_early(rig.address(), "v=10").await;
    client.identify(SECRET).await;
    assert_eq!(client.receive().await["op"], 10);
    client.ready(1).await;
}
