use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Field, Kind, Module};

/// Bytes of an IANA time zone's name, at most.
const TIMEZONE_BYTES: usize = 64;
/// Bytes of an emoji, at most: a family with skin tones, or a name of 32 characters and an id.
const EMOJI_BYTES: usize = 64;

/// A value that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// JSON Pointer into the values, such as `/rewards/0/level`.
    pub pointer: String,
    /// Short and stable: `unknown_field`, `wrong_type`, `too_long`, `out_of_range`, `too_many`, `twice`,
    /// `not_an_option`, `empty`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Checks new values of a module; null takes a field back to its default. All problems at once. What
/// only Discord's state can tell (whether a channel is there) is not checked here.
///
/// # Errors
/// Every value that does not fit, in the order of their pointers.
pub fn check(module: &Module, values: &Map<String, Value>) -> Result<(), Vec<FieldError>> {
    let mut errors = Vec::new();
    object(module.fields, values, "", &mut errors);
    errors.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn object(fields: &[Field], values: &Map<String, Value>, at: &str, errors: &mut Vec<FieldError>) {
    for (key, value) in values {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        match fields.iter().find(|field| field.key == key) {
            None => errors.push(error(&pointer, "unknown_field", "There is no such field.")),
            Some(_) if value.is_null() => {}
            Some(field) => one(field, value, &pointer, errors),
        }
    }
}

fn error(pointer: &str, code: &str, message: impl Into<String>) -> FieldError {
    FieldError { pointer: pointer.to_owned(), code: code.to_owned(), message: message.into() }
}

fn one(field: &Field, value: &Value, at: &str, errors: &mut Vec<FieldError>) {
    let title = field.title;
    let wrong = |what: &str| error(at, "wrong_type", format!("{title} must be {what}."));
    let result = match field.kind {
        Kind::Switch => value.is_boolean().then_some(()).ok_or_else(|| wrong("on or off")),
        Kind::Text { max_chars } => text(title, value, max_chars, true, at),
        Kind::Template { max_chars, .. } => text(title, value, max_chars, false, at),
        Kind::Integer { min, max } => match value.as_i64() {
            Some(number) if (min..=max).contains(&number) => Ok(()),
            Some(_) => Err(error(at, "out_of_range", format!("{title} must be from {min} to {max}."))),
            None => Err(wrong("a whole number")),
        },
        Kind::Channel { .. } | Kind::Role => is_id(value).then_some(()).ok_or_else(|| wrong("an id")),
        Kind::Channels { max } | Kind::Roles { max } | Kind::Members { max } => {
            list(title, value, max, at, |item| is_id(item).then_some(()).ok_or("an id"))
        }
        Kind::Emoji => {
            let fits =
                value.as_str().is_some_and(|text| (1..=EMOJI_BYTES).contains(&text.len()) && !text.contains(' '));
            fits.then_some(()).ok_or_else(|| wrong("an emoji"))
        }
        Kind::Choice { options } => {
            let fits = value.as_str().is_some_and(|text| options.iter().any(|(option, _)| *option == text));
            let names = || options.iter().map(|(option, _)| *option).collect::<Vec<_>>().join(", ");
            fits.then_some(())
                .ok_or_else(|| error(at, "not_an_option", format!("{title} must be one of: {}.", names())))
        }
        Kind::Timezone => {
            let fits = value.as_str().is_some_and(|text| (1..=TIMEZONE_BYTES).contains(&text.len()) && text.is_ascii());
            fits.then_some(()).ok_or_else(|| wrong("a time zone such as Europe/Helsinki"))
        }
        Kind::Words { max, max_chars } => list(title, value, max, at, |item| {
            let fits = item.as_str().is_some_and(|text| !text.trim().is_empty() && text.chars().count() <= max_chars);
            fits.then_some(()).ok_or("a short text")
        }),
        Kind::Table { columns, max_rows, key } => return table(field, columns, (max_rows, key), value, at, errors),
    };
    errors.extend(result.err());
}

fn text(title: &str, value: &Value, max: usize, one_line: bool, at: &str) -> Result<(), FieldError> {
    let Some(text) = value.as_str() else { return Err(error(at, "wrong_type", format!("{title} must be a text."))) };
    let chars = text.chars().count();
    if text.trim().is_empty() {
        return Err(error(at, "empty", format!("{title} must not be empty.")));
    }
    if chars > max {
        return Err(error(at, "too_long", format!("{title} has {chars} characters; {max} at most.")));
    }
    if one_line && (text.contains(['\n', '\r']) || text.starts_with(char::is_whitespace)) {
        return Err(error(at, "wrong_type", format!("{title} must be one line and not begin with a space.")));
    }
    Ok(())
}

fn list(
    title: &str,
    value: &Value,
    max: usize,
    at: &str,
    item: impl Fn(&Value) -> Result<(), &'static str>,
) -> Result<(), FieldError> {
    let Some(items) = value.as_array() else { return Err(error(at, "wrong_type", format!("{title} must be a list."))) };
    if items.len() > max {
        return Err(error(at, "too_many", format!("{title} takes {max} at most; these are {}.", items.len())));
    }
    let mut seen = HashSet::new();
    for (index, value) in items.iter().enumerate() {
        let at = format!("{at}/{index}");
        item(value).map_err(|what| error(&at, "wrong_type", format!("Each of {title} must be {what}.")))?;
        if !seen.insert(value.as_str()) {
            return Err(error(&at, "twice", format!("{title} holds the same twice.")));
        }
    }
    Ok(())
}

fn table(
    field: &Field,
    columns: &'static [Field],
    (max_rows, key): (usize, &str),
    value: &Value,
    at: &str,
    errors: &mut Vec<FieldError>,
) {
    let title = field.title;
    let Some(rows) = value.as_array() else {
        return errors.push(error(at, "wrong_type", format!("{title} must be a list.")));
    };
    if rows.len() > max_rows {
        return errors.push(error(
            at,
            "too_many",
            format!("{title} takes {max_rows} at most; these are {}.", rows.len()),
        ));
    }
    let mut seen = HashSet::new();
    for (index, row) in rows.iter().enumerate() {
        let at = format!("{at}/{index}");
        let Some(row) = row.as_object() else {
            errors.push(error(&at, "wrong_type", format!("Each of {title} must be an object.")));
            continue;
        };
        object(columns, row, &at, errors);
        match row.get(key).filter(|value| !value.is_null()) {
            None => errors.push(error(&format!("{at}/{key}"), "empty", format!("Each of {title} needs its {key}."))),
            Some(value) if !seen.insert(value.to_string().to_lowercase()) => {
                errors.push(error(&format!("{at}/{key}"), "twice", format!("{title} holds the same {key} twice.")));
            }
            Some(_) => {}
        }
    }
}

fn is_id(value: &Value) -> bool {
    let digits = |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    value.as_str().is_some_and(|text| digits(text) && text.parse::<u64>().is_ok_and(|id| id > 0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::module;

    fn codes(key: &str, values: Value) -> Vec<(String, String)> {
        let Value::Object(values) = values else { panic!("an object") };
        let errors = check(module(key).expect("declared"), &values).err().unwrap_or_default();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    fn wrong(key: &str, values: Value) -> String {
        codes(key, values).into_iter().map(|(pointer, code)| format!("{pointer} {code}")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn values_that_fit_pass_and_null_takes_back() {
        assert_eq!(wrong("greeting", json!({"enabled": true, "channel": "42", "message": "Hi {mention}\nthere"})), "");
        assert_eq!(wrong("greeting", json!({"channel": null})), "");
        assert_eq!(wrong("activity", json!({"rewards": [{"level": 5, "role": "7"}]})), "");
        assert_eq!(wrong("general", json!({"prefix": "miso "})), "");
    }

    #[test]
    fn all_problems_are_named_at_once_with_their_place() {
        assert_eq!(
            wrong("greeting", json!({"enabled": "yes", "channel": 42, "colour": 1, "message": " "})),
            "/channel wrong_type, /colour unknown_field, /enabled wrong_type, /message empty"
        );
        assert_eq!(wrong("general", json!({"prefix": "x".repeat(33)})), "/prefix too_long");
        assert_eq!(wrong("general", json!({"prefix": "a\nb"})), "/prefix wrong_type");
        assert_eq!(
            wrong("starboard", json!({"amount": 0, "ignored": ["1", "1"]})),
            "/amount out_of_range, /ignored/1 twice"
        );
        assert_eq!(
            wrong(
                "activity",
                json!({"rewards": [{"level": 0, "role": "7"}, {"level": 5}, {"level": 5}, {"role": "9"}]})
            ),
            "/rewards/0/level out_of_range, /rewards/2/level twice, /rewards/3/level empty"
        );
        assert_eq!(wrong("greeting", json!({"channel": "18446744073709551616"})), "/channel wrong_type");
    }
}
