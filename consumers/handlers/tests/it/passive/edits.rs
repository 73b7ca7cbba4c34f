use std::time::Duration;

use miso_handlers::{EVENTS_GROUP, HISTORY_TIME};
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_model::{Aggregate, GuildId};
use serde_json::{Value, json};

use super::arrivals::newcomer;
use super::{Effect, only, posts};
use crate::hindered::{Hangs, Hindered};
use crate::setup::{MEMBER, PATIENCE, World, channel, consumed, guild, side};

async fn logging() -> World {
    let world = World::new(1).await;
    let to = side(0).to_string();
    world.set_guild(&json!({"logs": {"deleted": to, "edited": to}})).await;
    world
}

pub(crate) fn gone(message: &str, of: u64) -> Value {
    json!({"id": message, "channel_id": of.to_string(), "guild_id": guild(0).to_string()})
}

pub(crate) fn changed(message: &str, content: &str, edited: Option<&str>) -> Value {
    json!({
        "id": message, "channel_id": channel(0).to_string(), "guild_id": guild(0).to_string(), "content": content, "type": 0,
        "edited_timestamp": edited, "author": {"id": MEMBER.to_string(), "username": "mia", "avatar": null},
    })
}

#[tokio::test]
async fn a_deleted_message_is_told_as_it_was_last() {
    let world = logging().await;
    for n in 0..50 {
        world.say(0, MEMBER, &format!("others say {n}")).await;
    }
    let file = json!({"attachments": [{"id": "1", "filename": "cat.png", "url": "https://x/cat.png"}]});
    let message = world.say_with(0, MEMBER, "first", &file).await;
    world.happens("MESSAGE_UPDATE", &changed(&message, "then", None)).await;
    world.happens("MESSAGE_DELETE", &gone(&message, channel(0))).await;
    // What came later does not count.
    world.happens("MESSAGE_UPDATE", &changed(&message, "never", None)).await;
    let effects = world.after().await;
    let told = only(&effects);
    assert_eq!(told.what, posts(side(0)));
    let embed = &told.body["embeds"][0];
    assert_eq!((&embed["title"], &embed["description"]), (&json!("Message deleted"), &json!("then\n📎 cat.png")));
    assert_eq!(embed["author"]["name"], "mia");
    assert_eq!(embed["fields"][0]["value"], format!("<#{}>", channel(0)));
}

#[tokio::test]
async fn what_the_log_does_not_know_is_of_unknown_content() {
    let world = logging().await;
    world.happens("MESSAGE_DELETE", &gone("123456789", channel(0))).await;
    let effects = world.after().await;
    assert_eq!(only(&effects).body["embeds"][0]["description"], "*content unknown*");
}

#[tokio::test]
async fn messages_of_bots_of_ignored_channels_and_of_the_log_itself_are_not_told() {
    let world = World::new(1).await;
    let to = side(0).to_string();
    world.set_guild(&json!({"logs": {"deleted": to, "edited": to, "ignored": ["77"]}})).await;
    let bot = json!({"author": {"id": "5", "username": "other", "bot": true}});
    let message = world.say_with(0, MEMBER, "beep", &bot).await;
    world.happens("MESSAGE_DELETE", &gone(&message, channel(0))).await;
    world.happens("MESSAGE_DELETE", &gone("1", 77)).await;
    world.happens("MESSAGE_DELETE", &gone("2", side(0))).await;
    assert!(world.after().await.is_empty());
}

#[tokio::test]
async fn an_edit_is_told_with_before_and_after_and_a_preview_is_none() {
    let world = logging().await;
    let message = world.say(0, MEMBER, "teh cat").await;
    world.happens("MESSAGE_UPDATE", &changed(&message, "teh cat", None)).await;
    let now = "2026-11-24T10:00:00.000000+00:00";
    world.happens("MESSAGE_UPDATE", &changed(&message, "the cat", Some(now))).await;
    world.happens("MESSAGE_UPDATE", &changed(&message, "the cat", Some(now))).await;
    // Unknown, and edited long ago: this is about something else.
    world.happens("MESSAGE_UPDATE", &changed("99", "old", Some("2020-01-01T00:00:00+00:00"))).await;
    let effects = world.after().await;
    let embed = &only(&effects).body["embeds"][0];
    assert_eq!(embed["title"], "Message edited");
    let fields: Vec<&str> =
        embed["fields"].as_array().expect("fields").iter().filter_map(|field| field["value"].as_str()).collect();
    assert_eq!(fields[..2], ["teh cat", "the cat"]);
}

#[tokio::test]
async fn a_bulk_deletion_is_one_entry() {
    let world = logging().await;
    let mut ids = vec!["42".to_owned()];
    for n in 0..3 {
        ids.push(world.say(0, MEMBER, &format!("line {n}")).await);
    }
    let bulk = json!({"ids": ids, "channel_id": channel(0).to_string(), "guild_id": guild(0).to_string()});
    world.happens("MESSAGE_DELETE_BULK", &bulk).await;
    let effects = world.after().await;
    let embed = &only(&effects).body["embeds"][0];
    assert_eq!(embed["title"], "4 messages deleted");
    let text = embed["description"].as_str().expect("text");
    assert!(text.contains(&format!("<@{MEMBER}>: line 2")) && text.ends_with("1 of unknown content"), "{text}");
}

/// What was told in a channel, by what it says.
fn told(effects: &[Effect], channel: u64) -> Vec<String> {
    let texts = effects.iter().filter(|effect| effect.what == posts(channel));
    texts.map(|effect| effect.body["embeds"][0]["description"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn while_the_log_is_searched_for_one_guild_others_go_on_and_its_own_events_wait_in_order() {
    // More deletions than can be given up one after the other before the other guild is served.
    const DELETED: u32 = 8;
    let world = World::new(2).await;
    let (log, hall) = (side(0).to_string(), channel(1).to_string());
    let here = json!({"enabled": true, "channel": channel(0).to_string()});
    world.set_guild(&json!({"logs": {"deleted": log}, "greeting": here})).await;
    let greeting = json!({"greeting": {"enabled": true, "channel": hall}});
    world.set(Aggregate::Guild(GuildId(guild(1))), &greeting).await;
    for n in 0..DELETED {
        let message = world.say(0, MEMBER, &format!("gone {n}")).await;
        world.happens("MESSAGE_DELETE", &gone(&message, channel(0))).await;
    }
    world.happens("GUILD_MEMBER_ADD", &newcomer()).await;
    let slow = Hindered::over(world.log.clone(), Hangs::Searches);
    let handlers = world.passive(slow.clone());
    let searching = async {
        while slow.begun() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, searching).await.expect("it searches in time");
    let mut joined = newcomer();
    joined["guild_id"] = json!(guild(1).to_string());
    world.event("GUILD_MEMBER_ADD", Some(GuildId(guild(1))), &joined).await;
    let effects = loop {
        let effects = world.effects().await;
        if effects.iter().any(|effect| effect.what == posts(channel(1))) {
            break effects;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // Each search that is given up takes its whole time.
    let given_up = told(&effects, side(0)).len();
    assert!(given_up < DELETED as usize / 2, "the other guild was greeted after {given_up} × {HISTORY_TIME:?}");
    assert!(told(&effects, channel(0)).is_empty(), "what came after the deletions waits for them");
    slow.let_go();
    consumed(&world.log, EVENTS_GROUP, GATEWAY_EVENTS).await;
    handlers.stop().await;
    let effects = world.effects().await;
    let (log, greeted) = (told(&effects, side(0)), told(&effects, channel(0)).len());
    assert_eq!((log.len(), greeted), (DELETED as usize, 1));
    let known: Vec<&String> = log.iter().filter(|text| *text != "*content unknown*").collect();
    assert!(known.len() >= DELETED as usize / 2 && known.is_sorted(), "{log:?}");
}
