use std::time::Duration;

use miso_command_catalogue::Problem;
use miso_log::catalogue::{AGGREGATES, BOT_REQUESTS};
use miso_log::{Append, AppendError};
use miso_model::{Aggregate, Answer, LogRecord, Request};

use crate::api::Api;

/// How long an answer is awaited before the request is appended again under its id.
pub const ASK_PATIENCE: Duration = Duration::from_secs(4);
/// How often a request is appended, at most; then the caller gets 503 and may ask again with its
/// `Idempotency-Key`. It takes effect once all the same.
pub const ASK_ATTEMPTS: usize = 3;

impl Api {
    /// Has a request decided. What the decider refuses is a problem too.
    pub(crate) async fn ask(&self, aggregate: Aggregate, request: &Request) -> Result<Answer, Problem> {
        let partition = aggregate.partition(AGGREGATES);
        if !self.board.is_read().await {
            return Err(Problem::new(
                503,
                "starting",
                "Not ready yet",
                "The bot is still starting. Try again in a moment.",
            ));
        }
        let mut place = self.board.wait_for(&request.aggregate, &request.request_id).map_err(|_| {
            Problem::new(503, "busy", "Too many requests wait", "The bot is busy. Try again in a moment.")
        })?;
        let record = Append::new(BOT_REQUESTS, partition, request.to_bytes(), request.at_ms);
        for _ in 0..ASK_ATTEMPTS {
            match self.log.append(vec![record.clone()]).await {
                Ok(_) => {}
                Err(error @ AppendError::TooLarge { .. }) => {
                    return Err(Problem::new(413, "too-large", "The request is too large", error.to_string()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a request was not accepted");
                    return Err(Problem::new(
                        503,
                        "log-unavailable",
                        "The log is away",
                        "The bot cannot take requests now. Try again in a moment.",
                    ));
                }
            }
            match tokio::time::timeout(ASK_PATIENCE, &mut place.answer).await {
                Ok(Ok(answer)) => return refused(answer),
                Ok(Err(_)) => break,
                Err(_) => metrics::counter!("miso_commands_requests_repeated_total").increment(1),
            }
        }
        Err(Problem::new(
            503,
            "no-answer",
            "The request is not decided yet",
            "The bot has taken the request but not answered it yet. Asking again with the same Idempotency-Key is safe.",
        ))
    }
}

fn refused(answer: Answer) -> Result<Answer, Problem> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    Err(serde_json::from_slice(&answer.body).unwrap_or_else(|_| {
        Problem::new(500, "unreadable-answer", "The answer is unreadable", "The bot answered in a way it cannot read.")
    }))
}
