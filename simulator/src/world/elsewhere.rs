//! What users are in: guilds that the bot is in, and those that it is not.

use serde_json::{Value, json};

use super::{World, read_id};

/// Discord's Manage Server.
const MANAGE_GUILD: u64 = 1 << 5;
/// Discord's Administrator.
const ADMINISTRATOR: u64 = 1 << 3;
/// Every permission that Discord knows.
const ALL: u64 = (1 << 52) - 1;
/// What `@everyone` has in a new guild: seeing, speaking, reacting, connecting; nothing that moderates.
pub(super) const USUAL: u64 = 0x6_64e9_8635_ce41;

/// A guild that the bot is not in.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    pub(crate) name: String,
    /// The first owns it, the second manages it.
    pub(crate) members: Vec<u64>,
}

impl World {
    /// What `/users/@me/guilds` tells a user.
    pub(crate) fn guilds_of(&self, user: u64) -> Vec<Value> {
        let known = self.guilds.iter().filter(|(_, guild)| guild.members.contains_key(&user)).map(|(id, guild)| {
            let owns = self.owns(*id, user);
            json!({
                "id": id.to_string(), "name": guild.fields["name"], "icon": guild.fields["icon"], "banner": null,
                "owner": owns, "permissions": self.base_permissions(*id, user).to_string(), "features": guild.fields["features"],
            })
        });
        let others = self.elsewhere.iter().filter_map(|(id, guild)| {
            let at = guild.members.iter().position(|member| *member == user)?;
            let permissions = [ALL, USUAL | MANAGE_GUILD].get(at).copied().unwrap_or(USUAL);
            Some(json!({
                "id": id.to_string(), "name": guild.name, "icon": null, "banner": null, "owner": at == 0,
                "permissions": permissions.to_string(), "features": [],
            }))
        });
        known.chain(others).collect()
    }

    fn owns(&self, guild: u64, user: u64) -> bool {
        self.guilds.get(&guild).and_then(|guild| read_id(&guild.fields["owner_id"])) == Some(user)
    }

    /// What owner, `@everyone` and the roles give, channels aside.
    pub(super) fn base_permissions(&self, guild: u64, user: u64) -> u64 {
        if self.owns(guild, user) {
            return ALL;
        }
        let Some(entry) = self.guilds.get(&guild) else { return 0 };
        let roles = entry.members.get(&user).and_then(|member| member["roles"].as_array());
        let roles = roles.into_iter().flatten().filter_map(read_id).chain([guild]);
        let given = |role: u64| entry.roles.get(&role).and_then(|role| role["permissions"].as_str()?.parse().ok());
        let bits = roles.filter_map(given).fold(0_u64, |bits, role: u64| bits | role);
        if bits & ADMINISTRATOR != 0 { ALL } else { bits }
    }

    /// 0: owns a guild that the bot is in, 1: manages one, 2: is in one, 3: is in none.
    pub(crate) fn rank_of(&self, user: u64) -> u8 {
        let of_guild = |id: &u64| match self.base_permissions(*id, user) {
            _ if self.owns(*id, user) => 0,
            bits if bits & MANAGE_GUILD != 0 => 1,
            _ => 2,
        };
        let known = self.guilds.iter().filter(|(_, guild)| guild.members.contains_key(&user));
        known.map(|(id, _)| of_guild(id)).min().unwrap_or(3)
    }

    /// The same, for people.
    pub(crate) fn role_of(&self, user: u64) -> String {
        let rank = self.rank_of(user);
        let of_rank = |id: &u64| match rank {
            0 => self.owns(*id, user),
            1 => self.base_permissions(*id, user) & MANAGE_GUILD != 0,
            _ => true,
        };
        let known = self.guilds.iter().filter(|(_, guild)| guild.members.contains_key(&user));
        let found = known.filter(|(id, _)| of_rank(id)).map(|(_, guild)| &guild.fields["name"]).next();
        let name = found.and_then(Value::as_str).unwrap_or_default();
        match rank {
            0 => format!("owns {name}"),
            1 => format!("manages {name}"),
            2 => format!("member of {name}"),
            _ => "in no server with Miso".to_owned(),
        }
    }

    /// Somebody invites the bot into a guild that it is not in; whether there is such a guild.
    pub(crate) fn invited(&mut self, guild: u64, now_ms: u64) -> bool {
        let Some(found) = self.elsewhere.remove(&guild) else { return false };
        self.join_guild(guild, &found.name, 3, &found.members, now_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SimulatorConfig;
    use crate::world::BOT_ID;

    #[test]
    fn a_user_sees_their_guilds_with_and_without_the_bot_and_may_invite_it() {
        let mut world = World::from_seed(&SimulatorConfig::default());
        let (&elsewhere, found) = world.elsewhere.first_key_value().expect("a guild without the bot");
        let owner = found.members[0];
        let before = world.guilds_of(owner);
        assert!(before.iter().any(|guild| guild["id"] == *elsewhere.to_string() && guild["owner"] == true));
        assert!(world.invited(elsewhere, 1_700_000_000_000));
        assert!(!world.invited(elsewhere, 1_700_000_000_000), "it is in already");
        assert!(world.guilds[&elsewhere].members.contains_key(&BOT_ID));
        assert_eq!(world.guilds_of(owner).len(), before.len());
        assert!(world.take_events().iter().any(|event| event.kind == "GUILD_CREATE" && event.guild == Some(elsewhere)));
    }

    #[test]
    fn owners_have_everything_and_members_what_everyone_has() {
        let world = World::from_seed(&SimulatorConfig::default());
        let (&guild, entry) = world.guilds.first_key_value().expect("a guild");
        let owner = read_id(&entry.fields["owner_id"]).expect("an owner");
        let other = entry.members.keys().copied().find(|user| *user != owner && *user != BOT_ID).expect("a member");
        assert_eq!((world.base_permissions(guild, owner), world.rank_of(owner)), (ALL, 0));
        assert_eq!(world.base_permissions(guild, other) & ADMINISTRATOR, 0);
        assert_eq!(world.base_permissions(guild, BOT_ID), ALL, "an administrator");
    }
}
