use miso_model::Aggregate;
use serde_json::{Value, json};

use super::facts::DAY;
use super::{only, posts, the_guild};
use crate::setup::{MEMBER, OWN, OWNER, World, channel, guild, now_ms};

fn crown(from: Option<u64>, place: u64) -> Value {
    json!({
        "artist": "*HEEJIN*", "user": MEMBER.to_string(), "plays": 40, "from": from.map(|id| id.to_string()), "channel": place.to_string(),
    })
}

#[tokio::test]
async fn a_crown_that_changes_hands_is_told_once_where_it_came_to_light() {
    let world = World::new(1).await;
    let of = Aggregate::Guild(the_guild());
    world.fact(of, 1, "CrownTaken", &crown(None, channel(0)), now_ms()).await;
    world.fact(of, 2, "CrownTaken", &crown(Some(OWNER), channel(0)), now_ms() - DAY).await;
    world.fact(of, 3, "CrownTaken", &crown(Some(OWNER), 12_345), now_ms()).await;
    world.fact(of, 4, "CrownTaken", &crown(Some(OWNER), channel(0)), now_ms()).await;
    let effects = world.after().await;
    let told = only(&effects);
    assert_eq!(told.what, posts(channel(0)));
    let text = told.body["embeds"][0]["description"].as_str().expect("text");
    assert_eq!(text, format!("👑 <@{MEMBER}> took the crown of **\\*HEEJIN\\*** from <@{OWNER}>, with 40 plays."));
    assert_eq!(told.body["allowed_mentions"], json!({"parse": []}));
}

fn own_message(id: u64, footer: &str) -> Value {
    json!({
        "id": id.to_string(), "channel_id": channel(0).to_string(), "guild_id": guild(0).to_string(), "type": 0, "content": "",
        "author": {"id": OWN, "username": "miso", "bot": true}, "embeds": [{"color": 0xb9_0000, "footer": {"text": footer}}],
    })
}

#[tokio::test]
async fn what_is_playing_gets_two_reactions_where_the_guild_wants_votes() {
    let world = World::new(1).await;
    world.happens("MESSAGE_CREATE", &own_message(5_000, "ann is listening · 31 plays")).await;
    assert!(world.after().await.is_empty(), "not turned on");
    world.set_guild(&json!({"lastfm": {"voting": true, "vote_down": "no:7"}})).await;
    world.happens("MESSAGE_CREATE", &own_message(5_001, "ann listened · 31 plays")).await;
    world.happens("MESSAGE_CREATE", &own_message(5_002, "ann is listening · 31 plays")).await;
    let whats: Vec<String> = world.after().await.into_iter().map(|effect| effect.what).collect();
    let reaction = |emoji: &str| format!("PUT /channels/{}/messages/5002/reactions/{emoji}/@me", channel(0));
    assert_eq!(whats, [reaction("%F0%9F%91%8D"), reaction("%6E%6F%3A%37")]);
}

#[tokio::test]
async fn whoever_leaves_is_taken_off_the_lists_by_lastfm() {
    let world = World::new(1).await;
    world
        .happens("GUILD_MEMBER_REMOVE", &json!({"guild_id": guild(0).to_string(), "user": {"id": MEMBER.to_string()}}))
        .await;
    world.after().await;
    let left: Vec<_> =
        world.effects().await.into_iter().filter(|effect| effect.what.starts_with("ListenerLeaves")).collect();
    assert_eq!((left.len(), &left[0].body), (1, &json!({"user": MEMBER.to_string()})));
}
