use miso_model::GuildId;
use serde_json::{Value, json};

use super::{only, posts};
use crate::setup::{MEMBER, World, channel, guild, role, side};

pub(crate) const NEW: u64 = 950 << 22;

pub(crate) fn newcomer() -> Value {
    json!({
        "guild_id": guild(0).to_string(), "roles": [], "joined_at": "2026-11-24T10:00:00Z",
        "user": {"id": NEW.to_string(), "username": "newt", "global_name": "Newt", "avatar": "cd"},
    })
}

pub(crate) fn somebody_left() -> Value {
    json!({"guild_id": guild(0).to_string(), "user": {"id": MEMBER.to_string(), "username": "mia", "avatar": "a1"}})
}

#[tokio::test]
async fn who_joins_is_greeted_gets_the_roles_and_is_logged() {
    let world = World::new(1).await;
    world
        .set_guild(&json!({
            "greeting": {"enabled": true, "channel": channel(0).to_string(), "message": "Hi {mention}, {user} ({username}, {id}): {server} has {count}"},
            "roles": {"autoroles": [role(0).to_string(), "12345"]},
            "logs": {"members": side(0).to_string()},
        }))
        .await;
    world.happens("GUILD_MEMBER_ADD", &newcomer()).await;
    let effects = world.after().await;
    let by = |what: &str| effects.iter().find(|effect| effect.what == what).unwrap_or_else(|| panic!("{what}"));
    assert_eq!(effects.len(), 3, "a role that is not there is not given: {effects:#?}");
    let greeting = &by(&posts(channel(0))).body;
    assert_eq!(
        greeting["embeds"][0]["description"],
        format!("Hi <@{NEW}>, Newt (newt, {NEW}): guild 0 has 4"),
        "the newcomer is counted"
    );
    assert_eq!(greeting["embeds"][0]["color"], 0x5d_adec);
    assert_eq!(greeting["allowed_mentions"], json!({"parse": [], "users": [NEW.to_string()]}));
    by(&format!("PUT /guilds/{}/members/{NEW}/roles/{}", guild(0), role(0)));
    let log = &by(&posts(side(0))).body["embeds"][0];
    assert_eq!((&log["description"], &log["author"]["name"]), (&json!(format!("<@{NEW}> joined.")), &json!("Newt")));
}

#[tokio::test]
async fn who_leaves_is_said_goodbye_in_plain_text_and_is_logged() {
    let world = World::new(1).await;
    world
        .set_guild(&json!({
            "goodbye": {"enabled": true, "channel": channel(0).to_string(), "message": "@everyone {user} left {server}, {count} stay"},
            "logs": {"members": side(0).to_string()},
        }))
        .await;
    world.happens("GUILD_MEMBER_REMOVE", &somebody_left()).await;
    let effects = world.after().await;
    assert_eq!(effects.len(), 2, "{effects:#?}");
    let goodbye = effects.iter().find(|effect| effect.what == posts(channel(0))).expect("a goodbye");
    assert_eq!(goodbye.body["content"], "@everyone mia left guild 0, 2 stay");
    assert_eq!(goodbye.body["allowed_mentions"], json!({"parse": [], "users": [MEMBER.to_string()]}));
}

#[tokio::test]
async fn bans_and_unbans_are_logged() {
    let world = World::new(1).await;
    world.set_guild(&json!({"logs": {"bans": side(0).to_string()}})).await;
    world.happens("GUILD_BAN_ADD", &somebody_left()).await;
    world.happens("GUILD_BAN_REMOVE", &somebody_left()).await;
    let effects = world.after().await;
    let texts: Vec<&str> =
        effects.iter().filter_map(|effect| effect.body["embeds"][0]["description"].as_str()).collect();
    assert_eq!(texts, [format!("<@{MEMBER}> was banned."), format!("<@{MEMBER}> was unbanned.")]);
}

#[tokio::test]
async fn a_channel_of_another_guild_or_one_where_the_bot_may_not_write_gets_nothing() {
    let world = World::new(2).await;
    let closed = json!({
        "id": channel(0).to_string(), "guild_id": guild(0).to_string(), "type": 0, "name": "bots", "position": 1,
        "permission_overwrites": [{"id": guild(0).to_string(), "type": 0, "allow": "0", "deny": "2048"}],
    });
    world.happens("CHANNEL_UPDATE", &closed).await;
    world
        .set_guild(&json!({
            "greeting": {"enabled": true, "channel": channel(1).to_string()},
            "goodbye": {"enabled": true, "channel": channel(0).to_string()},
            "logs": {"members": "987654321"},
        }))
        .await;
    world.happens("GUILD_MEMBER_ADD", &newcomer()).await;
    world.happens("GUILD_MEMBER_REMOVE", &somebody_left()).await;
    assert!(world.after().await.is_empty());
}

#[tokio::test]
async fn what_is_off_says_nothing_and_what_is_turned_on_works_from_then_on() {
    let world = World::new(1).await;
    let handlers = world.passive(world.log.clone());
    world.set_guild(&json!({"greeting": {"enabled": false, "channel": channel(0).to_string()}})).await;
    world.happens("GUILD_MEMBER_ADD", &newcomer()).await;
    world.set_guild(&json!({"goodbye": {"enabled": true, "channel": channel(0).to_string()}})).await;
    handlers.stop().await;
    world.happens("GUILD_MEMBER_REMOVE", &somebody_left()).await;
    let effects = world.after().await;
    assert_eq!(only(&effects).body["content"], "Goodbye mia.");
}

#[tokio::test]
async fn a_guild_that_the_bot_joins_is_told_where_to_set_it_up() {
    let world = World::new(1).await;
    let (id, place) = ((1_500_u64 << 22).to_string(), 3_500_u64 << 22);
    let create = json!({
        "id": id, "name": "new here", "owner_id": "1", "member_count": 2, "system_channel_id": null,
        "channels": [{"id": place.to_string(), "type": 0, "name": "general", "position": 0}],
        "roles": [{"id": id, "name": "@everyone", "permissions": "84992", "position": 0}],
        "members": [], "emojis": [], "threads": [], "voice_states": [], "presences": [], "stage_instances": [],
    });
    world.event("GUILD_CREATE", Some(GuildId(1_500 << 22)), &create).await;
    let effects = world.after().await;
    let greeting = only(&effects);
    assert_eq!(greeting.what, posts(place));
    let url = &greeting.body["components"][0]["components"][0]["url"];
    assert_eq!(*url, format!("http://127.0.0.1:8083/g/{id}"));
}

#[tokio::test]
async fn joins_and_leaves_are_counted_by_the_hour() {
    let world = World::new(1).await;
    world.happens("GUILD_MEMBER_ADD", &newcomer()).await;
    world.happens("GUILD_MEMBER_REMOVE", &somebody_left()).await;
    world.say(0, MEMBER, "hello").await;
    world.say(0, MEMBER, ">ping").await;
    world.after().await;
    let mut sums = [0; 4];
    for effect in world.effects().await.iter().filter(|effect| effect.what.starts_with("CountsObserved")) {
        assert_eq!(effect.what, format!("CountsObserved guild/{}", guild(0)));
        for hour in effect.body["counts"].as_array().expect("a list") {
            for (sum, name) in sums.iter_mut().zip(["messages", "joins", "leaves", "commands"]) {
                *sum += hour[name].as_u64().expect("a number");
            }
            assert_eq!(hour["day"].as_str().map(str::len), Some(10));
        }
    }
    assert_eq!(sums, [2, 1, 1, 1]);
}
