use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use miso_command_catalogue::Problem;

use crate::clients::ClientError;

/// Why there is no page; [`crate::guard`] makes one of it that fits the visitor.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Nobody is logged in, or Discord does not know the login any more.
    SignIn,
    /// Nothing is here.
    NotFound,
    /// They may not see it: what they need, and who can give it.
    Forbidden { needs: String, who: String },
    /// A service is away.
    Away { service: &'static str },
    /// Something else, said by a service or by the panel.
    Problem(Box<Problem>),
}

impl Failure {
    /// Of the panel's own making.
    pub(crate) fn new(status: u16, slug: &str, title: &str, detail: impl Into<String>) -> Self {
        Self::Problem(Box::new(Problem::new(status, slug, title, detail)))
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Away { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Problem(problem) => StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Away { service, reason } => {
                tracing::warn!(service, reason, "a service is away");
                Self::Away { service }
            }
            ClientError::Refused { service: "data API", problem } if problem.status == 401 => Self::SignIn,
            ClientError::Refused { problem, .. } if problem.status == 404 => Self::NotFound,
            ClientError::Refused { problem, .. } => Self::Problem(problem),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
