use serde_json::{Value, json};

use super::{only, posts};
use crate::setup::{MEMBER, World, channel, guild, side};

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
