//! A message that follows from opening a direct-message channel. Pure.

use bytes::Bytes;
use miso_log::Append;
use miso_log::catalogue::REST_ACTIONS;
use miso_model::{Action, ChannelId, FOLLOW_UP_BYTES, Header, LogRecord};
use serde::Deserialize;

const OPEN_DIRECT: &str = "/users/@me/channels";

/// Whether an action opens a direct-message channel for a message of ours.
#[must_use]
pub fn opens_for_message(action: &Action) -> bool {
    action.follow_up.is_some() && action.method == "POST" && action.path == OPEN_DIRECT
}

/// Bytes of the message that follows; 0 without one.
#[must_use]
pub fn follow_up_bytes(action: &Action) -> usize {
    action.follow_up.as_ref().map_or(0, |body| body.len())
}

/// Whether its message is larger than [`FOLLOW_UP_BYTES`].
#[must_use]
pub fn is_too_large(action: &Action) -> bool {
    follow_up_bytes(action) > FOLLOW_UP_BYTES
}

/// The create-message that follows from Discord's answer; `None` when there is none, or the answer is
/// no channel. Its id, and with it its nonce, derives from the first action's.
#[must_use]
pub fn message_after(action: &Action, status: u16, answer: &[u8], now_ms: i64) -> Option<Append> {
    #[derive(Deserialize)]
    struct Channel {
        id: ChannelId,
    }
    if !opens_for_message(action) || !(200..300).contains(&status) {
        return None;
    }
    let Ok(Channel { id }) = serde_json::from_slice(answer) else {
        tracing::warn!(status, "Discord's answer names no channel; its message is not sent");
        return None;
    };
    let body = action.follow_up.clone()?.0;
    let (message, partition) = message(action, id, body, now_ms);
    Some(Append::new(REST_ACTIONS, partition, message.to_bytes(), now_ms))
}

fn message(action: &Action, channel: ChannelId, body: Bytes, now_ms: i64) -> (Action, i32) {
    let mut seed = b"follow-up/".to_vec();
    seed.extend_from_slice(&action.action_id);
    let id = xxhash_rust::xxh3::xxh3_128(&seed).to_be_bytes();
    let path = format!("/channels/{channel}/messages");
    let (mut message, route) = Action::new(id, &action.group, "POST", &path, body, now_ms, None);
    message.headers = vec![Header { name: "content-type".to_owned(), value: b"application/json".to_vec().into() }];
    message.expires_ms = action.expires_ms;
    message.cause.clone_from(&action.cause);
    (message, route.partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(follow_up: Option<&str>) -> Action {
        let body = Bytes::from_static(br#"{"recipient_id":"7"}"#);
        let (mut action, _) = Action::new([1; 16], "miso.messages", "POST", OPEN_DIRECT, body, 5, None);
        action.follow_up = follow_up.map(|body| body.to_owned().into());
        action
    }

    #[test]
    fn the_message_goes_to_the_channel_that_the_answer_names_and_is_the_same_for_a_repeat() {
        let action = opening(Some(r#"{"content":"hi"}"#));
        let after = |now_ms| message_after(&action, 200, br#"{"id":"4194304","type":1}"#, now_ms).expect("follows");
        let read = |record: &Append| Action::from_bytes(record.value.as_deref().expect("a value")).expect("reads");
        let (first, again) = (read(&after(9)), read(&after(10)));
        assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/channels/4194304/messages"));
        assert_eq!((&*first.body, first.group.as_str()), (&br#"{"content":"hi"}"#[..], "miso.messages"));
        assert_eq!(first.action_id, again.action_id);
        assert_ne!(first.action_id, action.action_id);
        assert_eq!((after(9).topic, after(9).partition), (REST_ACTIONS, 1));
    }

    #[test]
    fn nothing_follows_a_refusal_an_unreadable_answer_or_an_action_without_message() {
        let action = opening(Some("{}"));
        assert!(message_after(&action, 403, br#"{"id":"1"}"#, 9).is_none());
        assert!(message_after(&action, 200, b"", 9).is_none());
        assert!(message_after(&action, 200, br#"{"id":"x"}"#, 9).is_none());
        assert!(message_after(&opening(None), 200, br#"{"id":"1"}"#, 9).is_none());
        let elsewhere = Action { path: "/channels/1/messages".to_owned(), ..action };
        assert!(message_after(&elsewhere, 200, br#"{"id":"1"}"#, 9).is_none());
    }
}
