//! Members and users.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use miso_command_catalogue::Problem;
use miso_http::Refusal;
use miso_model::{GuildId, SLOTS, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::seeing::seeing;
use super::{id, query};
use crate::access::Caller;
use crate::api::Api;
use crate::members::{Cursor, MAX_PAGE};
use crate::stand::Stand;
use crate::view;

/// Characters of a search, at most.
const QUERY_CHARS: usize = 100;

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    query: String,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

/// `GET /v1/guilds/{guild}/members`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    asked: Result<Query<Search>, QueryRejection>,
) -> Result<Response, Refusal> {
    let guild = id(&guild)?;
    let asked = query(asked)?;
    let wrong = |detail: &str| Problem::new(400, "invalid-query", "The query does not fit", detail);
    let after = match asked.after.as_deref() {
        None | Some("") => None,
        Some(after) => Some(Cursor::read(after).ok_or_else(|| wrong("`after` is `next` of the page before."))?),
    };
    let limit = asked.limit.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(wrong("`limit` is 1 to 100.").into());
    }
    if asked.query.chars().count() > QUERY_CHARS {
        return Err(wrong("`query` has up to 100 characters.").into());
    }
    let stand = Stand::of_guild(&api.state, guild);
    let (state, fields, _) = seeing(&api, &caller, guild).await?;
    let known = |count: u64| u64::try_from(state.known_members(guild)).is_ok_and(|known| known >= count);
    let complete = fields.member_count.is_some_and(known);
    let query = asked.query.trim();
    if !complete && after.is_none() && !query.is_empty() && query.parse::<UserId>().is_err() {
        api.asking.ask(state, guild, query).await;
    }
    let page = api.indexes.find(state, guild, query, after, limit);
    let shown = page.users.iter().filter_map(|user| view::member(&api.cdn, guild, &state.member(guild, *user)?));
    Ok(stand.answer(json!({"members": shown.collect::<Vec<_>>(), "next": page.next, "complete": complete})))
}

/// `GET /v1/guilds/{guild}/members/{user}`
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((guild, user)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (guild, user) = (id::<GuildId>(&guild)?, id::<UserId>(&user)?);
    let stand = Stand::of_guild(&api.state, guild);
    let (state, ..) = seeing(&api, &caller, guild).await?;
    let shown = state.member(guild, user).and_then(|json| view::member(&api.cdn, guild, &json));
    let shown = shown.ok_or_else(|| {
        Problem::new(404, "unknown-member", "No such member", "Miso knows of no such member in this server.")
    })?;
    Ok(stand.answer(shown))
}

/// `GET /v1/users/{user}`
pub(super) async fn user(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Response, Refusal> {
    let user: UserId = id(&user)?;
    let stand = Stand::of_all(&api.state);
    let state = api.folded()?;
    let own = state.own_user().filter(|own| own.id == user).and_then(|own| view::user(&api.cdn, &own.json));
    let oneself = match &caller {
        Caller::Person { user: own, .. } if own.id == user => Some(super::me::shown(&api, own)),
        Caller::Service | Caller::For(_) | Caller::Person { .. } => None,
    };
    let shown = own.or(oneself).or_else(|| anywhere(&api, user, caller.user().filter(|caller| *caller != user)));
    let shown = shown.ok_or_else(|| {
        Problem::new(404, "unknown-user", "No such user", "You share no server with Miso and such a user.")
    })?;
    Ok(stand.answer(shown))
}

/// A user out of a guild that they are in, and that `with` is in too.
pub(super) fn anywhere(api: &Api, user: UserId, with: Option<UserId>) -> Option<Value> {
    #[derive(Deserialize)]
    struct HasUser<'a> {
        #[serde(borrow)]
        user: &'a RawValue,
    }
    let guilds = (0..SLOTS).flat_map(|partition| api.state.guild_ids(partition));
    guilds.into_iter().find_map(|guild| {
        let member = api.state.member(guild, user)?;
        if with.is_some_and(|with| api.state.member(guild, with).is_none()) {
            return None;
        }
        let member: HasUser<'_> = serde_json::from_slice(&member).ok()?;
        view::user(&api.cdn, member.user.get().as_bytes())
    })
}
