use miso_model::{Aggregate, UserId};
use serde_json::{Value, json};

use super::{only, posts, the_guild};
use crate::setup::{MEMBER, World, channel, guild, hidden, now_ms, role, side};

pub(crate) const DAY: i64 = 24 * 60 * 60 * 1_000;

pub(crate) fn reminder(place: Option<u64>, due_ms: i64) -> Value {
    json!({
        "id": "ab", "user": MEMBER.to_string(), "text": "tea @everyone", "channel": place.map(|id| id.to_string()), "guild": null,
        "due_ms": due_ms, "late_ms": 0,
    })
}

pub(crate) fn level(level: u64) -> Value {
    json!({"user": MEMBER.to_string(), "level": level, "channel": channel(0).to_string()})
}

async fn reminded(place: Option<u64>, late_ms: i64) -> super::Effect {
    let world = World::new(1).await;
    let user = Aggregate::User(UserId(MEMBER));
    world.fact(user, 7, "ReminderFired", &reminder(place, now_ms() - late_ms), now_ms()).await;
    world.fact(user, 8, "ReminderSet", &json!({"id": "x"}), now_ms()).await;
    let effects = world.after().await;
    only(&effects).clone()
}

#[tokio::test]
async fn a_reminder_is_said_in_its_channel_and_mentions_only_its_user() {
    let said = reminded(Some(channel(0)), 0).await;
    assert_eq!(said.what, posts(channel(0)));
    assert_eq!(said.body["content"], format!("<@{MEMBER}> ⏰ Reminder: tea @everyone"));
    assert_eq!(said.body["allowed_mentions"], json!({"parse": [], "users": [MEMBER.to_string()]}));
}

#[tokio::test]
async fn a_reminder_comes_by_direct_message_where_its_user_may_not_write() {
    for place in [None, Some(hidden(0)), Some(12_345)] {
        let said = reminded(place, 0).await;
        assert_eq!(
            (said.what.as_str(), &said.body),
            ("POST /users/@me/channels", &json!({"recipient_id": MEMBER.to_string()}))
        );
        assert_eq!(said.follow_up["content"], "⏰ Reminder: tea @everyone");
    }
}

#[tokio::test]
async fn a_late_reminder_says_by_how_much() {
    let said = reminded(Some(channel(0)), 125_000).await;
    assert!(said.body["content"].as_str().expect("text").ends_with("tea @everyone\n-# 2 min late"), "{}", said.body);
}

#[tokio::test]
async fn a_level_is_announced_where_the_guild_wants_it_and_gives_its_role() {
    let world = World::new(1).await;
    let aggregate = Aggregate::Guild(the_guild());
    let rewards = json!([{"level": 5, "role": role(0).to_string()}, {"level": 6, "role": "999"}]);
    world.set_guild(&json!({"activity": {"enabled": true, "announce": true, "rewards": rewards}})).await;
    world.fact(aggregate, 1, "LevelReached", &level(5), now_ms()).await;
    let effects = world.after().await;
    let whats: Vec<&str> = effects.iter().map(|effect| effect.what.as_str()).collect();
    let give = format!("PUT /guilds/{}/members/{MEMBER}/roles/{}", guild(0), role(0));
    assert_eq!(effects.len(), 2, "{whats:?}");
    assert!(whats.contains(&give.as_str()), "{whats:?}");
    let said = effects.iter().find(|effect| effect.what == posts(channel(0))).expect("announced");
    assert_eq!(said.body["content"], format!("<@{MEMBER}> reached level **5**! 🎉"));

    // Elsewhere; and old news is none, though its role is given.
    world
        .set_guild(&json!({"activity": {"enabled": true, "announce": true, "channel": side(0).to_string(), "rewards": rewards}}))
        .await;
    world.fact(aggregate, 2, "LevelReached", &level(6), now_ms()).await;
    world.fact(aggregate, 3, "LevelReached", &level(5), now_ms() - 2 * DAY).await;
    let later: Vec<String> = world.after().await.into_iter().map(|effect| effect.what).collect();
    assert_eq!(later.len(), 4, "{later:?}");
    assert_eq!(later.iter().filter(|what| **what == posts(side(0))).count(), 1);
    assert_eq!(later.iter().filter(|what| **what == give).count(), 2);
}

#[tokio::test]
async fn where_levels_are_not_announced_nothing_is_said() {
    let world = World::new(1).await;
    for on in [json!({"enabled": true}), json!({"announce": true}), json!({})] {
        world.set_guild(&json!({"activity": on})).await;
        world.fact(Aggregate::Guild(the_guild()), 1, "LevelReached", &level(5), now_ms()).await;
        assert!(world.after().await.is_empty());
    }
}

#[tokio::test]
async fn a_sample_is_sent_once_marked_as_a_test_where_the_bot_may_write_or_to_who_asked() {
    let world = World::new(1).await;
    let aggregate = Aggregate::Guild(the_guild());
    let sample = |what: &str, place: Option<u64>| json!({"what": what, "user": MEMBER.to_string(), "channel": place.map(|id| id.to_string()), "text": "Hi {user} @everyone"});
    world.fact(aggregate, 1, "SampleAsked", &sample("greeting", Some(channel(0))), now_ms()).await;
    let effects = world.after().await;
    let said = only(&effects);
    assert_eq!(said.what, posts(channel(0)));
    assert_eq!(said.body["embeds"][0]["description"], "Hi mia @everyone");
    assert_eq!(said.body["content"], "-# A test, asked for in the panel");
    assert_eq!(said.body["allowed_mentions"], json!({"parse": [], "users": [MEMBER.to_string()]}));
    world.fact(aggregate, 2, "SampleAsked", &sample("goodbye", None), now_ms()).await;
    world.fact(aggregate, 3, "SampleAsked", &sample("logs.bans", Some(99)), now_ms()).await;
    world.fact(aggregate, 4, "SampleAsked", &sample("something newer", None), now_ms()).await;
    let effects = world.after().await;
    let direct: Vec<_> = effects.iter().filter(|effect| effect.what == "POST /users/@me/channels").collect();
    assert_eq!((effects.len(), direct.len()), (2, 1), "a channel that is not the guild's gets nothing: {effects:#?}");
    assert_eq!(direct[0].follow_up["content"], "Hi mia @everyone\n-# A test, asked for in the panel");
}
