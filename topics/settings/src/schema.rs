use serde_json::{Map, Value, json};

use crate::{Field, Kind, Module};

/// A module for JSON: its fields with kind, bounds, default, and what the bot needs.
#[must_use]
pub fn module_json(module: &Module) -> Value {
    json!({
        "key": module.key,
        "scope": module.scope.name(),
        "title": module.title,
        "help": module.help,
        "fields": module.fields.iter().map(|field| json!({
            "key": field.key,
            "title": field.title,
            "help": field.help,
            "default": field.default.json(),
            "bot_needs": field.bot_needs,
            "actor_needs": field.actor_needs,
            "schema": field_schema(field),
        })).collect::<Vec<_>>(),
    })
}

/// JSON Schema of the object that holds a module's values.
#[must_use]
pub fn values_schema(fields: &[Field]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.key.to_owned(), field_schema(field))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn field_schema(field: &Field) -> Value {
    let id = |of: &str| json!({"type": ["string", "null"], "pattern": "^[0-9]{1,20}$", "x-picker": of});
    let ids = |of: &str, max: usize| {
        let items = json!({"type": "string", "pattern": "^[0-9]{1,20}$"});
        json!({"type": "array", "items": items, "maxItems": max, "uniqueItems": true, "x-picker": of})
    };
    let mut schema = match field.kind {
        Kind::Switch => json!({"type": "boolean"}),
        Kind::Text { max_chars } => json!({"type": ["string", "null"], "maxLength": max_chars, "x-picker": "text"}),
        Kind::Template { max_chars, placeholders } => {
            json!({"type": ["string", "null"], "maxLength": max_chars, "x-picker": "message", "x-placeholders": placeholders})
        }
        Kind::Integer { min, max } => json!({"type": ["integer", "null"], "minimum": min, "maximum": max}),
        Kind::Channel { types } => {
            let mut schema = id("channel");
            schema["x-channel-types"] = json!(types);
            schema
        }
        Kind::Channels { max } => ids("channel", max),
        Kind::Role => id("role"),
        Kind::Roles { max } => ids("role", max),
        Kind::Members { max } => ids("member", max),
        Kind::Emoji => json!({"type": ["string", "null"], "x-picker": "emoji"}),
        Kind::Choice { options } => {
            json!({"enum": options.iter().map(|(value, _)| *value).collect::<Vec<_>>(), "x-picker": "choice"})
        }
        Kind::Timezone => json!({"type": ["string", "null"], "x-picker": "timezone"}),
        Kind::Words { max, max_chars } => {
            let items = json!({"type": "string", "maxLength": max_chars});
            json!({"type": "array", "items": items, "maxItems": max, "uniqueItems": true, "x-picker": "words"})
        }
        Kind::Table { columns, max_rows, key } => {
            json!({"type": "array", "items": values_schema(columns), "maxItems": max_rows, "x-picker": "table", "x-key": key})
        }
    };
    schema["title"] = json!(field.title);
    schema["description"] = json!(field.help);
    schema["default"] = field.default.json();
    schema
}
