//! The world a seed makes: the same ids, names and members on every run.

use serde_json::json;

use super::elsewhere::Elsewhere;
use super::{BOT_ID, World};
use crate::config::SimulatorConfig;
use crate::snowflake::{DISCORD_EPOCH_MS, Mix, iso8601, made_ms};

const GIVEN: [&str; 24] = [
    "aino", "bento", "coral", "dashi", "ember", "fennel", "ginger", "hazel", "indigo", "juniper", "kombu", "lemon",
    "mochi", "nori", "olive", "pepper", "quinoa", "ramen", "sesame", "tofu", "umami", "vanilla", "wasabi", "yuzu",
];
const PLACES: [&str; 12] = [
    "Kitchen",
    "Harbour",
    "Library",
    "Garden",
    "Workshop",
    "Arcade",
    "Studio",
    "Cinema",
    "Observatory",
    "Market",
    "Club",
    "Lounge",
];
/// Guilds that the bot is not in.
const ELSEWHERE: [&str; 4] = ["The Pantry", "Night Shift", "Book Club", "Tea House"];
const CHANNELS: [&str; 8] = ["general", "bots", "music", "media", "games", "support", "welcome", "off-topic"];

/// What an id is of: the low bits keep ids of different kinds apart.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    User = 1,
    Guild = 2,
    Channel = 3,
    Role = 4,
    Emoji = 5,
}

/// Seeded source of ids: one a minute since a fixed day, so `(id >> 22) % shards` spreads evenly.
pub(super) struct SeedIds {
    mix: Mix,
    at_ms: [u64; 6],
}

impl SeedIds {
    fn new(seed: u64) -> Self {
        // 2019-01-01; every kind counts its own minutes.
        Self { mix: Mix::new(seed), at_ms: [1_546_300_800_000; 6] }
    }

    pub(super) fn next(&mut self, kind: Kind) -> u64 {
        let at = &mut self.at_ms[kind as usize];
        *at += 1 + self.mix.below(60_000);
        ((*at - DISCORD_EPOCH_MS) << 22) | ((kind as u64) << 12) | self.mix.below(1 << 12)
    }
}

impl World {
    /// The world of `config`'s seed and sizes.
    pub(crate) fn from_seed(config: &SimulatorConfig) -> Self {
        let mut world = Self::empty(config.application_flags);
        let mut ids = SeedIds::new(config.seed);
        world.users.insert(BOT_ID, user_object(BOT_ID, "Miso", true));
        let wanted = config.members_per_guild.saturating_mul(config.guilds.max(1));
        let pool = wanted.min(config.members_per_guild.saturating_mul(4).max(64));
        let mut users = Vec::with_capacity(pool);
        for index in 0..pool {
            let id = ids.next(Kind::User);
            let name = GIVEN[index % GIVEN.len()];
            let name = if index < GIVEN.len() { name.to_owned() } else { format!("{name}{}", index / GIVEN.len()) };
            world.users.insert(id, user_object(id, &name, false));
            users.push(id);
        }
        for index in 0..config.guilds {
            let name = PLACES[index % PLACES.len()];
            let name = if index < PLACES.len() {
                format!("Miso {name}")
            } else {
                format!("Miso {name} {}", index / PLACES.len())
            };
            let start = if pool == 0 { 0 } else { (index * config.members_per_guild) % pool };
            let members: Vec<u64> =
                (0..config.members_per_guild.min(pool)).map(|offset| users[(start + offset) % pool]).collect();
            let shape = GuildShape {
                id: ids.next(Kind::Guild),
                name: &name,
                members: &members,
                category: ids.next(Kind::Channel),
                voice: ids.next(Kind::Channel),
                thread: ids.next(Kind::Channel),
                channels: (0..config.channels_per_guild).map(|_| ids.next(Kind::Channel)).collect(),
                roles: [ids.next(Kind::Role), ids.next(Kind::Role)],
                emojis: [ids.next(Kind::Emoji), ids.next(Kind::Emoji)],
            };
            world.build_guild(&shape);
        }
        for index in 0..config.elsewhere_guilds {
            let name = ELSEWHERE[index % ELSEWHERE.len()].to_owned();
            // The first of all is a member everywhere, the owner of the first of these.
            let members = (0..3.min(users.len())).map(|offset| users[(index + offset) % users.len()]).collect();
            world.elsewhere.insert(ids.next(Kind::Guild), Elsewhere { name, members });
        }
        if config.dressed {
            world.dress(&mut ids);
        }
        world
    }

    /// A guild made now, with `channels` text channels and the first `members` users, which the bot has just joined.
    pub(crate) fn create_guild(&mut self, name: &str, channels: usize, members: usize, now_ms: u64) -> u64 {
        let people: Vec<u64> = self.users.keys().copied().filter(|id| *id != BOT_ID).take(members).collect();
        let id = self.ids.next(now_ms);
        self.join_guild(id, name, channels, &people, now_ms);
        id
    }

    /// The bot joins a guild of these people, made now.
    pub(super) fn join_guild(&mut self, id: u64, name: &str, channels: usize, people: &[u64], now_ms: u64) {
        let mut next = || self.ids.next(now_ms);
        let shape = GuildShape {
            id,
            name,
            members: people,
            category: next(),
            voice: next(),
            thread: next(),
            channels: (0..channels.clamp(1, super::MAX_GUILD_CHANNELS - 3)).map(|_| next()).collect(),
            roles: [next(), next()],
            emojis: [next(), next()],
        };
        self.build_guild(&shape);
        let mut payload = self.guild_create(shape.id, 250);
        // Only a guild that becomes available says `unavailable: false`; by its absence libraries tell a join.
        if let Some(fields) = payload.as_object_mut() {
            fields.remove("unavailable");
        }
        self.emit("GUILD_CREATE", &payload);
    }

    /// A new user.
    pub(crate) fn create_user(&mut self, name: &str, now_ms: u64) -> u64 {
        let id = self.ids.next(now_ms);
        self.users.insert(id, user_object(id, name, false));
        id
    }

    fn build_guild(&mut self, shape: &GuildShape<'_>) {
        let id = shape.id;
        let [bot_role, member_role] = shape.roles;
        let joined = iso8601(made_ms(id) + 60_000);
        let owner = shape.members.first().copied().unwrap_or(BOT_ID);
        let fields = json!({
            "id": id.to_string(), "name": shape.name, "icon": null, "icon_hash": null, "splash": null, "discovery_splash": null,
            "owner_id": owner.to_string(), "region": "deprecated", "afk_channel_id": null, "afk_timeout": 300,
            "widget_enabled": false, "verification_level": 1, "default_message_notifications": 1, "explicit_content_filter": 0,
            "features": ["COMMUNITY"], "mfa_level": 0, "application_id": null, "system_channel_id": shape.channels[0].to_string(),
            "system_channel_flags": 0, "rules_channel_id": null, "max_presences": null, "max_members": 500_000,
            "vanity_url_code": null, "description": "A guild of the simulator", "banner": null, "premium_tier": 0,
            "premium_subscription_count": 0, "preferred_locale": "en-US", "public_updates_channel_id": null,
            "max_video_channel_users": 25, "max_stage_video_channel_users": 50, "nsfw_level": 0, "nsfw": false, "stickers": [],
            "premium_progress_bar_enabled": false, "safety_alerts_channel_id": null, "joined_at": joined,
        });
        let guild = self.guilds.entry(id).or_default();
        guild.fields = fields.as_object().cloned().unwrap_or_default();
        guild.roles.insert(id, super::roles::role_object(id, "@everyone", 0, super::elsewhere::USUAL));
        guild.roles.insert(bot_role, super::roles::role_object(bot_role, "Miso", 2, 8));
        guild.roles.insert(member_role, super::roles::role_object(member_role, "Regulars", 1, 0));
        if let Some(role) = guild.roles.get_mut(&bot_role) {
            role["managed"] = json!(true);
            role["tags"] = json!({"bot_id": BOT_ID.to_string()});
        }
        for (emoji, name) in shape.emojis.iter().zip(["miso", "soup"]) {
            guild.emojis.push(json!({
                "id": emoji.to_string(), "name": name, "roles": [], "require_colons": true, "managed": false, "animated": false, "available": true,
            }));
        }
        for (index, member) in shape.members.iter().enumerate() {
            let roles = if index % 2 == 0 { vec![member_role] } else { Vec::new() };
            guild.members.insert(*member, super::members::member_object(&joined, &roles));
        }
        guild.members.insert(BOT_ID, super::members::member_object(&joined, &[bot_role]));
        if let Some(first) = shape.members.first() {
            guild.voice_states.push(super::members::voice_state(*first, Some(shape.voice)));
        }
        self.insert_channel(id, shape.category, &json!({"type": 4, "name": "Text"}));
        let parent = json!(shape.category.to_string());
        for (index, channel) in shape.channels.iter().enumerate() {
            let name = CHANNELS[index % CHANNELS.len()];
            let name =
                if index < CHANNELS.len() { name.to_owned() } else { format!("{name}-{}", index / CHANNELS.len()) };
            self.insert_channel(
                id,
                *channel,
                &json!({"type": 0, "name": name, "parent_id": parent, "position": index}),
            );
        }
        self.insert_channel(id, shape.voice, &json!({"type": 2, "name": "Voice", "bitrate": 64_000, "user_limit": 0}));
        self.insert_thread(id, shape.channels[0], shape.thread, "recipes", owner);
    }
}

struct GuildShape<'a> {
    id: u64,
    name: &'a str,
    members: &'a [u64],
    category: u64,
    voice: u64,
    thread: u64,
    channels: Vec<u64>,
    roles: [u64; 2],
    emojis: [u64; 2],
}

fn user_object(id: u64, name: &str, bot: bool) -> serde_json::Value {
    json!({
        "id": id.to_string(), "username": name.to_lowercase(), "global_name": if bot { serde_json::Value::Null } else { json!(name) },
        "discriminator": if bot { "6476" } else { "0" }, "avatar": format!("{id:032x}"), "bot": bot, "system": false,
        "public_flags": 0, "banner": null, "accent_color": null, "avatar_decoration_data": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_world() {
        let config = SimulatorConfig { guilds: 30, ..SimulatorConfig::default() };
        let one = World::from_seed(&config);
        let two = World::from_seed(&config);
        assert_eq!(one.guilds.keys().collect::<Vec<_>>(), two.guilds.keys().collect::<Vec<_>>());
        let other = World::from_seed(&SimulatorConfig { seed: 2, ..config });
        assert_ne!(one.guilds.keys().collect::<Vec<_>>(), other.guilds.keys().collect::<Vec<_>>());
        for guild in one.guilds.values() {
            assert!(guild.members.contains_key(&BOT_ID));
            assert_eq!(guild.members.len(), 9);
        }
        let shards: std::collections::BTreeSet<u64> = one.guilds.keys().map(|id| (id >> 22) % 4).collect();
        assert_eq!(shards.len(), 4, "guilds spread over shards");
    }
}
