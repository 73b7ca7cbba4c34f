use serde_json::Value;

/// Fields whose text people wrote or chose: content, names, texts of settings, what bodies carry.
const WRITTEN: &[&str] = &[
    "content",
    "line",
    "body",
    "message",
    "text",
    "description",
    "title",
    "name",
    "username",
    "global_name",
    "nick",
    "topic",
    "value",
    "label",
    "before",
    "after",
    "settings",
    "answer",
    "json",
    "follow_up",
    "custom_id",
    "footer",
    "word",
    // Of webhooks and interactions: whoever has them may speak for the bot.
    "token",
    "path",
    "order_key",
];

/// Replaces what people wrote by its length, at any depth.
pub(crate) fn masked(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if WRITTEN.contains(&name.as_str()) {
                    hide(value);
                } else {
                    masked(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(masked),
        _ => {}
    }
}

/// Everything below: a body holds texts under names of its own.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => *value = format!("‹{} characters›", text.chars().count()).into(),
        Value::Object(map) => map.values_mut().for_each(hide),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_wrote_is_shown_by_its_length_at_any_depth() {
        let mut value = json!({"d": {"content": "secret", "id": "1", "embeds": [{"title": "ä"}]}, "body": {"words": ["x"], "n": 2}});
        masked(&mut value);
        assert_eq!(
            value,
            json!({"d": {"content": "‹6 characters›", "id": "1", "embeds": [{"title": "‹1 characters›"}]},
                "body": {"words": ["‹1 characters›"], "n": 2}})
        );
    }
}
