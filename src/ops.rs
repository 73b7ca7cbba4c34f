//! The ops listener: `/healthz`, `/readyz`, `/metrics`, the control routes of `miso group` and of what
//! operators do, and, with `MISO_FAULTS=1`, `/faults/{role}`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::control::ControlKey;
use crate::readiness::Readiness;
use crate::supervisor::Supervisor;
use miso_groups::Groups;
use miso_sender::SenderHandle;

/// What the ops routes need.
pub(crate) struct Ops {
    pub readiness: Readiness,
    pub metrics: PrometheusHandle,
    pub supervisor: Supervisor,
    /// Set once the log is open, in a process that manages groups.
    pub groups: tokio::sync::watch::Receiver<Option<Arc<Groups>>>,
    /// Set once the log is open.
    pub log: tokio::sync::watch::Receiver<Option<miso_log::SharedLog>>,
    pub control_key: Arc<ControlKey>,
    /// The sender of this process and the deployment's key, where both are there and the log is open.
    pub gets: tokio::sync::watch::Receiver<Option<(Arc<SenderHandle>, String)>>,
    pub faults: bool,
}

/// The router of the ops listener.
pub(crate) fn router(ops: Ops) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/control/groups", post(crate::control::groups))
        .route(crate::operator::PATH, post(crate::operator::carry_out).layer(crate::operator::body_limit()))
        .route(crate::gets::PATH, post(crate::gets::perform));
    if ops.faults {
        router = router.route("/faults/{role}", post(fault));
    }
    router.with_state(Arc::new(ops))
}

async fn ready(State(ops): State<Arc<Ops>>) -> Response {
    let status = if ops.readiness.all_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let parts: serde_json::Map<String, serde_json::Value> = ops
        .readiness
        .report()
        .into_iter()
        .map(|(part, why)| (part, why.map_or_else(|| "ready".into(), serde_json::Value::String)))
        .collect();
    let body = serde_json::json!({ "ready": status == StatusCode::OK, "parts": parts });
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn metrics(State(ops): State<Arc<Ops>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], ops.metrics.render())
}

/// Aborts a role at whatever await it stands; the supervisor starts it again.
async fn fault(State(ops): State<Arc<Ops>>, Path(role): Path<String>, _headers: HeaderMap) -> Response {
    match ops.supervisor.abort(&role) {
        Some(aborts) => serde_json::json!({ "role": role, "aborts": aborts }).to_string().into_response(),
        None => (StatusCode::NOT_FOUND, format!("no role {role} runs in this process\n")).into_response(),
    }
}
