//! Actions that derive from something that happened: their ids derive from it too, so a repeat is the
//! same action.

use bytes::Bytes;
use miso_log::Append;
use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS};
use miso_model::{Action, ChannelId, GuildId, Header, LogRecord, MessageId, Snowflake, UserId};
use serde_json::{Value, json};

use crate::form::{File, boundary, form};

/// What happened: an event or a fact, looked at by a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause<'a> {
    /// The group that acts.
    pub(crate) group: &'static str,
    /// The event's or the fact's id.
    pub(crate) id: &'a str,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
}

impl Cause<'_> {
    /// Writes a message. `what` tells apart the actions of one cause.
    pub(crate) fn message(&self, what: &str, channel: ChannelId, body: &Value) -> Append {
        self.action(what, "POST", &format!("/channels/{channel}/messages"), Some(body))
    }

    /// Writes a message with files; without any, like [`Self::message`].
    pub(crate) fn message_with(&self, what: &str, channel: ChannelId, body: &Value, files: &[File]) -> Append {
        if files.is_empty() {
            return self.message(what, channel, body);
        }
        let boundary = boundary(body, files);
        let form = form(body, files, &boundary);
        let kind = format!("multipart/form-data; boundary={boundary}");
        let (action, partition) =
            self.make_of(what, "POST", &format!("/channels/{channel}/messages"), Some((form, &kind)));
        Append::new(REST_ACTIONS, partition, action.to_bytes(), self.now_ms)
    }

    /// Changes a message: all of one of ours, whether previews are shown of somebody else's.
    pub(crate) fn edit(&self, what: &str, channel: ChannelId, message: MessageId, body: &Value) -> Append {
        self.action(what, "PATCH", &format!("/channels/{channel}/messages/{message}"), Some(body))
    }

    /// Reacts to a message with a unicode emoji, or with `name:id` of a guild's.
    pub(crate) fn react(&self, what: &str, channel: ChannelId, message: MessageId, emoji: &str) -> Append {
        let emoji: String = emoji.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.action(what, "PUT", &format!("/channels/{channel}/messages/{message}/reactions/{emoji}/@me"), None)
    }

    /// Deletes a message.
    pub(crate) fn delete(&self, what: &str, channel: ChannelId, message: MessageId) -> Append {
        self.action(what, "DELETE", &format!("/channels/{channel}/messages/{message}"), None)
    }

    /// Answers an interaction.
    pub(crate) fn respond(&self, what: &str, interaction: Snowflake, token: &str, body: &Value) -> Append {
        let path = format!("/interactions/{interaction}/{token}/callback");
        let (action, partition) = self.make(what, "POST", &path, Some(body));
        Append::new(REST_INTERACTIONS, partition, action.to_bytes(), self.now_ms)
    }

    /// Gives a member a role; `reason` is for the guild's audit log, ASCII.
    pub(crate) fn give_role(&self, what: &str, guild: GuildId, user: UserId, role: u64, reason: &str) -> Append {
        let path = format!("/guilds/{guild}/members/{user}/roles/{role}");
        let (mut action, partition) = self.make(what, "PUT", &path, None);
        action.headers.push(header("x-audit-log-reason", reason));
        Append::new(REST_ACTIONS, partition, action.to_bytes(), self.now_ms)
    }

    /// Writes a direct message: the channel is opened, then the message follows.
    pub(crate) fn direct(&self, what: &str, user: UserId, body: &Value) -> Append {
        let (mut action, partition) =
            self.make(what, "POST", "/users/@me/channels", Some(&json!({"recipient_id": user})));
        action.follow_up = Some(bytes_of(body).into());
        Append::new(REST_ACTIONS, partition, action.to_bytes(), self.now_ms)
    }

    fn action(&self, what: &str, method: &str, path: &str, body: Option<&Value>) -> Append {
        let (action, partition) = self.make(what, method, path, body);
        Append::new(REST_ACTIONS, partition, action.to_bytes(), self.now_ms)
    }

    fn make(&self, what: &str, method: &str, path: &str, body: Option<&Value>) -> (Action, i32) {
        self.make_of(what, method, path, body.map(|body| (bytes_of(body), "application/json")))
    }

    fn make_of(&self, what: &str, method: &str, path: &str, body: Option<(Bytes, &str)>) -> (Action, i32) {
        let id = xxhash_rust::xxh3::xxh3_128(format!("{}/{}/{what}", self.group, self.id).as_bytes()).to_be_bytes();
        let (bytes, kind) = body.map_or((Bytes::new(), None), |(bytes, kind)| (bytes, Some(kind)));
        let (mut action, route) = Action::new(id, self.group, method, path, bytes, self.now_ms, None);
        action.cause = Some(self.id.to_owned());
        if let Some(kind) = kind {
            action.headers.push(header("content-type", kind));
        }
        (action, route.partition)
    }
}

fn bytes_of(body: &Value) -> Bytes {
    body.to_string().into()
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.to_owned().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(append: &Append) -> Action {
        Action::from_bytes(append.value.as_deref().expect("a value")).expect("reads")
    }

    #[test]
    fn a_repeat_is_the_same_action_and_another_cause_or_purpose_is_another() {
        let cause = |id, now_ms| Cause { group: "miso.events", id, now_ms };
        let message = |id, now_ms, what| {
            read(&cause(id, now_ms).message(what, ChannelId(5), &json!({"content": "hi"}))).action_id
        };
        assert_eq!(message("s/1", 5, "greeting"), message("s/1", 9, "greeting"));
        assert_ne!(message("s/1", 5, "greeting"), message("s/2", 5, "greeting"));
        assert_ne!(message("s/1", 5, "greeting"), message("s/1", 5, "log"));
    }

    #[test]
    fn actions_are_what_discords_reference_says() {
        let cause = Cause { group: "miso.events", id: "s/1", now_ms: 5 };
        let role = read(&cause.give_role("role", GuildId(1), UserId(2), 3, "new member"));
        assert_eq!((role.method.as_str(), role.path.as_str()), ("PUT", "/guilds/1/members/2/roles/3"));
        assert_eq!(
            (role.headers[0].name.as_str(), &*role.headers[0].value),
            ("x-audit-log-reason", &b"new member"[..])
        );
        assert!(role.body.is_empty());
        let direct = read(&cause.direct("dm", UserId(2), &json!({"content": "psst"})));
        assert_eq!((direct.path.as_str(), &*direct.body), ("/users/@me/channels", &br#"{"recipient_id":"2"}"#[..]));
        assert_eq!(direct.follow_up.as_deref(), Some(&br#"{"content":"psst"}"#[..]));
        let delete = read(&cause.delete("x", ChannelId(1), MessageId(2)));
        assert_eq!((delete.method.as_str(), delete.path.as_str()), ("DELETE", "/channels/1/messages/2"));
        let edit = read(&cause.edit("x", ChannelId(1), MessageId(2), &json!({})));
        assert_eq!((edit.method.as_str(), edit.headers.len()), ("PATCH", 1));
    }
}
