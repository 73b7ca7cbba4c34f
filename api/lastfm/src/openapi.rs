//! The OpenAPI document, out of the table of endpoints.

use serde_json::{Map, Value, json};

use crate::routes::{Access, ENDPOINTS, Endpoint};

/// OpenAPI 3.1: what the service serves at `/v1/openapi.json`.
#[must_use]
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.to_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Miso's Last.fm middleware",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Last.fm's API and pages as one typed API. Every answer tells its sources, its age, whether it is \
                stale (Last.fm failed, and this is the newest there is), and which fields are null because their source failed. \
                Times are Unix milliseconds. `Miso-Lane` (interactive, index, images) says how much of a hurry the caller is in.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "The deployment's key."}},
            "schemas": {"Problem": {
                "type": "object", "required": ["type", "title", "status", "detail"],
                "description": "RFC 9457. The last part of `type`: user-not-found, not-found, nothing-listened (404), listening-private (403), \
                    rate-limited, busy (429), upstream-down (503), upstream-slow (504), bad-key (500), bad-period, bad-cursor, invalid-user, \
                    invalid-query, invalid-body, invalid-lane (400), wrong-key (401), too-large (413).",
                "properties": {
                    "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
                    "trace_id": {"type": "string"}, "retry_after": {"type": "integer", "description": "seconds"},
                },
            }},
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let in_path = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        let schema = match name {
            "kind" => json!({"type": "string", "enum": ["artists", "albums", "tracks"]}),
            _ => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,15}$"}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    let in_query = endpoint.query.iter().map(
        |(name, meaning)| json!({"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}),
    );
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let problem = json!({
        "description": "A problem.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    let content = match example(endpoint.answer) {
        Some(example) => json!({"application/json": {"example": example}}),
        None => json!({"image/jpeg": {}, "image/png": {}, "image/webp": {}}),
    };
    let security = match endpoint.access {
        Access::Open => json!([]),
        Access::Key => json!([{"key": []}]),
    };
    let mut operation = json!({
        "summary": endpoint.summary, "parameters": parameters, "security": security,
        "responses": {"200": {"description": "As the example.", "content": content}, "default": problem},
    });
    if let Some(example) = example(endpoint.body) {
        operation["requestBody"] = json!({"required": true, "content": {"application/json": {"example": example}}});
    }
    operation
}

fn example(text: &str) -> Option<Value> {
    if text.is_empty() { None } else { Some(serde_json::from_str(text).unwrap_or(Value::Null)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_document_is_the_served_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let served = serde_json::to_string_pretty(&openapi()).expect("JSON") + "\n";
        if std::env::var_os("MISO_WRITE_OPENAPI").is_some() {
            std::fs::write(path, &served).expect("written");
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == served, "run this test with MISO_WRITE_OPENAPI=1 and look at what changed");
    }

    #[test]
    fn every_example_is_json_and_every_endpoint_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for endpoint in ENDPOINTS {
            assert!(seen.insert((endpoint.method, endpoint.path)), "{}", endpoint.path);
            for text in [endpoint.body, endpoint.answer] {
                assert!(example(text).is_none_or(|example| example.is_object()), "{}: {text}", endpoint.path);
            }
        }
    }
}
