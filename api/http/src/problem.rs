use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use miso_command_catalogue::Problem;

/// A problem on its way out. It rides in the response's extensions until [`answer`] writes it, so that
/// the service can put the trace id in.
#[derive(Debug)]
pub struct Refusal(pub Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
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

/// The whole answer: `application/problem+json`, and `Retry-After` where waiting helps: the problem's
/// own `retry_after`, one second for 503 without one.
#[must_use]
pub fn answer(problem: &Problem, mut response: Response) -> Response {
    let retry = problem.members.retry_after.or_else(|| (problem.status == 503).then_some(1));
    if let Some(seconds) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    *response.body_mut() = serde_json::to_vec(problem).unwrap_or_default().into();
    response
}
