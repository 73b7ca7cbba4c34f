//! Roles.

use serde_json::{Value, json};

use super::{Refusal, UNKNOWN_ROLE, World};

/// Most roles of a guild, as Discord's.
const MAX_ROLES: usize = 250;
const EDITABLE: [&str; 6] = ["name", "permissions", "color", "hoist", "mentionable", "unicode_emoji"];

pub(crate) fn role_object(id: u64, name: &str, position: u64, permissions: u64) -> Value {
    json!({
        "id": id.to_string(), "name": name, "color": 0, "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
        "hoist": false, "icon": null, "unicode_emoji": null, "position": position, "permissions": permissions.to_string(),
        "managed": false, "mentionable": false, "flags": 0,
    })
}

impl World {
    pub(crate) fn create_role(&mut self, guild: u64, body: &Value, now_ms: u64) -> Result<(u64, Value), Refusal> {
        if self.guild(guild)?.roles.len() >= MAX_ROLES {
            return Err(super::TOO_MANY);
        }
        let id = self.ids.next(now_ms);
        let mut role = role_object(id, "new role", 1, 0);
        if let Some(fields) = role.as_object_mut() {
            super::merge(fields, body, &EDITABLE);
        }
        self.guild_mut(guild)?.roles.insert(id, role.clone());
        self.emit("GUILD_ROLE_CREATE", &json!({"guild_id": guild.to_string(), "role": role}));
        Ok((id, role))
    }

    pub(crate) fn edit_role(&mut self, guild: u64, role: u64, body: &Value) -> Result<Value, Refusal> {
        let object = self.guild_mut(guild)?.roles.get_mut(&role).ok_or(UNKNOWN_ROLE)?;
        if let Some(fields) = object.as_object_mut() {
            super::merge(fields, body, &EDITABLE);
        }
        let object = object.clone();
        self.emit("GUILD_ROLE_UPDATE", &json!({"guild_id": guild.to_string(), "role": object}));
        Ok(object)
    }

    pub(crate) fn delete_role(&mut self, guild: u64, role: u64) -> Result<(), Refusal> {
        let entry = self.guild_mut(guild)?;
        entry.roles.remove(&role).ok_or(UNKNOWN_ROLE)?;
        let name = Value::String(role.to_string());
        for member in entry.members.values_mut() {
            if let Some(roles) = member.get_mut("roles").and_then(Value::as_array_mut) {
                roles.retain(|held| *held != name);
            }
        }
        self.emit("GUILD_ROLE_DELETE", &json!({"guild_id": guild.to_string(), "role_id": role.to_string()}));
        Ok(())
    }
}
