//! What the service tells of itself.

use axum::Json;
use serde_json::{Value, json};

/// `GET /v1/health`
pub(super) async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /openapi.json`
pub(super) async fn openapi() -> Json<Value> {
    Json(crate::openapi())
}
