//! The ingress's way to a sender: GETs go through the limits of whoever sends actions. A process with a
//! sender asks that; another asks the process of `MISO_SENDER_URL`, at its ops listener.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use miso_rest_ingress::{GetAnswer, GetRefused, Gets};
use miso_sender::{GET_PATIENCE, GetError, SenderHandle};
use serde::{Deserialize, Serialize};

use crate::ops::Ops;

/// Where another process performs GETs.
pub(crate) const PATH: &str = "/internal/discord/get";
/// Longest path of a GET that is taken from another process, bytes.
const PATH_BYTES: usize = 8_192;
/// Discord's headers come back with this in front of their names, its status in [`STATUS`]: what the other
/// process itself says cannot be taken for Discord's answer.
const DISCORDS: &str = "discord-";
/// Status of Discord's answer; not there: the other process has refused.
const STATUS: &str = "miso-discord-status";
/// How long an answer of the other process is awaited: its own patience and a margin.
const ANSWER_TIME: Duration = GET_PATIENCE.saturating_add(Duration::from_secs(5));

/// What one process asks another for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Get {
    /// Follows `/api/v10`, query included.
    path: String,
}

/// The sender of this process.
#[derive(Debug)]
pub(crate) struct SenderGets(pub(crate) Arc<SenderHandle>);

#[async_trait]
impl Gets for SenderGets {
    async fn get(&self, path: &str) -> Result<GetAnswer, GetRefused> {
        match self.0.get(path).await {
            Ok(answer) => Ok(GetAnswer { status: answer.status, headers: answer.headers, body: answer.body }),
            Err(GetError::Absent) => Err(GetRefused::Absent),
            Err(GetError::TooLong | GetError::Full) => Err(GetRefused::Limited),
            Err(GetError::NoAnswer) => Err(GetRefused::NoAnswer),
        }
    }

    async fn predicted_wait(&self, method: &str, path: &str) -> Duration {
        self.0.predicted_wait(method, path).await
    }
}

/// The sender of another process.
#[derive(Debug)]
pub(crate) struct RemoteGets {
    client: reqwest::Client,
    url: String,
    cluster_key: String,
}

impl RemoteGets {
    /// `base`: the ops listener of a process with a sender.
    pub(crate) fn new(base: &str, cluster_key: &str) -> Self {
        let url = format!("{}{PATH}", base.trim_end_matches('/'));
        Self { client: reqwest::Client::new(), url, cluster_key: cluster_key.to_owned() }
    }
}

#[async_trait]
impl Gets for RemoteGets {
    async fn get(&self, path: &str) -> Result<GetAnswer, GetRefused> {
        let request = self.client.post(&self.url).bearer_auth(&self.cluster_key).timeout(ANSWER_TIME);
        let answer = request.json(&Get { path: path.to_owned() }).send().await.map_err(|error| {
            tracing::warn!(url = self.url, %error, "the sender's process does not answer; look at MISO_SENDER_URL");
            GetRefused::Absent
        })?;
        let status = answer.headers().get(STATUS).and_then(|value| value.to_str().ok()?.parse().ok());
        let Some(status) = status else {
            return Err(match answer.status() {
                StatusCode::TOO_MANY_REQUESTS => GetRefused::Limited,
                StatusCode::BAD_GATEWAY => GetRefused::NoAnswer,
                other => {
                    tracing::warn!(url = self.url, status = %other, "the sender's process takes no GET; look at MISO_SENDER_URL and MISO_CLUSTER_KEY");
                    GetRefused::Absent
                }
            });
        };
        let discords = |(name, value): (&HeaderName, &HeaderValue)| {
            let name = name.as_str().strip_prefix(DISCORDS)?;
            Some((name.parse::<HeaderName>().ok()?, value.clone()))
        };
        let headers: HeaderMap = answer.headers().iter().filter_map(discords).collect();
        let body = answer.bytes().await.map_err(|_| GetRefused::NoAnswer)?;
        Ok(GetAnswer { status, headers, body })
    }
}

/// `POST /internal/discord/get` with [`Get`], for processes that hold the deployment's key.
pub(crate) async fn perform(State(ops): State<Arc<Ops>>, headers: HeaderMap, Json(get): Json<Get>) -> Response {
    let Some((sender, key)) = ops.gets.borrow().clone() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no sender runs here, or MISO_CLUSTER_KEY is not set\n")
            .into_response();
    };
    if !miso_http::key_fits(&key, &headers) {
        return (StatusCode::UNAUTHORIZED, "the deployment's key is missing or wrong\n").into_response();
    }
    if get.path.len() > PATH_BYTES || !get.path.starts_with('/') {
        return (StatusCode::BAD_REQUEST, "a path begins with / and has 8192 bytes at most\n").into_response();
    }
    match SenderGets(sender).get(&get.path).await {
        Ok(answer) => {
            let mut response = Response::new(Body::from(answer.body));
            for (name, value) in &answer.headers {
                if let Ok(name) = format!("{DISCORDS}{name}").parse::<HeaderName>() {
                    response.headers_mut().append(name, value.clone());
                }
            }
            response.headers_mut().insert(STATUS, answer.status.into());
            response
        }
        Err(GetRefused::Absent) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(GetRefused::Limited) => StatusCode::TOO_MANY_REQUESTS.into_response(),
        Err(GetRefused::NoAnswer) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
