//! Links, looked up by an embedder that is played here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use miso_commands_api::CommandsConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::http::{client, context, json_of};
use crate::setup::{Instance, World};

/// Looks up `https://x.com/mia/status/1`; everything else is gone, or as its path says.
async fn look_up(
    State(asked): State<Arc<AtomicUsize>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    asked.fetch_add(1, Ordering::Relaxed);
    assert_eq!(headers["authorization"], "Bearer key");
    let problem = |status: u16, slug: &str| {
        let body = json!({"type": format!("urn:miso:problem:{slug}"), "title": "t", "status": status, "detail": "d"});
        (StatusCode::from_u16(status).expect("a status"), axum::Json(body)).into_response()
    };
    let url = query["url"].as_str();
    match url.rsplit('/').next() {
        Some("1") => axum::Json(json!({
            "provider": "x", "kind": "post", "url": url, "author": {"name": "Mia", "handle": "mia"}, "text": "Soup",
            "media": [{"kind": "video", "file": "/v1/file/abc", "mime": "video/mp4", "bytes": 100}],
        }))
        .into_response(),
        Some("2") => problem(403, "private"),
        Some("3") => problem(502, "provider_broken"),
        Some("4") => "<html>".into_response(),
        _ => problem(404, "gone"),
    }
}

struct Site {
    url: String,
    asked: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

async fn site() -> Site {
    let asked = Arc::new(AtomicUsize::new(0));
    let router = Router::new().route("/v1/media", get(look_up)).with_state(Arc::clone(&asked));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let mut task = JoinSet::new();
    task.spawn(async move { axum::serve(listener, router).await.expect("serves") });
    Site { url, asked, _task: task }
}

async fn say(instance: &Instance, name: &str, args: Value) -> (u16, Value) {
    let body = json!({"args": args, "context": context()});
    let request = client().post(instance.url(&format!("/v1/commands/{name}"))).bearer_auth("key").json(&body);
    let (status, json) = json_of(request.send().await.expect("answers")).await;
    (status.as_u16(), json)
}

fn with_key() -> CommandsConfig {
    CommandsConfig { cluster_key: Some("key".to_owned()), ..CommandsConfig::default() }
}

fn link(n: u64) -> String {
    format!("https://x.com/mia/status/{n}")
}

#[tokio::test]
async fn a_link_is_shown_with_its_files_and_what_fails_is_told_in_a_sentence() {
    let world = World::new().await;
    let site = site().await;
    let instance = world.instance(CommandsConfig { embedder_url: Some(site.url.clone()), ..with_key() }).await;
    let (status, shown) = say(&instance, "embed", json!({"links": [link(1)], "caption": true})).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["attachments"], json!([{"name": "x-1.mp4", "url": "embedder:/v1/file/abc", "spoiler": false}]));
    assert!(shown["text"].as_str().is_some_and(|text| text.contains("Mia") && text.contains("Soup")), "{shown}");
    for (n, status, part) in [(5, 404, "any more"), (2, 403, "private"), (3, 502, "try again"), (4, 502, "try again")] {
        let (answered, problem) = say(&instance, "twitter", json!({"links": [link(n)]})).await;
        assert!(answered == status && problem["detail"].as_str().is_some_and(|text| text.contains(part)), "{problem}");
        assert!(problem["trace_id"].is_string(), "{problem}");
    }
    let asked = site.asked.load(Ordering::Relaxed);
    let (status, wrong) = say(&instance, "instagram", json!({"links": [link(1)]})).await;
    assert_eq!((status, wrong["type"].as_str()), (422, Some("urn:miso:problem:wrong-provider")));
    let (status, _) = say(&instance, "embed", json!({"links": ["hello"]})).await;
    assert_eq!((status, site.asked.load(Ordering::Relaxed)), (422, asked), "nothing was asked");
    let (_, some) = say(&instance, "embed", json!({"links": [link(5), link(1)], "quiet": true})).await;
    assert!(some["attachments"].as_array().is_some_and(|files| files.len() == 1), "{some}");
    let (status, _) = say(&instance, "embed", json!({"links": [link(5), link(2)], "quiet": true})).await;
    assert_eq!(status, 404);
    instance.stop().await;
}

#[tokio::test]
async fn without_an_embedder_it_is_said_and_one_that_is_away_is_worth_another_try() {
    let world = World::new().await;
    let instance = world.instance(with_key()).await;
    let (status, told) = say(&instance, "embed", json!({"links": [link(1)]})).await;
    assert_eq!((status, told["detail"].as_str()), (422, Some("Links cannot be looked up here.")));
    instance.stop().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("port").local_addr().expect("address");
    let embedder_url = Some(format!("http://{nobody}"));
    let instance = world.instance(CommandsConfig { embedder_url, ..with_key() }).await;
    let (status, away) = say(&instance, "embed", json!({"links": [link(1)]})).await;
    assert_eq!((status, away["type"].as_str()), (503, Some("urn:miso:problem:embedder-away")));
    instance.stop().await;
}
