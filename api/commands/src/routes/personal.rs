use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use miso_bot_store::Kind;
use miso_model::{Aggregate, GuildId, Request};
use miso_settings::{Scope, Settings, modules_of};
use serde_json::{Map, Value, json};

use super::caller::{Caller, user_id};
use super::reminders::reminder_json;
use super::{positioned, request_id, store_at};
use crate::api::Api;
use crate::decide::personal::{DELETE_PERSONAL_DATA, FORGET_MEMBER};
use crate::problem::Refusal;

/// Artists whose plays an export lists, at most; those played most.
const EXPORTED_ARTISTS: i64 = 10_000;

/// `GET /v1/users/{user}/data`: everything that is kept of a user, by table.
pub(crate) async fn export(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let user = user_id(&user)?;
    caller.may_read_own(user)?;
    let store = store_at(&api, &headers).await?;
    let settings = Settings::of(store.aggregate(&Aggregate::User(user).to_string()).await?.settings);
    let settings: Map<String, Value> = modules_of(Scope::User)
        .map(|module| (module.key.to_owned(), Value::Object(settings.stored(module.key).values)))
        .filter(|(_, values)| values.as_object().is_some_and(|values| !values.is_empty()))
        .collect();
    let reminders = store.reminders(user).await?;
    let data = store.personal_data(user).await?;
    let (plays, known) =
        (store.played_most(user, None, Kind::Artists, EXPORTED_ARTISTS).await?, store.listen_progress(user).await?);
    let plays: Vec<Value> =
        plays.iter().map(|played| json!({"artist": played.artist, "plays": played.plays})).collect();
    let seen_in = store.guilds_of_listener(user).await?;
    let activity: Vec<Value> = data
        .activity
        .iter()
        .map(|(guild, of)| json!({"guild": guild, "xp": of.xp, "level": of.level, "messages": of.messages}))
        .collect();
    Ok(Json(json!({
        "user_id": user,
        "exported_at": miso_http::now_ms(),
        "tables": {
            "settings": {"count": settings.len(), "rows": settings},
            "reminders": {
                "count": reminders.len(),
                "rows": reminders.iter().map(reminder_json).collect::<Vec<_>>(),
            },
            "activity": {"count": activity.len(), "rows": activity},
            "listens": {"count": known.map_or(0, |known| known.listens), "artists": plays},
            "listened_in_servers": {"count": seen_in.len(), "rows": seen_in},
            "stars": {"count": data.stars},
            "own_changes": {"count": data.own_changes},
            "changes_of_guilds": {"count": data.changes},
            "answers": {"count": data.executions},
        },
    })))
}

/// What a deletion leaves, and why.
const STAYS: &[(&str, &str)] = &[
    ("changes_of_guilds", "Who changed a server's settings belongs to that server's audit."),
    ("stars", "That you starred a message is needed so that no star counts twice. It holds no words of yours."),
    (
        "answers",
        "That your requests were answered is kept, so that none is carried out twice; what was answered is blanked.",
    ),
    (
        "facts",
        "The log of facts is what the database is rebuilt from, and is only added to: the words of past reminders \
         and settings stay in it, on the operator's disk, though nothing shows them any more.",
    ),
    ("messages", "Discord's events, your messages among them, expire from the event log after at most 7 days."),
];

/// `DELETE /v1/users/{user}/data`. Repeated under its `Idempotency-Key` it deletes no more.
pub(crate) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let user = user_id(&user)?;
    caller.is(user)?;
    let key = request_id(&headers)?;
    let own = Aggregate::User(user);
    let store = store_at(&api, &headers).await?;
    let data = store.personal_data(user).await?;
    let mut guilds: Vec<GuildId> = data.activity.iter().map(|(guild, _)| *guild).collect();
    guilds.extend(store.guilds_of_listener(user).await?);
    guilds.sort_unstable();
    guilds.dedup();
    let ask = async |aggregate: Aggregate, id: String, kind: &str, body: Value| {
        let request = Request {
            request_id: id,
            aggregate: aggregate.to_string(),
            kind: kind.to_owned(),
            expected_version: None,
            actor: own.to_string(),
            body: body.to_string().into(),
            at_ms: miso_http::now_ms(),
        };
        api.ask(aggregate, &request).await
    };
    // The guilds first: broken off, a second attempt finds what is left of them.
    for guild in &guilds {
        let id = format!("{key}:{guild}");
        ask(Aggregate::Guild(*guild), id, FORGET_MEMBER, json!({"user": user})).await?;
    }
    let answer = ask(own, key.clone(), DELETE_PERSONAL_DATA, json!({})).await?;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let stays: Vec<Value> = STAYS.iter().map(|(what, why)| json!({"what": what, "why": why})).collect();
    let json = json!({
        "deleted": {
            "settings": true,
            "own_changes": data.own_changes,
            "reminders": said["reminders"],
            "activity": data.activity.len(),
        },
        "stays": stays,
    });
    Ok(positioned(Json(json).into_response(), Some((answer.partition, answer.position))))
}
