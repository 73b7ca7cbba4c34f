//! Every answer against the schema of the served document.

use serde_json::Value;

/// As much of JSON Schema as the document uses. Panics with the place of what does not fit.
pub(crate) fn fits(name: &str, value: &Value) {
    let document = miso_embedder::openapi();
    let schemas = &document["components"]["schemas"];
    if let Err(place) = check(schemas, &schemas[name], value, name) {
        panic!("{place} does not fit: {value:#}");
    }
}

fn check(schemas: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let wrong = || Err(place.to_owned());
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a name");
        assert!(schemas[name].is_object(), "no schema {name}");
        return check(schemas, &schemas[name], value, place);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let reasons: Vec<String> = any.iter().filter_map(|schema| check(schemas, schema, value, place).err()).collect();
        return if reasons.len() < any.len() { Ok(()) } else { Err(reasons.join(" and ")) };
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return if allowed.contains(value) { Ok(()) } else { wrong() };
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        other => panic!("no type at {place}: {other}"),
    };
    let is = |kind: &&str| match *kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    };
    if !kinds.iter().any(is) {
        return wrong();
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        check(schemas, &schema["items"], item, &format!("{place}[{at}]"))?;
    }
    let Some(object) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            return Err(format!("{place}.{name} (missing)"));
        }
    }
    for (name, value) in object {
        let place = format!("{place}.{name}");
        match &schema["properties"][name] {
            Value::Null if schema["additionalProperties"] == false => return Err(format!("{place} (unknown)")),
            Value::Null => {}
            schema => check(schemas, schema, value, &place)?,
        }
    }
    Ok(())
}
