//! GETs: from what is known here, else through the sender's limits.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;

use crate::{Ingress, answer};

/// Discord's answer to a GET.
#[derive(Debug, Clone)]
pub struct GetAnswer {
    /// HTTP status.
    pub status: u16,
    /// Discord's headers.
    pub headers: HeaderMap,
    /// Whole.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetRefused {
    /// No sender can be reached: 503.
    Absent,
    /// The limits do not allow it soon: 429.
    Limited,
    /// Discord did not answer: 502.
    NoAnswer,
}

/// Who performs GETs, within the limits of the bot.
#[async_trait]
pub trait Gets: Send + Sync + std::fmt::Debug {
    /// Performs a GET; `path` follows `/api/v10`, query included.
    async fn get(&self, path: &str) -> Result<GetAnswer, GetRefused>;

    /// About how long an action of this route, accepted now, would wait for its limits; zero where
    /// that is not known.
    async fn predicted_wait(&self, method: &str, path: &str) -> Duration {
        let _ = (method, path);
        Duration::ZERO
    }
}

/// How long the application object is good for: every library asks for it at login.
const FRESH: Duration = Duration::from_secs(60);

/// Answers that every handler asks for at login: at most three paths.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<HashMap<&'static str, (Instant, GetAnswer)>>);

impl Cache {
    fn fresh(&self, path: &str) -> Option<GetAnswer> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(path).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, answer)| answer.clone())
    }

    fn keep(&self, path: &'static str, answer: &GetAnswer) {
        if answer.status == 200 {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path, (Instant::now(), answer.clone()));
        }
    }
}

/// Answers a GET of an authenticated handler.
pub(crate) async fn get(ingress: &Ingress, path: &str) -> Response {
    let bare = path.split('?').next().unwrap_or_default();
    let cached = match bare {
        "/gateway" => return answer::json(200, &json!({"url": ingress.config.public_url})),
        "/gateway/bot" => return gateway_bot(ingress),
        "/users/@me" => {
            if let Some(own) = ingress.state.own_user() {
                return answer::json_bytes(200, own.json);
            }
            "/users/@me"
        }
        "/applications/@me" => "/applications/@me",
        "/oauth2/applications/@me" => "/oauth2/applications/@me",
        _ => return passed(ingress.gets.get(path).await),
    };
    if let Some(known) = ingress.cached.fresh(cached) {
        return passed(Ok(known));
    }
    let asked = ingress.gets.get(path).await;
    if let Ok(answer) = &asked {
        ingress.cached.keep(cached, answer);
    }
    passed(asked)
}

fn gateway_bot(ingress: &Ingress) -> Response {
    // Sessions here cost nothing at Discord: they are never scarce.
    let limit = json!({"total": 1_000, "remaining": 1_000, "reset_after": 86_400_000, "max_concurrency": 16});
    answer::json(
        200,
        &json!({"url": ingress.config.public_url, "shards": ingress.config.shards, "session_start_limit": limit}),
    )
}

fn passed(asked: Result<GetAnswer, GetRefused>) -> Response {
    match asked {
        Ok(found) => answer::of_discord(found.status, &found.headers, found.body),
        Err(GetRefused::Limited) => answer::limited(Duration::from_secs(5)),
        Err(GetRefused::NoAnswer) => answer::problem(502, "Discord did not answer."),
        Err(GetRefused::Absent) => answer::unavailable("No sender is running: start `miso run sender`."),
    }
}
