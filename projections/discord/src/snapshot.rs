//! A guild rendered as the `d` of a GUILD_CREATE. Pure.

use bytes::Bytes;
use miso_model::GuildId;

use crate::guild::{Child, Guild};
use crate::key::Kind;
use crate::object;

/// A guild as it stands, for a handler that begins to receive its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuildSnapshot {
    /// The guild.
    pub guild_id: GuildId,
    /// Events of the guild's partition below this offset are in it.
    pub next_offset: i64,
    /// Whether the guild is in an outage: its last known state is in `d` all the same.
    pub unavailable: bool,
    /// The `d` of a GUILD_CREATE: JSON, `unavailable: false`, the bot among the members.
    pub d: Bytes,
}

/// Renders `d`. Members: all that are known when the guild has no more than `large_threshold`, else
/// the bot and those in voice channels, as Discord does for guilds of which it sends no presences.
pub(crate) fn render(guild: &Guild, own: Option<(u64, &str)>, large_threshold: usize) -> Bytes {
    let mut out = String::with_capacity(4_096);
    out.push('{');
    let mut first = true;
    let count = guild.fields.get("member_count").and_then(|json| json.parse::<usize>().ok());
    let large = count.unwrap_or(guild.children(Kind::Member).len()) > large_threshold;
    for (name, json) in &guild.fields {
        match &**name {
            "unavailable" => object::field(name, "false", &mut first, &mut out),
            "large" => object::field(name, if large { "true" } else { "false" }, &mut first, &mut out),
            _ => object::field(name, json, &mut first, &mut out),
        }
    }
    for kind in Kind::OF_SNAPSHOT {
        let elements = guild.children(kind).values().map(|child| &*child.json);
        object::field(kind.field(), &array(elements), &mut first, &mut out);
    }
    let members = guild.children(Kind::Member);
    let is_wanted = |user: u64| !large || guild.child(Kind::Voice, user).is_some();
    let own_id = own.map(|(id, _)| id);
    let own_member = own.map(|(id, user)| match members.get(&id) {
        Some(Child { json, .. }) => json.to_string(),
        None => bare_member(user, guild),
    });
    let others = members.iter().filter(|&(&user, _)| Some(user) != own_id && is_wanted(user));
    let elements = own_member.as_deref().into_iter().chain(others.map(|(_, child)| &*child.json));
    object::field(Kind::Member.field(), &array(elements), &mut first, &mut out);
    object::field("presences", "[]", &mut first, &mut out);
    out.push('}');
    out.into()
}

/// The bot as a member of a guild whose GUILD_CREATE did not list it (JDA needs it).
fn bare_member(user: &str, guild: &Guild) -> String {
    let joined = guild.fields.get("joined_at").map_or("null", |json| json);
    format!(r#"{{"user":{user},"roles":[],"joined_at":{joined},"deaf":false,"mute":false,"flags":0}}"#)
}

fn array<'a>(elements: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::from("[");
    for (index, element) in elements.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(element);
    }
    out.push(']');
    out
}
