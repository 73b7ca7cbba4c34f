//! Members: joining, leaving, editing, roles, bans, voice.

use serde_json::{Map, Value, json};

use super::{BOT_ID, Refusal, UNKNOWN_BAN, UNKNOWN_MEMBER, World, merge, read_id};
use crate::snowflake::iso8601;

/// Most members of one guild: joins beyond it are refused.
const MAX_MEMBERS: usize = 500_000;

pub(crate) fn member_object(joined: &str, roles: &[u64]) -> Map<String, Value> {
    let roles: Vec<String> = roles.iter().map(u64::to_string).collect();
    let object = json!({
        "nick": null, "avatar": null, "banner": null, "roles": roles, "joined_at": joined, "premium_since": null, "deaf": false,
        "mute": false, "pending": false, "communication_disabled_until": null, "flags": 0,
    });
    object.as_object().cloned().unwrap_or_default()
}

pub(crate) fn voice_state(user: u64, channel: Option<u64>) -> Value {
    json!({
        "user_id": user.to_string(), "channel_id": channel.map(|id| id.to_string()), "session_id": format!("{user:032x}"), "deaf": false,
        "mute": false, "self_deaf": false, "self_mute": false, "self_video": false, "suppress": false, "request_to_speak_timestamp": null,
    })
}

impl World {
    /// The member with its user.
    pub(crate) fn member(&self, guild: u64, user: u64) -> Result<Value, Refusal> {
        let mut member = self.guild(guild)?.members.get(&user).ok_or(UNKNOWN_MEMBER)?.clone();
        member.insert("user".to_owned(), self.user(user)?.clone());
        Ok(Value::Object(member))
    }

    /// The member as message events carry it.
    pub(crate) fn partial_member(&self, guild: u64, user: u64) -> Option<Value> {
        self.guilds.get(&guild)?.members.get(&user).cloned().map(Value::Object)
    }

    fn member_event(&mut self, kind: &'static str, guild: u64, user: u64) -> Result<Value, Refusal> {
        let member = self.member(guild, user)?;
        let mut data = member.clone();
        data["guild_id"] = json!(guild.to_string());
        self.emit(kind, &data);
        Ok(member)
    }

    pub(crate) fn join(&mut self, guild: u64, user: u64, now_ms: u64) -> Result<Value, Refusal> {
        self.user(user)?;
        let members = &mut self.guild_mut(guild)?.members;
        if members.len() >= MAX_MEMBERS {
            return Err(super::TOO_MANY);
        }
        members.insert(user, member_object(&iso8601(now_ms), &[]));
        self.member_event("GUILD_MEMBER_ADD", guild, user)
    }

    pub(crate) fn leave(&mut self, guild: u64, user: u64) -> Result<(), Refusal> {
        self.guild_mut(guild)?.members.remove(&user).ok_or(UNKNOWN_MEMBER)?;
        let user = self.user(user)?.clone();
        self.emit("GUILD_MEMBER_REMOVE", &json!({"guild_id": guild.to_string(), "user": user}));
        Ok(())
    }

    pub(crate) fn edit_member(&mut self, guild: u64, user: u64, body: &Value) -> Result<Value, Refusal> {
        let member = self.guild_mut(guild)?.members.get_mut(&user).ok_or(UNKNOWN_MEMBER)?;
        merge(member, body, &["nick", "roles", "mute", "deaf", "communication_disabled_until", "flags"]);
        self.member_event("GUILD_MEMBER_UPDATE", guild, user)
    }

    pub(crate) fn change_role(&mut self, guild: u64, user: u64, role: u64, add: bool) -> Result<(), Refusal> {
        let entry = self.guild_mut(guild)?;
        if !entry.roles.contains_key(&role) {
            return Err(super::UNKNOWN_ROLE);
        }
        let member = entry.members.get_mut(&user).ok_or(UNKNOWN_MEMBER)?;
        let name = Value::String(role.to_string());
        let roles = member.get_mut("roles").and_then(Value::as_array_mut);
        let changed = roles.is_some_and(|roles| {
            let held = roles.contains(&name);
            match (add, held) {
                (true, false) => roles.push(name),
                (false, true) => roles.retain(|held| *held != name),
                _ => return false,
            }
            true
        });
        if changed {
            self.member_event("GUILD_MEMBER_UPDATE", guild, user)?;
        }
        Ok(())
    }

    pub(crate) fn ban(&mut self, guild: u64, user: u64, reason: Option<&str>) -> Result<(), Refusal> {
        let object = self.user(user)?.clone();
        let entry = self.guild_mut(guild)?;
        let new = entry.bans.insert(user, json!({"reason": reason, "user": object})).is_none();
        let was_member = entry.members.contains_key(&user);
        if new {
            self.emit("GUILD_BAN_ADD", &json!({"guild_id": guild.to_string(), "user": object}));
        }
        if was_member {
            self.leave(guild, user)?;
        }
        Ok(())
    }

    pub(crate) fn unban(&mut self, guild: u64, user: u64) -> Result<(), Refusal> {
        let ban = self.guild_mut(guild)?.bans.remove(&user).ok_or(UNKNOWN_BAN)?;
        self.emit("GUILD_BAN_REMOVE", &json!({"guild_id": guild.to_string(), "user": ban["user"]}));
        Ok(())
    }

    /// Members whose id is above `after`, in order of id.
    pub(crate) fn list_members(&self, guild: u64, after: u64, limit: usize) -> Result<Vec<Value>, Refusal> {
        let ids = self.guild(guild)?.members.range(after.saturating_add(1)..).take(limit.clamp(1, 1000));
        Ok(ids.filter_map(|(user, _)| self.member(guild, *user).ok()).collect())
    }

    /// Members whose name or nick begins with `query`, ignoring case; the empty query finds all.
    pub(crate) fn search_members(&self, guild: u64, query: &str, limit: usize) -> Result<Vec<Value>, Refusal> {
        let query = query.to_lowercase();
        let starts = |value: &Value| value.as_str().is_some_and(|name| name.to_lowercase().starts_with(&query));
        let members = self.guild(guild)?.members.keys().filter_map(|user| self.member(guild, *user).ok());
        Ok(members
            .filter(|member| starts(&member["user"]["username"]) || starts(&member["nick"]))
            .take(limit)
            .collect())
    }

    /// Op 4: the bot joins, moves in or leaves voice.
    pub(crate) fn move_voice(&mut self, data: &Value) {
        let Some(guild) = read_id(&data["guild_id"]) else {
            return;
        };
        let channel = read_id(&data["channel_id"]);
        let Ok(entry) = self.guild_mut(guild) else {
            return;
        };
        entry.voice_states.retain(|state| state["user_id"] != *BOT_ID.to_string());
        let mut state = voice_state(BOT_ID, channel);
        if channel.is_some() {
            entry.voice_states.push(state.clone());
        }
        state["guild_id"] = json!(guild.to_string());
        self.emit("VOICE_STATE_UPDATE", &state);
        if channel.is_some() {
            let data = json!({"guild_id": guild.to_string(), "token": "simulated", "endpoint": null});
            self.emit("VOICE_SERVER_UPDATE", &data);
        }
    }

    /// Op 8: the members asked for, and the ids that are no members.
    pub(crate) fn requested_members(&self, data: &Value) -> Result<(u64, Vec<Value>, Vec<Value>), Refusal> {
        let guild = read_id(&data["guild_id"]).ok_or(super::INVALID_FORM)?;
        let limit = data["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0);
        let ids = match &data["user_ids"] {
            Value::Null => None,
            Value::Array(ids) => Some(ids.clone()),
            one => Some(vec![one.clone()]),
        };
        if let Some(ids) = ids {
            let (found, missing): (Vec<_>, Vec<_>) = ids
                .into_iter()
                .take(100)
                .map(|id| (read_id(&id).and_then(|user| self.member(guild, user).ok()), id))
                .partition(|(found, _)| found.is_some());
            let missing = missing.into_iter().map(|(_, id)| id).collect();
            self.guild(guild)?;
            return Ok((guild, found.into_iter().filter_map(|(member, _)| member).collect(), missing));
        }
        let query = data["query"].as_str().unwrap_or_default();
        let limit = match (query.is_empty(), limit) {
            (true, 0) => usize::MAX,
            (_, 0) => 100,
            (_, limit) => limit,
        };
        Ok((guild, self.search_members(guild, query, limit)?, Vec::new()))
    }
}
