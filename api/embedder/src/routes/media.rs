//! A link, or several, as the one schema.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use miso_command_catalogue::Problem;
use miso_http::Refusal;
use serde::{Deserialize, Serialize};

use super::BODY_BYTES;
use crate::access::Service;
use crate::answer::Answer;
use crate::api::{Api, Wish};

/// Links of one batch, at most.
pub(crate) const MAX_BATCH: usize = 10;
/// Bytes of a file where the caller names no bound.
const USUAL_BYTES: u64 = 25 << 20;
/// Bytes of a file that a caller may ask for.
pub(crate) const MAX_FILE_BYTES: u64 = 100 << 20;
/// Bytes of a language's name, at most.
const MAX_LANG: usize = 16;

#[derive(Debug, Deserialize)]
pub(super) struct One {
    url: String,
    lang: Option<String>,
    max_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    urls: Vec<String>,
    lang: Option<String>,
    max_bytes: Option<u64>,
}

/// One link's row: one link's failure stays its own.
#[derive(Debug, Serialize)]
struct Row {
    url: String,
    media: Option<Answer>,
    problem: Option<Problem>,
}

fn wish(url: &str, lang: Option<String>, max_bytes: Option<u64>) -> Result<Wish, Problem> {
    let wrong = |detail: String| Problem::new(400, "invalid-query", "The query does not fit", detail);
    let lang = lang.unwrap_or_else(|| "en".to_owned());
    if lang.is_empty()
        || lang.len() > MAX_LANG
        || !lang.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(wrong("`lang` is a language such as `en` or `pt-BR`.".to_owned()));
    }
    let max_bytes = max_bytes.unwrap_or(USUAL_BYTES);
    if !(1..=MAX_FILE_BYTES).contains(&max_bytes) {
        return Err(wrong(format!("`max_bytes` is 1 to {MAX_FILE_BYTES}.")));
    }
    Ok(Wish { url: url.trim().to_owned(), lang, max_bytes })
}

/// `GET /v1/media`
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    _: Service,
    query: Result<Query<One>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(One { url, lang, max_bytes }) = query
        .map_err(|rejection| Problem::new(400, "invalid-query", "The query does not fit", rejection.body_text()))?;
    let answer = api.answer(&wish(&url, lang, max_bytes)?).await.map_err(|failure| failure.problem())?;
    let age = HeaderValue::from(answer.meta.age_s);
    let mut response = Json(answer).into_response();
    response.headers_mut().insert(header::AGE, age);
    Ok(response)
}

/// `POST /v1/media/batch`
pub(super) async fn batch(
    State(api): State<Arc<Api>>,
    _: Service,
    body: Result<Json<Batch>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(Batch { urls, lang, max_bytes }) = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("A body has up to {BODY_BYTES} bytes.");
            Problem::new(413, "too-large", "The request is too large", detail)
        }
        _ => Problem::new(400, "invalid-body", "The body does not fit", rejection.body_text()),
    })?;
    if urls.is_empty() || urls.len() > MAX_BATCH {
        let detail = format!("`urls` has 1 to {MAX_BATCH} links.");
        return Err(Problem::new(400, "invalid-body", "The body does not fit", detail).into());
    }
    let wishes: Vec<Wish> =
        urls.iter().map(|url| wish(url, lang.clone(), max_bytes)).collect::<Result<_, Problem>>()?;
    let rows = wishes.iter().map(|wish| async {
        let (media, problem) = match api.answer(wish).await {
            Ok(answer) => (Some(answer), None),
            Err(failure) => (None, Some(failure.problem())),
        };
        Row { url: wish.url.clone(), media, problem }
    });
    let items: Vec<Row> = join_all(rows).await;
    Ok(Json(serde_json::json!({"items": items})).into_response())
}
