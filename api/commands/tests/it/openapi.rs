use std::path::Path;

use miso_commands_api::CommandsConfig;
use reqwest::Method;

use crate::http::{client, json_of, read};
use crate::setup::World;

/// `MISO_WRITE_DOCS=1` writes the file anew.
#[tokio::test]
async fn the_served_document_is_the_one_in_the_repository() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let served = read(&instance, "/v1/openapi.json").await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&served).expect("writes"));
    if std::env::var_os("MISO_WRITE_DOCS").is_some() {
        std::fs::write(&path, &text).expect("writes");
    }
    let kept = std::fs::read_to_string(&path).expect("api/commands/openapi.json is there");
    assert!(kept == text, "openapi.json is out of date: MISO_WRITE_DOCS=1 cargo test -p miso-commands-api openapi");
    instance.stop().await;
}

#[tokio::test]
async fn every_declared_address_is_served_by_its_method() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let document = miso_commands_api::openapi();
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 15);
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let address = path.replace("{name}", "ping").replace("{module}", "greeting").replace(['{', '}'], "");
            let address = address.replace("/guild/", "/7/").replace("/user/", "/42/").replace("/version/", "/1/");
            let method: Method = method.to_uppercase().parse().expect("a method");
            let response = client().request(method.clone(), instance.url(&address)).send().await.expect("answers");
            let (status, body) = json_of(response).await;
            let kind = body["type"].as_str().unwrap_or_default();
            assert!(status != 405 && !(status == 404 && body["title"] == "No such page"), "{method} {path}: {kind}");
        }
    }
    instance.stop().await;
}
