use miso_model::Aggregate;
use serde_json::{Value, json};

use super::{only, posts, the_guild};
use crate::setup::{MEMBER, OWN, OWNER, World, channel, guild, hidden, side};

pub(crate) fn board() -> Value {
    json!({"starboard": {"enabled": true, "channel": side(0).to_string(), "amount": 2, "ignored": ["77"]}})
}

pub(crate) fn reaction(user: u64, emoji: &str, of: u64) -> Value {
    json!({
        "user_id": user.to_string(), "channel_id": of.to_string(), "message_id": "42", "guild_id": guild(0).to_string(),
        "emoji": {"id": null, "name": emoji}, "message_author_id": OWNER.to_string(), "type": 0, "burst": false,
        "member": {"user": {"id": user.to_string(), "username": "x", "bot": user == 6}, "roles": []},
    })
}

pub(crate) fn counted(act: &str, count: u64, post: Option<&str>, message: &str) -> Value {
    let place = post.map(|_| side(0).to_string());
    json!({
        "message": message, "channel": channel(0).to_string(), "author": MEMBER.to_string(), "user": "9", "added": true, "count": count,
        "post": post, "posted_channel": place, "act": act,
    })
}

pub(crate) fn our_post(footer: &str) -> Value {
    json!({
        "id": "5000", "channel_id": side(0).to_string(), "guild_id": guild(0).to_string(), "type": 0, "content": "⭐ **2**",
        "author": {"id": OWN, "username": "miso", "bot": true}, "embeds": [{"footer": {"text": footer}}],
    })
}

#[tokio::test]
async fn stars_that_come_and_go_are_told_to_the_decider_and_no_others() {
    let world = World::new(1).await;
    world.set_guild(&board()).await;
    world.happens("MESSAGE_REACTION_ADD", &reaction(MEMBER, "⭐", channel(0))).await;
    for (user, emoji, of) in [
        (OWNER, "⭐", channel(0)),  // their own message
        (6, "⭐", channel(0)),      // a bot
        (MEMBER, "🌟", channel(0)), // another emoji
        (MEMBER, "⭐", side(0)),    // the starboard itself
        (MEMBER, "⭐", 77),         // an ignored channel
    ] {
        world.happens("MESSAGE_REACTION_ADD", &reaction(user, emoji, of)).await;
    }
    let mut removed = reaction(MEMBER, "⭐", channel(0));
    removed.as_object_mut().expect("an object").retain(|field, _| field != "member" && field != "message_author_id");
    world.happens("MESSAGE_REACTION_REMOVE", &removed).await;
    let effects = world.after().await;
    assert_eq!(effects.len(), 2, "{effects:#?}");
    assert!(effects.iter().all(|effect| effect.what == format!("StarChanged guild/{}", guild(0))));
    let added = &effects[0].body;
    assert_eq!((&added["added"], &added["message"], &added["emoji"]), (&json!(true), &json!("42"), &json!("⭐")));
    assert_eq!((&added["user"], &added["author"]), (&json!(MEMBER.to_string()), &json!(OWNER.to_string())));
    assert_eq!((&effects[1].body["added"], &effects[1].body["author"]), (&json!(false), &json!("0")));
    assert_ne!(effects[0].id, effects[1].id);
}

#[tokio::test]
async fn our_post_on_the_starboard_is_recognised_by_its_footer() {
    let world = World::new(1).await;
    world.set_guild(&board()).await;
    world.happens("MESSAGE_CREATE", &our_post("👤 #12")).await;
    let mut elsewhere = our_post("Starred message 42");
    elsewhere["channel_id"] = json!(channel(0).to_string());
    world.happens("MESSAGE_CREATE", &elsewhere).await;
    let mut copied = our_post("Starred message 42");
    copied["author"] = json!({"id": MEMBER.to_string(), "username": "mia"});
    world.happens("MESSAGE_CREATE", &copied).await;
    world.happens("MESSAGE_CREATE", &our_post("Starred message 42")).await;
    let effects = world.after().await;
    let posted = only(&effects);
    assert_eq!(posted.what, format!("StarPosted guild/{}", guild(0)));
    assert_eq!(posted.body, json!({"message": "42", "channel": side(0).to_string(), "post": "5000"}));
}

#[tokio::test]
async fn the_starboard_gets_a_post_its_count_and_its_end() {
    let world = World::new(1).await;
    world.set_guild(&board()).await;
    let message = world.say(0, MEMBER, "look at this @everyone").await;
    let aggregate = Aggregate::Guild(the_guild());
    for (version, body) in (1..).zip([
        counted("nothing", 1, None, &message),
        counted("post", 2, None, &message),
        counted("nothing", 3, None, &message),
        counted("edit", 3, Some("5000"), &message),
        counted("remove", 1, Some("5000"), &message),
    ]) {
        world.fact(aggregate, version, "StarCounted", &body, 1).await;
    }
    let effects = world.after().await;
    let whats: Vec<&str> = effects.iter().map(|effect| effect.what.as_str()).collect();
    let post = format!("/channels/{}/messages/5000", side(0));
    assert_eq!(whats, [posts(side(0)), format!("PATCH {post}"), format!("DELETE {post}")]);
    let posted = &effects[0].body;
    let embed = &posted["embeds"][0];
    assert_eq!(posted["content"], format!("⭐ **2** in <#{}>", channel(0)));
    assert!(
        embed["description"].as_str().expect("text").starts_with("look at this @everyone\n\n[Jump to the message]")
    );
    assert_eq!(embed["footer"]["text"], format!("Starred message {message}"));
    assert_eq!(posted["allowed_mentions"], json!({"parse": []}));
    assert_eq!(effects[1].body, json!({"content": format!("⭐ **3** in <#{}>", channel(0))}));
}

#[tokio::test]
async fn a_starboard_that_is_off_or_elsewhere_gets_nothing() {
    let world = World::new(2).await;
    let aggregate = Aggregate::Guild(the_guild());
    world.set_guild(&json!({"starboard": {"enabled": false, "channel": side(0).to_string()}})).await;
    world.fact(aggregate, 1, "StarCounted", &counted("post", 2, None, "42"), 1).await;
    assert!(world.after().await.is_empty());
    for place in [side(1), hidden(1), 12_345] {
        world.set_guild(&json!({"starboard": {"enabled": true, "channel": place.to_string()}})).await;
        world.fact(aggregate, 2, "StarCounted", &counted("post", 2, None, "42"), 1).await;
    }
    assert!(world.after().await.is_empty(), "another guild's channel");
}

#[tokio::test]
async fn what_not_everybody_may_read_is_put_only_where_no_more_people_read() {
    let world = World::new(1).await;
    let aggregate = Aggregate::Guild(the_guild());
    let mut star = counted("post", 2, None, "42");
    star["channel"] = json!(hidden(0).to_string());
    world.set_guild(&board()).await;
    world.fact(aggregate, 1, "StarCounted", &star, 1).await;
    assert!(world.after().await.is_empty());
    world.set_guild(&json!({"starboard": {"enabled": true, "channel": hidden(0).to_string()}})).await;
    world.fact(aggregate, 2, "StarCounted", &star, 1).await;
    assert_eq!(only(&world.after().await).what, posts(hidden(0)), "as hidden");
}

#[tokio::test]
async fn cleared_reactions_and_deleted_messages_are_told_to_the_decider() {
    let world = World::new(1).await;
    world.set_guild(&board()).await;
    let place = |of: u64| json!({"channel_id": of.to_string(), "guild_id": guild(0).to_string()});
    let with = |of: u64, field: &str, value: Value| {
        let mut d = place(of);
        d[field] = value;
        d
    };
    let emoji = |name: &str| {
        let mut d = with(channel(0), "message_id", json!("43"));
        d["emoji"] = json!({"id": null, "name": name});
        d
    };
    world.happens("MESSAGE_REACTION_REMOVE_ALL", &with(channel(0), "message_id", json!("42"))).await;
    world.happens("MESSAGE_REACTION_REMOVE_EMOJI", &emoji("⭐")).await;
    world.happens("MESSAGE_REACTION_REMOVE_EMOJI", &emoji("🌟")).await;
    world.happens("MESSAGE_DELETE", &with(channel(0), "id", json!("44"))).await;
    world.happens("MESSAGE_DELETE", &with(side(0), "id", json!("49"))).await;
    world.happens("MESSAGE_DELETE_BULK", &with(channel(0), "ids", json!(["45", "46"]))).await;
    let effects = world.after().await;
    assert!(effects.iter().all(|effect| effect.what == format!("StarsCleared guild/{}", guild(0))), "{effects:#?}");
    let messages: Vec<&str> = effects.iter().filter_map(|effect| effect.body["message"].as_str()).collect();
    assert_eq!(messages, ["42", "43", "44", "45", "46"], "not another emoji, not a post on the starboard");
}

#[tokio::test]
async fn stars_in_threads_of_ignored_channels_do_not_count() {
    let world = World::new(1).await;
    let thread = 8_100_u64 << 22;
    let created = json!({
        "id": thread.to_string(), "guild_id": guild(0).to_string(), "type": 11, "name": "t",
        "parent_id": channel(0).to_string(),
    });
    let at = world.happens("THREAD_CREATE", &created).await;
    world.state.wait_folded(miso_model::slot(the_guild()), at + 1).await;
    let mut board = board();
    board["starboard"]["ignored"] = json!([channel(0).to_string()]);
    world.set_guild(&board).await;
    world.happens("MESSAGE_REACTION_ADD", &reaction(MEMBER, "⭐", thread)).await;
    assert!(world.after().await.is_empty());
    world.set_guild(&json!({"starboard": {"enabled": true, "channel": side(0).to_string()}})).await;
    world.happens("MESSAGE_REACTION_ADD", &reaction(MEMBER, "⭐", thread)).await;
    assert_eq!(world.after().await.len(), 1);
}
