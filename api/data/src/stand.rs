//! Where the view stands: said in every answer.

use axum::Json;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use miso_discord_state::DiscordState;
use miso_http::now_ms;
use miso_model::{GuildId, SLOTS, slot};
use serde_json::{Value, json};

/// `partition:offset` of `gateway.events`: everything below is in the answer.
const POSITION: &str = "miso-position";
/// Milliseconds since the newest folded event.
const AGE: &str = "miso-age-ms";

/// Taken before anything is read: what is answered may be newer, never older.
#[derive(Debug)]
pub(crate) struct Stand {
    position: Option<String>,
    age_ms: Option<i64>,
}

impl Stand {
    /// Of one guild's partition.
    pub(crate) fn of_guild(state: &DiscordState, guild: GuildId) -> Self {
        let partition = slot(guild);
        Self {
            position: Some(format!("{partition}:{}", state.folded(partition))),
            age_ms: age(state.folded_at_ms(partition)),
        }
    }

    /// Of all partitions: no one position.
    pub(crate) fn of_all(state: &DiscordState) -> Self {
        Self { position: None, age_ms: age((0..SLOTS).filter_map(|partition| state.folded_at_ms(partition)).max()) }
    }

    /// 200 with the body and where it stands.
    pub(crate) fn answer(self, mut body: Value) -> Response {
        body["meta"] = json!({"position": self.position, "age_ms": self.age_ms});
        let mut response = Json(body).into_response();
        let age = self.age_ms.map(|age| age.to_string());
        for (name, value) in [(POSITION, self.position), (AGE, age)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

fn age(at_ms: Option<i64>) -> Option<i64> {
    at_ms.map(|at| (now_ms() - at).max(0))
}
