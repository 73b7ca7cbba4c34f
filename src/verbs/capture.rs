//! A Discord for replays: it answers what handlers need to go on, and writes down what they asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use miso_datasets::rfc3339;
use serde_json::{Value, json};

use crate::verbs::now_ms;

/// Bytes of a request's body, at most; more is refused as Discord does.
const BODY_BYTES: usize = 16 * 1_024 * 1_024;
/// Milliseconds from the Unix epoch to Discord's.
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

/// What was asked for.
pub(crate) struct Capture {
    out: Mutex<Box<dyn Write + Send>>,
    count: AtomicU64,
    bot: String,
}

impl Capture {
    /// Captures into a file, or to standard output. `credential` begins with the bot's id in base64.
    pub(crate) fn new(file: Option<&Path>, credential: &str) -> anyhow::Result<Self> {
        use base64::Engine as _;
        let out: Box<dyn Write + Send> = match file {
            Some(path) => {
                let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
                Box::new(BufWriter::new(file))
            }
            None => Box::new(std::io::stdout()),
        };
        let id = credential.split('.').next().unwrap_or_default();
        let id = base64::engine::general_purpose::STANDARD_NO_PAD.decode(id).ok();
        let bot = id.and_then(|id| String::from_utf8(id).ok()).unwrap_or_else(|| "0".to_owned());
        Ok(Self { out: Mutex::new(out), count: AtomicU64::new(0), bot })
    }

    /// Requests captured so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Writes what is left; answers how many requests there were.
    pub(crate) fn end(&self) -> anyhow::Result<u64> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).flush().context("the capture cannot be written")?;
        Ok(self.count())
    }

    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(asked).layer(DefaultBodyLimit::max(BODY_BYTES)).with_state(self)
    }

    fn write(&self, line: &Value) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(out, "{line}") {
            tracing::error!(%error, "a captured request cannot be written");
        }
    }
}

async fn asked(State(capture): State<Arc<Capture>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let path = uri.path().trim_start_matches("/api").trim_start_matches("/v10").to_owned();
    if method == Method::GET {
        let known = json!({ "id": capture.bot, "username": "replay", "discriminator": "0", "avatar": null, "bot": true, "flags": 0 });
        return match path.as_str() {
            "/users/@me" | "/applications/@me" | "/oauth2/applications/@me" => axum::Json(known).into_response(),
            _ => (StatusCode::NOT_FOUND, axum::Json(json!({ "message": "Not part of a replay", "code": 0 })))
                .into_response(),
        };
    }
    let number = capture.count.fetch_add(1, Ordering::Relaxed);
    let shown = serde_json::from_slice::<Value>(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
    capture.write(&json!({
        "number": number, "time": rfc3339(now_ms()), "method": method.as_str(), "path": path, "body": shown,
    }));
    answer(&capture, &method, &path, shown, number)
}

/// What Discord would say, near enough for a handler to go on.
fn answer(capture: &Capture, method: &Method, path: &str, body: Value, number: u64) -> Response {
    if *method == Method::PUT || *method == Method::DELETE || path.ends_with("/typing") || path.ends_with("/callback") {
        return StatusCode::NO_CONTENT.into_response();
    }
    let ms = u64::try_from(now_ms() - DISCORD_EPOCH_MS).unwrap_or(0);
    let mut object = if body.is_object() { body } else { json!({}) };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["channels", channel, "messages", rest @ ..] => {
            object["id"] =
                rest.first().map_or_else(|| ((ms << 22) | (number & 0xFFF)).to_string(), |id| (*id).to_owned()).into();
            object["channel_id"] = (*channel).into();
            object["timestamp"] = rfc3339(now_ms()).into();
            object["author"] =
                json!({ "id": capture.bot, "username": "replay", "discriminator": "0", "avatar": null, "bot": true });
            for (name, empty) in
                [("content", json!("")), ("type", json!(0)), ("tts", json!(false)), ("pinned", json!(false))]
            {
                if object[name].is_null() {
                    object[name] = empty;
                }
            }
            for name in ["mentions", "mention_roles", "attachments", "embeds"] {
                if !object[name].is_array() {
                    object[name] = json!([]);
                }
            }
            object["mention_everyone"] = false.into();
            object["edited_timestamp"] = Value::Null;
        }
        _ => {
            if object["id"].is_null() {
                object["id"] = ((ms << 22) | (number & 0xFFF)).to_string().into();
            }
        }
    }
    axum::Json(object).into_response()
}
