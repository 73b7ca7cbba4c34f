use serde_json::{Map, Value as Json, json};

use crate::{Argument, CATALOGUE, Command, Group, Kind, LINK_BYTES, Place};

/// JSON Schema (2020-12) of a command's `args`.
#[must_use]
pub fn schema(command: &Command) -> Json {
    let properties: Map<String, Json> =
        command.arguments.iter().map(|argument| (argument.name.to_owned(), property(argument))).collect();
    let required: Vec<&str> =
        command.arguments.iter().filter(|argument| argument.required).map(|argument| argument.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(argument: &Argument) -> Json {
    let id = || json!({"type": "string", "pattern": "^[0-9]{1,20}$", "format": "snowflake"});
    let picked = |of: &str| {
        let mut id = id();
        id["x-picker"] = json!(of);
        id
    };
    let mut property = match argument.kind {
        Kind::Text { max_chars, .. } | Kind::Message { max_chars } => {
            json!({"type": "string", "minLength": 1, "maxLength": max_chars})
        }
        Kind::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Range { limit } => {
            let end = json!({"type": "integer", "minimum": -limit, "maximum": limit});
            json!({"type": "object", "properties": {"from": end, "to": end}, "required": ["from", "to"]})
        }
        Kind::User => picked("user"),
        Kind::Member => picked("member"),
        Kind::Role => picked("role"),
        Kind::Channel { or_off: false } => picked("channel"),
        Kind::Channel { or_off: true } => json!({"anyOf": [picked("channel"), {"const": "off"}]}),
        Kind::ChannelOrMember => json!({
            "type": "object", "properties": {"channel": picked("channel"), "user": picked("member")},
            "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
        }),
        Kind::Id => id(),
        Kind::Duration { max_ms } => json!({"type": "integer", "minimum": 1, "maximum": max_ms, "x-unit": "ms"}),
        Kind::Moment => json!({
            "anyOf": [{"type": "integer", "x-unit": "Unix milliseconds"}, {"type": "string", "examples": ["in 2h", "tomorrow 09:00"]}],
        }),
        Kind::Timezone => json!({"type": "string", "x-picker": "timezone"}),
        Kind::Choice { options } => json!({"type": "string", "enum": options}),
        Kind::Emoji => json!({"type": "string", "minLength": 1, "x-picker": "emoji"}),
        Kind::Options { max } => {
            json!({"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": max})
        }
        Kind::Links { max } => {
            let link = json!({"type": "string", "format": "uri", "maxLength": LINK_BYTES});
            json!({"type": "array", "items": link, "minItems": 1, "maxItems": max})
        }
        Kind::Flag { letter } => json!({"type": "boolean", "default": false, "x-flag": format!("-{letter}")}),
        Kind::CommandName => json!({"type": "string", "enum": names().collect::<Vec<_>>()}),
        Kind::CommandsName => {
            let families = CATALOGUE.families.iter().map(|family| family.name);
            let groups = Group::ALL.iter().map(|group| group.name());
            json!({"type": "string", "enum": names().chain(families).chain(groups).collect::<Vec<_>>()})
        }
    };
    property["description"] = json!(argument.help);
    property
}

fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.commands.iter().map(|command| command.name)
}

/// A command's entry in `GET /v1/commands`.
#[must_use]
pub fn command_json(command: &Command) -> Json {
    let needs: Map<String, Json> = command
        .arguments
        .iter()
        .filter(|argument| argument.permissions.0 != 0)
        .map(|argument| (argument.name.to_owned(), json!(argument.permissions)))
        .collect();
    json!({
        "name": command.name,
        "aliases": command.aliases,
        "group": command.group.name(),
        "help": command.help,
        "usage": command.usage(),
        "examples": command.examples,
        "runs": command.runs.name(),
        "guild_only": command.place == Place::Guild,
        "permissions": command.permissions,
        "bot_permissions": command.bot_permissions,
        "module": command.edit.map(|edit| edit.module),
        "argument_permissions": needs,
        "cooldown": command.cooldown.map(|cooldown| json!({"uses": cooldown.uses, "per_ms": cooldown.per_ms})),
        "schema": schema(command),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_says_types_bounds_and_what_is_required() {
        let rng = command_json(CATALOGUE.by_name("rng").expect("declared"));
        assert_eq!(rng["schema"]["required"], json!(["range"]));
        assert_eq!(rng["schema"]["properties"]["range"]["required"], json!(["from", "to"]));
        let prefix = command_json(CATALOGUE.by_name("prefix").expect("declared"));
        assert_eq!(prefix["schema"]["properties"]["prefix"]["maxLength"], json!(32));
        assert_eq!(prefix["argument_permissions"], json!({"prefix": "32"}));
        assert_eq!((prefix["guild_only"].as_bool(), prefix["usage"].as_str()), (Some(true), Some("prefix [prefix]")));
    }
}
