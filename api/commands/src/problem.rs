use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use miso_bot_store::StoreError;
use miso_command_catalogue::Problem;

/// An error on its way out; the trace id is put in by [`crate::routes`].
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "a read failed");
                Self(Problem::new(
                    503,
                    "store-unavailable",
                    "The database is away",
                    "The bot's database is away. Try again in a moment.",
                ))
            }
            StoreError::Unexpected { .. } | StoreError::Refused(_) => {
                tracing::error!(%error, "a read failed");
                Self(Problem::new(
                    500,
                    "store-failed",
                    "The database failed",
                    "Something is broken in the bot's database.",
                ))
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// The whole answer.
pub(crate) fn body(problem: &Problem, mut response: Response) -> Response {
    let retry = (problem.status == 503).then(|| header::HeaderValue::from_static("1"));
    if let Some(seconds) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    let json = header::HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    *response.body_mut() = serde_json::to_vec(problem).unwrap_or_default().into();
    response
}
