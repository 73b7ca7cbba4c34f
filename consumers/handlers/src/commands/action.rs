//! An answer as actions. Their ids derive from the event: a repeat is the same actions.

use bytes::Bytes;
use miso_command_catalogue::Document;
use miso_log::Append;
use miso_log::catalogue::{REST_ACTIONS, REST_INTERACTIONS};
use miso_model::{Action, BotCommand, Header, Lane, LogRecord};
use serde_json::{Value, json};

use super::GROUP;
use super::format::{Shape, message};
use super::media;
use super::pages::Press;
use super::silence::{CANNOT_WRITE, Way};
use crate::action::Cause;
use crate::form::File;

/// Discord's answers to a pressed button: a new message, or the message it is on changed.
const NEW_MESSAGE: u64 = 4;
const UPDATE_MESSAGE: u64 = 7;
/// Flag of a message that only its reader sees.
const EPHEMERAL: u64 = 64;

/// Which buttons stand under an answer, its links aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buttons {
    /// To turn its pages, where it has several.
    pub(crate) pages: bool,
    /// To take it away.
    pub(crate) delete: bool,
}

/// What is done about a command's answer.
pub(crate) fn actions(
    command: &BotCommand,
    document: &Document,
    files: &[File],
    way: Way,
    buttons: Buttons,
    now_ms: i64,
) -> Vec<Append> {
    let cause = Cause { group: GROUP, id: &command.event_id, now_ms };
    let shape = |refers, embed| Shape { embed, refers, page: 0, buttons: buttons.pages };
    match way {
        Way::Nothing(_) => Vec::new(),
        Way::Reply { embed, refers } => {
            let mut body = message(command, document, shape(refers, embed));
            if buttons.delete {
                add_row(&mut body, media::button(command.user_id));
            }
            vec![cause.message_with("answer", command.channel_id, &body, files)]
        }
        Way::Direct => vec![cause.direct("answer", command.user_id, &direct(command, document, buttons.pages))],
        Way::React => vec![reaction(command, now_ms)],
    }
}

/// The same for a pressed button: its owner's page is turned, and somebody else is told in private.
pub(crate) fn turned(command: &BotCommand, document: &Document, press: &Press, now_ms: i64) -> Append {
    let own = press.owner == command.user_id;
    let shape = Shape { embed: true, refers: false, page: press.page, buttons: own };
    let mut data = message(command, document, shape);
    if !own {
        data["flags"] = json!(EPHEMERAL);
    } else if data.get("components").is_none() {
        // What had several pages has one by now: its buttons go.
        data["components"] = json!([]);
    }
    let kind = if own { UPDATE_MESSAGE } else { NEW_MESSAGE };
    let path = format!("/interactions/{}/{}/callback", press.interaction, press.token);
    append(command, "turn", "POST", &path, Some(&json!({"type": kind, "data": data})), now_ms)
}

/// Takes the message away that called a command.
pub(crate) fn delete_trigger(command: &BotCommand, now_ms: i64) -> Append {
    let cause = Cause { group: GROUP, id: &command.event_id, now_ms };
    cause.delete("trigger", command.channel_id, command.message_id)
}

fn add_row(body: &mut Value, row: Value) {
    match body.get_mut("components").and_then(Value::as_array_mut) {
        Some(rows) => rows.push(row),
        None => body["components"] = json!([row]),
    }
}

/// In a direct message nothing is referred to; it says where it comes from.
fn direct(command: &BotCommand, document: &Document, pages: bool) -> Value {
    let shape = Shape { embed: true, refers: false, page: 0, buttons: pages };
    let mut body = message(command, document, shape);
    if command.guild_id.is_some() {
        body["content"] = json!(format!("You asked in <#{}>:", command.channel_id));
    }
    body
}

fn reaction(command: &BotCommand, now_ms: i64) -> Append {
    let emoji: String = CANNOT_WRITE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!("/channels/{}/messages/{}/reactions/{emoji}/@me", command.channel_id, command.message_id);
    append(command, "reaction", "PUT", &path, None, now_ms)
}

fn append(command: &BotCommand, what: &str, method: &str, path: &str, body: Option<&Value>, now_ms: i64) -> Append {
    let id = xxhash_rust::xxh3::xxh3_128(format!("{GROUP}/{}/{what}", command.event_id).as_bytes()).to_be_bytes();
    let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let (mut action, route) = Action::new(id, GROUP, method, path, bytes, now_ms, None);
    action.cause = Some(command.event_id.clone());
    if body.is_some() {
        let json = b"application/json".to_vec().into();
        action.headers = vec![Header { name: "content-type".to_owned(), value: json }];
    }
    let topic = if route.lane == Lane::Interactions { REST_INTERACTIONS } else { REST_ACTIONS };
    Append::new(topic, route.partition, action.to_bytes(), now_ms)
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::Colour;
    use miso_model::{UserId, slot};

    use super::*;
    use crate::commands::plan::tests::said;

    const PAGES: Buttons = Buttons { pages: true, delete: false };
    const REPLY: Way = Way::Reply { embed: true, refers: true };

    fn read(append: &Append) -> Action {
        Action::from_bytes(append.value.as_deref().expect("value")).expect("reads")
    }

    #[test]
    fn an_answer_is_a_create_message_in_the_channel_and_the_same_for_a_repeat() {
        let command = said("ping");
        let answered = |command: &BotCommand, now_ms| {
            actions(command, &Document::text(Colour::Info, "Pong!"), &[], REPLY, PAGES, now_ms).remove(0)
        };
        let first = answered(&command, 5);
        assert_eq!((first.topic, first.partition), (REST_ACTIONS, slot(command.channel_id)));
        let (first, again) = (read(&first), read(&answered(&command, 9)));
        assert_eq!(
            (first.method.as_str(), first.path.as_str(), first.credential.as_str()),
            ("POST", "/channels/2/messages", "bot")
        );
        assert_eq!((&first.action_id, &first.body), (&again.action_id, &again.body));
        let other = BotCommand { event_id: "s/2".to_owned(), ..command };
        assert_ne!(read(&answered(&other, 5)).action_id, first.action_id);
    }

    #[test]
    fn an_answer_that_may_be_taken_away_has_a_button_under_its_links() {
        let mut document = Document::text(Colour::Info, "a post");
        let rows = |document: &Document| {
            let action =
                read(&actions(&said("embed"), document, &[], REPLY, Buttons { pages: false, delete: true }, 5)[0]);
            let body: Value = serde_json::from_slice(&action.body).expect("json");
            body["components"].as_array().cloned().expect("rows")
        };
        let alone = rows(&document);
        assert_eq!((alone.len(), &alone[0]["components"][0]["custom_id"]), (1, &json!("d1:3")));
        document
            .actions
            .push(miso_command_catalogue::Link { label: "Open".to_owned(), url: "https://x.com/a".to_owned() });
        assert_eq!(rows(&document).len(), 2);
    }

    #[test]
    fn an_answer_with_files_is_a_form() {
        let file = File { name: "a.png".to_owned(), mime: "image/png".to_owned(), bytes: Bytes::from_static(b"PNG") };
        let document = Document::text(Colour::Lastfm, "chart");
        let action = read(&actions(&said("chart"), &document, &[file], REPLY, PAGES, 5)[0]);
        let kind = String::from_utf8(action.headers[0].value.to_vec()).expect("text");
        assert!(kind.starts_with("multipart/form-data; boundary=miso-"), "{kind}");
        let body = String::from_utf8(action.body.to_vec()).expect("text");
        assert!(body.contains("name=\"payload_json\"") && body.contains("\r\n\r\nPNG\r\n--miso-"), "{body}");
    }

    #[test]
    fn where_the_bot_may_not_write_it_reacts_or_writes_to_the_author() {
        let command = said("ping");
        let document = Document::text(Colour::Info, "Pong!");
        let react = read(&actions(&command, &document, &[], Way::React, PAGES, 5)[0]);
        assert_eq!(
            (react.method.as_str(), react.path.as_str()),
            ("PUT", &*format!("/channels/2/messages/{}/reactions/%F0%9F%99%8A/@me", 4_u64 << 22))
        );
        let direct = read(&actions(&command, &document, &[], Way::Direct, PAGES, 5)[0]);
        assert_eq!(direct.path, "/users/@me/channels");
        let body: Value = serde_json::from_slice(direct.follow_up.as_deref().expect("a message")).expect("json");
        assert!(body["content"] == "You asked in <#2>:" && body.get("message_reference").is_none());
        assert!(actions(&command, &document, &[], Way::Nothing("unknown"), PAGES, 5).is_empty());
        let list = Document { rows: (1..=25).map(|n| n.to_string()).collect(), ..Document::default() };
        let has_buttons = |pages| {
            let direct = read(&actions(&command, &list, &[], Way::Direct, Buttons { pages, delete: false }, 5)[0]);
            let body: Value = serde_json::from_slice(direct.follow_up.as_deref().expect("a message")).expect("json");
            body.get("components").is_some()
        };
        assert!(has_buttons(true) && !has_buttons(false));
    }

    #[test]
    fn a_turned_page_changes_the_message_and_somebody_else_is_told_in_private() {
        let rows = (1..=25).map(|n| format!("row {n}")).collect();
        let document = Document { rows, ..Document::default() };
        let press = Press { interaction: "7".to_owned(), token: "tok".to_owned(), page: 1, owner: UserId(3) };
        let append = turned(&said("members"), &document, &press, 5);
        assert_eq!(append.topic, REST_INTERACTIONS);
        let action = read(&append);
        assert_eq!((action.path.as_str(), action.credential.as_str()), ("/interactions/7/tok/callback", "none"));
        let body: Value = serde_json::from_slice(&action.body).expect("json");
        assert!(
            body["type"] == 7
                && body["data"]["embeds"][0]["description"].as_str().is_some_and(|d| d.starts_with("row 11"))
        );
        assert_eq!(body["data"]["components"][0]["components"][0]["disabled"], json!(false));
        let shrunk = turned(&said("members"), &Document::default(), &press, 5);
        let body: Value = serde_json::from_slice(&read(&shrunk).body).expect("json");
        assert_eq!(body["data"]["components"], json!([]));
        let theirs = Press { owner: UserId(9), ..press };
        let body: Value =
            serde_json::from_slice(&read(&turned(&said("members"), &document, &theirs, 5)).body).expect("json");
        assert!(body["type"] == 4 && body["data"]["flags"] == 64 && body["data"].get("components").is_none());
    }
}
