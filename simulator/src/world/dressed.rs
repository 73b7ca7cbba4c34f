//! The demo's world: people with names, roles with colours, channels that somebody would use.

use serde_json::{Value, json};

use super::roles::role_object;
use super::seed::{Kind, SeedIds};
use super::{BOT_ID, World};

const FAMILY: [&str; 9] = ["Virtanen", "Okafor", "Müller", "Sato", "García", "Novák", "O’Brien", "Nguyễn", "Lindström"];

/// `(name, colour, permissions)`, lowest first; Miso's role stands above them, the moderators above it.
const ROLES: [(&str, u32, u64); 4] = [
    ("Newcomers", 0x95_a5_a6, 0),
    ("Night owls", 0x9b_59_b6, 0),
    ("Musicians", 0x1a_bc_9c, 0),
    ("Artists", 0xe6_7e_22, 0),
];
/// Manage Server, Messages, Roles, Nicknames, Kick, Ban, Timeout, View Audit Log.
const MODERATOR: u64 = 1 << 5 | 1 << 13 | 1 << 28 | 1 << 27 | 1 << 1 | 1 << 2 | 1 << 40 | 1 << 7;
/// Positions from Miso's role on.
const ABOVE: u64 = 10;
const VIEW_CHANNEL: u64 = 1 << 10;
const SEND_MESSAGES: u64 = 1 << 11;

impl World {
    /// Dresses every guild: the first member owns it, the second moderates it; the first of all is in the
    /// other guilds too, as a moderator of the second and a plain member of the rest.
    pub(super) fn dress(&mut self, ids: &mut SeedIds) {
        for (index, user) in self.users.iter_mut().filter(|(id, _)| **id != BOT_ID).map(|(_, user)| user).enumerate() {
            let given = user["username"].as_str().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
            let mut letters = given.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
            // Given names come again after 24 people: then with another family.
            let family = FAMILY[(index * 7 + index / 24 * 2) % FAMILY.len()];
            user["global_name"] = json!(format!("{first}{} {family}", letters.as_str()));
        }
        let guilds: Vec<u64> = self.guilds.keys().copied().collect();
        let founder = guilds.first().and_then(|guild| self.people(*guild).first().copied());
        for (index, guild) in guilds.into_iter().enumerate() {
            let people = self.people(guild);
            let moderators = self.dress_roles(guild, ids, &people);
            self.dress_channels(guild, ids, moderators);
            if let (Some(founder), true) = (founder, index > 0)
                && let Some(entry) = self.guilds.get_mut(&guild)
            {
                let roles = if index == 1 { vec![moderators] } else { Vec::new() };
                let joined = entry.fields["joined_at"].as_str().unwrap_or_default().to_owned();
                entry.members.insert(founder, super::members::member_object(&joined, &roles));
            }
        }
    }

    fn people(&self, guild: u64) -> Vec<u64> {
        let members = self.guilds.get(&guild).into_iter().flat_map(|guild| guild.members.keys().copied());
        members.filter(|user| *user != BOT_ID).collect()
    }

    /// Answers the moderators' role.
    fn dress_roles(&mut self, guild: u64, ids: &mut SeedIds, people: &[u64]) -> u64 {
        let moderators = ids.next(Kind::Role);
        let Some(entry) = self.guilds.get_mut(&guild) else { return moderators };
        entry.fields.insert("icon".to_owned(), json!(format!("{guild:032x}")));
        let mut given = Vec::new();
        for (index, (name, colour, permissions)) in ROLES.into_iter().enumerate() {
            let id = ids.next(Kind::Role);
            entry.roles.insert(id, coloured(id, name, 2 + index as u64, permissions, colour));
            given.push(id);
        }
        for role in entry.roles.values_mut() {
            match role["name"].as_str() {
                Some("Miso") => {
                    role["position"] = json!(ABOVE);
                    paint(role, 0xd9_7b_29);
                }
                Some("Regulars") => paint(role, 0x34_98_db),
                _ => {}
            }
        }
        entry.roles.insert(moderators, coloured(moderators, "Moderators", ABOVE + 1, MODERATOR, 0x2e_cc_71));
        let subscribers = ids.next(Kind::Role);
        let mut integration = coloured(subscribers, "Subscribers", 7, 0, 0xf1_c4_0f);
        integration["managed"] = json!(true);
        integration["tags"] = json!({"integration_id": subscribers.to_string()});
        entry.roles.insert(subscribers, integration);
        for (index, user) in people.iter().enumerate() {
            let Some(roles) = entry.members.get_mut(user).and_then(|member| member["roles"].as_array_mut()) else {
                continue;
            };
            if index == 1 {
                roles.push(json!(moderators.to_string()));
            }
            roles.push(json!(given[index % given.len()].to_string()));
        }
        moderators
    }

    fn dress_channels(&mut self, guild: u64, ids: &mut SeedIds, moderators: u64) {
        let read_only = json!([{"id": guild.to_string(), "type": 0, "allow": "0", "deny": SEND_MESSAGES.to_string()}]);
        let hidden = json!([
            {"id": guild.to_string(), "type": 0, "allow": "0", "deny": VIEW_CHANNEL.to_string()},
            {"id": moderators.to_string(), "type": 0, "allow": VIEW_CHANNEL.to_string(), "deny": "0"},
        ]);
        let category = |world: &mut Self, ids: &mut SeedIds, name: &str, position: u64, over: &Value| {
            let id = ids.next(Kind::Channel);
            let body = json!({"type": 4, "name": name, "position": position, "permission_overwrites": over});
            world.insert_channel(guild, id, &body);
            id
        };
        let information = category(self, ids, "Information", 1, &json!([]));
        let staff = category(self, ids, "Staff", 2, &hidden);
        let channels = [
            (information, 5, "announcements", "What is new here", &read_only),
            (information, 0, "starboard", "What people liked", &read_only),
            (staff, 0, "mod-chat", "Between us", &hidden),
            (staff, 0, "logs", "Who joined, left, edited and deleted", &hidden),
        ];
        for (position, (parent, kind, name, topic, overwrites)) in channels.into_iter().enumerate() {
            let body = json!({
                "type": kind, "name": name, "topic": topic, "parent_id": parent.to_string(), "position": position,
                "permission_overwrites": overwrites,
            });
            self.insert_channel(guild, ids.next(Kind::Channel), &body);
        }
    }
}

fn coloured(id: u64, name: &str, position: u64, permissions: u64, colour: u32) -> Value {
    let mut role = role_object(id, name, position, permissions);
    paint(&mut role, colour);
    role
}

fn paint(role: &mut Value, colour: u32) {
    role["color"] = json!(colour);
    role["colors"]["primary_color"] = json!(colour);
    role["hoist"] = json!(true);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SimulatorConfig;

    #[test]
    fn the_demo_has_an_owner_a_moderator_members_colours_and_hidden_channels() {
        let config = SimulatorConfig::demo(1);
        let world = World::from_seed(&config);
        let guild = world.guilds.values().next().expect("a guild");
        let people: Vec<u64> = guild.members.keys().copied().filter(|user| *user != BOT_ID).collect();
        let ranks: Vec<u8> = people.iter().take(3).map(|user| world.rank_of(*user)).collect();
        assert_eq!(ranks, [0, 1, 2]);
        let names: std::collections::BTreeSet<String> =
            world.users.values().map(|user| user["global_name"].to_string()).collect();
        assert_eq!(names.len(), world.users.len(), "nobody is called as somebody else");
        assert!(guild.roles.values().filter(|role| role["color"] != 0).count() >= 6);
        assert!(guild.roles.values().any(|role| role["name"] == "Subscribers" && role["managed"] == true));
        let names: Vec<&Value> = guild.channels.iter().map(|id| &world.channels[id].fields["name"]).collect();
        assert!(
            ["general", "welcome", "starboard", "logs"].iter().all(|name| names.iter().any(|n| *n == name)),
            "{names:?}"
        );
        let first = guild.channels.iter().find(|id| world.channels[*id].fields["type"] == 0).expect("a text channel");
        assert_eq!(world.channels[first].fields["name"], "general");
        assert_eq!(
            world.guilds_of(people[0]).len(),
            3 + world.elsewhere.values().filter(|e| e.members.contains(&people[0])).count()
        );
    }
}
