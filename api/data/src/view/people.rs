use miso_model::{GuildId, Snowflake, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cdn;

#[derive(Debug, Deserialize)]
struct User {
    id: UserId,
    #[serde(default)]
    username: String,
    #[serde(default)]
    global_name: Option<String>,
    #[serde(default)]
    avatar: Option<String>,
    #[serde(default)]
    bot: bool,
}

/// A user; `None` for JSON that is none.
pub(crate) fn user(cdn: &Cdn, json: &[u8]) -> Option<Value> {
    let user: User = serde_json::from_slice(json).ok()?;
    Some(json!({
        "id": user.id,
        "username": user.username,
        "global_name": user.global_name,
        "avatar": user.avatar,
        "avatar_url": cdn.avatar(user.id.0, user.avatar.as_deref()),
        "bot": user.bot,
    }))
}

/// A member; `None` for JSON that is none. The avatar is the one of the guild, where they have one.
pub(crate) fn member(cdn: &Cdn, guild: GuildId, json: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Member {
        user: User,
        #[serde(default)]
        nick: Option<String>,
        #[serde(default)]
        avatar: Option<String>,
        #[serde(default)]
        roles: Vec<Snowflake>,
        #[serde(default)]
        joined_at: Option<String>,
    }
    let Member { user, nick, avatar, roles, joined_at } = serde_json::from_slice(json).ok()?;
    let avatar_url = match &avatar {
        Some(hash) => cdn.member_avatar(guild.0, user.id.0, hash),
        None => cdn.avatar(user.id.0, user.avatar.as_deref()),
    };
    Some(json!({
        "id": user.id,
        "username": user.username,
        "global_name": user.global_name,
        "nick": nick,
        "avatar": user.avatar,
        "avatar_url": avatar_url,
        "bot": user.bot,
        "roles": roles,
        "joined_at": joined_at,
    }))
}
