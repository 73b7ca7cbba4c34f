//! Discord's JSON objects, top level only: fields stay as the text that came.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An object's fields, borrowed from its text.
pub(crate) type Object<'a> = BTreeMap<String, &'a RawValue>;

/// Reads the top level of an object.
pub(crate) fn object(json: &[u8]) -> Result<Object<'_>, serde_json::Error> {
    serde_json::from_slice(json)
}

/// Reads an array's elements; anything else has none.
pub(crate) fn elements(raw: Option<&&RawValue>) -> Vec<String> {
    raw.and_then(|raw| serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()).ok())
        .unwrap_or_default()
        .into_iter()
        .map(|element| String::from(Box::<str>::from(element)))
        .collect()
}

/// A snowflake, as a string or a number.
pub(crate) fn id(raw: Option<&&RawValue>) -> Option<u64> {
    raw.and_then(|raw| serde_json::from_str::<miso_model::Snowflake>(raw.get()).ok()).map(|id| id.0)
}

/// `id` of an object.
pub(crate) fn id_of(json: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct HasId {
        id: miso_model::Snowflake,
    }
    serde_json::from_str::<HasId>(json).ok().map(|object| object.id.0)
}

/// `user.id` of a member.
pub(crate) fn member_id(json: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct User {
        id: miso_model::Snowflake,
    }
    #[derive(Deserialize)]
    struct Member {
        user: User,
    }
    serde_json::from_str::<Member>(json).ok().map(|member| member.user.id.0)
}

/// Whether a field is the literal `true`.
pub(crate) fn is_true(object: &Object<'_>, field: &str) -> bool {
    object.get(field).is_some_and(|raw| raw.get() == "true")
}

/// Writes an object of these fields.
pub(crate) fn write<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>, out: &mut String) {
    out.push('{');
    let mut first = true;
    for (name, json) in fields {
        field(name, json, &mut first, out);
    }
    out.push('}');
}

/// Writes one field of an object.
pub(crate) fn field(name: &str, json: &str, first: &mut bool, out: &mut String) {
    if !std::mem::take(first) {
        out.push(',');
    }
    out.push_str(&serde_json::Value::from(name).to_string());
    out.push(':');
    out.push_str(json);
}

/// The object's text without some of its fields.
pub(crate) fn without(object: &Object<'_>, left_out: &[&str]) -> String {
    let mut out = String::new();
    let kept = object.iter().filter(|(name, _)| !left_out.contains(&name.as_str()));
    write(kept.map(|(name, raw)| (name.as_str(), raw.get())), &mut out);
    out
}

/// `old` with the fields of `new` laid over it, without those left out.
pub(crate) fn overlaid(old: Option<&str>, new: &Object<'_>, left_out: &[&str]) -> String {
    let Some(mut merged) = old.and_then(|old| object(old.as_bytes()).ok()) else { return without(new, left_out) };
    for (name, raw) in new {
        merged.insert(name.clone(), raw);
    }
    without(&merged, left_out)
}

/// An array with one element, found by its `id`, put in (at its old place, else last) or taken out.
pub(crate) fn array_with(array: Option<&str>, element_id: u64, element: Option<&str>) -> String {
    let old: Vec<Box<RawValue>> = array.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut texts: Vec<&str> = Vec::with_capacity(old.len() + 1);
    let mut placed = false;
    for raw in &old {
        if id_of(raw.get()) != Some(element_id) {
            texts.push(raw.get());
        } else if let Some(element) = element
            && !placed
        {
            texts.push(element);
            placed = true;
        }
    }
    if let Some(element) = element
        && !placed
    {
        texts.push(element);
    }
    format!("[{}]", texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_their_text_survive_an_overlay() {
        let new = object(br#"{"nick":"b","guild_id":"1"}"#).expect("an object");
        let merged = overlaid(Some(r#"{"nick":"a","x_new":{"n":1.50}}"#), &new, &["guild_id"]);
        assert_eq!(merged, r#"{"nick":"b","x_new":{"n":1.50}}"#);
    }

    #[test]
    fn an_element_keeps_its_place_in_an_array() {
        let array = Some(r#"[{"id":"1"},{"id":"2","a":1}]"#);
        assert_eq!(array_with(array, 1, Some(r#"{"id":"1","b":2}"#)), r#"[{"id":"1","b":2},{"id":"2","a":1}]"#);
        assert_eq!(array_with(array, 2, None), r#"[{"id":"1"}]"#);
        assert_eq!(array_with(None, 3, Some(r#"{"id":"3"}"#)), r#"[{"id":"3"}]"#);
    }
}
