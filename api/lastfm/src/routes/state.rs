//! How the service itself is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::Caller;
use crate::scrape::Scraper;
use crate::scrape::health::Light;
use crate::service::Service;

/// `GET /v1/openapi.json`
pub(super) async fn openapi() -> Json<Value> {
    Json(crate::openapi())
}

/// `GET /v1/health`
pub(super) async fn health(State(service): State<Arc<Service>>) -> Json<Value> {
    let lights = Scraper::ALL.map(|scraper| (scraper.id(), service.health(scraper, |health| health.light())));
    let worst = if lights.iter().any(|(_, light)| *light == Light::Red) {
        Light::Red
    } else if service.fonts.names().is_empty() || lights.iter().any(|(_, light)| *light == Light::Amber) {
        Light::Amber
    } else {
        Light::Green
    };
    let lights: Map<String, Value> = lights.into_iter().map(|(id, light)| (id.to_owned(), json!(light))).collect();
    let (entries, bytes) = service.cached();
    let [interactive, index, images] = service.upstream.waiting();
    Json(json!({
        "status": worst, "scrapers": lights, "fonts": service.fonts.names(),
        "cache": {"entries": entries, "bytes": bytes},
        "waiting": {"interactive": interactive, "index": index, "images": images},
    }))
}

/// `GET /v1/scrapers`
pub(super) async fn scrapers(_: Caller, State(service): State<Arc<Service>>) -> Json<Value> {
    let now_ms = service.clock.now_ms();
    let scrapers = Scraper::ALL.map(|scraper| {
        service.health(scraper, |health| {
            let (pages, shape_errors) = health.counts();
            json!({
                "id": scraper.id(), "light": health.light(), "read_permille": health.permille(),
                "circuit_open": !health.allows(now_ms), "pages": pages, "shape_errors": shape_errors,
                "failing_page": health.failing(),
            })
        })
    });
    Json(json!({"scrapers": scrapers}))
}
