use serde_json::json;

use crate::setup::{MEMBER, OWN, OWNER, PATIENCE, World};

#[tokio::test]
async fn a_changed_prefix_is_what_commands_begin_with_from_then_on() {
    let world = World::new(2).await;
    let api = world.api().await;
    let handlers = world.handlers(api.address, PATIENCE);
    let change = world.say(0, OWNER, ">prefix ?!").await;
    let embed = world.answer_to(&change).await;
    assert_eq!(embed["color"], json!(0x77_b255), "{embed}");
    assert!(embed["description"].as_str().expect("text").contains("`?!`"));

    world.say(0, MEMBER, ">ping").await;
    let new = world.say(0, MEMBER, "?!ping").await;
    world.answer_to(&new).await;
    let mention = world.say(0, MEMBER, &format!("<@{OWN}> prefix")).await;
    assert!(world.answer_to(&mention).await["description"].as_str().expect("text").contains("`?!`"));
    let elsewhere = world.say(1, MEMBER, ">ping").await;
    world.answer_to(&elsewhere).await;
    assert_eq!(world.answers().await.len(), 4, "the old prefix is silent");

    // Handlers that start later fold the settings before they look at a message.
    handlers.stop().await;
    world.say(0, MEMBER, ">ping").await;
    let waiting = world.say(0, MEMBER, "?!help prefix").await;
    let handlers = world.handlers(api.address, PATIENCE);
    let embed = world.answer_to(&waiting).await;
    assert_eq!(embed["title"], json!("?!prefix [prefix]"));
    assert_eq!(world.answers().await.len(), 5);

    // A prefix that ends with a space, and back again.
    let spaced = world.say(0, OWNER, "?!prefix \"miso \"").await;
    world.answer_to(&spaced).await;
    let with_space = world.say(0, MEMBER, "miso ping").await;
    world.answer_to(&with_space).await;
    let refused = world.say(0, OWNER, &format!("miso prefix {}", "x".repeat(33))).await;
    assert!(world.answer_to(&refused).await["description"].as_str().expect("text").contains("32 at most"));
    handlers.stop().await;
}
