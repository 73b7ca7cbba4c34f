use axum::Json;
use serde_json::{Map, Value, json};

use super::endpoints::{ENDPOINTS, Endpoint, Who};

/// `GET /v1/openapi.json`.
pub(crate) async fn document() -> Json<Value> {
    Json(openapi())
}

/// The OpenAPI document of this service: what `GET /v1/openapi.json` answers.
#[must_use]
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Miso commands API",
            "version": "1",
            "description": "Platform-neutral; the only service with the database. Ids are strings. Services send the \
                deployment's key; who acts for a user sends Miso-Context too, signed with the key.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "MISO_CLUSTER_KEY."},
                "context": {
                    "type": "apiKey", "in": "header", "name": "Miso-Context",
                    "description": "base64url(JSON) \".\" base64url(HMAC-SHA256): user, guild, permissions, via, expires_s.",
                },
            },
            "schemas": {"Problem": {
                "type": "object",
                "description": "RFC 9457; trace_id finds the answer in the logs.",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "trace_id": {"type": "string"},
                    "current": {"type": "integer", "description": "With 409: the version of now."},
                    "by": {"type": "string", "description": "With 409: who made it."},
                    "at": {"type": "integer", "description": "With 409: when, Unix milliseconds."},
                    "fields": {"type": "array", "items": {"type": "string"}, "description": "With 409: the caller's fields that were changed meanwhile."},
                    "errors": {"type": "array", "items": {"type": "object"}, "description": "With 422: pointer, code and message of each value that does not fit."},
                    "retry_after": {"type": "integer", "description": "Seconds."},
                },
            }},
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters: Vec<Value> = endpoint
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(endpoint.query.iter().map(|(name, help)| {
        let kind = if *name == "module" { "string" } else { "integer" };
        json!({"name": name, "in": "query", "description": help, "schema": {"type": kind}})
    }));
    let mut header = |name: &str, help: &str| {
        parameters.push(json!({"name": name, "in": "header", "description": help, "schema": {"type": "string"}}));
    };
    if endpoint.changes() {
        header("Idempotency-Key", "A repeat under the same key changes nothing more and gets the same answer.");
    }
    if endpoint.versioned && endpoint.changes() {
        header(
            "If-Match",
            "The module's version that the caller has seen, in quotes; another one is answered with 409.",
        );
    }
    if endpoint.path.contains("/guilds/") || endpoint.path.contains("/users/") {
        header("Miso-Position", "Of an earlier answer: waited for, 2 seconds at most.");
    }
    let mut responses = Map::new();
    let mut ok = json!({"description": "Done.", "content": {"application/json": content(endpoint.answer)}});
    if endpoint.changes() {
        ok["headers"] = json!({"Miso-Position": {"schema": {"type": "string"}, "description": "partition:offset, where something changed."}});
    }
    responses.insert("200".to_owned(), ok);
    for status in endpoint.refusals.iter().chain(&[401, 429, 503]) {
        let problem = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
        let response = json!({"description": meaning(*status), "content": {"application/problem+json": problem}});
        responses.insert(status.to_string(), response);
    }
    let security = match endpoint.who {
        Who::Service => json!([{"key": []}, {"key": [], "context": []}]),
        Who::Manager | Who::Own => json!([{"key": [], "context": []}]),
    };
    let mut operation = json!({
        "tags": [endpoint.group],
        "summary": endpoint.summary,
        "parameters": parameters,
        "security": security,
        "responses": responses,
    });
    if let Some(body) = endpoint.body {
        operation["requestBody"] = json!({"required": true, "content": {"application/json": content(body)}});
    }
    operation
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "A header, the query or the body cannot be read.",
        401 => "The key or the context is missing, wrong or expired.",
        403 => "The user of the context may not.",
        404 => "There is no such thing.",
        409 => "Changed by somebody else meanwhile.",
        413 => "Too large.",
        422 => "The values do not fit.",
        429 => "Too often: see Retry-After.",
        503 => "Not now: see Retry-After.",
        _ => "Refused.",
    }
}

fn content(example: &str) -> Value {
    let example: Value = serde_json::from_str(example).unwrap_or_default();
    json!({"schema": schema(&example), "example": example})
}

/// The types of an example. Objects may hold more.
fn schema(example: &Value) -> Value {
    match example {
        Value::Null => json!({}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(_) => json!({"type": "integer"}),
        Value::String(_) => json!({"type": "string"}),
        Value::Array(items) => json!({"type": "array", "items": items.first().map_or(json!({}), schema)}),
        Value::Object(members) => {
            let properties: Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), schema(value))).collect();
            json!({"type": "object", "properties": properties})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_json_and_every_address_is_declared_once() {
        let mut seen = std::collections::HashSet::new();
        for endpoint in ENDPOINTS {
            assert!(seen.insert((endpoint.method, endpoint.path)), "{} {}", endpoint.method, endpoint.path);
            assert!(endpoint.summary.ends_with('.') && !endpoint.group.is_empty(), "{}", endpoint.path);
            for example in endpoint.body.iter().chain([&endpoint.answer]) {
                assert!(serde_json::from_str::<Value>(example).is_ok_and(|json| json.is_object()), "{example}");
            }
        }
    }
}
