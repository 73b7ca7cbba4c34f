use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use miso_model::{Aggregate, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::{Caller, user_id};
use super::{positioned, read_body, request_id, store_at};
use crate::api::Api;
use crate::decide::reminders::{
    CANCEL_REMINDER, CancelReminder, SET_REMINDER, SNOOZE_REMINDER, SetReminder, SnoozeReminder,
};
use crate::problem::Refusal;

/// `GET /v1/users/{user}/reminders`: those that wait, the next one first.
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let user = user_id(&user)?;
    caller.may_read_own(user)?;
    let reminders = store_at(&api, &headers).await?.reminders(user).await?;
    let waiting = reminders.iter().filter(|reminder| reminder.fired_ms.is_none());
    Ok(Json(json!({"reminders": waiting.map(reminder_json).collect::<Vec<_>>()})))
}

pub(super) fn reminder_json(reminder: &miso_bot_store::Reminder) -> Value {
    json!({
        "id": reminder.id,
        "text": reminder.text,
        "due_ms": reminder.due_ms,
        "channel": reminder.channel,
        "guild": reminder.guild,
    })
}

/// `POST /v1/users/{user}/reminders`.
pub(crate) async fn set(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let wish: SetReminder = read_body(body)?;
    ask(&api, &caller, &user, &headers, SET_REMINDER, &wish).await
}

/// `DELETE /v1/users/{user}/reminders/{id}`.
pub(crate) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((user, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    ask(&api, &caller, &user, &headers, CANCEL_REMINDER, &CancelReminder { id }).await
}

/// Body of a snooze.
#[derive(Debug, Deserialize)]
pub(crate) struct Until {
    due_ms: i64,
}

/// `POST /v1/users/{user}/reminders/{id}/snooze`: also one that fired within a day.
pub(crate) async fn snooze(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((user, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Until { due_ms } = read_body(body)?;
    ask(&api, &caller, &user, &headers, SNOOZE_REMINDER, &SnoozeReminder { id, due_ms }).await
}

async fn ask(
    api: &Api,
    caller: &Caller,
    user: &str,
    headers: &HeaderMap,
    kind: &str,
    body: &impl Serialize,
) -> Result<Response, Refusal> {
    let user = user_id(user)?;
    caller.is(user)?;
    let aggregate = Aggregate::User(user);
    let request = Request {
        request_id: request_id(headers)?,
        aggregate: aggregate.to_string(),
        kind: kind.to_owned(),
        expected_version: None,
        actor: aggregate.to_string(),
        body: serde_json::to_vec(body).unwrap_or_default().into(),
        at_ms: miso_http::now_ms(),
    };
    let answer = api.ask(aggregate, &request).await?;
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(positioned(Json(json).into_response(), Some((answer.partition, answer.position))))
}
