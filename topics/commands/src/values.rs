//! Arguments' values, read from words and from JSON. Pure.

use serde_json::{Value as Json, json};

use miso_model::{ChannelId, Snowflake, UserId};

use crate::directory::{Anywhere, Directory, Wanted};
use crate::links::link_of;
use crate::span::{duration, duration_text};
use crate::{ArgumentProblem, CATALOGUE, Kind, Moment, Value, zone_named};

/// Reads what was typed for an argument.
pub(crate) fn from_text(kind: Kind, text: &str, directory: &dyn Directory) -> Result<Value, ArgumentProblem> {
    match kind {
        Kind::Text { max_chars, .. } => checked_text(text, max_chars, false),
        Kind::Message { max_chars } => checked_text(text, max_chars, true),
        Kind::Integer { min, max } => text
            .parse()
            .ok()
            .filter(|value| (min..=max).contains(value))
            .map(Value::Integer)
            .ok_or(ArgumentProblem::NotInteger { min, max }),
        Kind::Range { limit } => range_from_text(text, limit).ok_or(ArgumentProblem::NotRange { limit }),
        Kind::User => user_from_text(text).map(Value::User).ok_or(ArgumentProblem::NotUser),
        Kind::Member => member(user_from_text(text), directory),
        Kind::Role => role(text, directory),
        Kind::Channel { or_off: true } if text.eq_ignore_ascii_case("off") => Ok(Value::Off),
        Kind::Channel { .. } => channel(text, directory),
        Kind::ChannelOrMember => channel_or_member(text, directory),
        Kind::Id => mentioned(text, &["<@!", "<@&", "<@", "<#"])
            .map(|id| Value::Id(Snowflake(id)))
            .ok_or(ArgumentProblem::NotId),
        Kind::Duration { max_ms } => span(duration(text), max_ms),
        Kind::Moment => Moment::parse(text).map(Value::Moment).ok_or(ArgumentProblem::NotMoment),
        Kind::Timezone => zone_named(text).map(|name| Value::Text(name.to_owned())).ok_or(ArgumentProblem::NotTimezone),
        Kind::Choice { options } => choice(text, options),
        Kind::Emoji => emoji(text).map(Value::Text).ok_or(ArgumentProblem::NotEmoji),
        Kind::Options { max } => options(text.split(" or ").map(str::to_owned), max),
        Kind::Links { max } => links(text.split_whitespace(), max),
        Kind::Flag { .. } => Ok(Value::Flag(true)),
        Kind::CommandName => command_name(text),
        Kind::CommandsName => {
            CATALOGUE.commands_name(text).map(|name| Value::Text(name.to_owned())).ok_or(ArgumentProblem::NoSuchCommand)
        }
    }
}

/// Reads an argument's JSON value. What is text for people is text in JSON.
pub(crate) fn from_json(kind: Kind, json: &Json) -> Result<Value, ArgumentProblem> {
    let text = || json.as_str().ok_or(ArgumentProblem::WrongType("a string"));
    let id = || text()?.parse::<u64>().map_err(|_| ArgumentProblem::WrongType("an id as a string"));
    match kind {
        Kind::Integer { min, max } => {
            let value = json.as_i64().ok_or(ArgumentProblem::WrongType("a whole number"))?;
            if !(min..=max).contains(&value) {
                return Err(ArgumentProblem::NotInteger { min, max });
            }
            Ok(Value::Integer(value))
        }
        Kind::Range { limit } => {
            let end = |name: &str| json.get(name).and_then(Json::as_i64);
            let (Some(from), Some(to)) = (end("from"), end("to")) else {
                return Err(ArgumentProblem::WrongType("an object with the whole numbers `from` and `to`"));
            };
            range(from, to, limit).ok_or(ArgumentProblem::NotRange { limit })
        }
        Kind::User | Kind::Member => text()?.parse().map(Value::User).map_err(|_| ArgumentProblem::NotUser),
        Kind::Role => id().map(|id| Value::Role(Snowflake(id))),
        Kind::Channel { or_off: true } if json == "off" => Ok(Value::Off),
        Kind::Channel { .. } => id().map(|id| Value::Channel(ChannelId(id))),
        Kind::ChannelOrMember => {
            let id = |name: &str| json.get(name).and_then(Json::as_str).and_then(|id| id.parse::<u64>().ok());
            let channel = id("channel").map(|id| Value::Channel(ChannelId(id)));
            channel
                .or_else(|| id("user").map(|id| Value::User(UserId(id))))
                .ok_or(ArgumentProblem::WrongType("an object with the id `channel` or `user`"))
        }
        Kind::Id => id().map(|id| Value::Id(Snowflake(id))),
        Kind::Duration { max_ms } => {
            span(Some(json.as_i64().ok_or(ArgumentProblem::WrongType("milliseconds"))?), max_ms)
        }
        Kind::Moment => match json.as_i64() {
            Some(unix_ms) => Ok(Value::Moment(Moment::At(unix_ms))),
            None => from_text(kind, text()?, &Anywhere),
        },
        Kind::Options { max } => {
            let wrong = || ArgumentProblem::WrongType("an array of strings");
            let all = json.as_array().ok_or_else(wrong)?;
            let all = all.iter().map(|option| option.as_str().map(str::to_owned).ok_or_else(wrong));
            options(all.collect::<Result<Vec<_>, _>>()?.into_iter(), max)
        }
        Kind::Links { max } => {
            let all = json.as_array().ok_or(ArgumentProblem::WrongType("an array of links"))?;
            if all.iter().any(|link| !link.is_string()) {
                return Err(ArgumentProblem::NotLink);
            }
            links(all.iter().filter_map(Json::as_str), max)
        }
        Kind::Flag { .. } => json.as_bool().map(Value::Flag).ok_or(ArgumentProblem::WrongType("true or false")),
        Kind::Text { .. }
        | Kind::Message { .. }
        | Kind::Timezone
        | Kind::Choice { .. }
        | Kind::Emoji
        | Kind::CommandName
        | Kind::CommandsName => from_text(kind, text()?, &Anywhere),
    }
}

/// An argument's value as JSON; ids are strings.
pub(crate) fn to_json(kind: Kind, value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Integer(value) | Value::Duration(value) => json!(value),
        Value::Range { from, to } => json!({"from": from, "to": to}),
        Value::User(user) if kind == Kind::ChannelOrMember => json!({"user": user}),
        Value::Channel(channel) if kind == Kind::ChannelOrMember => json!({"channel": channel}),
        Value::User(user) => json!(user),
        Value::Channel(channel) => json!(channel),
        Value::Role(id) | Value::Id(id) => json!(id),
        Value::Off => json!("off"),
        Value::Moment(Moment::At(unix_ms)) => json!(unix_ms),
        Value::Moment(moment) => json!(moment.to_string()),
        Value::Options(options) => json!(options),
        Value::Links(links) => json!(links),
        Value::Flag(given) => json!(given),
    }
}

fn member(user: Option<UserId>, directory: &dyn Directory) -> Result<Value, ArgumentProblem> {
    let user = user.ok_or(ArgumentProblem::NotUser)?;
    if directory.has_member(user.0) { Ok(Value::User(user)) } else { Err(ArgumentProblem::NotMember) }
}

fn role(text: &str, directory: &dyn Directory) -> Result<Value, ArgumentProblem> {
    let by_id = mentioned(text, &["<@&"]).and_then(|id| directory.role(Wanted::Id(id)));
    let name = text.strip_prefix('@').unwrap_or(text);
    by_id
        .or_else(|| directory.role(Wanted::Name(name)))
        .map(|id| Value::Role(Snowflake(id)))
        .ok_or(ArgumentProblem::NotRole)
}

fn channel(text: &str, directory: &dyn Directory) -> Result<Value, ArgumentProblem> {
    let by_id = mentioned(text, &["<#"]).and_then(|id| directory.channel(Wanted::Id(id)));
    let name = text.strip_prefix('#').unwrap_or(text);
    by_id
        .or_else(|| directory.channel(Wanted::Name(name)))
        .map(|id| Value::Channel(ChannelId(id)))
        .ok_or(ArgumentProblem::NotChannel)
}

/// Who left can be taken off a list still: of a member only the id is looked at.
fn channel_or_member(text: &str, directory: &dyn Directory) -> Result<Value, ArgumentProblem> {
    if text.starts_with("<@") {
        return user_from_text(text).map(Value::User).ok_or(ArgumentProblem::NotUser);
    }
    match channel(text, directory) {
        Err(problem) if !text.starts_with("<#") => user_from_text(text).map(Value::User).ok_or(problem),
        found => found,
    }
}

fn span(ms: Option<i64>, max_ms: i64) -> Result<Value, ArgumentProblem> {
    let too_long = || ArgumentProblem::NotDuration { max: duration_text(max_ms) };
    ms.filter(|ms| (1..=max_ms).contains(ms)).map(Value::Duration).ok_or_else(too_long)
}

fn choice(text: &str, options: &'static [&'static str]) -> Result<Value, ArgumentProblem> {
    let lower = text.to_lowercase();
    let chosen = options.iter().find(|option| **option == lower);
    chosen.map(|option| Value::Text((*option).to_owned())).ok_or(ArgumentProblem::NotOption(options))
}

/// Bytes of a unicode emoji, at most: a family with skin tones.
const EMOJI_BYTES: usize = 40;

/// A unicode emoji as it is; a guild's, `<a:name:id>`, as `name:id`.
fn emoji(text: &str) -> Option<String> {
    let text = text.trim();
    let custom = text.strip_prefix("<a:").or_else(|| text.strip_prefix("<:")).and_then(|rest| rest.strip_suffix('>'));
    if let Some((name, id)) = custom.unwrap_or(text).split_once(':') {
        let named = (2..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return (named && id.parse::<u64>().is_ok()).then(|| format!("{name}:{id}"));
    }
    // Keycaps begin with a digit, `#` or `*`; everything else with a symbol beyond ASCII.
    let keycap = text.ends_with('\u{20e3}') && text.starts_with(|c: char| c.is_ascii_digit() || "#*".contains(c));
    let symbols = !text.is_empty()
        && text.chars().all(|c| !c.is_ascii() && !c.is_alphanumeric() && !c.is_whitespace() && !c.is_control());
    (text.len() <= EMOJI_BYTES && (keycap || symbols)).then(|| text.to_owned())
}

/// The id in a mention that begins in one of these ways, or a bare one.
fn mentioned(text: &str, openings: &[&str]) -> Option<u64> {
    let inside = openings.iter().find_map(|opening| text.strip_prefix(opening)?.strip_suffix('>'));
    let digits = inside.unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn checked_text(text: &str, max: usize, lines: bool) -> Result<Value, ArgumentProblem> {
    let chars = text.chars().count();
    if chars == 0 {
        Err(ArgumentProblem::Empty)
    } else if chars > max {
        Err(ArgumentProblem::TooLong { chars, max })
    } else if !lines && text.contains(['\n', '\r']) {
        Err(ArgumentProblem::NotOneLine)
    } else {
        Ok(Value::Text(text.to_owned()))
    }
}

fn range_from_text(text: &str, limit: i64) -> Option<Value> {
    if let Ok(to) = text.trim().parse::<i64>() {
        return range(0.min(to), 0.max(to), limit);
    }
    // A minus sign may belong to a number: the first one that follows a digit separates.
    let bytes = text.as_bytes();
    let dash = (1..bytes.len())
        .find(|&at| bytes[at] == b'-' && text[..at].trim_end().ends_with(|c: char| c.is_ascii_digit()))?;
    range(text[..dash].trim().parse().ok()?, text[dash + 1..].trim().parse().ok()?, limit)
}

fn range(a: i64, b: i64, limit: i64) -> Option<Value> {
    let (from, to) = (a.min(b), a.max(b));
    (from >= -limit && to <= limit).then_some(Value::Range { from, to })
}

fn user_from_text(text: &str) -> Option<UserId> {
    mentioned(text, &["<@!", "<@"]).map(UserId)
}

fn options(all: impl Iterator<Item = String>, max: usize) -> Result<Value, ArgumentProblem> {
    let options: Vec<String> = all.map(|option| option.trim().to_owned()).filter(|option| !option.is_empty()).collect();
    match options.len() {
        0 | 1 => Err(ArgumentProblem::TooFewOptions),
        count if count > max => Err(ArgumentProblem::TooManyOptions { max }),
        _ => Ok(Value::Options(options)),
    }
}

fn links<'a>(words: impl Iterator<Item = &'a str>, max: usize) -> Result<Value, ArgumentProblem> {
    let links: Vec<String> = words.map(link_of).collect::<Option<_>>().ok_or(ArgumentProblem::NotLink)?;
    match links.len() {
        0 => Err(ArgumentProblem::NotLink),
        count if count > max => Err(ArgumentProblem::TooManyLinks { max }),
        _ => Ok(Value::Links(links)),
    }
}

fn command_name(text: &str) -> Result<Value, ArgumentProblem> {
    match CATALOGUE.find(text) {
        crate::Found::Command { command, rest: "" } => Ok(Value::Text(command.name.to_owned())),
        _ => Err(ArgumentProblem::NoSuchCommand),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_text(kind: Kind, text: &str) -> Result<Value, ArgumentProblem> {
        super::from_text(kind, text, &Anywhere)
    }

    /// A guild with the role Tea Drinkers (5), the channel general (6) and the member 7.
    struct Kitchen;

    impl Directory for Kitchen {
        fn role(&self, wanted: Wanted<'_>) -> Option<u64> {
            matches!(wanted, Wanted::Id(5) | Wanted::Name("Tea Drinkers")).then_some(5)
        }

        fn channel(&self, wanted: Wanted<'_>) -> Option<u64> {
            matches!(wanted, Wanted::Id(6) | Wanted::Name("general")).then_some(6)
        }

        fn has_member(&self, user: u64) -> bool {
            user == 7
        }
    }

    #[test]
    fn members_roles_and_channels_are_those_of_the_guild_by_mention_id_or_name() {
        use ArgumentProblem::{NotChannel, NotMember, NotRole, NotUser};
        let any = Kind::Channel { or_off: false };
        let or_off = Kind::Channel { or_off: true };
        let (role, channel, user) = (Value::Role(Snowflake(5)), Value::Channel(ChannelId(6)), Value::User(UserId(7)));
        for (kind, text, expected) in [
            (Kind::Role, "<@&5>", Ok(role.clone())),
            (Kind::Role, "5", Ok(role.clone())),
            (Kind::Role, "@Tea Drinkers", Ok(role)),
            (Kind::Role, "<@&9>", Err(NotRole)),
            (Kind::Role, "<@5>", Err(NotRole)),
            (any, "<#6>", Ok(channel.clone())),
            (any, "#general", Ok(channel.clone())),
            (any, "9", Err(NotChannel)),
            (any, "off", Err(NotChannel)),
            (or_off, "OFF", Ok(Value::Off)),
            (or_off, "general", Ok(channel.clone())),
            (Kind::Member, "<@!7>", Ok(user.clone())),
            (Kind::Member, "8", Err(NotMember)),
            (Kind::Member, "joe", Err(NotUser)),
            (Kind::ChannelOrMember, "<#6>", Ok(channel)),
            (Kind::ChannelOrMember, "<@7>", Ok(user)),
            (Kind::ChannelOrMember, "8", Ok(Value::User(UserId(8)))),
            (Kind::ChannelOrMember, "<#8>", Err(NotChannel)),
        ] {
            let read = super::from_text(kind, text, &Kitchen);
            assert_eq!(read, expected, "{text}");
            if let Ok(value) = read {
                assert_eq!(from_json(kind, &to_json(kind, &value)).as_ref(), Ok(&value), "{text}");
            }
        }
    }

    #[test]
    fn emojis_are_unicode_ones_or_those_of_guilds() {
        let read = |text| match from_text(Kind::Emoji, text) {
            Ok(Value::Text(emoji)) => Some(emoji),
            _ => None,
        };
        for (text, expected) in [
            ("🌟", Some("🌟")),
            ("👨‍👩‍👧", Some("👨‍👩‍👧")),
            ("1️⃣", Some("1️⃣")),
            ("<:blob:175928847299117063>", Some("blob:175928847299117063")),
            ("<a:blob:175928847299117063>", Some("blob:175928847299117063")),
            ("star", None),
            ("1", None),
            ("é", None),
            ("", None),
            ("<:b:1>", None),
            ("a:b:c", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn spans_ids_and_choices_are_read_within_their_bounds() {
        let hour = Kind::Duration { max_ms: 3_600_000 };
        assert_eq!(from_text(hour, "30m"), Ok(Value::Duration(1_800_000)));
        assert!(from_text(hour, "2h").expect_err("too long").to_string().contains("1h"));
        assert!(from_text(hour, "soon").is_err() && from_text(hour, "0s").is_err());
        let state = Kind::Choice { options: &["on", "off"] };
        assert_eq!(from_text(state, "ON"), Ok(Value::Text("on".to_owned())));
        assert!(from_text(state, "maybe").expect_err("neither").to_string().contains("on, off"));
        for text in ["<@5>", "<@!5>", "<@&5>", "<#5>", "5"] {
            assert_eq!(from_text(Kind::Id, text), Ok(Value::Id(Snowflake(5))), "{text}");
        }
    }

    #[test]
    fn ranges_are_read_as_people_write_them() {
        let read = |text| from_text(Kind::Range { limit: 1_000 }, text).ok();
        let range = |from, to| Some(Value::Range { from, to });
        for (text, expected) in [
            ("6", range(0, 6)),
            ("1-6", range(1, 6)),
            ("6 - 1", range(1, 6)),
            ("-5", range(-5, 0)),
            ("-5--1", range(-5, -1)),
            ("-5-10", range(-5, 10)),
            ("1001", None),
            ("1-", None),
            ("-", None),
            ("1-2-3", None),
            ("one", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn users_are_mentions_or_ids() {
        let read = |text| from_text(Kind::User, text).ok();
        assert_eq!(read("<@!42>"), Some(Value::User(UserId(42))));
        assert_eq!(read("<@175928847299117063>"), read("175928847299117063"));
        for wrong in ["", "joe", "-1", "<@>", "<@&175928847299117063>", "<#175928847299117063>", "<@1x>"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
