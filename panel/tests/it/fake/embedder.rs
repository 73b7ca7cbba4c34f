use std::collections::BTreeMap;

use axum::Json;
use axum::Router;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{KEY, problem, serve};

/// A small embedder: it knows one post.
pub(crate) async fn start(cancel: &CancellationToken) -> String {
    let router = Router::new().route("/v1/media", get(media)).route("/v1/providers", get(providers));
    serve(router, cancel).await
}

async fn media(headers: HeaderMap, Query(query): Query<BTreeMap<String, String>>) -> Response {
    if headers.get("authorization").is_none_or(|value| value != &format!("Bearer {KEY}")) {
        return problem(401, "wrong-key", json!({}));
    }
    match query["url"].as_str() {
        "https://x.example/1" => Json(json!({
            "provider": "x", "kind": "post", "author": {"name": "<b>Ada</b>", "handle": "ada"}, "text": "**hello** <script>alert(1)</script>",
            "media": [{"kind": "video", "width": 720, "height": 1280, "duration_ms": 9000, "bytes": 3_400_112}],
            "meta": {"strategy": "x.syndication@2", "tried": ["x.syndication@2:ok"], "age_s": 4, "degraded": []},
        }))
        .into_response(),
        "http://127.0.0.1/" => problem(422, "blocked_address", json!({})),
        _ => problem(404, "gone", json!({})),
    }
}

async fn providers() -> Json<Value> {
    let way = |id: &str, health: &str| json!({"id": id, "enabled": true, "health": health});
    Json(json!({"providers": [
        {"name": "x", "enabled": true, "strategies": [way("x.syndication@2", "green"), way("x.guest@1", "red")]},
        {"name": "bluesky", "enabled": true, "strategies": [way("bluesky.appview@1", "green")]},
    ]}))
}
