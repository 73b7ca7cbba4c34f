//! What operators do that must be on record: written into `operator.acts` by whoever may write the log.
//! Where a process runs on the data folder, that is it, asked through a control route; else this one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use miso_log::{Append, LogError, SharedLog, catalogue};
use miso_model::{LogRecord as _, OperatorAct};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::ops::Ops;

/// The control route.
pub(crate) const PATH: &str = "/control/operator";
/// Bytes of one call, at most: the largest record in base64, and its act.
const BODY_BYTES: usize = 26 * 1_024 * 1_024;

/// Acts, and records that they put back into the log.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Acts {
    pub acts: Vec<OperatorAct>,
    pub records: Vec<PutBack>,
}

/// A record that goes back to where it came from.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PutBack {
    pub topic: String,
    pub partition: i32,
    /// Base64.
    pub value: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

impl PutBack {
    pub(crate) fn new(topic: &str, partition: i32, value: &[u8], at_ms: i64) -> Self {
        Self { topic: topic.to_owned(), partition, value: STANDARD.encode(value), at_ms }
    }
}

/// An act of the user of this system, now.
pub(crate) fn act(act: &str, subject: &str, range: &str, masked: bool) -> OperatorAct {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned());
    OperatorAct {
        actor: format!("operator/{name}"),
        act: act.to_owned(),
        subject: subject.to_owned(),
        range: range.to_owned(),
        masked,
        at_ms: crate::verbs::now_ms(),
    }
}

pub(crate) fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BODY_BYTES)
}

/// Puts acts on record, and their records back, all together.
///
/// # Errors
/// When neither a running process nor this one can write the log: then what was to be done must not be.
pub(crate) async fn put_on_record(config: &Config, acts: Acts) -> anyhow::Result<()> {
    if config.log.starts_with("file:") && crate::control::post::<()>(&config.data_dir, PATH, &acts).await?.is_some() {
        return Ok(());
    }
    let log = match miso_log::open(&config.log, "miso").await {
        Ok(log) => log,
        Err(LogError::InUse(why)) => anyhow::bail!(
            "{why}. What operators do is put on record, and the process that writes this log was started with \
             another MISO_DATA_DIR: give the same one here"
        ),
        Err(error) => anyhow::bail!("what operators do is put on record in the log, which cannot be written: {error}"),
    };
    let written = append(&log, acts).await;
    log.close().await;
    written.map_err(|why| anyhow::anyhow!("{why}"))
}

async fn append(log: &SharedLog, acts: Acts) -> Result<(), String> {
    // The act first: an end in between leaves a record that is known as put back and is not, never one twice.
    let of_act = |act: &OperatorAct| Append::new(catalogue::OPERATOR_ACTS, 0, act.to_bytes(), act.at_ms);
    let mut records: Vec<Append> = acts.acts.iter().map(of_act).collect();
    for back in acts.records {
        let topic = catalogue::by_name(&back.topic).ok_or_else(|| format!("there is no topic {}", back.topic))?;
        let value = STANDARD.decode(&back.value).map_err(|error| format!("the record is not base64: {error}"))?;
        records.push(Append::new(topic, back.partition, value, back.at_ms));
    }
    log.append(records).await.map(drop).map_err(|error| error.to_string())
}

/// The control route's handler.
pub(crate) async fn carry_out(State(ops): State<Arc<Ops>>, headers: HeaderMap, Json(acts): Json<Acts>) -> Response {
    if !ops.control_key.matches(&headers) {
        return (StatusCode::UNAUTHORIZED, "the control key does not match").into_response();
    }
    let log = ops.log.borrow().clone();
    let Some(log) = log else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the log is not open yet; try again").into_response();
    };
    match append(&log, acts).await {
        Ok(()) => Json(()).into_response(),
        Err(why) => (StatusCode::CONFLICT, why).into_response(),
    }
}
