//! What the service tells of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use miso_http::now_ms;
use serde_json::{Value, json};

use crate::access::Service;
use crate::api::Api;
use crate::chain::LookUp;
use crate::fetch::MAX_FETCHES;
use crate::providers::Provider;

/// `GET /v1/health`
pub(super) async fn health(State(api): State<Arc<Api>>) -> Json<Value> {
    let fetcher = &api.core.look_up.fetcher;
    let (entries, bytes) = {
        let cache = api.core.cache();
        (cache.len(), cache.bytes())
    };
    let look_up = &api.core.look_up;
    let worst = look_up.providers.all.iter().map(|provider| {
        let colours: Vec<&str> = strategies(look_up, provider).map(|(_, colour)| colour).collect();
        let works = colours.iter().any(|colour| *colour != "red");
        (
            provider.name.clone(),
            json!(if !provider.enabled {
                "off"
            } else if works {
                "works"
            } else {
                "broken"
            }),
        )
    });
    Json(json!({
        "status": "ok", "cache": {"entries": entries, "bytes": bytes}, "providers": worst.collect::<serde_json::Map<_, _>>(),
        "fetches": {"under_way": fetcher.under_way(), "at_most": MAX_FETCHES, "bytes": fetcher.read_bytes()},
    }))
}

fn strategies<'a>(look_up: &'a LookUp, provider: &'a Provider) -> impl Iterator<Item = (String, &'static str)> + 'a {
    let on = move |id: &&'static crate::strategy::Strategy| look_up.providers.is_on(id.id);
    provider
        .chain
        .iter()
        .copied()
        .filter(on)
        .map(move |strategy| (strategy.name(), look_up.health().of(strategy.id).colour(now_ms())))
}

/// `GET /v1/providers`
pub(super) async fn providers(State(api): State<Arc<Api>>, _: Service) -> Json<Value> {
    let look_up = &api.core.look_up;
    let providers: Vec<Value> = look_up
        .providers
        .all
        .iter()
        .map(|provider| {
            let strategies: Vec<Value> = provider
                .chain
                .iter()
                .map(|strategy| {
                    let record = look_up.health().of(strategy.id);
                    json!({
                        "id": strategy.name(), "enabled": look_up.providers.is_on(strategy.id), "health": record.colour(now_ms()),
                        "good_percent": record.percent(), "open": record.is_open(now_ms()), "last_good_ms": record.last_good_ms,
                        "yields": strategy.yields,
                    })
                })
                .collect();
            json!({"name": provider.name, "enabled": provider.enabled, "hosts": provider.hosts, "strategies": strategies})
        })
        .collect();
    Json(json!({"providers": providers, "public_url": api.public_url}))
}

/// `GET /openapi.json`
pub(super) async fn openapi() -> Json<Value> {
    Json(crate::openapi())
}
