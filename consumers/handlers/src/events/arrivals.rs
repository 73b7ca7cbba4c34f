//! Who comes and goes: greeting, goodbye, roles for new members, their log.

use miso_log::Append;
use miso_model::{ChannelId, Snowflake};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Seen;
use super::settings::{GuildEvents, Saying};
use crate::guild::{Guild, guild_of, values};
use crate::person::Person;
use crate::place::{EMBED, WRITE, may};
use crate::placeholders::render;
use crate::text::{CONTENT, DESCRIPTION, cut};

const WELCOME: u32 = 0x5d_adec;
const ARRIVED: u32 = 0x77_b255;
const LEFT: u32 = 0xbe_1931;

#[derive(Debug, Deserialize)]
struct About {
    user: Person,
}

/// Somebody joined.
pub(crate) fn joined(seen: &Seen<'_>, settings: &GuildEvents, d: &[u8]) -> Result<Vec<Append>, serde_json::Error> {
    let About { user } = serde_json::from_slice(d)?;
    let guild = guild_of(seen.state, seen.guild);
    let mut out = Vec::new();
    for role in &settings.autoroles {
        match seen.state.bot_can_assign(seen.guild, *role) {
            Some(Ok(())) => {
                let what = format!("autorole/{role}");
                out.push(seen.cause.give_role(&what, seen.guild, user.id, *role, "Role for new members"));
            }
            Some(Err(_)) | None => {
                metrics::counter!("miso_handlers_skipped_total", "why" => "role").increment(1);
            }
        }
    }
    if let Some(saying) = settings.greeting.as_ref().filter(|saying| may(seen.state, seen.guild, saying.channel, EMBED))
    {
        out.push(seen.cause.message("greeting", saying.channel, &greeting(saying, &guild, &user)));
    }
    if let Some(channel) = settings.logs.members {
        let made = Snowflake(user.id.0).created_ms() / 1_000;
        let fields = json!([
            {"name": "Account made", "value": format!("<t:{made}:R>"), "inline": true},
            {"name": "Members", "value": guild.count(), "inline": true},
        ]);
        out.extend(told(seen, "joined", channel, &user, ARRIVED, "joined", &fields));
    }
    Ok(out)
}

/// Somebody left, or was made to.
pub(crate) fn left(seen: &Seen<'_>, settings: &GuildEvents, d: &[u8]) -> Result<Vec<Append>, serde_json::Error> {
    let About { user } = serde_json::from_slice(d)?;
    let guild = guild_of(seen.state, seen.guild);
    let mut out = Vec::new();
    if let Some(saying) = settings.goodbye.as_ref().filter(|saying| may(seen.state, seen.guild, saying.channel, WRITE))
    {
        out.push(seen.cause.message("goodbye", saying.channel, &goodbye(saying, &guild, &user)));
    }
    if let Some(channel) = settings.logs.members {
        let fields = json!([{"name": "Members", "value": guild.count(), "inline": true}]);
        out.extend(told(seen, "left", channel, &user, LEFT, "left", &fields));
    }
    Ok(out)
}

/// Somebody was banned or unbanned.
pub(crate) fn banned(
    seen: &Seen<'_>,
    settings: &GuildEvents,
    d: &[u8],
    banned: bool,
) -> Result<Vec<Append>, serde_json::Error> {
    let Some(channel) = settings.logs.bans else { return Ok(Vec::new()) };
    let About { user } = serde_json::from_slice(d)?;
    let (what, colour) = if banned { ("was banned", LEFT) } else { ("was unbanned", ARRIVED) };
    Ok(told(seen, what, channel, &user, colour, what, &json!([])).into_iter().collect())
}

fn told(
    seen: &Seen<'_>,
    what: &str,
    channel: ChannelId,
    user: &Person,
    colour: u32,
    verb: &str,
    fields: &Value,
) -> Option<Append> {
    may(seen.state, seen.guild, channel, EMBED).then(|| {
        let body = json!({
            "embeds": [{
                "author": user.as_author(), "description": format!("{} {verb}.", user.mention()), "color": colour,
                "fields": fields, "footer": {"text": format!("User {}", user.id)}, "timestamp": seen.timestamp(),
            }],
            "allowed_mentions": {"parse": []},
        });
        seen.cause.message(&format!("log/{what}"), channel, &body)
    })
}

pub(crate) fn greeting(saying: &Saying, guild: &Guild, user: &Person) -> Value {
    let text = render(&saying.template, &values(guild, user));
    json!({
        "embeds": [{
            "title": "New member! 👋", "description": cut(&text, DESCRIPTION), "color": WELCOME,
            "thumbnail": {"url": user.avatar_url()}, "footer": {"text": format!("👤 #{}", guild.count())},
        }],
        "allowed_mentions": {"parse": [], "users": [user.id]},
    })
}

pub(crate) fn goodbye(saying: &Saying, guild: &Guild, user: &Person) -> Value {
    let text = render(&saying.template, &values(guild, user));
    json!({"content": cut(&text, CONTENT), "allowed_mentions": {"parse": [], "users": [user.id]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mia(name: &str) -> Person {
        serde_json::from_value(json!({"id": "7", "username": name, "avatar": "ab"})).expect("reads")
    }

    fn say(template: &str) -> Saying {
        Saying { channel: ChannelId(5), template: template.to_owned() }
    }

    #[test]
    fn a_greeting_is_an_embed_with_picture_and_number_that_mentions_nobody_else() {
        let guild = Guild { name: "Kitchen".to_owned(), member_count: Some(12) };
        let body = greeting(&say("Hi {mention}, @everyone! {user} in {server}"), &guild, &mia("@everyone"));
        let embed = &body["embeds"][0];
        assert_eq!(embed["description"], "Hi <@7>, @everyone! @everyone in Kitchen");
        assert_eq!((&embed["color"], &embed["footer"]["text"]), (&json!(0x5d_adec), &json!("👤 #12")));
        assert!(embed["thumbnail"]["url"].as_str().expect("a picture").contains("/avatars/7/ab.png"));
        assert_eq!(body["allowed_mentions"], json!({"parse": [], "users": ["7"]}));
    }

    #[test]
    fn a_goodbye_is_plain_text_within_discords_bound() {
        let body = goodbye(&say(&"{user}".repeat(300)), &Guild::default(), &mia("a long name"));
        assert_eq!(body["content"].as_str().map(|text| text.encode_utf16().count()), Some(CONTENT));
        assert_eq!(body["allowed_mentions"]["parse"], json!([]));
    }
}
