use miso_commands_api::CommandsConfig;
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::http::{client, context, general, json_of, prefix, run};
use crate::setup::World;

#[tokio::test]
async fn the_catalogue_is_served_with_a_schema_per_command() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let response = client().get(instance.url("/v1/commands")).send().await.expect("answers");
    let (status, json) = json_of(response).await;
    assert_eq!(status, StatusCode::OK);
    let names: Vec<&str> =
        json["commands"].as_array().expect("list").iter().filter_map(|c| c["name"].as_str()).collect();
    let declared: Vec<&str> = miso_command_catalogue::CATALOGUE.commands.iter().map(|command| command.name).collect();
    assert_eq!(names, declared);
    let one = client().get(instance.url("/v1/commands/rng")).send().await.expect("answers");
    assert_eq!(json_of(one).await.1["schema"]["required"], json!(["range"]));
    instance.stop().await;
}

#[tokio::test]
async fn commands_answer_documents() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    for (name, args, part) in [
        ("ping", json!({}), "Pong!"),
        ("choose", json!({"options": ["tea", "tea"]}), "I choose **tea**"),
        ("rng", json!({"range": {"from": 3, "to": 3}}), "**3**"),
        ("prefix", json!({}), "`>`"),
    ] {
        let (status, document) = json_of(run(&instance, name, args).await).await;
        assert_eq!(status, StatusCode::OK, "{name}: {document}");
        assert!(document["text"].as_str().expect("text").contains(part), "{name}: {document}");
        assert_eq!(document["colour"], json!("info"));
    }
    let (_, help) = json_of(run(&instance, "help", json!({"command": "prefix"})).await).await;
    assert_eq!(help["title"], json!("!prefix [prefix]"));
    instance.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_a_problem_with_a_trace() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let mut powerless = context();
    powerless["permissions"] = json!("0");
    let mut direct = context();
    direct.as_object_mut().expect("object").remove("guild");
    let good = context();
    for (name, body, status, slug) in [
        ("rgn", json!({"context": good}), 404, "unknown-command"),
        ("avatar", json!({"context": good}), 422, "client-command"),
        ("rng", json!({"args": {"range": 6}, "context": good}), 422, "invalid-arguments"),
        ("rng", json!({"args": {}}), 400, "unreadable-body"),
        ("prefix", json!({"args": {"prefix": "!"}, "context": powerless}), 403, "missing-permissions"),
        ("prefix", json!({"args": {"prefix": "!"}, "context": direct}), 422, "guild-only"),
        ("prefix", json!({"args": {"prefix": "x".repeat(33)}, "context": good}), 422, "invalid-arguments"),
        ("choose", json!({"args": {"options": ["x".repeat(300_000), "y"]}, "context": good}), 413, "too-large"),
    ] {
        let response =
            client().post(instance.url(&format!("/v1/commands/{name}"))).json(&body).send().await.expect("answers");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let trace = response.headers()["trace-id"].to_str().expect("ascii").to_owned();
        let (got, problem) = json_of(response).await;
        assert_eq!(
            (got.as_u16(), problem["type"].as_str()),
            (status, Some(format!("urn:miso:problem:{slug}").as_str())),
            "{name}: {problem}"
        );
        assert_eq!(
            (problem["trace_id"].as_str(), problem["status"].as_u64()),
            (Some(trace.as_str()), Some(status.into()))
        );
    }
    let traced = client()
        .get(instance.url("/nowhere"))
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let (status, problem) = json_of(traced.send().await.expect("answers")).await;
    assert_eq!((status.as_u16(), problem["trace_id"].as_str()), (404, Some("0af7651916cd43dd8448eb211c80319c")));
    let wrong = client().put(instance.url("/v1/commands")).send().await.expect("answers");
    assert_eq!(json_of(wrong).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let key =
        client().post(instance.url("/v1/commands/ping")).header("idempotency-key", "").json(&json!({"context": good}));
    assert_eq!(json_of(key.send().await.expect("answers")).await.0, StatusCode::BAD_REQUEST);
    instance.stop().await;
}

#[tokio::test]
async fn with_a_cluster_key_only_its_holders_are_served() {
    let world = World::new().await;
    let instance =
        world.instance(CommandsConfig { cluster_key: Some("k3y".to_owned()), ..CommandsConfig::default() }).await;
    let get = |key: Option<&str>| {
        let request = client().get(instance.url("/v1/commands"));
        key.map_or(request.try_clone().expect("clones"), |key| request.bearer_auth(key)).send()
    };
    assert_eq!(get(None).await.expect("answers").status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(Some("k3")).await.expect("answers").status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(Some("k3y")).await.expect("answers").status(), StatusCode::OK);
    instance.stop().await;
}

#[tokio::test]
async fn settings_are_read_at_the_position_that_the_caller_has_seen() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    assert_eq!(general(&instance, 7).await, (json!(">"), 0));
    let changed = prefix(&instance, "a", 7, "?").await.expect("answers");
    let position = changed.headers()["miso-position"].clone();
    let at = |position: reqwest::header::HeaderValue| {
        client().get(instance.url("/v1/guilds/7/settings/general")).header("miso-position", position).send()
    };
    let read = at(position.clone()).await.expect("answers");
    assert_eq!(read.headers()["etag"], "\"1\"");
    assert_eq!(json_of(read).await.1["values"]["prefix"], json!("?"));
    let partition = position.to_str().expect("ascii").split(':').next().expect("partition").to_owned();
    let future = format!("{partition}:999999").parse().expect("header");
    let late = at(future).await.expect("answers");
    assert!(late.headers().contains_key("retry-after"));
    assert_eq!(json_of(late).await.0, StatusCode::SERVICE_UNAVAILABLE);
    for wrong in ["x", "12:1", "-1:1", "1"] {
        let refused = at(wrong.parse().expect("header")).await.expect("answers");
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    instance.stop().await;
}

#[tokio::test]
async fn an_aborted_instance_takes_its_connections_along() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let mut stream = tokio::net::TcpStream::connect(instance.address).await.expect("connects");
    stream.write_all(b"GET /v1/commands HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("asks");
    let mut buffer = [0; 64];
    assert!(stream.read(&mut buffer).await.expect("answers") > 0);
    drop(instance);
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(crate::setup::PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection ended with its instance");
}
