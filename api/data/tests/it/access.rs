//! Who is let in, and what every endpoint answers.

use std::collections::BTreeSet;

use miso_command_catalogue::{CONTEXT_HEADER, SignedContext};
use miso_model::UserId;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{KEY, Rig, context, sent};

/// What is asked of every guild route, by the paths of the document.
fn filled(rig: &Rig, path: &str) -> String {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    let guild = rig.guild(0).to_string();
    let user = rig.user(0, 1).to_string();
    path.replace("{guild}", &guild).replace("{channel}", &rig.channel(0, "general")).replace("{user}", &user)
}

fn reads() -> Vec<(String, Value)> {
    let document = miso_data_api::openapi();
    let paths = document["paths"].as_object().cloned().expect("paths");
    let reads = paths.into_iter().filter(|(_, path)| path["get"].is_object());
    reads.map(|(path, operations)| (path, operations["get"].clone())).collect()
}

#[tokio::test]
async fn every_read_answers_what_its_document_shows_with_position_and_age() {
    let rig = Rig::start().await;
    let token = rig.login(rig.user(0, 0)).await;
    for (path, operation) in reads() {
        if path.ends_with("openapi.json") {
            continue;
        }
        let response = rig.http.get(rig.url(&filled(&rig, &path))).bearer_auth(&token).send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        let example = &operation["responses"]["200"]["content"]["application/json"]["example"];
        assert_eq!(shape(&body), shape(example), "{path}: {body}");
        assert!(headers.contains_key("miso-age-ms") && headers.contains_key("trace-id"), "{path}");
        assert_eq!(headers.contains_key("miso-position"), path.contains("{guild}"), "{path}");
        assert!(body["meta"]["age_ms"].as_i64().is_some_and(|age| (0..60_000).contains(&age)), "{path}");
    }
}

/// The names of an object's fields, of the first of its lists' too.
fn shape(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        names.insert(name.clone());
        let inner = value.get(0).unwrap_or(value);
        names.extend(inner.as_object().into_iter().flatten().map(|(inner, _)| format!("{name}.{inner}")));
    }
    names
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_with_a_wrong_one_or_with_one_that_ended() {
    let world = miso_simulator::SimulatorConfig { access_token_s: 0, ..miso_simulator::SimulatorConfig::default() };
    let rig = Rig::with(world, |_| {}).await;
    for (path, _) in reads() {
        if path.ends_with("openapi.json") {
            continue;
        }
        let path = filled(&rig, &path);
        let (status, problem) = sent(rig.http.get(rig.url(&path))).await;
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::UNAUTHORIZED, &json!("urn:miso:problem:no-token")),
            "{path}"
        );
        let (status, problem) = rig.get("a-wrong-token", &path).await;
        assert_eq!((status, &problem["type"]), (StatusCode::UNAUTHORIZED, &json!("urn:miso:problem:token-refused")));
        assert!(problem["trace_id"].as_str().is_some_and(|trace| trace.len() == 32), "{problem}");
    }
    // Its tokens are good for no second: the login itself finds out.
    let code = rig.code(rig.user(0, 0)).await;
    let asked = json!({"code": code, "code_verifier": crate::rig::VERIFIER, "redirect_uri": crate::rig::CALLBACK});
    assert_eq!(rig.post(KEY, "/oauth/token", asked).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn logging_in_is_for_services_only() {
    let rig = Rig::start().await;
    let token = rig.login(rig.user(0, 0)).await;
    for path in ["/oauth/authorize", "/oauth/token", "/oauth/refresh", "/oauth/revoke"] {
        let (status, problem) = rig.post(&token, path, json!({})).await;
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::UNAUTHORIZED, &json!("urn:miso:problem:wrong-key")),
            "{path}"
        );
        assert_eq!(rig.post("", path, json!({})).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_service_acts_for_whom_it_vouches_and_a_forged_or_old_context_is_refused() {
    let rig = Rig::start().await;
    let (owner, stranger) = (rig.user(0, 0), rig.user(2, 1));
    let (status, me) = rig.get_for(owner, "/me").await;
    assert_eq!((status, &me["user"]["id"]), (StatusCode::OK, &json!(owner)));
    let guild = format!("/guilds/{}", rig.guild(0));
    assert_eq!(rig.get_for(owner, &guild).await.0, StatusCode::OK);
    assert_eq!(rig.get_for(stranger, &guild).await.0, StatusCode::NOT_FOUND, "as the user, not as the service");
    assert_eq!(rig.get(KEY, &guild).await.0, StatusCode::OK, "a service for itself");
    assert_eq!(rig.get(KEY, "/me").await.0, StatusCode::FORBIDDEN, "who?");
    let old = SignedContext { expires_s: 1, ..context(owner) };
    for text in [context(owner).sign(b"another key"), old.sign(KEY.as_bytes()), "x.y".to_owned(), String::new()] {
        let request = rig.http.get(rig.url(&guild)).bearer_auth(KEY).header(CONTEXT_HEADER, text);
        let (status, problem) = sent(request).await;
        let expected = (StatusCode::UNAUTHORIZED, &json!("urn:miso:problem:context-refused"));
        assert_eq!((status, &problem["type"]), expected);
    }
    // A user's token with a context is the user's: the context counts beside the key only.
    let token = rig.login(stranger).await;
    let signed = context(owner).sign(KEY.as_bytes());
    let (_, me) = sent(rig.http.get(rig.url("/me")).bearer_auth(token).header(CONTEXT_HEADER, signed)).await;
    assert_eq!(me["user"]["id"], json!(stranger));
}

#[tokio::test]
async fn a_guild_that_one_is_not_in_looks_like_none() {
    let rig = Rig::start().await;
    let stranger = rig.user(2, 1);
    let token = rig.login(stranger).await;
    for (path, _) in reads().into_iter().filter(|(path, _)| path.contains("{guild}")) {
        let (status, foreign) = rig.get(&token, &filled(&rig, &path)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        let nowhere = filled(&rig, &path).replace(&rig.guild(0).to_string(), "5");
        let (status, mut unknown) = rig.get(&token, &nowhere).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        unknown["trace_id"] = foreign["trace_id"].clone();
        assert_eq!(unknown, foreign, "{path}");
        let (status, _) = rig.get(&token, &filled(&rig, &path).replace(&rig.guild(0).to_string(), "x")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
    }
    // Who left is out at once, whatever their token says.
    let (guild, user) = (rig.guild(0), rig.user(0, 3));
    let token = rig.login(user).await;
    assert_eq!(rig.get(&token, &format!("/guilds/{guild}")).await.0, StatusCode::OK);
    rig.tell("GUILD_MEMBER_REMOVE", &json!({"guild_id": guild, "user": {"id": user}})).await;
    assert_eq!(rig.get(&token, &format!("/guilds/{guild}")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn of_a_guild_that_is_not_known_whole_discord_s_list_counts() {
    let rig = Rig::start().await;
    let (guild, user) = (rig.guild(0), rig.user(0, 3));
    let token = rig.login(user).await;
    let stranger = rig.login(rig.user(2, 1)).await;
    let mut d = rig.bot_get(&format!("/guilds/{guild}")).await;
    (d["members"], d["member_count"], d["channels"]) = (json!([]), json!(10_000), json!([]));
    rig.tell("GUILD_DELETE", &json!({"id": guild})).await;
    rig.tell("GUILD_CREATE", &d).await;
    let (status, me) = rig.get(&token, &format!("/guilds/{guild}/me")).await;
    assert_eq!((status, &me["may_manage"], &me["roles"]), (StatusCode::OK, &json!(false), &json!([])), "{me}");
    assert_eq!(rig.get(&stranger, &format!("/guilds/{guild}/me")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(rig.get_for(user, &format!("/guilds/{guild}/me")).await.0, StatusCode::NOT_FOUND, "no list to ask");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let rig = Rig::start().await;
    let (status, problem) = rig.get(KEY, "/nothing").await;
    assert_eq!((status, &problem["status"]), (StatusCode::NOT_FOUND, &json!(404)));
    let (status, _) = rig.post(KEY, "/me", json!({})).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let (status, _) = rig.post(KEY, "/oauth/revoke", json!({"token": "x".repeat(20_000)})).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, served) = sent(rig.http.get(rig.url("/openapi.json"))).await;
    assert_eq!((status, served), (StatusCode::OK, miso_data_api::openapi()));
    assert_eq!(rig.get(KEY, &format!("/users/{}", UserId(5))).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_that_was_given_to_another_application_opens_nothing() {
    let rig = Rig::start().await;
    let token = rig.login(rig.user(0, 0)).await;
    assert_eq!(rig.get(&token, "/me").await.0, StatusCode::OK);
    let others = Rig::with(miso_simulator::SimulatorConfig::default(), |config| {
        config.client_id = Some("5".to_owned());
        config.api_url = rig.simulator.api_url();
    });
    let (status, problem) = others.await.get(&token, "/me").await;
    assert_eq!((status, &problem["type"]), (StatusCode::UNAUTHORIZED, &json!("urn:miso:problem:token-refused")));
}
