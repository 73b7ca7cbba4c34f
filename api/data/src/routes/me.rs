//! The user behind the token, and their guilds.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use miso_http::Refusal;
use miso_model::{GuildId, Permissions, SLOTS, UserId};
use serde_json::{Value, json};

use crate::access::{Caller, wrong_token};
use crate::api::Api;
use crate::discord::{ListedGuild, OwnUser};
use crate::stand::Stand;
use crate::view::{self, GuildFields};

/// What the bot is invited with: what its modules need of a guild.
const INVITED_WITH: Permissions = Permissions::VIEW_CHANNEL
    .and(Permissions::SEND_MESSAGES)
    .and(Permissions::SEND_MESSAGES_IN_THREADS)
    .and(Permissions::EMBED_LINKS)
    .and(Permissions::ATTACH_FILES)
    .and(Permissions::READ_MESSAGE_HISTORY)
    .and(Permissions::ADD_REACTIONS)
    .and(Permissions::USE_EXTERNAL_EMOJIS)
    .and(Permissions::MANAGE_MESSAGES)
    .and(Permissions::MANAGE_ROLES)
    .and(Permissions::MANAGE_NICKNAMES)
    .and(Permissions::MANAGE_GUILD_EXPRESSIONS)
    .and(Permissions::KICK_MEMBERS)
    .and(Permissions::BAN_MEMBERS)
    .and(Permissions::MODERATE_MEMBERS)
    .and(Permissions::VIEW_AUDIT_LOG);

/// A user who showed their token, as other users are shown.
pub(super) fn shown(api: &Api, user: &OwnUser) -> Value {
    let mut fields = user.fields.clone();
    fields.insert("id".to_owned(), json!(user.id));
    serde_json::to_vec(&fields).ok().and_then(|json| view::user(&api.cdn, &json)).unwrap_or(json!({"id": user.id}))
}

/// `GET /v1/me`
pub(super) async fn me(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Refusal> {
    let id = caller.needs_user()?;
    let stand = Stand::of_all(&api.state);
    let user = match &caller {
        Caller::Person { user, .. } => shown(&api, user),
        Caller::Service | Caller::For(_) => {
            api.folded()?;
            super::members::anywhere(&api, id, None).unwrap_or(json!({"id": id}))
        }
    };
    Ok(stand.answer(json!({"user": user})))
}

/// `GET /v1/me/guilds`
pub(super) async fn guilds(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Refusal> {
    let user = caller.needs_user()?;
    api.folded()?;
    let listed = match &caller {
        Caller::Person { token, .. } => {
            api.guilds_of(token).await.map_err(|error| error.problem(wrong_token))?.to_vec()
        }
        Caller::Service | Caller::For(_) => by_state(&api, user),
    };
    let stand = Stand::of_all(&api.state);
    let guilds: Vec<Value> = listed
        .iter()
        .map(|guild| {
            // What was folded is newer than Discord's list.
            let folded = api.state.member_permissions(guild.id, user, None);
            let present = api.state.guild(guild.id).is_some();
            view::listed_guild(&api.cdn, guild, folded.unwrap_or(guild.permissions), present)
        })
        .collect();
    let invite = api.discord.invite_url(&api.client_id()?, INVITED_WITH);
    Ok(stand.answer(json!({"guilds": guilds, "invite_url": invite})))
}

/// The guilds of a user that the bot is in too.
fn by_state(api: &Api, user: UserId) -> Vec<ListedGuild> {
    let all = (0..SLOTS).flat_map(|partition| api.state.guild_ids(partition));
    let found = all.filter_map(|guild: GuildId| {
        let permissions = api.state.member_permissions(guild, user, None)?;
        let fields: GuildFields = serde_json::from_slice(&api.state.guild(guild)?).ok()?;
        let owner = fields.owner_id == Some(user);
        Some(ListedGuild { id: guild, name: fields.name, icon: fields.icon, owner, permissions })
    });
    found.collect()
}
