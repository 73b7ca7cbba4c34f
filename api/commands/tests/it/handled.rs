//! What handlers and timers ask for, through the log, and what is then read over HTTP.

use miso_commands_api::CommandsConfig;
use miso_model::{Aggregate, GuildId, UserId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::asked::{ask, facts, timers};
use crate::http::{as_manager, client, json_of, put, read};
use crate::setup::{World, now_ms};

const GUILD: Aggregate = Aggregate::Guild(GuildId(7));
const USER: Aggregate = Aggregate::User(UserId(42));

fn kinds(facts: &[(String, Value)]) -> Vec<&str> {
    facts.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[tokio::test]
async fn activity_is_capped_counted_and_ranked_also_within_one_batch() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let now = now_ms() / 300_000 * 300_000;
    let seen = |user: &str, xp: i64| json!({"members": [{"user": user, "xp": xp, "messages": 4, "hour": 9, "channel": "5", "at_ms": now}]});
    // In one batch: the second must see what the first has counted.
    let asked = [
        ("a", "ActivityObserved", seen("1", 100)),
        ("b", "ActivityObserved", seen("1", 100)),
        ("c", "ActivityObserved", seen("2", 50)),
        ("a", "ActivityObserved", seen("1", 100)),
        ("d", "CountsObserved", json!({"counts": [{"day": "2026-01-01", "hour": 9, "messages": 12}]})),
    ];
    assert_eq!(ask(&world.log, GUILD, &asked).await, 200);
    let facts = facts(&world.log, GUILD).await;
    let levels =
        ["ActivityCounted", "LevelReached", "ActivityCounted", "ActivityCounted", "LevelReached", "CountsAdded"];
    assert_eq!(kinds(&facts), levels);
    assert_eq!(facts[1].1, json!({"user": "1", "level": 2, "channel": "5"}));
    let board = read(&instance, "/v1/guilds/7/leaderboards/xp?limit=1").await;
    let first = json!({"rank": 1, "user": "1", "xp": 150, "level": 2, "messages": 8});
    assert_eq!((&board["total"], &board["rows"]), (&json!(2), &json!([first])));
    let member = read(&instance, "/v1/guilds/7/members/2/activity").await;
    assert_eq!((&member["rank"], &member["xp"], &member["hours"][9]), (&json!(2), &json!(50), &json!(4)));
    assert_eq!((&member["level_xp"], &member["next_level_xp"]), (&json!(39), &json!(153)));
    let nobody = client().get(instance.url("/v1/guilds/7/members/9/activity")).send().await.expect("answers");
    assert_eq!(json_of(nobody).await.0, 404);
    let broken = [(
        "e",
        "ActivityObserved",
        json!({"members": [{"user": "1", "xp": -5, "messages": 1, "hour": 1, "at_ms": 1}]}),
    )];
    assert_eq!(ask(&world.log, GUILD, &broken).await, 422);
    instance.stop().await;
}

#[tokio::test]
async fn statistics_show_every_day_up_to_today() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let empty = read(&instance, "/v1/guilds/7/stats?days=3").await;
    let today = empty["days"][2]["day"].as_str().expect("day").to_owned();
    let counts = json!({"counts": [{"day": today, "hour": 3, "messages": 5, "joins": 1, "commands": 2}]});
    ask(&world.log, GUILD, &[("a", "CountsObserved", counts.clone()), ("b", "CountsObserved", counts)]).await;
    let stats = read(&instance, "/v1/guilds/7/stats").await;
    assert_eq!(stats["days"].as_array().map(Vec::len), Some(30));
    assert_eq!(stats["days"][29], json!({"day": today, "messages": 10, "joins": 2, "leaves": 0, "commands": 4}));
    assert_eq!((&stats["days"][28]["messages"], &stats["hours"][3]), (&json!(0), &json!(10)));
    instance.stop().await;
}

#[tokio::test]
async fn stars_are_counted_once_per_member_and_a_late_post_is_told_the_count() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    put(&instance, "starboard", None, json!({"enabled": true, "amount": 2})).await;
    let star = |user: &str, added: bool| json!({"message": "70", "channel": "5", "author": "6", "user": user, "added": added, "emoji": "⭐", "at_ms": 1});
    let asked = [
        ("a", "StarChanged", star("1", true)),
        ("b", "StarChanged", star("1", true)),
        ("c", "StarChanged", star("2", true)),
        ("d", "StarChanged", star("3", true)),
        ("e", "StarPosted", json!({"message": "70", "channel": "8", "post": "80"})),
        ("f", "StarPosted", json!({"message": "70", "channel": "8", "post": "80"})),
        ("g", "StarChanged", star("3", false)),
        ("h", "StarChanged", star("2", false)),
        ("i", "StarChanged", star("9", false)),
        ("j", "StarPosted", json!({"message": "71", "channel": "8", "post": "81"})),
    ];
    assert_eq!(ask(&world.log, GUILD, &asked).await, 200);
    let facts = facts(&world.log, GUILD).await;
    let told: Vec<_> = facts[1..]
        .iter()
        .map(|(kind, body)| {
            (
                kind.as_str(),
                body["count"].as_i64().unwrap_or(-1),
                body["act"].as_str().unwrap_or("-"),
                body["post"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("StarCounted", 1, "nothing", None),
            ("StarCounted", 2, "post", None),
            ("StarCounted", 3, "nothing", None),
            ("StarPosted", 3, "-", Some("80")),
            ("StarCounted", 3, "edit", Some("80")),
            ("StarCounted", 2, "edit", Some("80")),
            ("StarCounted", 1, "remove", Some("80")),
        ]
    );
    instance.stop().await;
}

#[tokio::test]
async fn cleared_stars_take_their_post_away_and_count_anew() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    put(&instance, "starboard", None, json!({"enabled": true, "amount": 1})).await;
    let star =
        json!({"message": "70", "channel": "5", "author": "6", "user": "1", "added": true, "emoji": "⭐", "at_ms": 1});
    let asked = [
        ("a", "StarChanged", star.clone()),
        ("b", "StarPosted", json!({"message": "70", "channel": "8", "post": "80"})),
        ("c", "StarsCleared", json!({"message": "70"})),
        ("d", "StarsCleared", json!({"message": "71"})),
        ("e", "StarChanged", star),
    ];
    assert_eq!(ask(&world.log, GUILD, &asked).await, 200);
    let facts = facts(&world.log, GUILD).await;
    let told: Vec<_> = facts[3..].iter().map(|(kind, body)| (kind.as_str(), body["act"].as_str())).collect();
    let expected = [
        ("StarCounted", Some("edit")),
        ("StarsCleared", None),
        ("StarCounted", Some("remove")),
        ("StarCounted", Some("post")),
    ];
    assert_eq!(told, expected, "{facts:?}");
    instance.stop().await;
}

#[tokio::test]
async fn a_reminder_is_a_timer_until_it_fires_is_put_off_or_taken_back() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let due = now_ms() + 3_600_000;
    let post = |path: String, id: &'static str, body: Value| {
        let request = client().post(instance.url(&path)).header("idempotency-key", id);
        request.header("miso-context", crate::http::signed_as(42, 7)).json(&body).send()
    };
    let wish = json!({"text": "tea", "due_ms": due, "channel": "5", "guild": "7"});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (status, set) =
            json_of(post("/v1/users/42/reminders".to_owned(), "a", wish.clone()).await.expect("answers")).await;
        assert_eq!((status.as_u16(), &set["due_ms"]), (200, &json!(due)));
        ids.push(set["id"].as_str().expect("id").to_owned());
    }
    assert_eq!(ids[0], ids[1], "asked twice, set once");
    let (id, key) = (&ids[0], format!("user/42/reminder/{}", ids[0]));
    assert_eq!(timers(&world.log).await, [(key.clone(), Some(due))].into());
    let list = read(&instance, "/v1/users/42/reminders").await;
    assert_eq!(list["reminders"], json!([{"id": id, "text": "tea", "due_ms": due, "channel": "5", "guild": "7"}]));
    let snooze = post(format!("/v1/users/42/reminders/{id}/snooze"), "b", json!({"due_ms": due + 1})).await;
    assert_eq!(json_of(snooze.expect("answers")).await.0, 200);
    assert_eq!(timers(&world.log).await[&key], Some(due + 1));
    let fire = |request: &'static str, due_ms: i64| (request, "TimerDue", json!({"timer_id": key, "due_ms": due_ms}));
    assert_eq!(ask(&world.log, USER, &[fire("t0", due)]).await, 200);
    assert_eq!(timers(&world.log).await[&key], Some(due + 1), "due at another time by now");
    assert_eq!(ask(&world.log, USER, &[fire("t1", due + 1), fire("t1", due + 1), fire("t2", due + 1)]).await, 200);
    assert_eq!(timers(&world.log).await[&key], None);
    let facts = facts(&world.log, USER).await;
    assert_eq!(kinds(&facts), ["ReminderSet", "ReminderSnoozed", "ReminderFired"]);
    assert_eq!(
        (&facts[2].1["text"], &facts[2].1["user"], &facts[2].1["channel"]),
        (&json!("tea"), &json!("42"), &json!("5"))
    );
    assert_eq!(read(&instance, "/v1/users/42/reminders").await["reminders"], json!([]));
    // Put off after it fired, then taken back.
    post(format!("/v1/users/42/reminders/{id}/snooze"), "c", json!({"due_ms": due + 9})).await.expect("answers");
    let cancel = || {
        client()
            .delete(instance.url(&format!("/v1/users/42/reminders/{id}")))
            .header("miso-context", crate::http::signed_as(42, 7))
            .send()
    };
    assert_eq!(json_of(cancel().await.expect("answers")).await.0, 200);
    assert_eq!(timers(&world.log).await[&key], None);
    assert_eq!(json_of(cancel().await.expect("answers")).await.0, 404);
    let past =
        post("/v1/users/42/reminders".to_owned(), "d", json!({"text": "x", "due_ms": 5})).await.expect("answers");
    assert_eq!(json_of(past).await.0, 422);
    instance.stop().await;
}

#[tokio::test]
async fn personal_data_is_exported_and_deleted_in_every_guild_and_timer() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let seen = |user: &str| json!({"members": [{"user": user, "xp": 50, "messages": 4, "hour": 9, "at_ms": 1}]});
    let other = Aggregate::Guild(GuildId(8));
    ask(&world.log, GUILD, &[("a", "ActivityObserved", seen("42")), ("b", "ActivityObserved", seen("43"))]).await;
    ask(&world.log, other, &[("a", "ActivityObserved", seen("42"))]).await;
    ask(
        &world.log,
        USER,
        &[
            ("a", "SetReminder", json!({"text": "tea", "due_ms": now_ms() + 60_000})),
            ("b", "ChangeSettings", json!({"module": "time", "set": {"timezone": "UTC"}})),
        ],
    )
    .await;
    let data = read(&instance, "/v1/users/42/data").await;
    let counts: Vec<_> = ["settings", "reminders", "activity", "own_changes", "answers"]
        .iter()
        .map(|table| data["tables"][table]["count"].as_i64())
        .collect();
    assert_eq!(counts, [Some(1), Some(1), Some(2), Some(1), Some(2)], "{data}");
    assert_eq!(data["tables"]["reminders"]["rows"][0]["text"], json!("tea"));
    let delete = |user: u64| {
        let request = client().delete(instance.url("/v1/users/42/data")).header("idempotency-key", "bye");
        request.header("miso-context", crate::http::signed_as(user, 7)).send()
    };
    assert_eq!(json_of(delete(43).await.expect("answers")).await.0, 403);
    for _ in 0..2 {
        let (status, done) = json_of(delete(42).await.expect("answers")).await;
        assert_eq!((status.as_u16(), &done["deleted"]["reminders"]), (200, &json!(1)));
        assert!(
            done["stays"]
                .as_array()
                .is_some_and(|stays| stays.len() > 3 && stays.iter().all(|one| one["why"].is_string()))
        );
    }
    let data = read(&instance, "/v1/users/42/data").await;
    for table in ["settings", "reminders", "activity", "own_changes"] {
        assert_eq!(data["tables"][table]["count"], json!(0), "{table}");
    }
    assert!(timers(&world.log).await.values().all(Option::is_none));
    assert_eq!(read(&instance, "/v1/guilds/7/leaderboards/xp").await["total"], json!(1), "others stay");
    assert_eq!(kinds(&facts(&world.log, other).await), ["ActivityCounted", "LevelReached", "MemberForgotten"]);
    instance.stop().await;
}

#[tokio::test]
async fn messages_of_the_last_days_are_counted_by_their_stars() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    put(&instance, "starboard", None, json!({"enabled": true, "amount": 9})).await;
    let made = |days: i64| {
        let since = now_ms() - days * 86_400_000 - miso_model::Snowflake(0).created_ms();
        (u64::try_from(since).expect("after Discord began") << 22).to_string()
    };
    let star = |message: &str, user: &str| json!({"message": message, "channel": "5", "author": "6", "user": user, "added": true, "at_ms": 1});
    let (new, older, old) = (made(1), made(5), made(20));
    let asked = [
        ("a", "StarChanged", star(&new, "1")),
        ("b", "StarChanged", star(&new, "2")),
        ("c", "StarChanged", star(&older, "1")),
        ("d", "StarChanged", star(&old, "1")),
        ("e", "StarChanged", star("70", "1")),
    ];
    assert_eq!(ask(&world.log, GUILD, &asked).await, 200);
    let of = async |query: &str| read(&instance, &format!("/v1/guilds/7/stars{query}")).await["at_least"].clone();
    assert_eq!(of("").await, json!([2, 1]));
    assert_eq!(of("?days=30").await, json!([3, 1]));
    assert_eq!(of("?days=2").await, json!([1, 1]));
    instance.stop().await;
}

#[tokio::test]
async fn a_sample_becomes_a_fact_for_who_may_manage_and_not_too_often() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    put(&instance, "greeting", None, json!({"channel": "5", "message": "Hi"})).await;
    let ask = async |body: Value| {
        let request = as_manager(&instance, Method::POST, "/v1/guilds/7/samples").json(&body);
        json_of(request.send().await.expect("answers")).await
    };
    let (status, said) = ask(json!({"what": "greeting"})).await;
    assert_eq!((status.as_u16(), said), (200, json!({"what": "greeting", "channel": "5"})));
    let (status, problem) = ask(json!({"what": "logs.bans"})).await;
    assert_eq!((status.as_u16(), problem["type"].as_str()), (422, Some("urn:miso:problem:no-channel")));
    let facts = facts(&world.log, GUILD).await;
    assert_eq!(
        facts[1],
        ("SampleAsked".to_owned(), json!({"what": "greeting", "user": "42", "channel": "5", "text": "Hi"}))
    );
    for _ in 2..miso_commands_api::SAMPLES {
        assert_eq!(ask(json!({"what": "greeting", "direct": true})).await.0, 200);
    }
    assert_eq!(ask(json!({"what": "greeting"})).await.0, 429);
    let nobody = client().post(instance.url("/v1/guilds/7/samples")).json(&json!({"what": "greeting"})).send().await;
    assert_eq!(json_of(nobody.expect("answers")).await.0, 403);
    instance.stop().await;
}
