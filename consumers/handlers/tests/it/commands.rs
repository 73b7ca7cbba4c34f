use miso_command_catalogue::GLOBAL_COOLDOWN;
use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS};
use miso_model::{Action, GuildId, LogRecord};
use serde_json::{Value, json};

use crate::setup::{MEMBER, OWNER, PATIENCE, World, all, guild};

/// A channel of the first guild in which the bot may not write.
const MUTE: u64 = 8_001 << 22;
/// One in which it may react, but not write.
const WATCHED: u64 = 8_002 << 22;

/// Actions so far, by topic in order.
async fn actions(world: &World) -> Vec<Action> {
    let mut actions = Vec::new();
    for topic in [REST_ACTIONS, REST_INTERACTIONS] {
        let values = all(&world.log, topic).await;
        actions.extend(values.iter().map(|value| Action::from_bytes(value).expect("reads")));
    }
    actions
}

/// Waits for an action.
async fn action(world: &World, what: &str, is: impl Fn(&Action) -> bool) -> Action {
    let found = async {
        loop {
            if let Some(found) = actions(world).await.into_iter().find(|action| is(action)) {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

fn body(action: &Action) -> Value {
    serde_json::from_slice(&action.body).expect("json")
}

/// What an embed says in its title, text, rows, fields and small print.
fn said(embed: &Value) -> String {
    embed.to_string()
}

async fn channels_of_silence(world: &World) {
    let deny = |id: u64, name: &str, deny: u64, allow: u64| {
        json!({
            "id": id.to_string(), "guild_id": guild(0).to_string(), "type": 0, "name": name, "position": 9,
            "permission_overwrites": [
                {"id": guild(0).to_string(), "type": 0, "allow": allow.to_string(), "deny": deny.to_string()},
            ],
        })
    };
    // Send Messages; then also Add Reactions or View Channel.
    let mute = deny(MUTE, "mute", 1 << 10 | 1 << 11, 0);
    let watched = deny(WATCHED, "watched", 1 << 11, 1 << 6);
    for channel in [mute, watched] {
        world.event("CHANNEL_CREATE", Some(GuildId(guild(0))), &channel).await;
    }
}

#[tokio::test]
async fn pages_turn_by_buttons_after_a_restart_and_for_their_owner_only() {
    let world = World::new(1).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    let message = world.say(0, MEMBER, ">help configuration").await;
    let first = world.answer_to(&message).await;
    assert!(first["footer"]["text"].as_str().is_some_and(|text| text.starts_with("Page 1 of ")), "{first}");
    let answer = actions(&world).await.into_iter().find(|action| !action.body.is_empty()).expect("the answer");
    let next = body(&answer)["components"][0]["components"][1]["custom_id"].clone();
    handlers.stop().await;

    let handlers = world.handlers(api.address, PATIENCE);
    let press = |n: u64, user: u64| {
        json!({
            "id": ((9_000 + n) << 22).to_string(), "token": format!("token-{n}"), "type": 3, "application_id": "1",
            "guild_id": guild(0).to_string(), "channel_id": crate::setup::channel(0).to_string(),
            "data": {"custom_id": next, "component_type": 2}, "message": {"id": "55"},
            "member": {"roles": [], "user": {"id": user.to_string(), "username": "someone"}},
        })
    };
    world.event("INTERACTION_CREATE", Some(GuildId(guild(0))), &press(1, MEMBER)).await;
    let turned = action(&world, "the second page", |action| action.path.contains("/token-1/")).await;
    assert!(turned.path.starts_with("/interactions/") && turned.path.ends_with("/callback"), "{}", turned.path);
    let turned = body(&turned);
    assert_eq!(turned["type"], json!(7));
    assert!(said(&turned["data"]["embeds"][0]["footer"]).contains("Page 2 of "), "{turned}");
    assert_ne!(turned["data"]["embeds"][0]["description"], first["description"]);

    world.event("INTERACTION_CREATE", Some(GuildId(guild(0))), &press(2, OWNER)).await;
    let told = body(&action(&world, "a word in private", |action| action.path.contains("/token-2/")).await);
    assert_eq!((told["type"].as_u64(), told["data"]["flags"].as_u64()), (Some(4), Some(64)));
    handlers.stop().await;
}

#[tokio::test]
async fn where_the_bot_cannot_write_it_reacts_or_writes_to_the_author() {
    let world = World::new(1).await;
    channels_of_silence(&world).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    let in_channel = |channel: u64| json!({"channel_id": channel.to_string()});
    let message = world.say_with(0, OWNER, ">prefix ?", &in_channel(WATCHED)).await;
    let path = format!("/channels/{WATCHED}/messages/{message}/reactions/%F0%9F%99%8A/@me");
    assert_eq!(action(&world, "a reaction", |action| action.path == path).await.method, "PUT");
    world.say_with(0, OWNER, ">ping", &in_channel(MUTE)).await;
    let direct = action(&world, "a direct message", |action| action.path == "/users/@me/channels").await;
    let follows: Value = serde_json::from_slice(direct.follow_up.as_deref().expect("a message")).expect("json");
    assert_eq!(body(&direct)["recipient_id"], json!(OWNER.to_string()));
    assert!(said(&follows).contains("Pong!") && said(&follows).contains(&format!("<#{MUTE}>")), "{follows}");
    // What could not be said was not done.
    let shown = world.say(0, OWNER, ">prefix").await;
    let answers = |action: &Action| {
        let body: Value = serde_json::from_slice(&action.body).unwrap_or_default();
        body["message_reference"]["message_id"] == json!(shown)
    };
    assert!(said(&body(&action(&world, "the prefix", answers).await)).contains("`>`"));
    handlers.stop().await;
}

#[tokio::test]
async fn a_servers_rules_hold_from_the_moment_the_bot_has_heard_of_them() {
    let world = World::new(1).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    let refused = world.say(0, MEMBER, ">command disable fun").await;
    assert!(said(&world.answer_to(&refused).await).contains("Manage Server"));
    let off = world.say(0, OWNER, ">command disable fun").await;
    assert!(said(&world.answer_to(&off).await).contains("on: off"));
    let told = async {
        let mut user = 950_u64;
        loop {
            // Somebody else each time: nobody is slowed down.
            user += 1;
            let message = world.say(0, user << 22, ">clap this").await;
            let embed = world.answer_to(&message).await;
            if said(&embed).contains("off in this server") {
                return embed;
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await.expect("in time");
    assert_eq!(told["footer"]["text"], json!("Set in Commands → fun"));
    let other = world.say(0, MEMBER, ">ping").await;
    assert!(said(&world.answer_to(&other).await).contains("Pong"));
    handlers.stop().await;
}

#[tokio::test]
async fn settings_are_changed_by_names_and_mentions_and_only_to_what_can_work() {
    let world = World::new(1).await;
    channels_of_silence(&world).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    for (line, part) in [
        (">greeter channel bots".to_owned(), "**Channel** is now <#"),
        (format!(">greeter channel <#{MUTE}>"), "I need View Channel, Send Messages"),
        (">greeter channel <#77>".to_owned(), "no channel of this server"),
        (">autorole add Regulars".to_owned(), "<@&"),
        (">autorole add Miso".to_owned(), "I cannot give"),
        (">autorole add Nobodies".to_owned(), "no role of this server"),
        (">greeter message @everyone hello".to_owned(), "> @everyone hello"),
        (">greeter".to_owned(), "greeter message <value>"),
    ] {
        let message = world.say(0, OWNER, &line).await;
        let embed = world.answer_to(&message).await;
        assert!(said(&embed).contains(part), "{line}: {embed}");
    }
    handlers.stop().await;
}

#[tokio::test]
async fn a_keyword_is_taken_in_private() {
    let world = World::new(1).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    world.say(0, MEMBER, ">keyword add secret santa").await;
    let direct = action(&world, "a direct message", |action| action.path == "/users/@me/channels").await;
    let follows: Value = serde_json::from_slice(direct.follow_up.as_deref().expect("a message")).expect("json");
    assert!(said(&follows).contains("`secret santa` (in one server)"), "{follows}");
    assert!(actions(&world).await.iter().all(|action| !action.path.ends_with("/messages")), "nothing in the channel");
    handlers.stop().await;
}

#[tokio::test]
async fn who_says_too_much_is_told_once_and_then_passed_over() {
    let world = World::new(1).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    for _ in 0..GLOBAL_COOLDOWN.uses {
        let message = world.say(0, MEMBER, ">ping").await;
        assert!(said(&world.answer_to(&message).await).contains("Pong"));
    }
    let message = world.say(0, MEMBER, ">ping").await;
    assert!(said(&world.answer_to(&message).await).contains("again in"));
    world.say(0, MEMBER, ">ping").await;
    let last = world.say(0, OWNER, ">ping").await;
    world.answer_to(&last).await;
    assert_eq!(world.answers().await.len(), GLOBAL_COOLDOWN.uses as usize + 2);
    handlers.stop().await;
}

#[tokio::test]
async fn who_is_refused_too_often_is_told_once_and_then_passed_over() {
    let world = World::new(1).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    // A refusal, a hint, and what does not fit.
    for n in 0..GLOBAL_COOLDOWN.uses as usize {
        let line = [">greeter toggle", ">hlep", ">rng six"][n % 3];
        let message = world.say(0, MEMBER, line).await;
        assert_eq!(world.answer_to(&message).await["color"], json!(0xff_cc4d), "{line}");
    }
    let message = world.say(0, MEMBER, ">hlep").await;
    assert!(said(&world.answer_to(&message).await).contains("again in"));
    for line in [">hlep", ">greeter toggle", ">ping"] {
        world.say(0, MEMBER, line).await;
    }
    let last = world.say(0, OWNER, ">ping").await;
    world.answer_to(&last).await;
    assert_eq!(world.answers().await.len(), GLOBAL_COOLDOWN.uses as usize + 2);
    handlers.stop().await;
}
