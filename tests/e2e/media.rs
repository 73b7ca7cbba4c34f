//! Links in messages, shown through the whole pipeline: the simulator's sites, the embedder, the commands API,
//! the handlers, Discord.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::passive::World;

/// Where the seeded posts are.
const SITES: [&str; 8] = ["x", "bluesky", "mastodon", "reddit", "youtube", "tiktok", "instagram", "threads"];

async fn shown_by_itself(world: &World) {
    let mut values: BTreeMap<&str, bool> = SITES.into_iter().map(|site| (site, true)).collect();
    values.insert("captions", true);
    world.set("embeds", json!(values)).await;
}

/// A link to the post of each site that was made for something.
async fn links(world: &World, scenario: &str) -> Vec<(String, String)> {
    let posts = world.discord.get("/sites/posts").await;
    let text = |post: &Value, name: &str| post[name].as_str().expect("text").to_owned();
    let posts = posts.as_array().expect("a list").iter().filter(|post| post["scenario"] == scenario);
    posts.map(|post| (text(post, "provider"), text(post, "url"))).collect()
}

/// The bot's messages that reply to a message.
async fn replies(world: &World, channel: &str, message: &str) -> Vec<Value> {
    let messages = world.discord.messages(channel, "0").await;
    let replies = |other: &Value| other["message_reference"]["message_id"] == message;
    messages.into_iter().filter(|message| message["author"]["bot"] == true && replies(message)).collect()
}

/// Waits for the one reply.
async fn reply(world: &World, channel: &str, message: &str, link: &str) -> Value {
    let found = eventually(link, || async {
        let found = replies(world, channel, message).await;
        (!found.is_empty()).then_some(found)
    });
    let found = found.await;
    assert_eq!(found.len(), 1, "{link}: {found:#?}");
    found.into_iter().next().expect("one")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_link_of_each_site_is_shown_once() {
    let world = World::start().await;
    shown_by_itself(&world).await;
    let talk = world.guild.channels[0].clone();
    let links = links(&world, "picture").await;
    assert_eq!(links.len(), SITES.len());
    let mut said = Vec::new();
    for (n, (site, link)) in links.into_iter().enumerate() {
        // Somebody else each time: nobody is slowed down.
        let user = &world.guild.users[n % world.guild.users.len()];
        let message = world.discord.say(&talk, user, &format!("look: {link}")).await;
        said.push((site, link, message));
    }
    for (site, link, message) in &said {
        let reply = reply(&world, &talk, message, link).await;
        let text = reply["embeds"][0]["description"].as_str().unwrap_or_default();
        assert!(text.starts_with("**"), "{site}: {reply}");
        let buttons = reply["components"].to_string();
        assert!(
            buttons.contains("\"label\":\"Delete\"") && buttons.contains("\"label\":\"Open on "),
            "{site}: {buttons}"
        );
    }
    // What is gone is not told of, unless somebody asks.
    let (user, gone) = (&world.guild.users[1], "https://x.com/ann/status/1900000000000000007");
    let silent = world.discord.say(&talk, user, gone).await;
    let asked = world.discord.say(&talk, user, &format!(">embed {gone}")).await;
    assert!(reply(&world, &talk, &asked, gone).await.to_string().contains("does not exist any more"));
    assert!(replies(&world, &talk, &silent).await.is_empty());
    for (_, _, message) in &said {
        assert_eq!(replies(&world, &talk, message).await.len(), 1, "still once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_is_shown_once_though_its_handlers_are_aborted() {
    let world = World::start().await;
    shown_by_itself(&world).await;
    let talk = world.guild.channels[0].clone();
    let mut said = Vec::new();
    for scenario in ["text", "picture", "gallery"] {
        for (n, (_, link)) in links(&world, scenario).await.into_iter().enumerate() {
            // In turn: nobody is slowed down.
            let user = &world.guild.users[said.len() % world.guild.users.len()];
            said.push((world.discord.say(&talk, user, &link).await, link));
            if n % 2 == 1 {
                for role in ["handlers", "sender", "commands-api", "embedder"].iter().take(1 + n % 4) {
                    world.deployment.abort("up", role).await;
                }
            }
        }
        world.deployment.ready("up").await;
        for (message, link) in &said {
            reply(&world, &talk, message, link).await;
        }
    }
    for (message, link) in &said {
        assert_eq!(replies(&world, &talk, message).await.len(), 1, "{link}");
    }
}
