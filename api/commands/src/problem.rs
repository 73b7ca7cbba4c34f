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
        miso_http::Refusal(self.0).into_response()
    }
}
