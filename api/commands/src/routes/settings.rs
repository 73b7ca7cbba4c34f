use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use miso_bot_store::GuildSettings;
use miso_command_catalogue::{DEFAULT_PREFIX, Permissions, Problem};
use miso_http::now_ms;
use miso_model::{Aggregate, GuildId, Request, UserId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::commands::read as body_of;
use super::{POSITION, positioned, request_id};
use crate::api::Api;
use crate::decide::{CHANGE_SETTINGS, ChangeSettings};
use crate::problem::Refusal;

/// How long a read waits for the position that its caller has seen; then 503.
const POSITION_PATIENCE: Duration = Duration::from_secs(2);

/// `GET /v1/guilds/{guild}/settings`. A `Miso-Position` of an earlier answer is waited for.
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    Path(guild): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let guild = guild_id(&guild)?;
    let store = api.store()?;
    if let Some((partition, next)) = position(&headers)?
        && !store.wait_for(partition, next, POSITION_PATIENCE).await?
    {
        let detail = "The database has not seen this change yet. Try again in a moment.";
        return Err(Problem::new(503, "behind", "Not there yet", detail).into());
    }
    Ok(shown(guild, &store.guild_settings(guild).await?))
}

/// Body of the PATCH.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    /// Who changes it.
    actor: UserId,
    /// What they may do in the guild, as the caller that vouches for them knows it.
    #[serde(default)]
    permissions: Permissions,
    /// New values by name; null takes one back to its default.
    set: Map<String, Value>,
}

/// `PATCH /v1/guilds/{guild}/settings`; `If-Match` holds the version that the caller has seen, and
/// another one is answered with 409.
pub(crate) async fn change(
    State(api): State<Arc<Api>>,
    Path(guild): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let guild = guild_id(&guild)?;
    let change: Change = body_of(body)?;
    if !change.permissions.cover(Permissions::MANAGE_GUILD) {
        let detail = "Changing settings needs the permission Manage Server.";
        return Err(Problem::new(403, "missing-permissions", "Not allowed", detail).into());
    }
    let aggregate = Aggregate::Guild(guild);
    let body = serde_json::to_vec(&ChangeSettings { set: change.set }).unwrap_or_default();
    let request = Request {
        request_id: request_id(&headers)?,
        aggregate: aggregate.to_string(),
        kind: CHANGE_SETTINGS.to_owned(),
        expected_version: expected(&headers)?,
        actor: format!("user/{}", change.actor),
        body: body.into(),
        at_ms: now_ms(),
    };
    let answer = api.ask(aggregate, &request).await?;
    let settings = api.store()?.guild_settings(guild).await?;
    Ok(positioned(shown(guild, &settings), Some((answer.partition, answer.position))))
}

fn shown(guild: GuildId, settings: &GuildSettings) -> Response {
    let prefix = settings.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    let json = json!({"guild_id": guild, "version": settings.version, "prefix": prefix, "set": settings.settings});
    let mut response = Json(json).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", settings.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn guild_id(text: &str) -> Result<GuildId, Problem> {
    text.parse().map_err(|_| Problem::new(404, "not-found", "No such guild", "A guild's id is a number."))
}

fn position(headers: &HeaderMap) -> Result<Option<(i32, i64)>, Problem> {
    let Some(value) = headers.get(POSITION) else { return Ok(None) };
    let parts = value.to_str().ok().and_then(|text| text.split_once(':'));
    let position = parts.and_then(|(partition, next)| Some((partition.parse().ok()?, next.parse().ok()?)));
    let known = position.filter(|(partition, _)| (0..miso_log::catalogue::AGGREGATES).contains(partition));
    let problem =
        || Problem::new(400, "invalid-position", "The position does not fit", "Miso-Position is partition:offset.");
    known.map(Some).ok_or_else(problem)
}

fn expected(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let version = value.to_str().ok().map(|text| text.trim_matches('"')).and_then(|text| text.parse().ok());
    let problem =
        || Problem::new(400, "invalid-version", "The version does not fit", "If-Match is a version in quotes.");
    version.map(Some).ok_or_else(problem)
}
