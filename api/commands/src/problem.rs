use axum::response::{IntoResponse, Response};
use miso_bot_store::StoreError;
use miso_command_catalogue::Problem;

/// An error on its way out; the trace id is put in by [`crate::routes`].
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Problem);

/// Bytes of a refusal in the log, at most. One that would be longer is cut: its answer has to fit into a record,
/// whatever was asked, or its decider could not go on.
pub(crate) const REFUSAL_BYTES: usize = 128 * 1_024;
/// Characters that are left of its detail then.
const CUT_DETAIL: usize = 1_000;

/// A refusal as its answer in the log holds it.
pub(crate) fn in_a_record(problem: &Problem) -> Vec<u8> {
    let whole = serde_json::to_vec(problem).unwrap_or_default();
    if whole.len() <= REFUSAL_BYTES {
        return whole;
    }
    let mut cut = problem.clone();
    cut.detail = format!("{}… (The rest is left out.)", cut.detail.chars().take(CUT_DETAIL).collect::<String>());
    cut.members.errors.clear();
    cut.members.fields.clear();
    cut.members.by = None;
    serde_json::to_vec(&cut).unwrap_or_default()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_fits_stays_as_it_is_and_a_longer_one_keeps_what_it_is() {
        let mut problem = Problem::new(422, "invalid-settings", "Not valid", "too long");
        problem.members.fields = vec!["prefix".to_owned()];
        assert_eq!(in_a_record(&problem), serde_json::to_vec(&problem).expect("writes"));
        problem.detail = "ä".repeat(REFUSAL_BYTES);
        problem.members.fields = vec!["x".repeat(REFUSAL_BYTES)];
        problem.members.current = Some(7);
        let cut = in_a_record(&problem);
        assert!(cut.len() <= 4 * CUT_DETAIL + 1_000, "{}", cut.len());
        let cut: Problem = serde_json::from_slice(&cut).expect("a problem");
        assert_eq!((cut.status, cut.slug(), cut.members.current), (422, "invalid-settings", Some(7)));
        assert!(cut.detail.starts_with("ää") && cut.members.fields.is_empty());
    }
}
