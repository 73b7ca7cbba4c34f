use miso_handlers::{COMMANDS_GROUP, EVENTS_GROUP, MESSAGES_GROUP};
use miso_log::Append;
use miso_log::catalogue::{BOT_COMMANDS, GATEWAY_EVENTS, PARKED};
use miso_model::{GuildId, LogRecord, ParkedRecord, slot};
use serde_json::json;

use crate::setup::{MEMBER, OWNER, PATIENCE, World, all, consumed, guild, now_ms};

#[tokio::test]
async fn every_command_is_answered_as_an_embed_in_reply() {
    let world = World::new(1).await;
    let api = world.api().await;
    let handlers = world.tireless_handlers(api.address);
    for (said, title, text, colour) in [
        (">ping", "", "Pong!", 0x3b_88c3),
        (">help", "Commands", "", 0xee_84ca),
        (">HELP random", ">rng <n or n-m>", "random", 0xee_84ca),
        (">prefix", "", "`>`", 0x3b_88c3),
        (">choose tea or tea", "", "I choose **tea**", 0x3b_88c3),
        (">rng 5-5", "", "**5**", 0x3b_88c3),
        (">avatar", "someone / Default avatar", "", 0x3b_88c3),
        (&format!(">av <@{OWNER}>"), "owner / Avatar", "", 0x3b_88c3),
        (&format!(">userinfo {OWNER}"), "owner", "", 0x3b_88c3),
        (">serverinfo", "guild 0", "", 0x3b_88c3),
        (">rng six", "", "`six`", 0xff_cc4d),
        (">avatar <@77>", "", "do not know this user", 0xff_cc4d),
        (">prefix !", "", "Manage Server", 0xff_cc4d),
        (">hlep", "", "Did you mean `>help`?", 0xff_cc4d),
        (&format!("<@!{}> pign", crate::setup::OWN), "", "`@me ping`", 0xff_cc4d),
        (&format!("<@{}>", crate::setup::OWN), "", "`>`", 0x3b_88c3),
    ] {
        let message = world.say(0, MEMBER, said).await;
        let embed = world.answer_to(&message).await;
        assert_eq!(embed["color"], json!(colour), "{said}: {embed}");
        assert!(embed["title"].as_str().unwrap_or_default().contains(title), "{said}: {embed}");
        assert!(embed["description"].as_str().unwrap_or_default().contains(text), "{said}: {embed}");
    }
    let members = |embed: &serde_json::Value| embed["fields"][1].clone();
    let message = world.say(0, MEMBER, ">sinfo").await;
    assert_eq!(members(&world.answer_to(&message).await)["value"], json!("3"));
    handlers.stop().await;
}

#[tokio::test]
async fn what_is_not_meant_for_the_bot_is_passed_over() {
    let world = World::new(1).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    let bot = json!({"author": {"id": MEMBER.to_string(), "username": "other", "bot": true}});
    world.say_with(0, MEMBER, ">ping", &bot).await;
    world.say_with(0, MEMBER, ">ping", &json!({"webhook_id": "5"})).await;
    world.say_with(0, MEMBER, ">ping", &json!({"type": 6})).await;
    world.say_with(0, MEMBER, "hi", &json!({"referenced_message": {"id": "1", "content": ">ping"}})).await;
    for content in ["> quote", "hello", "", ">", "<@1> ping", ">play music"] {
        world.say(0, MEMBER, content).await;
    }
    let last = world.say(0, MEMBER, ">ping").await;
    world.answer_to(&last).await;
    assert_eq!(world.answers().await.len(), 1);
    assert_eq!(all(&world.log, BOT_COMMANDS).await.len(), 2, "the last, and what may be another bot's");
    handlers.stop().await;
}

#[tokio::test]
async fn an_answer_mentions_nobody_whatever_it_says() {
    let world = World::new(1).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    let message = world.say(0, MEMBER, ">choose @everyone or @everyone").await;
    world.answer_to(&message).await;
    let body = &world.answers().await[0];
    assert_eq!(body["allowed_mentions"], json!({"parse": [], "replied_user": false}));
    assert!(body.get("content").is_none());
    handlers.stop().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_parked_and_holds_nobody_up() {
    let world = World::new(1).await;
    let partition = slot(GuildId(guild(0)));
    let api = world.api().await;
    world
        .log
        .append(vec![Append::new(GATEWAY_EVENTS, partition, b"broken".to_vec(), now_ms())])
        .await
        .expect("appends");
    world.log.append(vec![Append::new(BOT_COMMANDS, 3, b"broken too".to_vec(), now_ms())]).await.expect("appends");
    // An envelope that is well, around a message that is not.
    let cut = json!(">not an object");
    world.event("MESSAGE_CREATE", Some(GuildId(guild(0))), &cut).await;
    let half = json!({"content": ">ping", "id": "1"});
    world.event("MESSAGE_CREATE", Some(GuildId(guild(0))), &half).await;
    let handlers = world.handlers(api.address, PATIENCE);
    let message = world.say(0, MEMBER, ">ping").await;
    world.answer_to(&message).await;
    for group in [MESSAGES_GROUP, EVENTS_GROUP] {
        consumed(&world.log, group, GATEWAY_EVENTS).await;
    }
    consumed(&world.log, COMMANDS_GROUP, BOT_COMMANDS).await;
    let parked: Vec<ParkedRecord> =
        all(&world.log, PARKED).await.iter().map(|value| ParkedRecord::from_bytes(value).expect("reads")).collect();
    let mut seen: Vec<_> =
        parked.iter().map(|p| (p.group.as_str(), p.topic.as_str(), p.error_class.as_str())).collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("miso.commands", "bot.commands", "malformed_record"),
            ("miso.events", "gateway.events", "malformed_record"),
            ("miso.messages", "gateway.events", "malformed_payload"),
            ("miso.messages", "gateway.events", "malformed_record"),
        ]
    );
    assert!(parked.iter().any(|parked| &*parked.value == b"broken"));
    assert!(parked.iter().all(|parked| !parked.error.contains("ping")), "no content in errors");
    handlers.stop().await;
}

#[tokio::test]
async fn positions_are_committed_also_where_nothing_had_to_be_written() {
    let world = World::new(3).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    for n in 0..30 {
        world.say(n % 3, MEMBER, "just talking").await;
    }
    consumed(&world.log, MESSAGES_GROUP, GATEWAY_EVENTS).await;
    consumed(&world.log, EVENTS_GROUP, GATEWAY_EVENTS).await;
    world.say(1, MEMBER, "and once more").await;
    // What was passed a moment ago is committed on the way out.
    tokio::task::yield_now().await;
    handlers.stop().await;
    let handlers = world.handlers(api.address, PATIENCE);
    consumed(&world.log, MESSAGES_GROUP, GATEWAY_EVENTS).await;
    handlers.stop().await;
    assert_eq!(world.answers().await.len(), 0);
}
