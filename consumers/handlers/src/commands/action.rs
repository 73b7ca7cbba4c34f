use bytes::Bytes;
use miso_command_catalogue::Document;
use miso_log::Append;
use miso_log::catalogue::REST_ACTIONS;
use miso_model::{Action, BotCommand, Header, LogRecord};

use super::GROUP;
use super::format::message;

/// The answer to a command as an action. Its id, and with it the nonce, derives from the event: a
/// repeat is the same action.
pub(crate) fn action(command: &BotCommand, document: &Document, now_ms: i64) -> Append {
    let body = serde_json::to_vec(&message(command, document)).unwrap_or_default();
    let path = format!("/channels/{}/messages", command.channel_id);
    let (mut action, route) =
        Action::new(action_id(&command.event_id), GROUP, "POST", &path, Bytes::from(body), now_ms, None);
    action.headers = vec![Header { name: "content-type".to_owned(), value: b"application/json".to_vec().into() }];
    Append::new(REST_ACTIONS, route.partition, action.to_bytes(), now_ms)
}

fn action_id(event_id: &str) -> [u8; 16] {
    xxhash_rust::xxh3::xxh3_128(format!("{GROUP}/{event_id}").as_bytes()).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::Colour;
    use miso_model::slot;

    use super::*;
    use crate::commands::plan::tests::said;

    #[test]
    fn an_answer_is_a_create_message_in_the_channel_and_the_same_for_a_repeat() {
        let command = said("ping");
        let read = |append: &Append| Action::from_bytes(append.value.as_deref().expect("value")).expect("reads");
        let first = action(&command, &Document::text(Colour::Info, "Pong!"), 5);
        let again = action(&command, &Document::text(Colour::Info, "Pong!"), 9);
        assert_eq!((first.topic, first.partition), (REST_ACTIONS, slot(command.channel_id)));
        let (first, again) = (read(&first), read(&again));
        assert_eq!(
            (first.method.as_str(), first.path.as_str(), first.credential.as_str()),
            ("POST", "/channels/2/messages", "bot")
        );
        assert_eq!((&first.action_id, &first.body), (&again.action_id, &again.body));
        let other = BotCommand { event_id: "s/2".to_owned(), ..command };
        assert_ne!(read(&action(&other, &Document::default(), 5)).action_id, first.action_id);
    }
}
