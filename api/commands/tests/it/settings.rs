use miso_commands_api::CommandsConfig;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::http::{as_manager, client, json_of, put, read, signed_as};
use crate::setup::World;

#[tokio::test]
async fn a_module_is_read_with_defaults_and_changed_by_its_version() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let module = read(&instance, "/v1/guilds/7/settings/greeting").await;
    assert_eq!((&module["version"], &module["by"], &module["set"]), (&json!(0), &json!(null), &json!([])));
    assert_eq!((&module["values"]["enabled"], &module["values"]["channel"]), (&json!(false), &json!(null)));
    let first = put(&instance, "greeting", Some(0), json!({"enabled": true, "channel": "5"})).await;
    assert_eq!(first.headers()["etag"], "\"1\"");
    let position = first.headers()["miso-position"].to_str().expect("ascii").to_owned();
    let (status, first) = json_of(first).await;
    assert_eq!((status, &first["version"], &first["position"]), (StatusCode::OK, &json!(1), &json!(position)));
    assert_eq!((&first["values"]["enabled"], &first["set"]), (&json!(true), &json!(["channel", "enabled"])));
    // Another module counts for itself.
    let (_, other) = json_of(put(&instance, "logs", Some(0), json!({"bans": "6"})).await).await;
    assert_eq!(other["version"], json!(1));
    let (status, back) = json_of(put(&instance, "greeting", Some(1), json!({"channel": null})).await).await;
    assert_eq!((status, &back["version"], &back["set"]), (StatusCode::OK, &json!(2), &json!(["enabled"])));
    let whole = read(&instance, "/v1/guilds/7/settings").await;
    let greeting = &whole["modules"]["greeting"];
    assert_eq!(
        (&whole["guild_id"], &greeting["version"], &greeting["by"]),
        (&json!("7"), &json!(2), &json!("user/42"))
    );
    let modules = read(&instance, "/v1/settings/modules").await;
    assert_eq!(modules["modules"].as_array().map(Vec::len), Some(miso_settings::MODULES.len()));
    instance.stop().await;
}

#[tokio::test]
async fn a_stale_writer_is_told_who_changed_which_of_their_fields() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    put(&instance, "greeting", None, json!({"enabled": true})).await;
    let (_, changed) = json_of(put(&instance, "greeting", None, json!({"message": "Hi"})).await).await;
    let (status, problem) =
        json_of(put(&instance, "greeting", Some(1), json!({"message": "Ho", "channel": "5"})).await).await;
    assert_eq!((status, &problem["current"], &problem["by"]), (StatusCode::CONFLICT, &json!(2), &json!("user/42")));
    assert_eq!((&problem["at"], &problem["fields"]), (&changed["applied_at"], &json!(["message"])));
    assert_eq!(problem["type"], "urn:miso:problem:version-conflict");
    let now = read(&instance, "/v1/guilds/7/settings/greeting").await;
    assert_eq!((&now["version"], &now["values"]["message"]), (&json!(2), &json!("Hi")));
    instance.stop().await;
}

#[tokio::test]
async fn the_audit_pages_every_change_and_one_can_be_taken_back() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    for amount in 1..=5 {
        put(&instance, "starboard", None, json!({"amount": amount})).await;
    }
    put(&instance, "logs", None, json!({"bans": "6"})).await;
    let page = read(&instance, "/v1/guilds/7/audit?limit=4").await;
    let versions: Vec<_> =
        page["entries"].as_array().expect("list").iter().map(|entry| entry["version"].clone()).collect();
    assert_eq!((versions, &page["next"]), (vec![json!(6), json!(5), json!(4), json!(3)], &json!(3)));
    let rest = read(&instance, "/v1/guilds/7/audit?limit=4&before=3&module=starboard").await;
    assert_eq!((rest["entries"].as_array().map(Vec::len), &rest["next"]), (Some(2), &json!(null)));
    let entry = &page["entries"][1];
    assert_eq!(
        (&entry["module"], &entry["module_version"], &entry["by"]),
        (&json!("starboard"), &json!(5), &json!("user/42"))
    );
    assert_eq!(
        (&entry["via"], &entry["before"], &entry["after"]),
        (&json!("panel"), &json!({"amount": 4}), &json!({"amount": 5}))
    );
    let revert = |version: i64| as_manager(&instance, Method::POST, &format!("/v1/guilds/7/audit/{version}/revert"));
    let stale = revert(3).header("if-match", "\"4\"").send().await.expect("answers");
    assert_eq!(json_of(stale).await.0, StatusCode::CONFLICT);
    let (status, reverted) = json_of(revert(3).send().await.expect("answers")).await;
    assert_eq!(
        (status, &reverted["module"], &reverted["values"]["amount"]),
        (StatusCode::OK, &json!("starboard"), &json!(2))
    );
    let newest = read(&instance, "/v1/guilds/7/audit?limit=1").await;
    assert_eq!((&newest["entries"][0]["reverts"], &newest["entries"][0]["version"]), (&json!(3), &json!(7)));
    let (status, _) = json_of(revert(99).send().await.expect("answers")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let wrong = client().get(instance.url("/v1/guilds/7/audit?limit=many")).send().await.expect("answers");
    assert_eq!(json_of(wrong).await.0, StatusCode::BAD_REQUEST);
    instance.stop().await;
}

#[tokio::test]
async fn a_guilds_settings_are_carried_to_another_as_a_file() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    put(&instance, "greeting", None, json!({"enabled": true, "message": "Hi"})).await;
    put(&instance, "starboard", None, json!({"amount": 9})).await;
    let file = read(&instance, "/v1/guilds/7/settings-file").await;
    assert_eq!(file["modules"], json!({"greeting": {"enabled": true, "message": "Hi"}, "starboard": {"amount": 9}}));
    let import = |body: serde_json::Value, id: &'static str| {
        let request = client().post(instance.url("/v1/guilds/8/settings-file")).header("idempotency-key", id);
        request.header("miso-context", signed_as(42, 8)).json(&body).send()
    };
    let dry = json!({"modules": file["modules"], "dry_run": true});
    let (_, said) = json_of(import(dry, "a").await.expect("answers")).await;
    assert_eq!((&said["applied"], said["changes"].as_array().map(Vec::len)), (&json!(false), Some(3)));
    assert_eq!(read(&instance, "/v1/guilds/8/settings-file").await["modules"], json!({}));
    let broken = json!({"modules": {"greeting": {"enabled": 1}, "starboard": {"amount": 3}}});
    let (_, said) = json_of(import(broken, "b").await.expect("answers")).await;
    assert_eq!((&said["applied"], &said["errors"][0]["pointer"]), (&json!(false), &json!("/enabled")));
    assert_eq!(read(&instance, "/v1/guilds/8/settings-file").await["modules"], json!({}), "all or nothing");
    for _ in 0..2 {
        let (status, _) = json_of(import(json!({"modules": file["modules"]}), "c").await.expect("answers")).await;
        assert_eq!(status, StatusCode::OK);
    }
    assert_eq!(read(&instance, "/v1/guilds/8/settings-file").await["modules"], file["modules"]);
    let audit = read(&instance, "/v1/guilds/8/audit").await;
    let entries = audit["entries"].as_array().expect("list");
    assert_eq!((entries.len(), &entries[0]["via"]), (2, &json!("import")), "once");
    instance.stop().await;
}

#[tokio::test]
async fn users_change_their_own_settings_only() {
    let world = World::new().await;
    let instance = world.instance(CommandsConfig::default()).await;
    let put = |user: u64, module: &str, values: serde_json::Value| {
        let request = client().put(instance.url(&format!("/v1/users/42/settings/{module}")));
        request.header("miso-context", signed_as(user, 7)).json(&json!({"values": values})).send()
    };
    let (status, time) = json_of(put(42, "time", json!({"timezone": "Europe/Helsinki"})).await.expect("answers")).await;
    assert_eq!((status, &time["values"]["timezone"]), (StatusCode::OK, &json!("Europe/Helsinki")));
    let (status, problem) = json_of(put(42, "time", json!({"timezone": "Mars/Base"})).await.expect("answers")).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("/timezone")));
    let (status, _) = json_of(put(43, "time", json!({"timezone": "UTC"})).await.expect("answers")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = json_of(put(42, "greeting", json!({})).await.expect("answers")).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "of a guild");
    let whole = read(&instance, "/v1/users/42/settings").await;
    assert_eq!((&whole["user_id"], &whole["modules"]["time"]["version"]), (&json!("42"), &json!(1)));
    assert_eq!(read(&instance, "/v1/users/42/settings/privacy").await["values"], json!({"count_activity": true}));
    instance.stop().await;
}
