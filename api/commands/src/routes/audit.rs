use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use miso_command_catalogue::Problem;
use miso_model::Aggregate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, expected, guild_id};
use super::settings::{ask, changed};
use super::{request_id, store_at};
use crate::api::Api;
use crate::decide::settings::ChangeSettings;
use crate::problem::Refusal;

/// Entries of one page, at most; more are not refused but cut.
pub const AUDIT_PAGE: i64 = 100;

/// Which entries.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    module: Option<String>,
    before: Option<i64>,
    limit: Option<i64>,
}

/// `GET /v1/guilds/{guild}/audit`: changes of settings, the newest first.
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_read(guild)?;
    let Query(page) = page.map_err(super::query_refused)?;
    let limit = page.limit.unwrap_or(25).clamp(1, AUDIT_PAGE);
    let store = store_at(&api, &headers).await?;
    let name = Aggregate::Guild(guild).to_string();
    let mut entries = store.audit(&name, page.module.as_deref(), page.before, limit + 1).await?;
    let more = entries.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        entries.pop();
    }
    let next = entries.last().filter(|_| more).map(|entry| entry.version);
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|entry| {
            json!({
                "version": entry.version,
                "module": entry.module,
                "module_version": entry.module_version,
                "at_ms": entry.at_ms,
                "by": entry.by,
                "via": entry.via,
                "before": entry.before,
                "after": entry.after,
                "reverts": entry.reverts,
            })
        })
        .collect();
    Ok(Json(json!({"entries": entries, "next": next})))
}

/// `POST /v1/guilds/{guild}/audit/{version}/revert`: the fields of this change get the values that they
/// had before it. With `If-Match` only while the module is at that version.
pub(crate) async fn revert(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((guild, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_manage(guild)?;
    let aggregate = Aggregate::Guild(guild);
    let store = store_at(&api, &headers).await?;
    let unknown = || Problem::new(404, "not-found", "No such change", "There is no change of this version.");
    let version: i64 = version.parse().map_err(|_| unknown())?;
    let entry = store.audit_entry(&aggregate.to_string(), version).await?.ok_or_else(unknown)?;
    let change = ChangeSettings { module: entry.module, set: entry.before, reverts: Some(version), via: String::new() };
    let answer = ask(&api, &caller, aggregate, (request_id(&headers)?, expected(&headers)?), change).await?;
    changed(aggregate, &answer)
}
