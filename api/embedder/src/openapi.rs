//! The OpenAPI document, out of the table of endpoints.

use serde_json::{Map, Value, json};

use crate::routes::{ENDPOINTS, Endpoint};

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
            "description": "Posts of social sites in one schema.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "The deployment's key."}},
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    json!({"summary": endpoint.summary})
}
