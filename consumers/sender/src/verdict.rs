//! What follows from an attempt: the table of retries. Pure.

use std::time::Duration;

use miso_model::RouteClass;

use crate::nonce::Nonce;
use crate::seen::Seen;

/// A nonce is enforced by Discord "for a few minutes"; we rely on so much of it, milliseconds.
pub const NONCE_WINDOW_MS: i64 = 120_000;
/// Attempts of one action that may have reached Discord, at most; then its outcome says so.
pub const MAX_ATTEMPTS: i32 = 8;
/// Attempts of a GET, at most.
pub const MAX_GET_ATTEMPTS: i32 = 3;

const UNKNOWN_MESSAGE: i64 = 10_008;

/// How a request may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Under an enforced nonce, within [`NONCE_WINDOW_MS`].
    Nonced,
    /// Any time, as long as nothing newer went to the same resource.
    Idempotent,
    /// Never, once it may have taken effect.
    Never,
    /// A GET.
    Read,
}

impl Repeat {
    /// Of a class; `nonce` counts for create-message only.
    #[must_use]
    pub fn of(class: RouteClass, nonce: Nonce) -> Self {
        match (class, nonce) {
            (RouteClass::CreateMessage, Nonce::Ours | Nonce::ClientEnforced) => Self::Nonced,
            (RouteClass::CreateMessage, Nonce::Unenforced) | (RouteClass::Post, _) => Self::Never,
            (RouteClass::Idempotent, _) => Self::Idempotent,
            (RouteClass::Get, _) => Self::Read,
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended<'a> {
    /// Discord (or what stands before it) answered.
    Answered(&'a Seen),
    /// No byte left.
    NotSent,
    /// Bytes left, no answer came.
    Lost,
}

/// What is known of an action's attempts so far, the one that just ended included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// From 1.
    pub attempt: i32,
    /// When the first attempt of unknown effect began, Unix milliseconds; `None`: there is none.
    pub uncertain_since_ms: Option<i64>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Discord's answer is the outcome.
    Answer,
    /// It took effect earlier: this status, no body.
    Succeeded(u16),
    /// Nothing happened in this attempt: wait (for the bucket, and at least so long), then again.
    Return(Duration),
    /// Its effect is unknown and it may be repeated: again after so long.
    Again(Duration),
    /// Its effect is unknown and the nonce's window is over: look for the message first.
    LookFor,
    /// Its effect is unknown and stays so.
    Unknown,
}

/// Decides on an attempt that ended at `now_ms` (Unix milliseconds).
#[must_use]
pub fn judge(repeat: Repeat, method: &str, history: History, ended: Ended<'_>, now_ms: i64) -> Verdict {
    let uncertain = history.uncertain_since_ms.is_some();
    let seen = match ended {
        Ended::NotSent => return Verdict::Return(backoff(1)),
        Ended::Lost => return unsure(repeat, history, None, now_ms),
        Ended::Answered(seen) => seen,
    };
    match seen.status {
        _ if seen.from_the_edge => Verdict::Return(Duration::ZERO),
        429 => Verdict::Return(Duration::ZERO),
        500.. => unsure(repeat, history, Some(seen.status), now_ms),
        404 if uncertain && method == "DELETE" => Verdict::Succeeded(204),
        // Sent, and deleted before our repeat: done.
        404 if uncertain && repeat == Repeat::Nonced && seen.code == Some(UNKNOWN_MESSAGE) => Verdict::Answer,
        _ => Verdict::Answer,
    }
}

/// What to do with an intent of an earlier owner that has no outcome.
#[must_use]
pub fn recover(repeat: Repeat, intent_ms: i64, now_ms: i64) -> Verdict {
    match repeat {
        Repeat::Nonced if now_ms - intent_ms < NONCE_WINDOW_MS => Verdict::Again(Duration::ZERO),
        Repeat::Nonced => Verdict::LookFor,
        Repeat::Idempotent | Repeat::Read => Verdict::Again(Duration::ZERO),
        Repeat::Never => Verdict::Unknown,
    }
}

fn unsure(repeat: Repeat, history: History, status: Option<u16>, now_ms: i64) -> Verdict {
    let spent = history.attempt >= MAX_ATTEMPTS;
    let again = Verdict::Again(backoff(history.attempt));
    match repeat {
        Repeat::Never => Verdict::Unknown,
        Repeat::Nonced => {
            let since = history.uncertain_since_ms.unwrap_or(now_ms);
            let over = now_ms + duration_ms(backoff(history.attempt)) - since >= NONCE_WINDOW_MS;
            if spent || over { Verdict::LookFor } else { again }
        }
        Repeat::Idempotent if !spent => again,
        Repeat::Read if history.attempt < MAX_GET_ATTEMPTS => again,
        // A library may repeat these itself: it gets what Discord said.
        Repeat::Idempotent | Repeat::Read => match status {
            Some(_) => Verdict::Answer,
            None => Verdict::Unknown,
        },
    }
}

fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// 0.2, 0.4, 0.8 … at most 10 s.
#[must_use]
pub fn backoff(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.clamp(1, 7) - 1).unwrap_or_default();
    (Duration::from_millis(200) * 2_u32.pow(doublings)).min(Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::Scope;

    fn seen(status: u16) -> Seen {
        Seen { status, counted: None, retry_after: None, scope: Scope::User, from_the_edge: false, code: None }
    }

    const FIRST: History = History { attempt: 1, uncertain_since_ms: Some(0) };
    const CERTAIN: History = History { attempt: 1, uncertain_since_ms: None };

    #[test]
    fn a_create_message_is_repeated_under_its_nonce_for_two_minutes_then_looked_for() {
        for ended in [Ended::Lost, Ended::Answered(&seen(502)), Ended::Answered(&seen(500))] {
            assert!(matches!(judge(Repeat::Nonced, "POST", FIRST, ended, 1_000), Verdict::Again(_)));
            assert_eq!(judge(Repeat::Nonced, "POST", FIRST, ended, NONCE_WINDOW_MS), Verdict::LookFor);
        }
        assert_eq!(recover(Repeat::Nonced, 0, NONCE_WINDOW_MS - 1), Verdict::Again(Duration::ZERO));
        assert_eq!(recover(Repeat::Nonced, 0, NONCE_WINDOW_MS), Verdict::LookFor);
    }

    #[test]
    fn another_post_is_never_repeated_once_it_may_have_happened() {
        for ended in [Ended::Lost, Ended::Answered(&seen(502)), Ended::Answered(&seen(504))] {
            assert_eq!(judge(Repeat::Never, "POST", CERTAIN, ended, 1), Verdict::Unknown);
        }
        assert_eq!(recover(Repeat::Never, 0, 1), Verdict::Unknown);
        assert!(matches!(judge(Repeat::Never, "POST", CERTAIN, Ended::NotSent, 1), Verdict::Return(_)));
    }

    #[test]
    fn put_patch_delete_are_repeated_and_the_last_word_is_discords() {
        assert!(matches!(judge(Repeat::Idempotent, "PUT", FIRST, Ended::Lost, 1), Verdict::Again(_)));
        assert_eq!(recover(Repeat::Idempotent, 0, i64::MAX), Verdict::Again(Duration::ZERO));
        let last = History { attempt: MAX_ATTEMPTS, ..FIRST };
        assert_eq!(judge(Repeat::Idempotent, "PUT", last, Ended::Answered(&seen(503)), 1), Verdict::Answer);
        assert_eq!(judge(Repeat::Idempotent, "PUT", last, Ended::Lost, 1), Verdict::Unknown);
    }

    #[test]
    fn a_delete_that_finds_nothing_after_an_unknown_attempt_has_succeeded() {
        let again = History { attempt: 2, uncertain_since_ms: Some(0) };
        assert_eq!(judge(Repeat::Idempotent, "DELETE", again, Ended::Answered(&seen(404)), 1), Verdict::Succeeded(204));
        assert_eq!(judge(Repeat::Idempotent, "DELETE", CERTAIN, Ended::Answered(&seen(404)), 1), Verdict::Answer);
    }

    #[test]
    fn unknown_message_on_a_repeat_means_sent_and_deleted() {
        let gone = Seen { code: Some(UNKNOWN_MESSAGE), ..seen(404) };
        let again = History { attempt: 2, uncertain_since_ms: Some(0) };
        assert_eq!(judge(Repeat::Nonced, "POST", again, Ended::Answered(&gone), 1), Verdict::Answer);
    }

    #[test]
    fn limits_return_an_action_and_errors_of_the_client_end_it() {
        assert_eq!(
            judge(Repeat::Never, "POST", CERTAIN, Ended::Answered(&seen(429)), 1),
            Verdict::Return(Duration::ZERO)
        );
        let edge = Seen { from_the_edge: true, ..seen(403) };
        assert_eq!(judge(Repeat::Never, "POST", CERTAIN, Ended::Answered(&edge), 1), Verdict::Return(Duration::ZERO));
        for status in [200, 204, 400, 403, 404] {
            assert_eq!(judge(Repeat::Never, "POST", CERTAIN, Ended::Answered(&seen(status)), 1), Verdict::Answer);
        }
    }

    #[test]
    fn backoff_grows_to_ten_seconds() {
        assert_eq!([1, 2, 7, 100].map(|attempt| backoff(attempt).as_millis()), [200, 400, 10_000, 10_000]);
    }
}
