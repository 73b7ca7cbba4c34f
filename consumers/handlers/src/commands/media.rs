//! What goes with shown posts: what becomes of the message with the links, and the button that takes the
//! answer away again. What the button needs is in its `custom_id`, and how old the answer is in its
//! message's id: it works after a restart. Pure.

use miso_command_catalogue::{Command, Group, Invocation, Provider};
use miso_log::Append;
use miso_model::{BotCommand, ChannelId, EventView, MessageId, Permissions, Snowflake, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::GROUP;
use crate::action::Cause;
use crate::messages::message::id_of;

/// So long the button works, milliseconds.
pub(crate) const TAKEN_AWAY_WITHIN_MS: i64 = 60_000;
/// What the button's ids begin with.
const MARK: &str = "d1:";
/// Discord's interaction type of a pressed component.
const MESSAGE_COMPONENT: u64 = 3;
/// Discord's answers to it: nothing changes for now; a new message.
const UNDERSTOOD: u64 = 6;
const NEW_MESSAGE: u64 = 4;
/// Flag of a message that only its reader sees.
const EPHEMERAL: u64 = 64;
/// Flag of a message whose links show no previews.
const SUPPRESS_EMBEDS: u64 = 4;

/// Whether an answer to this command may be taken away.
pub(crate) fn has_button(command: &Command) -> bool {
    command.group == Group::Media
}

/// The row with the button.
pub(crate) fn button(user: UserId) -> Value {
    let id = format!("{MARK}{:x}", user.0);
    json!({"type": 1, "components": [{"type": 2, "style": 2, "label": "Delete", "custom_id": id}]})
}

/// Whether the caller wants their own message gone.
pub(crate) fn wants_deletion(invocation: &Invocation) -> bool {
    invocation.args.get("delete").and_then(Value::as_bool) == Some(true)
}

/// What becomes of the message with the links once they are shown, where the bot may: it goes, if its author
/// wants that; else its previews do, which would show the same again. The player of a video of YouTube's stays.
pub(crate) fn tidy(command: &BotCommand, invocation: &Invocation, now_ms: i64) -> Option<Append> {
    let cause = Cause { group: GROUP, id: &command.event_id, now_ms };
    if wants_deletion(invocation) {
        return Some(cause.delete("trigger", command.channel_id, command.message_id));
    }
    let links = invocation.args.get("links").and_then(Value::as_array).into_iter().flatten();
    let plays = links.filter_map(Value::as_str).any(|link| Provider::of(link) == Some(Provider::Youtube));
    let flags = json!({"flags": SUPPRESS_EMBEDS});
    (!plays).then(|| cause.edit("previews", command.channel_id, command.message_id, &flags))
}

#[derive(Deserialize)]
struct Interaction {
    id: Snowflake,
    token: String,
    #[serde(rename = "type")]
    kind: u64,
    #[serde(default)]
    data: Data,
    #[serde(default)]
    member: Member,
    #[serde(default)]
    user: Value,
    channel_id: ChannelId,
    #[serde(default)]
    message: Option<Pressed>,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    custom_id: String,
}

#[derive(Deserialize, Default)]
struct Member {
    #[serde(default)]
    user: Value,
    /// In the channel, as Discord computes them.
    #[serde(default)]
    permissions: Permissions,
}

#[derive(Deserialize)]
struct Pressed {
    id: MessageId,
}

/// What follows from an INTERACTION_CREATE that is a press of the button: the answer goes, for who asked for
/// it and for who manages messages, within [`TAKEN_AWAY_WITHIN_MS`]; else it says why not, to them alone.
pub(crate) fn taken_away(event: &EventView<'_>, now_ms: i64) -> Vec<Append> {
    // Our ids contain their mark: what does not is passed without a parse.
    if memchr::memmem::find(event.d, MARK.as_bytes()).is_none() {
        return Vec::new();
    }
    let Ok(interaction) = serde_json::from_slice::<Interaction>(event.d) else { return Vec::new() };
    let owner = interaction.data.custom_id.strip_prefix(MARK).and_then(|id| u64::from_str_radix(id, 16).ok());
    let (Some(owner), Some(message), MESSAGE_COMPONENT) = (owner, &interaction.message, interaction.kind) else {
        return Vec::new();
    };
    let presser = id_of(&interaction.member.user).or_else(|| id_of(&interaction.user));
    let id = event.id();
    let cause = Cause { group: crate::MESSAGES_GROUP, id: &id, now_ms };
    let respond = |body: &Value| cause.respond("taken-away", interaction.id, &interaction.token, body);
    let may = presser == Some(UserId(owner)) || interaction.member.permissions.cover(Permissions::MANAGE_MESSAGES);
    let late = interaction.id.created_ms() - message.id.created_ms() > TAKEN_AWAY_WITHIN_MS;
    let why = match (may, late) {
        (true, false) => {
            metrics::counter!("miso_handlers_answers_taken_away_total").increment(1);
            let deletion = cause.delete("answer-deleted", interaction.channel_id, message.id);
            return vec![respond(&json!({"type": UNDERSTOOD})), deletion];
        }
        (false, _) => format!("Only <@{owner}> and who manages messages can delete this."),
        (true, true) => "This can be deleted in its first minute only.".to_owned(),
    };
    let data = json!({"content": why, "flags": EPHEMERAL, "allowed_mentions": {"parse": []}});
    vec![respond(&json!({"type": NEW_MESSAGE, "data": data}))]
}

#[cfg(test)]
mod tests {
    use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS};
    use miso_model::{Action, LogRecord};

    use super::*;
    use crate::commands::plan::tests::said;

    fn press(custom_id: &str, user: u64, permissions: u64, after_ms: u64) -> Vec<(String, Value)> {
        let d = json!({
            "id": ((1_000_000 + after_ms) << 22).to_string(), "token": "tok", "type": 3, "channel_id": "5",
            "data": {"custom_id": custom_id}, "message": {"id": (1_000_000_u64 << 22).to_string()},
            "member": {"user": {"id": user.to_string()}, "permissions": permissions.to_string()},
        })
        .to_string();
        let view = EventView {
            shard: 0,
            shard_count: 1,
            session_id: "s",
            sequence: 9,
            epoch: 1,
            received_at_ms: 5,
            event_type: "INTERACTION_CREATE",
            guild_id: None,
            channel_id: None,
            user_id: None,
            d: d.as_bytes(),
        };
        let read = |append: &Append| {
            let action = Action::from_bytes(append.value.as_deref().expect("a value")).expect("reads");
            let interaction = action.path.contains("/callback");
            assert_eq!(append.topic, if interaction { REST_INTERACTIONS } else { REST_ACTIONS });
            let body = serde_json::from_slice(&action.body).unwrap_or_default();
            (format!("{} {}", action.method, action.path), body)
        };
        taken_away(&view, 7).iter().map(read).collect()
    }

    #[test]
    fn who_asked_and_who_manages_messages_take_an_answer_away_in_its_first_minute() {
        let id = button(UserId(31))["components"][0]["custom_id"].as_str().expect("an id").to_owned();
        assert_eq!(id, "d1:1f");
        let message = 1_000_000_u64 << 22;
        for (user, permissions) in [(31, 0), (32, 1 << 13), (32, 1 << 3)] {
            let done = press(&id, user, permissions, 60_000);
            assert_eq!((done[0].1["type"].as_u64(), done.len()), (Some(6), 2));
            assert_eq!(done[1].0, format!("DELETE /channels/5/messages/{message}"));
        }
        for (user, after_ms, part) in [(31, 60_001, "first minute"), (32, 5, "Only <@31>"), (32, 99_999, "Only <@31>")]
        {
            let told = press(&id, user, 0, after_ms);
            assert_eq!((told.len(), told[0].1["data"]["flags"].as_u64()), (1, Some(64)));
            assert!(told[0].1["data"]["content"].as_str().is_some_and(|text| text.contains(part)), "{told:?}");
        }
        for foreign in ["", "d1:", "d1:zz", "xd1:1f", "p1:0:1f:help"] {
            assert!(press(foreign, 31, 0, 5).is_empty(), "{foreign}");
        }
    }

    #[test]
    fn the_message_goes_where_that_is_wanted_else_its_previews_but_no_player() {
        let tidied = |args: Value| {
            let invocation = json!({"args": args, "context": {"platform": "discord", "user": "3"}});
            let invocation: Invocation = serde_json::from_value(invocation).expect("reads");
            let action = tidy(&said("embed x"), &invocation, 5)?;
            let action = Action::from_bytes(action.value.as_deref().expect("a value")).expect("reads");
            Some((action.method.clone(), serde_json::from_slice::<Value>(&action.body).unwrap_or_default()))
        };
        let (x, video) = ("https://x.com/a/status/1", "https://youtu.be/a");
        assert_eq!(tidied(json!({"links": [x], "delete": true})).map(|(method, _)| method).as_deref(), Some("DELETE"));
        assert_eq!(tidied(json!({"links": [x]})), Some(("PATCH".to_owned(), json!({"flags": 4}))));
        assert_eq!(tidied(json!({"links": [x, video]})), None);
    }
}
