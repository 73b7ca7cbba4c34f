use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::setup::{MEMBER, OWNER, PATIENCE, World};

#[tokio::test]
async fn a_commands_api_that_comes_late_answers_what_waited() {
    let world = World::new(1).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address");
    drop(listener);
    let handlers = world.handlers(address, PATIENCE);
    let waiting = world.say(0, OWNER, ">prefix !").await;
    let display = world.say(0, OWNER, ">avatar").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.answers().await.len(), 0, "in order within a channel");
    let api = world.api_at(TcpListener::bind(address).await.expect("port"));
    assert_eq!(world.answer_to(&waiting).await["color"], json!(0x77_b255));
    world.answer_to(&display).await;
    drop(api);
    handlers.stop().await;
}

#[tokio::test]
async fn a_commands_api_that_stays_away_is_told_to_the_author_with_a_trace() {
    let world = World::new(2).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address");
    drop(listener);
    let handlers = world.handlers(address, Duration::from_millis(400));
    let asked = world.say(0, MEMBER, ">choose tea or coffee").await;
    let embed = world.answer_to(&asked).await;
    assert_eq!(embed["color"], json!(0xbe_1931));
    assert!(embed["description"].as_str().expect("text").contains("try again"));
    assert!(embed["footer"]["text"].as_str().expect("text").starts_with("trace "));
    // What needs no commands API goes on.
    let shown = world.say(1, MEMBER, ">serverinfo").await;
    assert_eq!(world.answer_to(&shown).await["title"], json!("guild 1"));
    handlers.stop().await;
}
