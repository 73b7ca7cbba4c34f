//! The OpenAPI document, out of the table of endpoints.

use serde_json::{Map, Value, json};

use crate::routes::{ENDPOINTS, Endpoint, Returns};
use crate::schema::schemas;

/// What goes wrong with a link, by its status.
const PROBLEMS: [(&str, &str); 9] = [
    ("403", "private, login_required, age_restricted: the site's own word"),
    ("404", "gone: the site's own word"),
    ("413", "too_large"),
    ("415", "unsupported_url"),
    ("422", "blocked_address: the link leads where nobody outside is let"),
    ("429", "busy"),
    ("502", "provider_broken: no strategy got an answer that makes sense"),
    ("504", "provider_slow"),
    ("default", "another problem"),
];

/// OpenAPI 3.1: what the service serves at `/openapi.json`.
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
            "title": "Miso's media embedder",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Posts of social sites in one schema. It fetches only what is open to the public, and all of it within bounds.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "The deployment's key."}},
            "schemas": schemas(),
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let in_path = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        in_path.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = endpoint.query.iter().map(|(name, meaning)| {
        json!({"name": name, "in": "query", "required": *name == "url", "description": meaning, "schema": {"type": "string"}})
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let content = match endpoint.returns {
        Returns::Schema(name) => {
            json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}})
        }
        Returns::Object => json!({"application/json": {"schema": {"type": "object"}}}),
        Returns::File => json!({"image/*": {}, "video/*": {}, "audio/*": {}}),
    };
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({"description": "As asked.", "content": content}));
    let problems =
        PROBLEMS.iter().filter(|(status, _)| *status == "default" || !matches!(endpoint.returns, Returns::Object));
    for (status, meaning) in problems {
        let content = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        responses.insert((*status).to_owned(), json!({"description": meaning, "content": content}));
    }
    let security = if endpoint.is_open { json!([]) } else { json!([{"key": []}]) };
    let mut operation =
        json!({"summary": endpoint.summary, "parameters": parameters, "security": security, "responses": responses});
    if endpoint.method == "POST" {
        let example =
            json!({"urls": ["https://bsky.app/profile/ann.example/post/3k"], "lang": "en", "max_bytes": 5_000_000});
        operation["requestBody"] = json!({"required": true, "content": {"application/json": {"example": example}}});
    }
    operation
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
}
