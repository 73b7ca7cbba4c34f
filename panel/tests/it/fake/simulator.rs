use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{ANN, BOB, Fake, GUILD};

pub(super) fn router(fake: Fake) -> Router {
    Router::new()
        .route("/control/guilds", get(guilds))
        .route("/control/channels/{channel}/messages", get(messages))
        .route("/control/say", post(order))
        .route("/control/join", post(order))
        .route("/control/react", post(order))
        .route("/control/interaction", post(order))
        .route("/control/gateway/drop", post(order))
        .with_state(fake)
}

async fn guilds() -> Json<Value> {
    let channels = json!([{"id": "111", "name": "welcome", "type": 0}, {"id": "113", "name": "voice", "type": 2}]);
    Json(json!([{"id": GUILD, "name": "Miso Club", "channels": channels, "users": [ANN, BOB], "roles": []}]))
}

async fn messages(State(fake): State<Fake>) -> Json<Value> {
    let said = fake.world().said.clone();
    let shown = said.iter().enumerate().filter(|(_, body)| body.get("content").is_some()).map(|(index, body)| {
        json!({"id": index.to_string(), "content": body["content"], "author": {"id": body["user"], "username": "someone"}, "mentions": []})
    });
    Json(shown.collect::<Vec<_>>().into())
}

async fn order(State(fake): State<Fake>, Json(body): Json<Value>) -> Json<Value> {
    fake.world().said.push(body);
    Json(json!({"id": "1"}))
}
