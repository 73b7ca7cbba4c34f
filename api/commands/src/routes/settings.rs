use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use miso_command_catalogue::{Permissions, Problem};
use miso_model::{Aggregate, Answer, Request};
use miso_settings::{MODULES, Module, Scope, Settings, StoredModule, module_json, modules_of};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::caller::{Caller, expected, guild_id, user_id, via};
use super::{positioned, read_body, request_id, store_at};
use crate::api::Api;
use crate::decide::settings::{CHANGE_SETTINGS, ChangeSettings, SettingsAnswer, module_of};
use crate::problem::Refusal;

/// `GET /v1/settings/modules`: every declared module with its fields.
pub(crate) async fn modules() -> Json<Value> {
    Json(json!({"modules": MODULES.iter().map(module_json).collect::<Vec<_>>()}))
}

/// `GET /v1/guilds/{guild}/settings`.
pub(crate) async fn of_guild(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_read(guild)?;
    all(&api, Aggregate::Guild(guild), &headers).await
}

/// `GET /v1/users/{user}/settings`.
pub(crate) async fn of_user(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let user = user_id(&user)?;
    caller.may_read_own(user)?;
    all(&api, Aggregate::User(user), &headers).await
}

/// `GET /v1/guilds/{guild}/settings/{module}`.
pub(crate) async fn guild_module(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((guild, module)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_read(guild)?;
    one(&api, Aggregate::Guild(guild), &module, &headers).await
}

/// `GET /v1/users/{user}/settings/{module}`.
pub(crate) async fn user_module(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((user, module)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let user = user_id(&user)?;
    caller.may_read_own(user)?;
    one(&api, Aggregate::User(user), &module, &headers).await
}

async fn all(api: &Api, aggregate: Aggregate, headers: &HeaderMap) -> Result<Response, Refusal> {
    let state = store_at(api, headers).await?.aggregate(&aggregate.to_string()).await?;
    let settings = Settings::of(state.settings);
    let (scope, id) = match aggregate {
        Aggregate::Guild(id) => (Scope::Guild, ("guild_id", id.to_string())),
        Aggregate::User(id) => (Scope::User, ("user_id", id.to_string())),
    };
    let modules: Map<String, Value> =
        modules_of(scope).map(|module| (module.key.to_owned(), shown(module, &settings.stored(module.key)))).collect();
    Ok(Json(json!({id.0: id.1, "modules": modules})).into_response())
}

async fn one(api: &Api, aggregate: Aggregate, key: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
    let module = module_of(aggregate, key)?;
    let state = store_at(api, headers).await?.aggregate(&aggregate.to_string()).await?;
    let stored = Settings::of(state.settings).stored(key);
    Ok(tagged(Json(shown(module, &stored)).into_response(), stored.version))
}

/// A module as it is read.
fn shown(module: &Module, stored: &StoredModule) -> Value {
    json!({
        "version": stored.version,
        "by": (stored.version > 0).then_some(&stored.by),
        "at_ms": (stored.version > 0).then_some(stored.at_ms),
        "values": module.with_defaults(&stored.values),
        "set": stored.values.keys().collect::<Vec<_>>(),
    })
}

fn tagged(mut response: Response, version: i64) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Body of a PUT.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    /// The changed fields only; null takes one back to its default.
    values: Map<String, Value>,
}

/// `PUT /v1/guilds/{guild}/settings/{module}`; `If-Match` holds the module's version that the caller
/// has seen, and another one is answered with 409.
pub(crate) async fn change_guild(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((guild, module)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_manage(guild)?;
    put(&api, &caller, Aggregate::Guild(guild), module, &headers, body).await
}

/// `PUT /v1/users/{user}/settings/{module}`.
pub(crate) async fn change_user(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((user, module)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let user = user_id(&user)?;
    caller.is(user)?;
    put(&api, &caller, Aggregate::User(user), module, &headers, body).await
}

async fn put(
    api: &Api,
    caller: &Caller,
    aggregate: Aggregate,
    module: String,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    // A module that is not declared is told before its values are.
    module_of(aggregate, &module)?;
    let Change { values } = read_body(body)?;
    let change = ChangeSettings { module, set: values, reverts: None, via: String::new() };
    let answer = ask(api, caller, aggregate, (request_id(headers)?, expected(headers)?), change).await?;
    changed(aggregate, &answer)
}

/// Fields may need more of who changes them than changing settings does.
fn may_set(module: &Module, set: &Map<String, Value>, permissions: Permissions) -> Result<(), Problem> {
    let fields = set.keys().filter_map(|key| module.field(key));
    for field in fields {
        let missing = permissions.missing(field.actor_needs);
        if missing != Permissions::NONE {
            let detail = format!("Changing {} needs the permission {}.", field.title, missing.names().join(", "));
            return Err(Problem::new(403, "missing-permissions", "Not allowed", detail));
        }
    }
    Ok(())
}

/// Has a change decided, as the caller's.
pub(super) async fn ask(
    api: &Api,
    caller: &Caller,
    aggregate: Aggregate,
    (request_id, expected_version): (String, Option<i64>),
    mut change: ChangeSettings,
) -> Result<Answer, Problem> {
    let Some(context) = &caller.context else { return Err(super::caller::nobody()) };
    may_set(module_of(aggregate, &change.module)?, &change.set, context.permissions)?;
    if change.via.is_empty() {
        via(context).clone_into(&mut change.via);
    }
    let request = Request {
        request_id,
        aggregate: aggregate.to_string(),
        kind: CHANGE_SETTINGS.to_owned(),
        expected_version,
        actor: format!("user/{}", context.user),
        body: serde_json::to_vec(&change).unwrap_or_default().into(),
        at_ms: miso_http::now_ms(),
    };
    api.ask(aggregate, &request).await
}

/// What a change is answered with.
pub(super) fn changed(aggregate: Aggregate, answer: &Answer) -> Result<Response, Refusal> {
    let done: SettingsAnswer = serde_json::from_slice(&answer.body).map_err(|_| {
        let detail = "This Idempotency-Key was used before, for another request or one whose answer was deleted since.";
        Problem::new(422, "key-used", "The key was used", detail)
    })?;
    let module = module_of(aggregate, &done.module)?;
    let json = json!({
        "module": done.module,
        "version": done.version,
        "position": format!("{}:{}", answer.partition, answer.position),
        "applied_at": done.at_ms,
        "values": module.with_defaults(&done.values),
        "set": done.values.keys().collect::<Vec<_>>(),
    });
    let response = tagged(Json(json).into_response(), done.version);
    Ok(positioned(response, Some((answer.partition, answer.position))))
}
