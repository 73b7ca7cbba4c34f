//! Guilds as REST and the gateway show them; joining, leaving, outages.

use serde_json::{Value, json};

use super::{BOT_ID, Guild, Refusal, World, merge};

const EDITABLE: [&str; 8] = [
    "name",
    "description",
    "icon",
    "banner",
    "afk_timeout",
    "verification_level",
    "default_message_notifications",
    "preferred_locale",
];

impl World {
    /// `d` of a GUILD_CREATE. Beyond `large_threshold` members only the bot and who is in voice are listed.
    pub(crate) fn guild_create(&self, id: u64, large_threshold: usize) -> Value {
        let Some(guild) = self.guilds.get(&id) else {
            return json!({"id": id.to_string(), "unavailable": true});
        };
        if guild.unavailable {
            return json!({"id": id.to_string(), "unavailable": true});
        }
        let large = guild.members.len() > large_threshold;
        let in_voice = |user: u64| guild.voice_states.iter().any(|state| state["user_id"] == *user.to_string());
        let members: Vec<Value> = guild
            .members
            .keys()
            .filter(|user| !large || **user == BOT_ID || in_voice(**user))
            .filter_map(|user| self.member(id, *user).ok())
            .collect();
        let mut out = guild.fields.clone();
        out.extend(guild.lists());
        let extra = json!({
            "large": large, "unavailable": false, "member_count": guild.members.len(), "members": members,
            "voice_states": guild.voice_states, "presences": [], "stage_instances": [], "guild_scheduled_events": [],
            "soundboard_sounds": [], "embedded_activities": [],
            "channels": self.objects(&guild.channels), "threads": self.objects(&guild.threads),
        });
        if let Value::Object(extra) = extra {
            out.extend(extra);
        }
        // A guild's channels carry no guild_id in GUILD_CREATE; its threads do.
        if let Some(channels) = out.get_mut("channels").and_then(Value::as_array_mut) {
            for channel in channels.iter_mut().filter_map(Value::as_object_mut) {
                channel.remove("guild_id");
            }
        }
        Value::Object(out)
    }

    /// The guild object of REST.
    pub(crate) fn guild_object(&self, id: u64, with_counts: bool) -> Result<Value, Refusal> {
        let guild = self.guild(id)?;
        let mut out = guild.fields.clone();
        out.extend(guild.lists());
        if with_counts {
            out.insert("approximate_member_count".to_owned(), json!(guild.members.len()));
            out.insert("approximate_presence_count".to_owned(), json!(guild.members.len()));
        }
        Ok(Value::Object(out))
    }

    /// The short form in `/users/@me/guilds`.
    pub(crate) fn guild_short(&self, id: u64) -> Result<Value, Refusal> {
        let fields = &self.guild(id)?.fields;
        Ok(json!({
            "id": fields["id"], "name": fields["name"], "icon": fields["icon"], "banner": null, "owner": false,
            "permissions": "8", "features": fields["features"],
        }))
    }

    pub(crate) fn edit_guild(&mut self, id: u64, body: &Value) -> Result<Value, Refusal> {
        merge(&mut self.guild_mut(id)?.fields, body, &EDITABLE);
        let object = self.guild_object(id, false)?;
        self.emit("GUILD_UPDATE", &object);
        Ok(object)
    }

    /// The bot is removed from the guild.
    pub(crate) fn remove_guild(&mut self, id: u64) -> Result<(), Refusal> {
        let guild = self.guilds.remove(&id).ok_or(super::UNKNOWN_GUILD)?;
        for channel in guild.channels.iter().chain(&guild.threads) {
            self.channels.remove(channel);
        }
        self.emit("GUILD_DELETE", &json!({"id": id.to_string()}));
        Ok(())
    }

    /// An outage begins or ends.
    pub(crate) fn set_outage(&mut self, id: u64, unavailable: bool) -> Result<(), Refusal> {
        self.guild_mut(id)?.unavailable = unavailable;
        if unavailable {
            self.emit("GUILD_DELETE", &json!({"id": id.to_string(), "unavailable": true}));
        } else {
            let payload = self.guild_create(id, 250);
            self.emit("GUILD_CREATE", &payload);
        }
        Ok(())
    }

    pub(crate) fn objects(&self, ids: &[u64]) -> Vec<Value> {
        ids.iter().filter_map(|id| self.channels.get(id)).map(|channel| Value::Object(channel.fields.clone())).collect()
    }
}

impl Guild {
    /// Roles and emojis as the guild object carries them.
    fn lists(&self) -> serde_json::Map<String, Value> {
        let mut out = serde_json::Map::new();
        out.insert("roles".to_owned(), Value::Array(self.roles.values().cloned().collect()));
        out.insert("emojis".to_owned(), Value::Array(self.emojis.clone()));
        out
    }
}
