use miso_handlers::{NOTIFIED_PER_PERSON, NOTIFIED_WITHIN_MS};
use serde_json::{Value, json};

use super::{Effect, only};
use crate::setup::{MEMBER, OWNER, World, channel, guild, hidden, side};

const FAN: u64 = 960 << 22;

pub(crate) fn keywords(words: &[&str]) -> Value {
    let rows: Vec<Value> = words.iter().map(|word| json!({"word": word})).collect();
    json!({"notifications": {"keywords": rows}})
}

async fn fan_joins(world: &World) {
    let member =
        json!({"guild_id": guild(0).to_string(), "user": {"id": FAN.to_string(), "username": "fan"}, "roles": []});
    world.happens("GUILD_MEMBER_ADD", &member).await;
}

#[tokio::test]
async fn who_asked_for_a_word_is_told_by_direct_message_with_the_word_in_bold_and_a_link() {
    let world = World::new(1).await;
    fan_joins(&world).await;
    world.set_user(FAN, &keywords(&["miso soup", "ramen"])).await;
    let message = world.say(0, MEMBER, "I made MISO soups and Ramen @everyone").await;
    let effects = world.after().await;
    let told = only(&effects);
    assert_eq!(
        (told.what.as_str(), &told.body),
        ("POST /users/@me/channels", &json!({"recipient_id": FAN.to_string()}))
    );
    let embed = &told.follow_up["embeds"][0];
    let url = format!("https://discord.com/channels/{}/{}/{message}", guild(0), channel(0));
    let text = embed["description"].as_str().expect("text");
    assert!(text.starts_with("I made **MISO soups** and **Ramen** @everyone\n\n"), "{text}");
    assert!(text.contains(&format!("[Jump to the message]({url})")), "{text}");
    assert_eq!(embed["title"], "“miso soup” was said in guild 0");
    assert_eq!(told.follow_up["allowed_mentions"], json!({"parse": []}));
}

#[tokio::test]
async fn nobody_is_told_of_their_own_words_of_channels_they_cannot_read_or_of_guilds_they_are_not_in() {
    let world = World::new(2).await;
    world.set_user(MEMBER, &keywords(&["ramen"])).await;
    world.set_user(FAN, &keywords(&["ramen"])).await;
    world.say(0, MEMBER, "ramen").await;
    world.say_with(0, OWNER, "ramen", &json!({"channel_id": hidden(0).to_string()})).await;
    world.say_with(0, OWNER, "ramen", &json!({"author": {"id": "5", "username": "x", "bot": true}})).await;
    world.say(0, OWNER, ">choose ramen or soup").await;
    world.say(0, OWNER, "framen ramenade").await;
    let effects = world.after().await;
    assert!(effects.is_empty(), "{effects:#?}");
    // And one that is meant for one guild only.
    let only_there = json!([{"word": "ramen", "guild": guild(1).to_string()}]);
    world.set_user(MEMBER, &json!({"notifications": {"keywords": only_there}})).await;
    world.say(0, OWNER, "ramen").await;
    world.say(1, OWNER, "ramen").await;
    let effects = world.after().await;
    assert!(only(&effects).follow_up["embeds"][0]["title"].as_str().expect("a title").ends_with("guild 1"));
}

#[tokio::test]
async fn who_waits_for_a_word_that_is_said_all_the_time_is_told_ten_times_in_ten_minutes() {
    let world = World::new(1).await;
    world.set_user(MEMBER, &keywords(&["ramen"])).await;
    // The messages' ids are a millisecond apart.
    for n in 0..14 {
        world.say(0, OWNER, &format!("ramen {n}")).await;
    }
    let later = ((5_000 + NOTIFIED_WITHIN_MS.unsigned_abs() + 20) << 22).to_string();
    world.say_with(0, OWNER, "ramen at last", &json!({"id": later})).await;
    let effects = world.after().await;
    assert_eq!(effects.len(), NOTIFIED_PER_PERSON + 1, "{effects:#?}");
    let last = effects.last().expect("one").follow_up["embeds"][0]["description"].clone();
    assert!(last.as_str().is_some_and(|text| text.contains("at last")), "{last}");
}

#[tokio::test]
async fn what_is_written_in_a_thread_of_an_ignored_channel_is_not_counted() {
    let world = World::new(1).await;
    let thread = |id: u64, parent: u64| json!({"id": id.to_string(), "guild_id": guild(0).to_string(), "type": 11, "name": "t", "parent_id": parent.to_string()});
    for (id, parent) in [(8_100_u64 << 22, side(0)), (8_101 << 22, channel(0))] {
        world.happens("THREAD_CREATE", &thread(id, parent)).await;
    }
    world.set_guild(&json!({"activity": {"enabled": true, "ignored": [side(0).to_string()]}})).await;
    let said_in = |id: u64| json!({"channel_id": (id << 22).to_string()});
    world.say_with(0, MEMBER, "not counted here", &said_in(8_100)).await;
    world.say_with(0, MEMBER, "counted", &said_in(8_101)).await;
    assert_eq!(experience(&world.after().await), 1);
}

pub(crate) fn experience(effects: &[Effect]) -> u64 {
    let activity = effects.iter().filter(|effect| effect.what.starts_with("ActivityObserved"));
    let members = activity.flat_map(|effect| effect.body["members"].as_array().cloned().expect("a list"));
    members.map(|member| member["xp"].as_u64().expect("a number")).sum()
}

#[tokio::test]
async fn what_members_write_is_told_once_per_guild_where_it_is_on_and_wanted() {
    let world = World::new(2).await;
    world.set_guild(&json!({"activity": {"enabled": true, "ignored": [hidden(0).to_string()]}})).await;
    world.set_user(OWNER, &json!({"privacy": {"count_activity": false}})).await;
    world.say(0, MEMBER, "three words here").await;
    world.say_with(0, MEMBER, "look", &json!({"attachments": [{"id": "1"}, {"id": "2"}]})).await;
    world.say(0, OWNER, "do not count me").await;
    world.say(1, MEMBER, "it is off here").await;
    world.say_with(0, MEMBER, "nor here", &json!({"channel_id": hidden(0).to_string()})).await;
    world.say_with(0, MEMBER, "beep beep", &json!({"author": {"id": "5", "username": "x", "bot": true}})).await;
    let effects = world.after().await;
    assert!(effects.iter().all(|effect| effect.what == format!("ActivityObserved guild/{}", guild(0))), "{effects:#?}");
    assert_eq!(experience(&effects), 3 + 21);
    let member = &effects[0].body["members"][0];
    assert_eq!((&member["user"], &member["channel"]), (&json!(MEMBER.to_string()), &json!(channel(0).to_string())));
    assert!(member["hour"].as_u64().is_some_and(|hour| hour < 24) && member["at_ms"].as_i64().is_some());
}
