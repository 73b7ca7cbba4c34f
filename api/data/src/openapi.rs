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
            "title": "Miso's data API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Discord's data out of the folded state, and the login with Discord. Every answer says where in the \
                log it stands (`Miso-Position`, of one guild's partition) and the age of the newest event in it (`Miso-Age-Ms`).",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "user": {"type": "http", "scheme": "bearer", "description": "The access token that Discord gave to the user."},
                "key": {"type": "http", "scheme": "bearer", "description": "The deployment's key; beside it, `Miso-Context` for whom a service asks."},
            },
            "schemas": {"Problem": {
                "type": "object", "description": "RFC 9457", "required": ["type", "title", "status", "detail"],
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
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "pattern": "^[0-9]+$"}})
    });
    let in_query = endpoint.query.iter().map(
        |(name, meaning)| json!({"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}),
    );
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let problem = json!({
        "description": "A problem.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    let answer = match example(endpoint.answer) {
        Some(example) => {
            ("200", json!({"description": "As the example.", "content": {"application/json": {"example": example}}}))
        }
        None => ("204", json!({"description": "Done."})),
    };
    let security = match endpoint.access {
        Access::Open => json!([]),
        Access::Key => json!([{"key": []}]),
        Access::User | Access::Member => json!([{"user": []}, {"key": []}]),
    };
    let mut operation = json!({
        "summary": endpoint.summary, "parameters": parameters, "security": security,
        "responses": {answer.0: answer.1, "default": problem},
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
