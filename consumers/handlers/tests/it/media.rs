//! Links that are shown by themselves, and what can be done about it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use miso_commands_api::CommandsConfig;
use miso_handlers::{COMMANDS_GROUP, CommandsHandlerConfig, MESSAGES_GROUP};
use miso_log::catalogue::{BOT_COMMANDS, GATEWAY_EVENTS, REST_ACTIONS, REST_INTERACTIONS};
use miso_model::{Action, GuildId, LogRecord};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::setup::{Handlers, MEMBER, OWN, OWNER, PATIENCE, Role, World, all, channel, consumed, guild, side};

/// A social site and the embedder before it: posts 1 to 99 are there; others are gone.
struct Site {
    url: String,
    broken: Arc<AtomicBool>,
    _task: JoinSet<()>,
}

async fn look_up(State(broken): State<Arc<AtomicBool>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let problem = |status: StatusCode, slug: &str| {
        let kind = format!("urn:miso:problem:{slug}");
        let body = json!({"type": kind, "title": "t", "status": status.as_u16(), "detail": "d"});
        (status, axum::Json(body)).into_response()
    };
    if broken.load(Ordering::Relaxed) {
        return problem(StatusCode::BAD_GATEWAY, "provider_broken");
    }
    let url = &query["url"];
    match url.rsplit('/').next().and_then(|id| id.parse::<u64>().ok()) {
        Some(n @ 1..100) => axum::Json(json!({
            "provider": if url.contains("youtube") { "youtube" } else { "x" }, "url": url, "text": format!("post {n}"),
            "author": {"name": "Ann", "handle": "ann"}, "sensitive": n == 18,
            "media": [{"kind": "image", "file": if n == 99 { "/v1/file/lost" } else { "/v1/file/p" }, "mime": "image/png"}],
        }))
        .into_response(),
        _ => problem(StatusCode::NOT_FOUND, "gone"),
    }
}

impl Site {
    async fn new() -> Self {
        let broken = Arc::new(AtomicBool::new(false));
        let router = Router::new()
            .route("/v1/media", get(look_up))
            .route("/v1/file/p", get(|| async { ([("content-type", "image/png")], "\u{89}PNG") }))
            .with_state(Arc::clone(&broken));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, broken, _task: task }
    }

    async fn api(&self, world: &World) -> Role {
        let with_key = CommandsConfig { cluster_key: Some("key".to_owned()), ..CommandsConfig::default() };
        let config = CommandsConfig { embedder_url: Some(self.url.clone()), ..with_key };
        world.api_with(TcpListener::bind("127.0.0.1:0").await.expect("port"), config)
    }

    fn handlers(&self, world: &World, api: &Role) -> Handlers {
        let mut config = CommandsHandlerConfig::new(format!("http://{}", api.address), Some("key".to_owned()));
        (config.patience, config.uses_per_minute) = (PATIENCE, 0);
        config.embedder_url = Some(self.url.clone());
        world.handlers_with(config)
    }

    /// Lets the handlers answer everything that was said; what they did.
    async fn after(&self, world: &World) -> Vec<Done> {
        let api = self.api(world).await;
        let handlers = self.handlers(world, &api);
        consumed(&world.log, MESSAGES_GROUP, GATEWAY_EVENTS).await;
        consumed(&world.log, COMMANDS_GROUP, BOT_COMMANDS).await;
        handlers.stop().await;
        done(world).await
    }
}

/// An action: what it does, its JSON, and the names of its files.
#[derive(Debug)]
struct Done {
    what: String,
    body: Value,
    files: Vec<String>,
}

async fn done(world: &World) -> Vec<Done> {
    let mut values = all(&world.log, REST_ACTIONS).await;
    values.extend(all(&world.log, REST_INTERACTIONS).await);
    values.iter().map(|value| read(&Action::from_bytes(value).expect("an action"))).collect()
}

fn read(action: &Action) -> Done {
    let text = String::from_utf8_lossy(&action.body);
    let part = |name: &str| Some(text.split_once(name)?.1.split_once("\r\n\r\n")?.1.split_once("\r\n--")?.0.to_owned());
    let json = part("name=\"payload_json\"").unwrap_or_else(|| text.to_string());
    let files = text.split("filename=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()));
    Done {
        what: format!("{} {}", action.method, action.path),
        body: serde_json::from_str(&json).unwrap_or_default(),
        files: files.collect(),
    }
}

fn link(n: u64) -> String {
    format!("https://x.com/ann/status/{n}")
}

fn posts(of: u64) -> String {
    format!("POST /channels/{of}/messages")
}

fn message_path(message: &str) -> String {
    format!("/channels/{}/messages/{message}", channel(0))
}

#[tokio::test]
async fn a_link_is_shown_where_the_guild_wants_it_and_its_preview_goes() {
    let world = World::new(1).await;
    let site = Site::new().await;
    world.set_guild(&json!({"embeds": {"x": true, "captions": true}})).await;
    let message = world.say(0, MEMBER, &format!("look at {}!", link(1))).await;
    for passed in [
        format!("<{}>", link(2)),
        format!("`{}`", link(3)),
        "https://x.com/ann".to_owned(),
        "https://www.reddit.com/r/a/comments/b/".to_owned(),
        format!("gone: {}", link(500)),
        "no link at all".to_owned(),
    ] {
        world.say(0, MEMBER, &passed).await;
    }
    world.say_with(0, MEMBER, &link(4), &json!({"author": {"id": "5", "username": "b", "bot": true}})).await;
    let done = site.after(&world).await;
    let whats: Vec<&str> = done.iter().map(|done| done.what.as_str()).collect();
    assert_eq!(whats, [posts(channel(0)), format!("PATCH {}", message_path(&message))], "{done:#?}");
    let [shown, previews] = done.as_slice() else { panic!("two") };
    assert_eq!(shown.files, ["x-1.png"]);
    let embed = &shown.body["embeds"][0];
    assert!(embed["description"].as_str().is_some_and(|text| text.contains("Ann") && text.contains("post 1")));
    assert_eq!(embed["image"]["url"], "attachment://x-1.png");
    assert_eq!(shown.body["message_reference"]["message_id"], json!(message));
    let buttons = &shown.body["components"];
    assert_eq!(
        (&buttons[0]["components"][0]["url"], &buttons[1]["components"][0]["label"]),
        (&json!(link(1)), &json!("Delete"))
    );
    assert_eq!(previews.body, json!({"flags": 4}));
}

#[tokio::test]
async fn the_original_goes_and_pictures_are_hidden_where_that_is_wanted() {
    let world = World::new(1).await;
    let site = Site::new().await;
    world.set_guild(&json!({"embeds": {"x": true, "delete_original": true, "spoilers": true}})).await;
    let message = world.say(0, MEMBER, &link(1)).await;
    let gone = world.say(0, MEMBER, &link(500)).await;
    let done = site.after(&world).await;
    let whats: Vec<&str> = done.iter().map(|done| done.what.as_str()).collect();
    assert_eq!(whats, [posts(channel(0)), format!("DELETE {}", message_path(&message))], "{gone} stays");
    assert_eq!(done[0].files, ["SPOILER_x-1.png"]);
    assert!(done[0].body.get("message_reference").is_none(), "to nothing");
    assert!(done[0].body["embeds"][0].get("image").is_none(), "there it could not be hidden");

    // Nothing takes the place of a picture that cannot be had.
    world.say(0, MEMBER, &link(99)).await;
    let more = site.after(&world).await;
    assert!(more.len() == 3 && more.iter().any(|done| done.body.to_string().contains("could not be had")), "{more:#?}");

    let world = World::new(1).await;
    world.set_guild(&json!({"embeds": {"x": true, "youtube": true}})).await;
    world.say(0, MEMBER, &format!("|| {} ||", link(1))).await;
    world.say(0, MEMBER, &link(18)).await;
    world.say(0, MEMBER, "https://www.youtube.com/shorts/7").await;
    let done = site.after(&world).await;
    let hidden: Vec<bool> =
        done.iter().filter(|done| !done.files.is_empty()).map(|done| done.files[0].starts_with("SPOILER_")).collect();
    assert_eq!(hidden, [true, true, false], "in a spoiler; sensitive; neither");
    assert_eq!(done.iter().filter(|done| done.what.starts_with("PATCH")).count(), 2, "Discord's player stays");
}

#[tokio::test]
async fn ignored_channels_their_threads_and_what_cannot_be_shown_are_left_alone() {
    let world = World::new(1).await;
    let site = Site::new().await;
    let thread = (8_100_u64 << 22).to_string();
    let created = json!({
        "id": thread, "guild_id": guild(0).to_string(), "type": 11, "name": "t", "parent_id": side(0).to_string(),
    });
    world.event("THREAD_CREATE", Some(GuildId(guild(0))), &created).await;
    world.set_guild(&json!({"embeds": {"x": true, "ignored_channels": [side(0).to_string()]}})).await;
    for place in [side(0).to_string(), thread] {
        world.say_with(0, MEMBER, &link(1), &json!({"channel_id": place})).await;
    }
    assert!(site.after(&world).await.is_empty());
    // A site that is broken is not told of, unless somebody asked.
    site.broken.store(true, Ordering::Relaxed);
    world.say(0, MEMBER, &link(2)).await;
    assert!(site.after(&world).await.is_empty());
    world.say(0, MEMBER, &format!(">embed {}", link(2))).await;
    let told = site.after(&world).await;
    assert!(told.len() == 1 && told[0].body.to_string().contains("did not answer as it should"), "{told:?}");
    // Neither is a rule that turns embedding off.
    site.broken.store(false, Ordering::Relaxed);
    let off = json!({"rules": [{"command": "media", "enabled": false}]});
    world.set_guild(&json!({"embeds": {"x": true}, "commands": off})).await;
    world.say(0, MEMBER, &link(3)).await;
    assert_eq!(site.after(&world).await.len(), 1);
}

#[tokio::test]
async fn a_command_shows_links_with_its_flags() {
    let world = World::new(1).await;
    let site = Site::new().await;
    let message = world.say(0, MEMBER, &format!(">x {} -cd {} -s", link(1), link(2))).await;
    world.say(0, MEMBER, &format!(">instagram {}", link(1))).await;
    let done = site.after(&world).await;
    assert_eq!(done[0].files, ["SPOILER_x-1.png", "SPOILER_x-2.png"]);
    let text = done[0].body["embeds"][0]["description"].as_str().expect("text");
    assert!(text.contains("||post 1||") && text.contains("||post 2||"), "{text}");
    assert_eq!(done[1].what, format!("DELETE {}", message_path(&message)));
    assert!(done[2].body.to_string().contains("leads to X, not to Instagram") && done.len() == 3, "{done:#?}");
}

#[tokio::test]
async fn the_button_takes_an_answer_away_after_a_restart_too() {
    let world = World::new(1).await;
    let site = Site::new().await;
    world.set_guild(&json!({"embeds": {"x": true}})).await;
    world.say(0, MEMBER, &link(1)).await;
    let shown = site.after(&world).await;
    let id = shown[0].body["components"][1]["components"][0]["custom_id"].clone();
    let answer = 50_000_u64 << 22;
    let press = |n: u64, after_ms: u64, user: u64, permissions: u64| {
        json!({
            "id": ((50_000 + after_ms) << 22).to_string(), "token": format!("token-{n}"), "type": 3,
            "guild_id": guild(0).to_string(), "channel_id": channel(0).to_string(),
            "data": {"custom_id": id, "component_type": 2}, "message": {"id": answer.to_string(), "author": {"id": OWN}},
            "member": {"roles": [], "permissions": permissions.to_string(), "user": {"id": user.to_string()}},
        })
    };
    for (n, after_ms, user, permissions) in [(1, 5, OWNER, 0), (2, 61_000, MEMBER, 0), (3, 9, MEMBER, 0)] {
        let press = press(n, after_ms, user, permissions);
        world.event("INTERACTION_CREATE", Some(GuildId(guild(0))), &press).await;
    }
    let done = site.after(&world).await;
    let deleted = done.iter().filter(|done| done.what == format!("DELETE {}", message_path(&answer.to_string())));
    assert_eq!(deleted.count(), 1);
    let answers: Vec<_> = done.iter().filter(|done| done.what.contains("/callback")).collect();
    let of = |n: u64| answers.iter().find(|done| done.what.contains(&format!("/token-{n}/"))).expect("answered");
    assert!(of(1).body["data"]["flags"] == 64 && of(1).body.to_string().contains("Only <@"), "{:?}", of(1));
    assert!(of(2).body["data"]["flags"] == 64 && of(2).body.to_string().contains("first minute"));
    assert_eq!((of(3).body["type"].as_u64(), answers.len()), (Some(6), 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_link_is_shown_once_though_handlers_are_aborted() {
    const LINKS: u64 = 40;
    let world = World::new(1).await;
    let site = Site::new().await;
    world.set_guild(&json!({"embeds": {"x": true}})).await;
    let api = site.api(&world).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut messages = Vec::new();
    let mut struck = 0;
    for n in 1..=LINKS {
        messages.push(world.say(0, (3_000 + n) << 22, &link(n)).await);
        if n % 4 == 0 {
            let handlers = site.handlers(&world, &api);
            tokio::time::sleep(Duration::from_micros(random.random_range(1_000..40_000))).await;
            let behind = world.log.lag(COMMANDS_GROUP).await.expect("lag");
            struck += usize::from(behind.iter().any(|partition| partition.records > 0));
            drop(handlers);
        }
    }
    let done = site.after(&world).await;
    let shown: Vec<&str> =
        done.iter().filter_map(|done| done.body["message_reference"]["message_id"].as_str()).collect();
    assert_eq!(shown, messages, "each once, in order");
    assert_eq!(done.len(), 2 * messages.len(), "and each preview goes once");
    println!("{struck} aborts with commands in flight");
}
