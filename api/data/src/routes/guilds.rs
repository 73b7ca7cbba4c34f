//! A guild, its channels, threads, roles and emojis, and what people may do there.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use miso_command_catalogue::Problem;
use miso_discord_state::permissions::{Channel, NotAssignable, Role, assignable};
use miso_http::Refusal;
use miso_model::{ChannelId, GuildId, Permissions};
use serde::Deserialize;
use serde_json::{Value, json};

use super::seeing::{in_channel, seeing, unknown_guild};
use super::{id, query};
use crate::access::Caller;
use crate::api::Api;
use crate::stand::Stand;
use crate::view::{self, RoleFields};

/// `GET /v1/guilds/{guild}`
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Response, Refusal> {
    let guild = id(&guild)?;
    let stand = Stand::of_guild(&api.state, guild);
    let (state, fields, _) = seeing(&api, &caller, guild).await?;
    #[derive(Default, Deserialize)]
    struct Named {
        #[serde(default)]
        nick: Option<String>,
    }
    let own = state.own_user().and_then(|own| state.member(guild, own.id));
    let nick = own.and_then(|json| serde_json::from_slice::<Named>(&json).ok()).unwrap_or_default().nick;
    let permissions = state.bot_permissions(guild, None).unwrap_or_default();
    let highest = state.bot_highest_role(guild);
    Ok(stand.answer(view::guild(&api.cdn, &fields, (permissions, highest.as_ref(), nick))))
}

/// `GET /v1/guilds/{guild}/me`
pub(super) async fn me(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Response, Refusal> {
    let guild = id(&guild)?;
    let user = caller.needs_user()?;
    let stand = Stand::of_guild(&api.state, guild);
    let (state, _, seeing) = seeing(&api, &caller, guild).await?;
    #[derive(Default, Deserialize)]
    struct HasRoles {
        #[serde(default)]
        roles: Vec<Value>,
    }
    let member = state.member(guild, user).and_then(|json| serde_json::from_slice::<HasRoles>(&json).ok());
    let permissions = seeing.permissions();
    Ok(stand.answer(json!({
        "user": user, "permissions": permissions, "names": permissions.names(), "may_manage": seeing.manages(),
        "roles": member.unwrap_or_default().roles,
    })))
}

/// `GET /v1/guilds/{guild}/channels`
pub(super) async fn channels(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Response, Refusal> {
    let guild = id(&guild)?;
    let stand = Stand::of_guild(&api.state, guild);
    let (state, _, seeing) = seeing(&api, &caller, guild).await?;
    let bot = state.bot_standing(guild).ok_or_else(unknown_guild)?;
    let mut channels = Vec::new();
    state.visit_channels(guild, |_, json| {
        let Ok(channel) = serde_json::from_str::<Channel>(json) else { return };
        if seeing.sees(&channel, None) {
            channels.extend(view::channel(json, &channel, bot.in_channel(&channel)));
        }
    });
    view::order(&mut channels);
    Ok(stand.answer(json!({"channels": channels})))
}

/// `GET /v1/guilds/{guild}/threads`
pub(super) async fn threads(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Response, Refusal> {
    let guild = id(&guild)?;
    let stand = Stand::of_guild(&api.state, guild);
    let (state, _, seeing) = seeing(&api, &caller, guild).await?;
    let bot = state.bot_standing(guild).ok_or_else(unknown_guild)?;
    let mut parents = HashMap::new();
    state.visit_channels(guild, |id, json| {
        parents.extend(serde_json::from_str::<Channel>(json).ok().map(|channel| (id, channel)));
    });
    let mut threads = Vec::new();
    state.visit_threads(guild, |_, json| {
        let Ok(thread) = serde_json::from_str::<Channel>(json) else { return };
        let Some(parent) = thread.parent_id.and_then(|parent| parents.get(&parent.0)) else { return };
        if seeing.sees(parent, Some(&thread)) {
            threads.extend(view::thread(json, &thread, bot.in_thread(parent, &thread, thread.has_bot())));
        }
    });
    Ok(stand.answer(json!({"threads": threads})))
}

/// `GET /v1/guilds/{guild}/roles`
pub(super) async fn roles(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Response, Refusal> {
    let guild: GuildId = id(&guild)?;
    let stand = Stand::of_guild(&api.state, guild);
    let (state, fields, _) = seeing(&api, &caller, guild).await?;
    let bot = state.bot_standing(guild).ok_or_else(unknown_guild)?;
    let owns = fields.owner_id.is_some() && fields.owner_id == state.own_user().map(|own| own.id);
    let highest = state.bot_highest_role(guild);
    let can = |role: &Role| -> Result<(), NotAssignable> { assignable(guild, role, &bot, owns, highest.as_ref()) };
    let mut roles: Vec<(Role, Value)> = Vec::new();
    state.visit_roles(guild, |_, json| {
        if let (Ok(role), Ok(fields)) = (serde_json::from_str(json), serde_json::from_str::<RoleFields>(json)) {
            let shown = view::role(&role, &fields, can(&role));
            roles.push((role, shown));
        }
    });
    roles.sort_by_key(|(role, _)| std::cmp::Reverse(role.height()));
    Ok(stand.answer(json!({"roles": roles.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>()})))
}

/// `GET /v1/guilds/{guild}/emojis`
pub(super) async fn emojis(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
) -> Result<Response, Refusal> {
    let guild = id(&guild)?;
    let stand = Stand::of_guild(&api.state, guild);
    let (state, ..) = seeing(&api, &caller, guild).await?;
    let json = state.guild(guild).ok_or_else(unknown_guild)?;
    Ok(stand.answer(json!({"emojis": view::emojis(&api.cdn, &json)})))
}

#[derive(Deserialize)]
pub(super) struct Whose {
    #[serde(default)]
    user: Option<String>,
}

/// `GET /v1/guilds/{guild}/channels/{channel}/permissions`
pub(super) async fn channel_permissions(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((guild, channel)): Path<(String, String)>,
    asked: Result<Query<Whose>, QueryRejection>,
) -> Result<Response, Refusal> {
    let (guild, channel) = (id::<GuildId>(&guild)?, id::<ChannelId>(&channel)?);
    let whose = match query(asked)?.user.as_deref() {
        None | Some("bot") => None,
        Some(user) => Some(id(user)?),
    };
    let stand = Stand::of_guild(&api.state, guild);
    let (state, _, seeing) = seeing(&api, &caller, guild).await?;
    // Who does not see a channel is not told whether it is there; of others only managers are told.
    let own = caller.user();
    let seen = seeing.manages()
        || own.is_some_and(|own| {
            in_channel(state, guild, Some(own), channel).is_some_and(|may| may.cover(Permissions::VIEW_CHANNEL))
        });
    let permissions = in_channel(state, guild, whose, channel).filter(|_| seen);
    let permissions = permissions.ok_or_else(|| {
        Problem::new(
            404,
            "unknown-channel",
            "No such channel or member",
            "There is no such channel or member here, or you do not see it.",
        )
    })?;
    Ok(stand.answer(json!({"permissions": permissions, "names": permissions.names()})))
}
