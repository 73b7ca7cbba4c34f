//! Bad input, and callers who may not.

use miso_command_catalogue::{Permissions, SignedContext};
use miso_commands_api::{BODY_BYTES, CommandsConfig, USER_BURST};
use miso_model::{GuildId, UserId};
use reqwest::Client;
use serde_json::json;

use crate::http::{client, json_of, signed_as};
use crate::setup::{World, now_ms};

const KEY: &str = "k3y";

fn context() -> SignedContext {
    SignedContext {
        user: UserId(42),
        guild: Some(GuildId(7)),
        permissions: Permissions::MANAGE_GUILD,
        via: "panel".to_owned(),
        name: None,
        expires_s: now_ms() / 1_000 + 60,
    }
}

#[tokio::test]
async fn who_may_not_give_roles_at_discord_may_not_through_settings_either() {
    let world = World::new().await;
    let instance =
        world.instance(CommandsConfig { cluster_key: Some(KEY.to_owned()), ..CommandsConfig::default() }).await;
    let roles = Permissions::MANAGE_GUILD.and(Permissions::MANAGE_ROLES);
    for (permissions, status) in [(Permissions::MANAGE_GUILD, 403), (roles, 200), (Permissions::ADMINISTRATOR, 200)] {
        for (module, values) in
            [("roles", json!({"autoroles": ["5"]})), ("activity", json!({"rewards": [{"level": 1, "role": "5"}]}))]
        {
            let signed = SignedContext { permissions, ..context() }.sign(KEY.as_bytes());
            let url = instance.url(&format!("/v1/guilds/7/settings/{module}"));
            let request = client().put(url).bearer_auth(KEY).header("miso-context", signed);
            let answer = json_of(request.json(&json!({"values": values})).send().await.expect("answers")).await;
            assert_eq!(answer.0.as_u16(), status, "{module}: {}", answer.1);
        }
    }
    instance.stop().await;
}

#[tokio::test]
async fn only_a_fresh_context_of_our_key_for_this_guild_and_a_manager_changes_settings() {
    let world = World::new().await;
    let instance =
        world.instance(CommandsConfig { cluster_key: Some(KEY.to_owned()), ..CommandsConfig::default() }).await;
    let good = context().sign(KEY.as_bytes());
    let (payload, _) = good.split_once('.').expect("two parts");
    let administrator = SignedContext { permissions: Permissions::ADMINISTRATOR, ..context() }.sign(b"another");
    let (forged, _) = administrator.split_once('.').expect("two parts");
    let (_, tag) = good.split_once('.').expect("two parts");
    let table = [
        (Some(good.clone()), 200, ""),
        (None, 403, "no-context"),
        (Some(SignedContext { guild: Some(GuildId(8)), ..context() }.sign(KEY.as_bytes())), 403, "foreign-guild"),
        (Some(SignedContext { guild: None, ..context() }.sign(KEY.as_bytes())), 403, "foreign-guild"),
        (
            Some(SignedContext { permissions: Permissions::SEND_MESSAGES, ..context() }.sign(KEY.as_bytes())),
            403,
            "missing-permissions",
        ),
        (
            Some(SignedContext { expires_s: now_ms() / 1_000 - 1, ..context() }.sign(KEY.as_bytes())),
            401,
            "context-refused",
        ),
        (Some(context().sign(b"another")), 401, "context-refused"),
        (Some(format!("{forged}.{tag}")), 401, "context-refused"),
        (Some(payload.to_owned()), 401, "context-refused"),
        (Some("x".repeat(4_000)), 401, "context-refused"),
    ];
    for (index, (context, status, slug)) in table.into_iter().enumerate() {
        let request = client().put(instance.url("/v1/guilds/7/settings/starboard")).bearer_auth(KEY);
        let request = context.into_iter().fold(request, |request, context| request.header("miso-context", context));
        let response = request.json(&json!({"values": {"amount": 3}})).send().await.expect("answers");
        let (got, body) = json_of(response).await;
        let kind = body["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned();
        assert_eq!((got.as_u16(), kind.as_str()), (status, slug), "row {index}: {body}");
    }
    // A context does not stand in for the key, and no read opens another guild either.
    let keyless = client().get(instance.url("/v1/guilds/7/settings")).header("miso-context", good.clone());
    assert_eq!(json_of(keyless.send().await.expect("answers")).await.0, 401);
    for path in
        ["settings", "settings/logs", "audit", "settings-file", "leaderboards/xp", "stats", "members/1/activity"]
    {
        let url = instance.url(&format!("/v1/guilds/8/{path}"));
        let foreign = client().get(url).bearer_auth(KEY).header("miso-context", good.clone()).send().await;
        assert_eq!(json_of(foreign.expect("answers")).await.0, 403, "{path}");
    }
    for path in ["settings", "settings/time", "reminders", "data"] {
        let url = instance.url(&format!("/v1/users/43/{path}"));
        let foreign = client().get(url).bearer_auth(KEY).header("miso-context", good.clone()).send().await;
        assert_eq!(json_of(foreign.expect("answers")).await.0, 403, "{path}");
    }
    instance.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_its_place_and_nothing_is_written() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let put = |path: &str, body: String| {
        let request = client().put(instance.url(path)).header("miso-context", signed_as(42, 7));
        request.header("content-type", "application/json").body(body).send()
    };
    let path = "/v1/guilds/7/settings/greeting";
    let table = [
        (path, "[".to_owned(), 400),
        (path, "{}".to_owned(), 400),
        (path, json!({"values": []}).to_string(), 400),
        (path, json!({"values": {"enabled": "yes"}}).to_string(), 422),
        (path, json!({"values": {"channel": 5}}).to_string(), 422),
        (path, json!({"values": {"unknown": 5}}).to_string(), 422),
        ("/v1/guilds/7/settings/dances", json!({"values": {}}).to_string(), 404),
        ("/v1/guilds/7/settings/time", json!({"values": {}}).to_string(), 404),
        ("/v1/guilds/x/settings/greeting", json!({"values": {}}).to_string(), 404),
        (path, json!({"values": {"message": "x".repeat(BODY_BYTES)}}).to_string(), 413),
    ];
    for (path, body, status) in table {
        let response = put(path, body.clone()).await.expect("answers");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let (got, problem) = json_of(response).await;
        assert_eq!(got.as_u16(), status, "{path} {}: {problem}", &body[..body.len().min(60)]);
    }
    let (_, problem) =
        json_of(put(path, json!({"values": {"enabled": 1, "message": ""}}).to_string()).await.expect("answers")).await;
    let pointers: Vec<_> =
        problem["errors"].as_array().expect("list").iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, [json!("/enabled"), json!("/message")]);
    for version in ["x", "\"1", "-"] {
        let request =
            client().put(instance.url(path)).header("miso-context", signed_as(42, 7)).header("if-match", version);
        let (got, _) = json_of(request.json(&json!({"values": {}})).send().await.expect("answers")).await;
        assert!(got == 400 || version == "\"1", "{version}: {got}");
    }
    // Together they fit into no fact.
    let commands: Vec<_> = (0..150).map(|n| json!({"name": format!("c{n}"), "text": "x".repeat(1_500)})).collect();
    let (got, problem) = json_of(
        put("/v1/guilds/7/settings/custom-commands", json!({"values": {"commands": commands}}).to_string())
            .await
            .expect("answers"),
    )
    .await;
    assert_eq!((got.as_u16(), problem["type"].as_str()), (413, Some("urn:miso:problem:too-large")));
    let audit = crate::http::read(&instance, "/v1/guilds/7/audit").await;
    assert_eq!(audit["entries"], json!([]));
    instance.stop().await;
}

#[tokio::test]
async fn who_asks_too_much_is_told_when_to_come_back_and_others_are_served() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let client = Client::builder().no_proxy().build().expect("client");
    let get = |user: u64| {
        let request = client.get(instance.url("/v1/settings/modules")).header("miso-context", signed_as(user, 7));
        request.send()
    };
    let mut refused = None;
    for _ in 0..USER_BURST * 3 {
        let response = get(1).await.expect("answers");
        if response.status() == 429 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("refused in the end");
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(json_of(refused).await.1["type"], json!("urn:miso:problem:too-often"));
    assert_eq!(get(2).await.expect("answers").status(), 200);
    instance.stop().await;
}

#[tokio::test]
async fn of_many_wrong_values_the_first_hundred_are_named_and_the_decider_goes_on() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let commands: Vec<_> = (0..200).map(|n| json!({"name": format!("two words {n}"), "text": n})).collect();
    let response = crate::http::put(&instance, "custom-commands", None, json!({"commands": commands})).await;
    let (status, problem) = json_of(response).await;
    assert_eq!(status.as_u16(), 422, "{problem}");
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(100), "{problem}");
    // Names as long as a request may be come back in no answer that the log would not take.
    let long: serde_json::Map<_, _> = (0..8).map(|n| (format!("{n}{}", "x".repeat(30_000)), json!(1))).collect();
    let (status, problem) = json_of(crate::http::put(&instance, "general", None, json!(long)).await).await;
    assert_eq!(status.as_u16(), 422, "{problem}");
    let (status, _) = json_of(crate::http::put(&instance, "general", None, json!({"prefix": "?"})).await).await;
    assert_eq!(status.as_u16(), 200, "others are decided");
    instance.stop().await;
}
