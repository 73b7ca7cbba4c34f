//! Last.fm, as a middleware stands in for it: links, the listening index, who knows what, crowns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use miso_commands_api::CommandsConfig;
use miso_model::{Aggregate, GuildId, UserId};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::asked::{ask, facts, timers};
use crate::http::{client, json_of, read};
use crate::setup::{Instance, PATIENCE, World};

const GUILD: Aggregate = Aggregate::Guild(GuildId(7));
const USER: Aggregate = Aggregate::User(UserId(42));
/// Listens on a page of the stand-in, whatever is asked for.
const PAGE: usize = 100;

/// What ann listened to, the oldest first: seconds and title.
type Listens = Arc<Mutex<Vec<(i64, String)>>>;

type Answer = (StatusCode, Json<Value>);

fn problem(status: StatusCode, slug: &str) -> Answer {
    let problem =
        json!({"type": format!("urn:miso:problem:{slug}"), "title": "x", "status": status.as_u16(), "detail": "x"});
    (status, Json(problem))
}

fn data(data: &Value) -> Answer {
    (
        StatusCode::OK,
        Json(json!({"data": data, "meta": {"source": ["test"], "age_s": 0, "stale": false, "degraded": []}})),
    )
}

/// Nobody is `nobody`, `quiet` is private, and for `down` Last.fm is down.
fn refused(user: &str) -> Option<Answer> {
    match user {
        "nobody" => Some(problem(StatusCode::NOT_FOUND, "user-not-found")),
        "down" => Some(problem(StatusCode::SERVICE_UNAVAILABLE, "upstream-down")),
        _ => None,
    }
}

async fn profile(Path(user): Path<String>) -> Answer {
    refused(&user).unwrap_or_else(|| data(&json!({"name": user, "plays": 450, "registered_at": 1_000})))
}

fn track(title: &str) -> Value {
    json!({"name": title, "artist": {"name": "HEEJIN"}, "album": {"name": "HeeJin", "image": null}, "duration_ms": 201_000, "loved": false})
}

async fn now(Path(user): Path<String>) -> Answer {
    if user == "quiet" {
        return problem(StatusCode::FORBIDDEN, "listening-private");
    }
    let now = json!({"track": track("Vivid"), "now_playing": true, "played_at": null, "user_plays": 31, "tags": ["k-pop"], "total": 9});
    refused(&user).unwrap_or_else(|| data(&now))
}

async fn recent(State(all): State<Listens>, Query(asked): Query<HashMap<String, String>>) -> Answer {
    let number = |name: &str| asked.get(name).and_then(|text| text.parse::<i64>().ok());
    let (from, to) = (number("from").unwrap_or(0), number("to").unwrap_or(i64::MAX));
    let all = all.lock().expect("alone");
    let wanted: Vec<_> = all.iter().rev().filter(|(at, _)| (from..to).contains(&(at * 1_000))).collect();
    let start = number("cursor").and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
    let page: Vec<Value> = wanted
        .iter()
        .skip(start)
        .take(PAGE)
        .map(|(at, title)| {
            let mut listen = track(title);
            listen["now_playing"] = json!(false);
            listen["played_at"] = json!(at * 1_000);
            listen
        })
        .collect();
    let cursor = (start + PAGE < wanted.len()).then(|| (start + PAGE).to_string());
    data(&json!({"tracks": page, "total": wanted.len(), "cursor": cursor}))
}

/// A middleware that knows these listens.
async fn middleware(listens: Listens) -> (String, JoinSet<()>) {
    let router = Router::new()
        .route("/v1/users/{user}", get(profile))
        .route("/v1/users/{user}/now", get(now))
        .route("/v1/users/{user}/recent", get(recent))
        .with_state(listens);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let mut task = JoinSet::new();
    task.spawn(async move { axum::serve(listener, router).await.expect("serves") });
    (url, task)
}

async fn say(instance: &Instance, user: u64, id: &str, name: &str, args: Value) -> (u16, Value) {
    let context = json!({
        "platform": "terminal", "user": user.to_string(), "guild": "7", "channel": "5", "permissions": "32", "prefix": "!",
    });
    let request = client().post(instance.url(&format!("/v1/commands/{name}"))).header("idempotency-key", id);
    let body = json!({"args": args, "context": context});
    let (status, json) = json_of(request.json(&body).send().await.expect("answers")).await;
    (status.as_u16(), json)
}

/// Says that the timer is due, and asks who knows HEEJIN, until the answer's first row holds this. A turn that
/// is asked for while another is under way is left out.
async fn until_known(world: &World, instance: &Instance, wanted: &str) -> Value {
    let known = async {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let id = format!("{wanted}/{attempt}");
            let body = json!({"timer_id": "user/42/listens", "due_ms": 1});
            assert_eq!(ask(&world.log, USER, &[(&*format!("due/{id}"), "TimerDue", body)]).await, 200);
            let (_, known) = say(instance, 42, &format!("wk/{id}"), "whoknows", json!({"query": "heejin"})).await;
            if known["rows"][0].as_str().is_some_and(|row| row.contains(wanted)) {
                return known;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("known in time")
}

#[tokio::test]
async fn whoever_tells_their_name_is_learnt_and_known_until_they_take_it_back() {
    let world = World::new().await;
    let listens: Listens =
        Arc::new(Mutex::new((0..450).map(|n| (1_700_000_000 + n * 60, format!("t{}", n % 7))).collect()));
    let (url, _task) = middleware(Arc::clone(&listens)).await;
    let instance = world.instance(CommandsConfig { lastfm_url: Some(url), ..CommandsConfig::default() }).await;
    let (status, set) = say(&instance, 42, "a", "fm set", json!({"name": "ann"})).await;
    assert_eq!((status, &set["colour"]), (200, &json!("success")), "{set}");
    assert!(timers(&world.log).await["user/42/listens"].is_some(), "looked at soon");
    let (_, playing) = say(&instance, 42, "b", "fm nowplaying", json!({})).await;
    assert_eq!(playing["title"], "HEEJIN — Vivid [3:21]", "{playing}");
    let known = until_known(&world, &instance, "450 plays").await;
    assert_eq!(
        (known["rows"][0].as_str(), known["rows"].as_array().map(Vec::len)),
        (Some("👑 <@42> · 450 plays"), Some(1))
    );
    let crowned = facts(&world.log, GUILD).await;
    let kinds: Vec<&str> = crowned.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["SeenInGuild", "CrownTaken"], "each once, however often it was asked");
    let (_, crowns) = say(&instance, 42, "c", "crowns", json!({})).await;
    assert!(crowns["rows"][0].as_str().is_some_and(|row| row.contains("HEEJIN")), "{crowns}");

    // What is new is learnt at the next turn, and nothing twice.
    listens.lock().expect("alone").extend([(1_700_100_000, "new".to_owned()), (1_700_100_060, "newer".to_owned())]);
    until_known(&world, &instance, "452 plays").await;
    let before = facts(&world.log, USER).await.len();
    listens.lock().expect("alone").push((1_700_100_120, "newest".to_owned()));
    until_known(&world, &instance, "453 plays").await;
    assert_eq!(facts(&world.log, USER).await.len(), before + 1);
    let (_, tracks) = say(&instance, 42, "d", "fm server", json!({"what": "toptracks"})).await;
    assert!(tracks["rows"][0].as_str().is_some_and(|row| row.contains("t0") && row.contains("65 plays")), "{tracks}");
    let data = read(&instance, "/v1/users/42/data").await;
    assert_eq!(data["tables"]["listens"], json!({"count": 453, "artists": [{"artist": "HEEJIN", "plays": 453}]}));

    let (status, unset) = say(&instance, 42, "e", "fm unset", json!({})).await;
    assert_eq!((status, &unset["colour"]), (200, &json!("success")), "{unset}");
    assert_eq!(timers(&world.log).await["user/42/listens"], None, "never looked at again");
    let (_, nobody) = say(&instance, 42, "f", "whoknows", json!({"query": "HEEJIN"})).await;
    assert!(
        nobody["rows"] == json!([]) && nobody["text"].as_str().is_some_and(|text| text.contains("fm set")),
        "{nobody}"
    );
    assert_eq!(read(&instance, "/v1/users/42/data").await["tables"]["listens"]["count"], 0);
    instance.stop().await;
}

#[tokio::test]
async fn what_cannot_be_had_is_told_with_what_to_do() {
    let world = World::new().await;
    let (url, _task) = middleware(Listens::default()).await;
    let instance = world.instance(CommandsConfig { lastfm_url: Some(url), ..CommandsConfig::default() }).await;
    let told = async |id: &str, name: &str, args: Value| {
        let (status, problem) = say(&instance, 42, id, name, args).await;
        (status, problem["detail"].as_str().unwrap_or_default().to_owned())
    };
    let (status, detail) = told("a", "fm nowplaying", json!({})).await;
    assert!(status == 422 && detail.contains("`!fm set NAME`"), "{detail}");
    let (status, detail) = told("b", "fm nowplaying", json!({"query": "<@9>"})).await;
    assert!(status == 422 && detail.contains("<@9>"), "{detail}");
    let (status, detail) = told("c", "fm set", json!({"name": "nobody"})).await;
    assert!(status == 404 && detail.contains("`nobody`"), "{detail}");
    let (status, detail) = told("d", "fm set", json!({"name": "down"})).await;
    assert!(status == 424 && detail.contains("Try again"), "{detail}");
    let (status, detail) = told("e", "fm chart", json!({"query": "40x40"})).await;
    assert!(status == 422 && detail.contains("5x5"), "{detail}");
    assert_eq!(say(&instance, 42, "f", "fm set", json!({"name": "quiet"})).await.0, 200);
    let (status, detail) = told("g", "fm nowplaying", json!({})).await;
    assert!(status == 403 && detail.contains("private"), "{detail}");
    instance.stop().await;

    let without = world.instance(CommandsConfig::default()).await;
    let (status, problem) = say(&without, 42, "h", "fm nowplaying", json!({})).await;
    assert!(status == 422 && problem["detail"].as_str().is_some_and(|text| text.contains("not set up")), "{problem}");
    without.stop().await;
}

#[tokio::test]
async fn one_members_error_stays_their_row_and_whom_a_guild_hides_is_in_no_list() {
    let world = World::new().await;
    let (url, _task) = middleware(Listens::default()).await;
    let instance = world.instance(CommandsConfig { lastfm_url: Some(url), ..CommandsConfig::default() }).await;
    for (user, name) in [(42, "ann"), (43, "quiet"), (44, "bob")] {
        assert_eq!(say(&instance, user, &format!("set/{user}"), "fm set", json!({"name": name})).await.0, 200);
        let (_, _) = say(&instance, user, &format!("seen/{user}"), "crowns", json!({})).await;
    }
    let (_, playing) = say(&instance, 42, "a", "fm server", json!({"what": "np"})).await;
    let rows: Vec<&str> = playing["rows"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(
        rows,
        ["<@42> **Vivid** by **HEEJIN**", "<@43> ⚠ private", "<@44> **Vivid** by **HEEJIN**"],
        "{playing}"
    );
    let (status, hidden) = say(&instance, 42, "b", "fm blacklist", json!({"member": "44"})).await;
    assert!(status == 200 && hidden["text"].as_str().is_some_and(|text| text.contains("left out")), "{hidden}");
    let (_, playing) = say(&instance, 42, "c", "fm server", json!({"what": "nowplaying"})).await;
    assert_eq!(playing["rows"].as_array().map(Vec::len), Some(2), "{playing}");
    let left = [("l", "ListenerLeaves", json!({"user": "43"}))];
    assert_eq!(ask(&world.log, GUILD, &left).await, 200);
    let (_, playing) = say(&instance, 42, "d", "fm server", json!({"what": "nowplaying"})).await;
    assert_eq!(playing["rows"].as_array().map(Vec::len), Some(1), "{playing}");
    instance.stop().await;
}
