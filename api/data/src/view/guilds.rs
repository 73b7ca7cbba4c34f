use miso_discord_state::permissions::Role;
use miso_model::{GuildId, Permissions, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cdn;
use crate::discord::ListedGuild;

/// What of a guild's own fields is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct GuildFields {
    pub(crate) id: GuildId,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) icon: Option<String>,
    #[serde(default)]
    pub(crate) owner_id: Option<UserId>,
    #[serde(default)]
    pub(crate) member_count: Option<u64>,
    #[serde(default)]
    unavailable: bool,
}

/// `bot`: what it may do in the guild, its highest role, and its nick.
pub(crate) fn guild(cdn: &Cdn, fields: &GuildFields, bot: (Permissions, Option<&Role>, Option<String>)) -> Value {
    let (permissions, highest, nick) = bot;
    json!({
        "id": fields.id,
        "name": fields.name,
        "icon": fields.icon,
        "icon_url": cdn.icon(fields.id.0, fields.icon.as_deref()),
        "owner_id": fields.owner_id,
        "member_count": fields.member_count,
        "bot": {
            "permissions": permissions,
            "top_role_position": highest.map_or(0, |role| role.position),
            "nick": nick,
        },
        "unavailable": fields.unavailable,
    })
}

/// A guild in a user's own list.
pub(crate) fn listed_guild(cdn: &Cdn, guild: &ListedGuild, permissions: Permissions, bot_present: bool) -> Value {
    let may_manage = guild.owner || permissions.cover(Permissions::MANAGE_GUILD);
    json!({
        "id": guild.id,
        "name": guild.name,
        "icon": guild.icon,
        "icon_url": cdn.icon(guild.id.0, guild.icon.as_deref()),
        "bot_present": bot_present,
        "owner": guild.owner,
        "permissions": permissions,
        "may_manage": may_manage,
        "reason": (!may_manage).then_some("you lack Manage Server there"),
    })
}

/// A guild's emojis, of its own fields.
pub(crate) fn emojis(cdn: &Cdn, guild: &[u8]) -> Vec<Value> {
    #[derive(Deserialize)]
    struct Emojis {
        #[serde(default)]
        emojis: Vec<Emoji>,
    }
    #[derive(Deserialize)]
    struct Emoji {
        id: Option<String>,
        name: Option<String>,
        #[serde(default)]
        animated: bool,
        #[serde(default)]
        managed: bool,
        #[serde(default = "yes")]
        available: bool,
    }
    fn yes() -> bool {
        true
    }
    let found = serde_json::from_slice::<Emojis>(guild).map_or_else(|_| Vec::new(), |found| found.emojis);
    let shown = found.into_iter().filter_map(|emoji| {
        let id = emoji.id?;
        let url = cdn.emoji(&id, emoji.animated);
        Some(json!({
            "id": id, "name": emoji.name, "animated": emoji.animated, "managed": emoji.managed,
            "available": emoji.available, "url": url,
        }))
    });
    shown.collect()
}
