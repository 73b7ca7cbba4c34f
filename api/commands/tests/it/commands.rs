//! Commands that change or read what is kept, as clients run them.

use miso_commands_api::CommandsConfig;
use miso_model::{Aggregate, GuildId};
use serde_json::{Value, json};

use crate::asked::ask;
use crate::http::{client, context, json_of, put, read};
use crate::setup::{Instance, World, now_ms};

async fn say(instance: &Instance, id: &str, name: &str, args: Value) -> (u16, Value) {
    let body = json!({"args": args, "context": context()});
    let request = client().post(instance.url(&format!("/v1/commands/{name}"))).header("idempotency-key", id);
    let (status, json) = json_of(request.json(&body).send().await.expect("answers")).await;
    (status.as_u16(), json)
}

#[tokio::test]
async fn a_guilds_own_commands_come_and_go_once_however_often_they_are_said() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    for _ in 0..2 {
        let (status, said) = say(&instance, "a", "command add", json!({"name": "Tea", "text": "Time for tea!"})).await;
        assert_eq!((status, &said["colour"]), (200, &json!("success")), "{said}");
    }
    let (status, taken) = say(&instance, "b", "command add", json!({"name": "tea", "text": "again"})).await;
    assert_eq!((status, taken["type"].as_str()), (422, Some("urn:miso:problem:name-taken")));
    say(&instance, "c", "command edit", json!({"name": "tea", "text": "Two teas!"})).await;
    let (_, list) = say(&instance, "d", "command list", json!({})).await;
    assert_eq!(list["rows"], json!(["`!tea`"]));
    let module = read(&instance, "/v1/guilds/7/settings/custom-commands").await;
    assert_eq!((&module["version"], &module["values"]["commands"][0]["text"]), (&json!(2), &json!("Two teas!")));
    let (status, _) = say(&instance, "e", "command remove", json!({"name": "tea"})).await;
    let (_, none) = say(&instance, "f", "command search", json!({"name": "te"})).await;
    assert!(status == 200 && none["rows"] == json!([]), "{none}");
    instance.stop().await;
}

#[tokio::test]
async fn reminders_are_set_listed_put_off_and_taken_back_in_the_users_zone() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let (status, zone) = say(&instance, "z", "timezone", json!({"zone": "Europe/Helsinki"})).await;
    assert!(status == 200 && zone["text"].as_str().is_some_and(|text| text.contains("Europe/Helsinki")), "{zone}");
    let wish = json!({"when": "in 2h", "text": "drink water"});
    let (status, set) = say(&instance, "a", "remindme", wish.clone()).await;
    let text = set["text"].as_str().expect("text");
    assert!(status == 200 && text.contains("in 2h") && text.contains("(Europe/Helsinki)"), "{set}");
    let (_, again) = say(&instance, "a", "remindme", wish).await;
    assert_eq!(again["footer"], set["footer"], "set once");
    let reminders = read(&instance, "/v1/users/42/reminders").await;
    let id = reminders["reminders"][0]["id"].as_str().expect("id").to_owned();
    assert!(set["footer"].as_str().expect("footer").contains(&id));
    assert_eq!(
        (reminders["reminders"].as_array().map(Vec::len), &reminders["reminders"][0]["guild"]),
        (Some(1), &json!("7"))
    );
    let (_, list) = say(&instance, "b", "reminders", json!({})).await;
    assert!(list["rows"][0].as_str().is_some_and(|row| row.contains(&id) && row.ends_with(": drink water")), "{list}");
    let (status, put_off) = say(&instance, "c", "reminder snooze", json!({"id": id, "when": "in 3 days"})).await;
    assert!(status == 200 && put_off["text"].as_str().is_some_and(|text| text.contains("in 3d")), "{put_off}");
    assert_eq!(say(&instance, "d", "reminder cancel", json!({"id": id})).await.0, 200);
    assert_eq!(say(&instance, "e", "reminder cancel", json!({"id": id})).await.0, 404);
    instance.stop().await;
}

#[tokio::test]
async fn rank_and_leaderboard_show_what_was_counted() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let (_, off) = say(&instance, "a", "rank", json!({})).await;
    assert!(off["text"].as_str().is_some_and(|text| text.contains("not counted here")), "{off}");
    put(&instance, "activity", None, json!({"enabled": true})).await;
    let (_, none) = say(&instance, "b", "leaderboard", json!({})).await;
    assert_eq!(none["text"], json!("Nothing was counted yet."));
    let member = |user: &str, xp: i64| json!({"user": user, "xp": xp, "messages": 3, "hour": 1, "at_ms": now_ms()});
    let members = json!({"members": [member("42", 60), member("43", 120)]});
    ask(&world.log, Aggregate::Guild(GuildId(7)), &[("x", "ActivityObserved", members)]).await;
    let (_, rank) = say(&instance, "c", "rank", json!({})).await;
    assert_eq!((&rank["title"], &rank["fields"][0]["value"]), (&json!("Level 2"), &json!("#2 of 2")), "{rank}");
    let (_, board) = say(&instance, "d", "leaderboard", json!({})).await;
    let first = board["rows"][0].as_str().expect("row");
    assert!(first.contains("<@43>") && first.contains("120 XP") && board["rows"].as_array().map(Vec::len) == Some(2));
    instance.stop().await;
}
