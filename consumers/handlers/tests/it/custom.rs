//! A guild's own commands.

use miso_command_catalogue::GLOBAL_COOLDOWN;
use miso_handlers::{COMMANDS_GROUP, MESSAGES_GROUP};
use miso_log::catalogue::{BOT_COMMANDS, GATEWAY_EVENTS};
use serde_json::{Value, json};

use crate::passive::posts;
use crate::setup::{MEMBER, OWNER, PATIENCE, World, channel, consumed, hidden};

/// Lets the handlers answer everything that was said; what they did.
async fn answered(world: &World) -> Vec<crate::passive::Effect> {
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    consumed(&world.log, MESSAGES_GROUP, GATEWAY_EVENTS).await;
    consumed(&world.log, COMMANDS_GROUP, BOT_COMMANDS).await;
    handlers.stop().await;
    let effects = world.effects().await;
    effects.into_iter().filter(|effect| effect.what.contains("/channels/")).collect()
}

fn texts(effects: &[crate::passive::Effect]) -> Vec<&str> {
    effects.iter().filter_map(|effect| effect.body["content"].as_str()).collect()
}

fn tea(more: &Value) -> Value {
    let mut settings = json!({"custom-commands": {"commands": [{"name": "tea", "text": "Tea!"}]}});
    for (module, values) in more.as_object().expect("an object") {
        settings[module] = values.clone();
    }
    settings
}

#[tokio::test]
async fn a_custom_command_says_its_text_and_the_catalogues_names_win() {
    let world = World::new(1).await;
    let commands = json!([
        {"name": "Rules", "text": "{user}: be kind in {server}, @everyone"}, {"name": "ping", "text": "never said"},
    ]);
    world
        .set_guild(&json!({
            "general": {"prefix": "!"}, "custom-commands": {"commands": commands},
            "commands": {"ignored_channels": [hidden(0).to_string()], "delete_trigger": true},
        }))
        .await;
    world.say(0, MEMBER, ">rules").await;
    world.say(0, MEMBER, "!rules-of-chess").await;
    world.say_with(0, MEMBER, "!rules", &json!({"channel_id": hidden(0).to_string()})).await;
    let message = world.say(0, MEMBER, "!RULES now").await;
    let ping = world.say(0, OWNER, "!ping").await;
    let effects = answered(&world).await;
    let first = &effects[0];
    assert_eq!(first.what, posts(channel(0)));
    assert_eq!(first.body["content"], "someone: be kind in guild 0, @everyone");
    assert_eq!(first.body["allowed_mentions"], json!({"parse": [], "users": [MEMBER.to_string()]}));
    let of = |what: &str| effects.iter().filter(|effect| effect.what == what).count();
    assert_eq!(of(&format!("DELETE /channels/{}/messages/{message}", channel(0))), 1);
    let replies = effects.iter().filter(|effect| effect.body["message_reference"]["message_id"] == json!(ping));
    assert_eq!((replies.count(), effects.len()), (1, 4), "two answers, two messages gone: {effects:#?}");
    assert!(!texts(&effects).contains(&"never said"));
}

#[tokio::test]
async fn a_custom_command_is_charged_like_any_other() {
    let world = World::new(1).await;
    world.set_guild(&tea(&json!({}))).await;
    for _ in 0..GLOBAL_COOLDOWN.uses + 5 {
        world.say(0, MEMBER, ">tea").await;
    }
    let effects = answered(&world).await;
    assert_eq!(texts(&effects).len(), GLOBAL_COOLDOWN.uses as usize);
    assert_eq!(effects.len(), GLOBAL_COOLDOWN.uses as usize + 1, "and told once");
}

#[tokio::test]
async fn a_custom_command_obeys_the_rules_of_commands() {
    for (rules, refused) in [
        (json!([{"command": "tea", "enabled": false}]), "off in this server"),
        (json!([{"command": "tea", "channels": [hidden(0).to_string()]}]), "only"),
        (json!([{"command": "tea", "cooldown_s": 60}]), "again in 60 s"),
    ] {
        let world = World::new(1).await;
        world.set_guild(&tea(&json!({"commands": {"rules": rules}}))).await;
        world.say(0, MEMBER, ">tea").await;
        world.say(0, MEMBER, ">tea").await;
        let effects = answered(&world).await;
        let said = |effect: &crate::passive::Effect| effect.body.to_string().contains(refused);
        assert!(effects.iter().any(said), "{rules}: {effects:#?}");
        let slow = usize::from(rules[0].get("cooldown_s").is_some());
        assert_eq!(texts(&effects).len(), slow, "{rules}");
    }
    let quiet = World::new(1).await;
    quiet.set_guild(&tea(&json!({"commands": {"ignored_members": [MEMBER.to_string()]}}))).await;
    quiet.say(0, MEMBER, ">tea").await;
    assert!(answered(&quiet).await.is_empty(), "in silence");
}
