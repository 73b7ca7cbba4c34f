//! Who is let in, and what the service tells of itself.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{KEY, Rig, sent, slug};

#[tokio::test]
async fn everything_but_the_open_endpoints_needs_the_deployment_s_key() {
    let rig = Rig::start().await;
    let document = miso_embedder::openapi();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let address = rig.url(&path.replace("{signed}", "AAAA"));
            let request =
                if method == "post" { rig.http.post(&address).json(&json!({})) } else { rig.http.get(&address) };
            let is_open = operation["security"] == json!([]);
            let (status, problem) = sent(request.try_clone().expect("a copy")).await;
            assert_eq!(status == StatusCode::UNAUTHORIZED, !is_open, "{path}: {problem}");
            let (status, _) = sent(request.bearer_auth("wrong")).await;
            assert_eq!(status == StatusCode::UNAUTHORIZED, !is_open, "{path}");
        }
    }
    let keyless = Rig::with(|config| config.cluster_key = String::new()).await;
    let (status, _) = sent(keyless.http.get(keyless.url("/v1/providers")).bearer_auth("")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "without a key nobody has it");
}

#[tokio::test]
async fn the_served_document_is_the_written_one() {
    let rig = Rig::start().await;
    let (status, served) = sent(rig.http.get(rig.url("/openapi.json"))).await;
    assert_eq!((status, served), (StatusCode::OK, miso_embedder::openapi()));
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_told_what_would() {
    let rig = Rig::start().await;
    for query in [
        "",
        "url=https://x.com/a/status/1&max_bytes=0",
        "url=a&max_bytes=many",
        "url=a&lang=;",
        "url=a&max_bytes=999999999999",
    ] {
        let (status, problem) = sent(rig.http.get(rig.url(&format!("/v1/media?{query}"))).bearer_auth(KEY)).await;
        assert_eq!((status, slug(&problem)), (StatusCode::BAD_REQUEST, "invalid-query"), "{query}");
    }
}

#[tokio::test]
async fn health_and_providers_show_every_strategy() {
    let rig = Rig::start().await;
    assert_eq!(rig.media(&rig.post("bluesky", "text")).await.0, StatusCode::OK);
    let (_, health) = sent(rig.http.get(rig.url("/v1/health"))).await;
    assert_eq!((&health["status"], &health["cache"]["entries"]), (&json!("ok"), &json!(1)), "{health}");
    let (_, answer) = sent(rig.http.get(rig.url("/v1/providers")).bearer_auth(KEY)).await;
    let names: Vec<&str> =
        answer["providers"].as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()).collect();
    for name in ["x", "bluesky", "mastodon", "reddit", "youtube", "tiktok", "instagram", "threads", "tumblr", "web"] {
        assert!(names.contains(&name), "{name}");
    }
    let bluesky: &Value =
        answer["providers"].as_array().into_iter().flatten().find(|row| row["name"] == "bluesky").expect("it");
    assert_eq!(
        (&bluesky["strategies"][0]["health"], &bluesky["strategies"][1]["health"]),
        (&json!("green"), &json!("unknown"))
    );
}
