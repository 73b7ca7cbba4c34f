//! Headers and bodies on the way to Discord and back. Pure.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT};
use miso_model::{Action, Header, OutcomeKind, Payload};
use serde_json::json;

use crate::nonce::{Nonce, nonce_of, with_nonce};

const AGENT: &str = concat!("DiscordBot (https://github.com/miso-bot/miso, ", env!("CARGO_PKG_VERSION"), ")");

/// Headers of an answer that a client is given.
const PASSED_BACK: [HeaderName; 4] =
    [http::header::CONTENT_TYPE, http::header::DATE, http::header::VIA, http::header::RETRY_AFTER];

/// Content type of an action.
#[must_use]
pub fn content_type(action: &Action) -> &str {
    let header = action.headers.iter().find(|header| header.name == "content-type");
    header.and_then(|header| std::str::from_utf8(&header.value).ok()).unwrap_or_default()
}

/// Headers of the request; the token is today's.
#[must_use]
pub fn request_headers(action: &Action, token: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(action.headers.len() + 3);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for header in &action.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(header.name.as_bytes()), HeaderValue::from_bytes(&header.value))
        {
            headers.insert(name, value);
        }
    }
    if action.credential != "none"
        && let Ok(mut value) = HeaderValue::from_str(&format!("Bot {token}"))
    {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    headers
}

/// The body as it goes out: with our nonce where it is ours.
#[must_use]
pub fn request_body(action: &Action, nonce: Nonce, body: &Bytes) -> Bytes {
    match nonce {
        Nonce::Ours => with_nonce(content_type(action), body, &nonce_of(&action.action_id)),
        Nonce::ClientEnforced | Nonce::Unenforced => body.clone(),
    }
}

/// The headers of Discord's answer that the client is given.
#[must_use]
pub fn answer_headers(headers: &HeaderMap) -> Vec<Header> {
    let passed =
        headers.iter().filter(|(name, _)| PASSED_BACK.contains(name) || name.as_str().starts_with("x-ratelimit-"));
    passed
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: Payload(Bytes::copy_from_slice(value.as_bytes())),
        })
        .collect()
}

/// An answer of Miso's own, in place of Discord's: readable for libraries (`message`, `code`) and
/// for people (RFC 9457).
#[derive(Debug, Clone)]
pub struct Own {
    /// How the action ended.
    pub kind: OutcomeKind,
    /// For the client.
    pub status: u16,
    /// A word for the ledger and the metrics.
    pub reason: &'static str,
    /// With `application/json`.
    pub headers: Vec<Header>,
    /// JSON, or nothing for 204.
    pub body: Bytes,
}

fn own(kind: OutcomeKind, status: u16, reason: &'static str, code: i64, message: &str) -> Own {
    let body = json!({
        "type": "about:blank", "title": reason, "status": status, "detail": message, "message": message, "code": code,
    });
    Own { kind, status, reason, headers: json_headers(), body: body.to_string().into() }
}

fn json_headers() -> Vec<Header> {
    let pair = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned().into() };
    vec![pair("content-type", "application/json"), pair("via", "1.1 miso")]
}

impl Own {
    /// The effect is unknown. Not a 5xx: libraries repeat those without asking.
    #[must_use]
    pub fn unknown() -> Self {
        let text = "Miso sent this request, but no answer came, and Discord's API gives no way to find out whether \
            it took effect. It is not repeated.";
        own(OutcomeKind::UnknownEffect, 409, "unknown_effect", 0, text)
    }

    /// An interaction or its token is too old; as Discord would say.
    #[must_use]
    pub fn interaction_expired(callback: bool) -> Self {
        if callback {
            own(OutcomeKind::Expired, 404, "deadline", 10_062, "Unknown interaction")
        } else {
            own(OutcomeKind::Expired, 404, "deadline", 10_015, "Unknown Webhook")
        }
    }

    /// A typing indicator came too late, or a newer one took its place: no error for the client.
    #[must_use]
    pub fn pointless(kind: OutcomeKind, reason: &'static str) -> Self {
        Self { kind, status: 204, reason, headers: Vec::new(), body: Bytes::new() }
    }

    /// The message that should follow is larger than the bound.
    #[must_use]
    pub fn follow_up_too_large() -> Self {
        let text = "The message that should follow is larger than 32768 bytes.";
        own(OutcomeKind::Refused, 413, "follow_up_too_large", 0, text)
    }

    /// The bucket's queue is full.
    #[must_use]
    pub fn queue_full() -> Self {
        let mut own = own(
            OutcomeKind::Refused,
            429,
            "queue_full",
            0,
            "10000 requests wait for this rate limit already; try again later.",
        );
        let body = json!({"message": "10000 requests wait for this rate limit already", "retry_after": 10.0, "global": false, "code": 0});
        own.body = body.to_string().into();
        let pair = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned().into() };
        own.headers.extend([
            pair("retry-after", "10"),
            pair("x-ratelimit-limit", "1"),
            pair("x-ratelimit-remaining", "0"),
            pair("x-ratelimit-reset-after", "10"),
            pair("x-ratelimit-bucket", "miso"),
            pair("x-ratelimit-scope", "user"),
        ]);
        own
    }

    /// The webhook answered 404: it is gone, and its queue with it.
    #[must_use]
    pub fn webhook_gone() -> Self {
        own(OutcomeKind::Refused, 404, "webhook_gone", 10_015, "Unknown Webhook")
    }

    /// An operator's replay: captured, never sent.
    #[must_use]
    pub fn replayed() -> Self {
        Self::pointless(OutcomeKind::Refused, "replay")
    }

    /// The action's record is gone or broken: nothing can be sent.
    #[must_use]
    pub fn body_gone() -> Self {
        own(
            OutcomeKind::Refused,
            500,
            "record_gone",
            0,
            "Miso can no longer read this request's record; it was not sent.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(path: &str) -> Action {
        Action::new([7; 16], "demo", "POST", path, Bytes::from_static(b"{}"), 1, None).0
    }

    #[test]
    fn a_reason_passes_byte_for_byte_and_the_token_goes_only_where_it_belongs() {
        let mut bot = action("/channels/1/messages");
        let reason = Bytes::from_static(b"a/b c%20\xc3\xa9");
        bot.headers.push(Header { name: "x-audit-log-reason".to_owned(), value: Payload(reason.clone()) });
        let headers = request_headers(&bot, "T");
        assert_eq!(headers["x-audit-log-reason"].as_bytes(), &reason);
        assert_eq!(headers["authorization"], "Bot T");
        let webhook = request_headers(&action("/webhooks/1/t"), "T");
        assert!(!webhook.contains_key("authorization"));
        assert_eq!(request_headers(&bot, "new")["authorization"], "Bot new");
    }

    #[test]
    fn a_repeat_is_the_same_bytes() {
        let action = action("/channels/1/messages");
        let send = || request_body(&action, Nonce::Ours, &action.body.0);
        assert_eq!(send(), send());
        assert!(send().starts_with(b"{\"nonce\":\""));
        assert_eq!(request_body(&action, Nonce::Unenforced, &action.body.0), action.body.0);
    }

    #[test]
    fn no_answer_of_ours_is_one_that_libraries_repeat_blindly() {
        assert_eq!(Own::unknown().status, 409);
        assert!(Own::queue_full().headers.iter().any(|header| header.name == "via"));
    }
}
