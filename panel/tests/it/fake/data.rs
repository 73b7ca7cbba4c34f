use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use super::{ANN, BOB, EVE, Fake, GUILD, KEY, OTHER_GUILD, problem};

pub(super) fn router(fake: Fake) -> Router {
    Router::new()
        .route("/v1/oauth/authorize", post(authorize))
        .route("/v1/oauth/token", post(token))
        .route("/v1/oauth/refresh", post(refresh))
        .route("/v1/oauth/revoke", post(revoke))
        .route("/v1/me", get(me))
        .route("/v1/me/guilds", get(my_guilds))
        .route("/v1/guilds/{guild}", get(guild))
        .route("/v1/guilds/{guild}/{list}", get(list))
        .route("/v1/guilds/{guild}/members/{user}", get(member))
        .route("/v1/guilds/{guild}/channels/{channel}/permissions", get(permissions))
        .route("/v1/users/{user}", get(user))
        .with_state(fake)
}

fn key(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| value == &format!("Bearer {KEY}"))
}

/// Whose token it is.
fn whose(fake: &Fake, headers: &HeaderMap) -> Option<String> {
    let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer token-")?.to_owned();
    if fake.world().revoked.contains(&format!("token-{token}")) {
        return None;
    }
    Some(token.split('-').next()?.to_owned())
}

fn named(fake: &Fake, plain: &str) -> String {
    fake.world().hostile.clone().unwrap_or_else(|| plain.to_owned())
}

fn name_of(user: &str) -> &'static str {
    match user {
        ANN => "Ann",
        BOB => "Bob",
        EVE => "Eve",
        _ => "Somebody",
    }
}

async fn authorize(State(fake): State<Fake>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if !key(&headers) {
        return problem(401, "wrong-key", json!({}));
    }
    let text = |name: &str| body[name].as_str().expect("text").to_owned();
    fake.world().logins.insert(text("state"), (text("code_challenge"), text("redirect_uri")));
    Json(json!({"url": format!("https://discord.example/oauth2/authorize?state={}", text("state"))})).into_response()
}

/// Codes are `<user>-<state>`.
async fn token(State(fake): State<Fake>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let text = |name: &str| body[name].as_str().expect("text").to_owned();
    let code = text("code");
    let Some((user, state)) = code.split_once('-') else { return problem(400, "bad-code", json!({})) };
    let name = named(&fake, name_of(user));
    let mut world = fake.world();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(text("code_verifier").as_bytes()));
    let login = world.logins.get(state).cloned();
    if !key(&headers) || login != Some((challenge, text("redirect_uri"))) || world.codes.contains(&code) {
        return problem(400, "bad-code", json!({}));
    }
    world.codes.push(code.clone());
    let expires = if world.short_tokens { 1 } else { 604_800 };
    let user = json!({"id": user, "username": "x", "global_name": name, "avatar": null});
    let access = format!("token-{}", code);
    Json(json!({"access_token": access, "refresh_token": "again", "expires_in": expires, "scope": "identify guilds", "user": user}))
        .into_response()
}

async fn refresh(State(fake): State<Fake>, Json(body): Json<Value>) -> Response {
    if body["refresh_token"] != "again" {
        return problem(400, "bad-token", json!({}));
    }
    fake.world().refreshed += 1;
    Json(json!({"access_token": "token-1", "refresh_token": "next", "expires_in": 604_800})).into_response()
}

async fn revoke(State(fake): State<Fake>, Json(body): Json<Value>) -> Json<Value> {
    fake.world().revoked.push(body["token"].as_str().expect("text").to_owned());
    Json(json!({}))
}

async fn me(State(fake): State<Fake>, headers: HeaderMap) -> Response {
    match whose(&fake, &headers) {
        Some(user) => Json(json!({"user": {"id": user}})).into_response(),
        None => problem(401, "no-token", json!({})),
    }
}

async fn my_guilds(State(fake): State<Fake>, headers: HeaderMap) -> Response {
    let Some(user) = whose(&fake, &headers) else { return problem(401, "no-token", json!({})) };
    let name = named(&fake, "Miso Club");
    let manages = user == ANN && fake.world().ann_manages;
    Json(json!({
        "guilds": [
            {"id": GUILD, "name": name, "icon": null, "bot_present": true, "owner": false, "permissions": "32", "may_manage": manages, "reason": if manages { None } else { Some("needs Manage Server") }},
            {"id": "300", "name": "New place", "icon": null, "bot_present": false, "owner": true, "permissions": "8", "may_manage": true},
            {"id": "400", "name": "Elsewhere", "icon": null, "bot_present": false, "owner": false, "permissions": "0", "may_manage": false, "reason": "needs Manage Server"},
        ],
        "invite_url": "https://discord.example/oauth2/authorize?client_id=9&scope=bot&permissions=268954689",
    }))
    .into_response()
}

fn member_of(user: &str, guild: &str) -> bool {
    match guild {
        GUILD => user == ANN || user == BOB,
        OTHER_GUILD => user == EVE,
        _ => false,
    }
}

async fn guild(State(fake): State<Fake>, headers: HeaderMap, Path(guild): Path<String>) -> Response {
    let Some(user) = whose(&fake, &headers) else { return problem(401, "no-token", json!({})) };
    if !member_of(&user, &guild) {
        return problem(404, "unknown-guild", json!({}));
    }
    Json(json!({
        "id": guild, "name": named(&fake, "Miso Club"), "icon": null, "owner_id": "2", "member_count": 42,
        "bot": {"permissions": "268954689", "top_role_position": 5, "nick": null}, "unavailable": false,
        "meta": {"position": "0:9", "age_ms": 12},
    }))
    .into_response()
}

async fn list(
    State(fake): State<Fake>,
    headers: HeaderMap,
    Path((guild, list)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let Some(user) = whose(&fake, &headers) else { return problem(401, "no-token", json!({})) };
    if !member_of(&user, &guild) {
        return problem(404, "unknown-guild", json!({}));
    }
    let name = |plain: &str| named(&fake, plain);
    Json(match list.as_str() {
        "me" => {
            let manages = user == ANN && fake.world().ann_manages;
            let roles = if user == BOB { fake.world().bob_roles.clone() } else { vec!["123".to_owned()] };
            json!({"permissions": if manages { "32" } else { "1024" }, "may_manage": manages, "roles": roles})
        }
        "channels" => json!({"channels": [
            {"id": "110", "name": name("Text"), "type": 4, "position": 0, "parent_id": null, "bot_permissions": "1024"},
            {"id": "111", "name": name("welcome"), "type": 0, "position": 1, "parent_id": "110", "bot_permissions": "19456"},
            {"id": "112", "name": name("secret"), "type": 0, "position": 2, "parent_id": "110", "bot_permissions": "1024"},
            {"id": "113", "name": name("voice"), "type": 2, "position": 3, "parent_id": null, "bot_permissions": "19456"},
        ]}),
        "roles" => json!({"roles": [
            {"id": "120", "name": name("Owner"), "color": 0xff_0000, "position": 9, "managed": false, "permissions": "8", "assignable": false, "reason": "above Miso's role"},
            {"id": "123", "name": name("Admin"), "color": 0x00_00ff, "position": 4, "managed": false, "permissions": "32", "assignable": true},
            {"id": "121", "name": name("Member"), "color": 0x00_ff00, "position": 2, "managed": false, "permissions": "0", "assignable": true},
            {"id": GUILD, "name": "@everyone", "color": 0, "position": 0, "managed": false, "permissions": "1024", "assignable": false, "reason": "@everyone"},
        ]}),
        "emojis" => json!({"emojis": [{"id": "130", "name": "misostar"}]}),
        "members" => {
            let query = query.get("query").map(|query| query.to_lowercase()).unwrap_or_default();
            let all = [ANN, BOB].map(|id| json!({"id": id, "username": name_of(id).to_lowercase(), "global_name": name(name_of(id)), "nick": null, "avatar": null, "roles": [], "joined_at": null}));
            let fits = |member: &Value| member["username"].as_str().is_some_and(|name| name.starts_with(&query));
            json!({"members": all.into_iter().filter(fits).collect::<Vec<_>>(), "next": null})
        }
        _ => return problem(404, "not-found", json!({})),
    })
    .into_response()
}

async fn member(State(fake): State<Fake>, Path((guild, user)): Path<(String, String)>) -> Response {
    if !member_of(&user, &guild) {
        return problem(404, "unknown-member", json!({}));
    }
    let name = named(&fake, name_of(&user));
    Json(json!({"id": user, "username": "x", "global_name": name, "nick": null, "roles": []})).into_response()
}

async fn permissions() -> Json<Value> {
    Json(json!({"permissions": "19456", "names": []}))
}

async fn user(State(fake): State<Fake>, Path(user): Path<String>) -> Json<Value> {
    Json(json!({"id": user, "username": named(&fake, name_of(&user)), "global_name": null, "avatar": null}))
}
