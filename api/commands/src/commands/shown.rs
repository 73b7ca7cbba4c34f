//! Settings as people read them. Pure.

use miso_command_catalogue::{Colour, Document, How};
use miso_settings::{Field, Kind, Module};
use serde_json::{Map, Value as Json};

use super::code;

/// Characters of a text that are shown of it.
const SHOWN_CHARS: usize = 900;

/// The answer to a changed module: what holds now, and what is still missing for it to work.
pub(crate) fn changed(
    how: How,
    module: &Module,
    before: &Map<String, Json>,
    after: &Map<String, Json>,
    values: &Map<String, Json>,
    prefix: &str,
) -> Document {
    let mut lines = Vec::new();
    for (key, now) in after {
        let Some(field) = module.field(key) else { continue };
        let default = field.default.json();
        let was = before.get(key).filter(|was| !was.is_null()).unwrap_or(&default);
        let now = if now.is_null() { &default } else { now };
        lines.push(told(how, module, field, was, now));
    }
    let mut document = Document::text(Colour::Success, lines.join("\n")).titled(module.title);
    if let Some(missing) = missing(module, values) {
        document.colour = Colour::Warning;
        let hint = format!("{missing} is not chosen yet. {prefix}help {} tells how.", family_of(module.key));
        document = document.footer(hint);
    }
    document
}

fn told(how: How, module: &Module, field: &Field, was: &Json, now: &Json) -> String {
    let same = was == now;
    match (how, field.kind) {
        (How::Toggle(_), _) => {
            let adverb = if same { "was already" } else { "is now" };
            // A module's own switch speaks for all of it.
            let what = if field.key == "enabled" { module.title } else { field.title };
            format!("{what} {adverb} **{}**.", text(field, now))
        }
        (How::Clear(_), _) => format!("{}: all of them are gone.", field.title),
        (_, Kind::Channels { .. } | Kind::Roles { .. } | Kind::Members { .. } | Kind::Table { .. }) => {
            let adverb = if same { " (nothing changed)" } else { "" };
            format!("**{}**{adverb}\n{}", field.title, text(field, now))
        }
        _ if now.is_null() => format!("**{}** is not set any more.", field.title),
        (_, Kind::Template { .. }) => format!("**{}** now says:\n{}", field.title, text(field, now)),
        _ => format!("**{}** is now {}.", field.title, text(field, now)),
    }
}

/// The title of the channel that a module which is on lacks.
fn missing(module: &Module, values: &Map<String, Json>) -> Option<&'static str> {
    let on = values.get("enabled").and_then(Json::as_bool) == Some(true);
    let channel = module.fields.iter().find(|field| field.key == "channel")?;
    // Where activity announces nothing elsewhere, it does so in place.
    (on && module.key != "activity" && values.get("channel").is_none_or(Json::is_null)).then_some(channel.title)
}

/// The word that the module's commands begin with.
fn family_of(module: &str) -> &str {
    match module {
        "greeting" => "greeter",
        "goodbye" => "goodbyemessage",
        "logs" => "logger",
        "roles" => "autorole",
        "commands" => "command",
        "notifications" => "notification",
        "embeds" => "autoembedder",
        other => other,
    }
}

/// The answer to a look at a module. A single list is shown row by row.
pub(crate) fn shown(module: &Module, fields: &[&str], values: &Map<String, Json>) -> Document {
    let mut document = Document { colour: Colour::Info, ..Document::default() };
    let declared = fields.iter().filter_map(|key| module.field(key));
    if let [only] = fields
        && let Some(field) = module.field(only)
        && let Some(rows) = values.get(*only).and_then(Json::as_array)
    {
        document.rows = rows.iter().map(|row| item(field, row)).collect();
        if document.rows.is_empty() {
            document.text = Some("None yet.".to_owned());
        }
        return document.titled(field.title);
    }
    for field in declared {
        document = document.field(field.title, text(field, values.get(field.key).unwrap_or(&Json::Null)), true);
    }
    document.titled(module.title)
}

/// A value as text.
pub(crate) fn text(field: &Field, value: &Json) -> String {
    match (field.kind, value) {
        (_, Json::Null) => "not set".to_owned(),
        (_, Json::Bool(on)) => if *on { "on" } else { "off" }.to_owned(),
        (_, Json::Array(items)) if items.is_empty() => "none".to_owned(),
        (_, Json::Array(items)) => {
            let separator = if matches!(field.kind, Kind::Table { .. }) { "\n" } else { " " };
            items.iter().map(|value| item(field, value)).collect::<Vec<_>>().join(separator)
        }
        _ => item(field, value),
    }
}

fn item(field: &Field, value: &Json) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match field.kind {
        Kind::Channel { .. } | Kind::Channels { .. } => format!("<#{text}>"),
        Kind::Role | Kind::Roles { .. } => format!("<@&{text}>"),
        Kind::Members { .. } => format!("<@{text}>"),
        Kind::Emoji => match text.split_once(':') {
            Some((name, id)) => format!("<:{name}:{id}>"),
            None => text,
        },
        Kind::Template { .. } => {
            let cut: String = text.chars().take(SHOWN_CHARS).collect();
            cut.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
        }
        Kind::Table { columns, key, .. } => row(columns, key, value),
        Kind::Text { .. } | Kind::Words { .. } => code(&text),
        Kind::Switch | Kind::Integer { .. } | Kind::Choice { .. } | Kind::Timezone => format!("**{text}**"),
    }
}

/// The row's key, and what of the rest is said.
fn row(columns: &[Field], key: &str, value: &Json) -> String {
    let named = value[key].as_str().map_or_else(|| value[key].to_string(), str::to_owned);
    let rest: Vec<String> = columns
        .iter()
        .filter(|column| {
            column.key != key && !value[column.key].is_null() && value[column.key] != column.default.json()
        })
        .map(|column| match column.kind {
            // A server's id says nothing to people.
            Kind::Text { .. } if column.key == "guild" => "in one server".to_owned(),
            _ => format!("{}: {}", column.title.to_lowercase(), self::text(column, &value[column.key])),
        })
        .collect();
    if rest.is_empty() { code(&named) } else { format!("{} ({})", code(&named), rest.join(", ")) }
}

#[cfg(test)]
mod tests {
    use miso_settings::module;
    use serde_json::json;

    use super::*;

    fn object(json: &Json) -> Map<String, Json> {
        json.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_change_is_told_with_what_is_still_missing() {
        let greeting = module("greeting").expect("declared");
        let told = |values: &Json| {
            let values = greeting.with_defaults(&object(values));
            let after = object(&json!({"enabled": true}));
            changed(How::Toggle("enabled"), greeting, &Map::new(), &after, &values, ">")
        };
        let document = told(&json!({"enabled": true}));
        assert_eq!(document.text.as_deref(), Some("Greeting is now **on**."));
        assert!(document.footer.expect("a hint").contains(">help greeter"));
        let document = told(&json!({"enabled": true, "channel": "5"}));
        assert_eq!((document.colour, document.footer), (Colour::Success, None));
    }

    #[test]
    fn values_are_told_as_mentions_words_and_rows() {
        for (key, field, value, expected) in [
            ("greeting", "channel", json!("5"), "<#5>"),
            ("greeting", "enabled", json!(false), "off"),
            ("greeting", "message", json!("a\nb"), "> a\n> b"),
            ("roles", "autoroles", json!(["5", "6"]), "<@&5> <@&6>"),
            ("roles", "autoroles", json!([]), "none"),
            ("starboard", "emoji", json!("tea:7"), "<:tea:7>"),
            ("logs", "bans", Json::Null, "not set"),
            (
                "commands",
                "rules",
                json!([{"command": "fun", "enabled": false, "channels": ["5"]}]),
                "`fun` (on: off, only channels: <#5>)",
            ),
            (
                "notifications",
                "keywords",
                json!([{"word": "tea", "guild": "1"}, {"word": "cup", "guild": null}]),
                "`tea` (in one server)\n`cup`",
            ),
        ] {
            let field = module(key).and_then(|module| module.field(field)).expect("declared");
            assert_eq!(text(field, &value), expected);
        }
    }

    #[test]
    fn a_single_list_has_rows_and_several_fields_have_names() {
        let roles = module("roles").expect("declared");
        let document = shown(roles, &["autoroles"], &object(&json!({"autoroles": ["5"]})));
        assert_eq!(
            (document.title.as_deref(), document.rows.as_slice()),
            (Some("Roles for new members"), &["<@&5>".to_owned()][..])
        );
        assert_eq!(shown(roles, &["autoroles"], &object(&json!({"autoroles": []}))).text.as_deref(), Some("None yet."));
        let starboard = module("starboard").expect("declared");
        let document = shown(starboard, &["enabled", "amount"], &starboard.with_defaults(&Map::new()));
        assert_eq!((document.fields.len(), document.fields[1].value.as_str()), (2, "**4**"));
    }
}
