//! The pages of the simulated Discord: who are you, and where shall the bot go.

use std::fmt::Write as _;

use serde_json::Value;

use crate::world::{BOT_ID, World};

/// Users that the page offers, at most.
const SHOWN: usize = 60;

const STYLE: &str = "
:root{color-scheme:light dark;--bg:#eef0f6;--card:#fff;--ink:#1c1d26;--soft:#5c6070;--line:#d9dce6;--accent:#4752c4}
@media(prefers-color-scheme:dark){:root{--bg:#15161c;--card:#22242d;--ink:#f1f2f7;--soft:#a6abbd;--line:#373a47;--accent:#aeb6ff}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;padding:1rem}main{width:min(30rem,100%);background:var(--card);border:1px solid var(--line);
border-radius:1rem;padding:1.5rem;box-shadow:0 1rem 3rem rgb(0 0 0/.12)}h1{font-size:1.25rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem;
color:var(--soft)}ul{list-style:none;margin:0 0 1rem;padding:0;display:grid;gap:.5rem;max-height:60vh;overflow:auto}
a{color:var(--accent)}li a{display:flex;gap:.75rem;align-items:center;padding:.6rem .75rem;border:1px solid var(--line);border-radius:.75rem;
text-decoration:none;color:inherit}li a:hover,li a:focus-visible{border-color:var(--accent);outline:2px solid var(--accent);outline-offset:-1px}
img{width:2.5rem;height:2.5rem;border-radius:50%;flex:none}b{display:block;font-weight:600}small{color:var(--soft)}";

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>"
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    out
}

/// Percent-encoded for a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// One click per user; owners first, then those who manage a guild.
pub(super) fn who_are_you(world: &World, query: &str, scope: &str) -> String {
    let mut users: Vec<(u8, u64, String)> = world
        .users
        .keys()
        .filter(|id| **id != BOT_ID)
        .map(|id| (world.rank_of(*id), *id, world.role_of(*id)))
        .collect();
    users.sort_by_key(|(rank, id, _)| (*rank, *id));
    let mut list = String::new();
    for (_, id, role) in users.iter().take(SHOWN) {
        let Some(user) = world.users.get(id) else { continue };
        let name = user["global_name"].as_str().unwrap_or_else(|| text(user, "username"));
        let _ = write!(
            list,
            "<li><a href=\"/oauth2/authorize?{}&amp;user={id}&amp;consent=1\"><img alt=\"\" src=\"/cdn/avatars/{id}/{}.png\">\
             <span><b>{}</b><small>@{} · {}</small></span></a></li>",
            escaped(query),
            escaped(text(user, "avatar")),
            escaped(name),
            escaped(text(user, "username")),
            escaped(role),
        );
    }
    let body = format!(
        "<h1>Who are you?</h1><p>A simulated Discord. Miso asks for: {}.</p><ul>{list}</ul>\
         <a href=\"/oauth2/authorize?{}&amp;deny=1\">Cancel</a>",
        escaped(scope),
        escaped(query)
    );
    document("Log in · simulated Discord", &body)
}

/// One click per guild that the bot is not in.
pub(super) fn where_to(world: &World, query: &str) -> String {
    let mut list = String::new();
    for (id, guild) in &world.elsewhere {
        let _ = write!(
            list,
            "<li><a href=\"/oauth2/authorize?{}&amp;guild_id={id}&amp;consent=1\"><img alt=\"\" src=\"/cdn/icons/{id}/0.png\">\
             <span><b>{}</b><small>{} members</small></span></a></li>",
            escaped(query),
            escaped(&guild.name),
            guild.members.len(),
        );
    }
    let none = if list.is_empty() { "<p>Miso is in every server of this world.</p>" } else { "" };
    document(
        "Invite · simulated Discord",
        &format!("<h1>Where shall Miso go?</h1><p>A simulated Discord.</p>{none}<ul>{list}</ul>"),
    )
}

pub(super) fn invited(world: &World, guild: u64) -> String {
    let name = world.guild(guild).ok().and_then(|guild| guild.fields["name"].as_str()).unwrap_or("the server");
    let body = format!("<h1>Miso has joined {}</h1><p>Go back to the panel and set it up.</p>", escaped(name));
    document("Invited · simulated Discord", &body)
}

pub(super) fn refused(why: &str) -> String {
    document("Refused · simulated Discord", &format!("<h1>That does not work</h1><p>{}</p>", escaped(why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_page_or_an_address_is_taken_for_markup() {
        assert_eq!(escaped("<b a=\"1\">'&"), "&lt;b a=&quot;1&quot;&gt;&#39;&amp;");
        assert_eq!(encoded("a b&c=ä/~"), "a%20b%26c%3D%C3%A4%2F~");
    }
}
