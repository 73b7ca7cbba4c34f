use miso_discord_state::permissions::{NotAssignable, Role};
use serde::Deserialize;
use serde_json::{Value, json};

/// What of a role decides nothing and is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct RoleFields {
    #[serde(default)]
    name: String,
    #[serde(default)]
    color: u32,
    #[serde(default)]
    hoist: bool,
    #[serde(default)]
    mentionable: bool,
}

/// `assignable`: whether the bot can give it.
pub(crate) fn role(role: &Role, fields: &RoleFields, assignable: Result<(), NotAssignable>) -> Value {
    json!({
        "id": role.id,
        "name": fields.name,
        "color": fields.color,
        "position": role.position,
        "hoist": fields.hoist,
        "mentionable": fields.mentionable,
        "managed": role.managed,
        "permissions": role.permissions,
        "assignable": assignable.is_ok(),
        "reason": assignable.err().map(NotAssignable::reason),
    })
}
