use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use miso_command_catalogue::{Permissions, SignedContext};
use miso_settings::module;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Fake, KEY, Kept, World, problem};

pub(super) fn router(fake: Fake) -> Router {
    Router::new()
        .route("/v1/{kind}/{id}/settings", get(all))
        .route("/v1/{kind}/{id}/settings/{module}", get(one).put(change))
        .route("/v1/guilds/{id}/audit", get(audit))
        .route("/v1/guilds/{id}/audit/{version}/revert", post(revert))
        .route("/v1/guilds/{id}/settings-file", get(export).post(import))
        .route("/v1/guilds/{id}/leaderboards/xp", get(leaderboard))
        .route("/v1/guilds/{id}/stats", get(stats))
        .route("/v1/guilds/{id}/stars", get(stars))
        .route("/v1/guilds/{id}/samples", post(sample))
        .route("/v1/users/{id}/reminders", get(reminders).post(remind))
        .route("/v1/users/{id}/reminders/{reminder}", axum::routing::delete(cancel))
        .route("/v1/users/{id}/reminders/{reminder}/snooze", post(snooze))
        .route("/v1/users/{id}/data", get(data).delete(forget))
        .route("/v1/commands", get(|| async { "{}" }))
        .layer(from_fn_with_state(fake.clone(), checked))
        .with_state(fake)
}

async fn checked(State(fake): State<Fake>, mut request: Request, next: Next) -> Response {
    match vouched(&fake, &request) {
        Ok(context) => {
            request.extensions_mut().insert(context);
            next.run(request).await
        }
        Err(refusal) => *refusal,
    }
}

/// The key, the signed context, and whose it is.
fn vouched(fake: &Fake, request: &Request) -> Result<SignedContext, Box<Response>> {
    let refused = |status, slug| Err(Box::new(problem(status, slug, json!({}))));
    if fake.world().commands_down {
        return refused(503, "store-unavailable");
    }
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("authorization") != format!("Bearer {KEY}") {
        return refused(401, "wrong-key");
    }
    let Ok(context) = SignedContext::verify(text("miso-context"), KEY.as_bytes(), 0) else {
        return refused(401, "no-context");
    };
    let mut path = request.uri().path().split('/').skip(2);
    let (kind, id) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
    let own = match kind {
        "users" => id == context.user.to_string(),
        _ => context.guild.is_some_and(|guild| guild.to_string() == id),
    };
    let writes = !request.method().is_safe() && kind == "guilds";
    if !own || (writes && !context.permissions.cover(Permissions::MANAGE_GUILD)) {
        return refused(403, "forbidden");
    }
    Ok(context)
}

fn shown(kept: &Kept, key: &str) -> Value {
    let values = module(key).map(|module| module.with_defaults(&kept.values)).unwrap_or_default();
    let set: Vec<&String> = kept.values.keys().collect();
    json!({"version": kept.version, "by": kept.by, "at_ms": kept.at_ms, "values": values, "set": set})
}

async fn all(State(fake): State<Fake>, Path((kind, id)): Path<(String, String)>, headers: HeaderMap) -> Json<Value> {
    let owner = format!("{kind}/{id}");
    let mut world = fake.world();
    world.waited.extend(headers.get("miso-position").map(|value| value.to_str().expect("text").to_owned()));
    let modules: Map<String, Value> = world
        .settings
        .iter()
        .filter(|((of, _), _)| *of == owner)
        .map(|((_, key), kept)| (key.clone(), shown(kept, key)))
        .collect();
    Json(json!({"guild_id": id, "modules": modules}))
}

async fn one(State(fake): State<Fake>, Path((kind, id, key)): Path<(String, String, String)>) -> Json<Value> {
    let world = fake.world();
    let kept = world.settings.get(&(format!("{kind}/{id}"), key.clone())).cloned().unwrap_or_default();
    Json(shown(&kept, &key))
}

/// Makes a change a fact; its module version.
pub(super) fn apply(
    world: &mut World,
    owner: &str,
    key: &str,
    by: &str,
    via: &str,
    values: &Map<String, Value>,
) -> i64 {
    let kept = world.settings.entry((owner.to_owned(), key.to_owned())).or_default();
    kept.version += 1;
    kept.by = by.to_owned();
    kept.at_ms = 1_000;
    let mut before = Map::new();
    for (field, value) in values {
        before.insert(field.clone(), kept.values.get(field).cloned().unwrap_or_default());
        kept.changed.insert(field.clone(), kept.version);
        if value.is_null() {
            kept.values.remove(field);
        } else {
            kept.values.insert(field.clone(), value.clone());
        }
    }
    let (version, fact) = (kept.version, world.audit.len() + 1);
    world.audit.push(json!({
        "version": fact, "module": key, "module_version": version, "at_ms": 1_000, "by": by, "via": via,
        "before": before, "after": values, "reverts": null,
    }));
    version
}

async fn change(
    State(fake): State<Fake>,
    Extension(context): Extension<SignedContext>,
    Path((kind, id, key)): Path<(String, String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    assert!(headers.contains_key("idempotency-key"), "every write has its key");
    let expected: i64 = headers["if-match"].to_str().expect("text").trim_matches('"').parse().expect("a version");
    let Some(values) = body["values"].as_object() else { return problem(400, "invalid", json!({})) };
    let Some(declared) = module(&key) else { return problem(404, "not-found", json!({})) };
    if let Err(errors) = miso_settings::check(declared, values) {
        return problem(422, "invalid-settings", json!({"errors": errors}));
    }
    let mut world = fake.world();
    if world.too_large {
        return problem(413, "too-large", json!({}));
    }
    let owner = format!("{kind}/{id}");
    let kept = world.settings.get(&(owner.clone(), key.clone())).cloned().unwrap_or_default();
    if kept.version != expected {
        let since = |field: &&String| kept.changed.get(*field).is_some_and(|version| *version > expected);
        let fields: Vec<&String> = values.keys().filter(since).collect();
        let more = json!({"current": kept.version, "by": kept.by, "at": kept.at_ms, "fields": fields});
        return problem(409, "stale", more);
    }
    let by = format!("user/{}", context.user);
    let version = apply(&mut world, &owner, &key, &by, &context.via, values);
    let answer = json!({"version": version, "position": "3:7", "applied_at": 1_000, "values": {}, "set": []});
    ([("miso-position", "3:7")], Json(answer)).into_response()
}

#[derive(Deserialize)]
struct Audit {
    module: Option<String>,
    before: Option<usize>,
    limit: usize,
}

async fn audit(State(fake): State<Fake>, Query(query): Query<Audit>) -> Json<Value> {
    let world = fake.world();
    let fits = |entry: &&Value| query.module.as_ref().is_none_or(|module| entry["module"] == **module);
    let before = world.audit.iter().take(query.before.map_or(usize::MAX, |before| before.saturating_sub(1)));
    let entries: Vec<&Value> = before.rev().filter(fits).take(query.limit).collect();
    Json(json!({"entries": entries, "next": null}))
}

async fn revert(
    State(fake): State<Fake>,
    Extension(context): Extension<SignedContext>,
    Path((id, version)): Path<(String, usize)>,
) -> Response {
    let mut world = fake.world();
    let Some(entry) = world.audit.get(version.wrapping_sub(1)).cloned() else {
        return problem(404, "not-found", json!({}));
    };
    let before = entry["before"].as_object().cloned().unwrap_or_default();
    let module = entry["module"].as_str().expect("a module").to_owned();
    let by = format!("user/{}", context.user);
    let version = apply(&mut world, &format!("guilds/{id}"), &module, &by, "panel", &before);
    Json(json!({"version": version})).into_response()
}

async fn export(State(fake): State<Fake>) -> Json<Value> {
    let world = fake.world();
    let modules: Map<String, Value> =
        world.settings.iter().map(|((_, key), kept)| (key.clone(), Value::Object(kept.values.clone()))).collect();
    Json(json!({"guild_id": "100", "exported_at": 1, "modules": modules}))
}

async fn import(
    State(fake): State<Fake>,
    Extension(context): Extension<SignedContext>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let mut changes = Vec::new();
    let mut world = fake.world();
    for (key, values) in body["modules"].as_object().into_iter().flatten() {
        let values = values.as_object().cloned().unwrap_or_default();
        for (field, after) in &values {
            changes.push(json!({"module": key, "field": field, "before": null, "after": after}));
        }
        if body["dry_run"] == false {
            apply(&mut world, &format!("guilds/{id}"), key, &format!("user/{}", context.user), &context.via, &values);
        }
    }
    Json(json!({"changes": changes, "errors": []}))
}

async fn leaderboard() -> Json<Value> {
    let rows: Vec<Value> = (1..=3)
        .map(|rank| json!({"rank": rank, "user": rank.to_string(), "xp": 900 / rank, "level": 9, "messages": 40}))
        .collect();
    Json(json!({"total": 3, "rows": rows}))
}

/// One message had five stars, one two, one one.
async fn stars() -> Json<Value> {
    Json(json!({"days": 7, "at_least": [3, 2, 1, 1, 1]}))
}

async fn sample(State(fake): State<Fake>, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let mut world = fake.world();
    let (key, field) = body["what"].as_str().and_then(|what| what.split_once('.')).unwrap_or(("greeting", "channel"));
    let kept = world.settings.get(&(format!("guilds/{id}"), key.to_owned()));
    let channel = kept.and_then(|kept| kept.values.get(field)).cloned().unwrap_or_default();
    if channel.is_null() && body["direct"] == false {
        return problem(422, "no-channel", json!({}));
    }
    if world.samples.len() >= 3 {
        return problem(429, "too-often", json!({}));
    }
    let channel = if body["direct"] == true { Value::Null } else { channel };
    world.samples.push(body.clone());
    Json(json!({"what": body["what"], "channel": channel})).into_response()
}

async fn stats() -> Json<Value> {
    let day = |day| json!({"day": format!("2026-11-{day:02}"), "messages": day * 3, "joins": 2, "leaves": 1, "commands": day});
    Json(json!({"days": (1..=30).map(day).collect::<Vec<_>>(), "hours": (0..24).collect::<Vec<i64>>()}))
}

async fn reminders(State(fake): State<Fake>) -> Json<Value> {
    Json(json!({"reminders": fake.world().reminders}))
}

async fn remind(State(fake): State<Fake>, Json(mut body): Json<Value>) -> Response {
    let mut world = fake.world();
    body["id"] = json!(format!("r{}", world.reminders.len() + 1));
    world.reminders.push(body);
    (StatusCode::CREATED, "{}").into_response()
}

async fn cancel(State(fake): State<Fake>, Path((_, reminder)): Path<(String, String)>) -> StatusCode {
    fake.world().reminders.retain(|kept| kept["id"] != *reminder);
    StatusCode::NO_CONTENT
}

async fn snooze(
    State(fake): State<Fake>,
    Path((_, reminder)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> StatusCode {
    for kept in &mut fake.world().reminders {
        if kept["id"] == *reminder {
            kept["due_ms"] = body["due_ms"].clone();
        }
    }
    StatusCode::NO_CONTENT
}

async fn data() -> Json<Value> {
    Json(
        json!({"tables": [{"table": "reminders", "count": 2, "rows": []}, {"table": "settings", "count": 1, "rows": []}]}),
    )
}

async fn forget(State(fake): State<Fake>, Path(id): Path<String>) -> Json<Value> {
    fake.world().deleted.push(id);
    Json(json!({"deleted": {"reminders": 2}, "stays": [{"what": "messages in the event log", "why": "for 7 days"}]}))
}
