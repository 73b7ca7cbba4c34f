//! Lists and long texts, page by page. What a button needs to turn to another page is in its
//! `custom_id`: it works after a restart, and for as long as the message is there. Pure.

use miso_command_catalogue::Document;
use miso_model::{BotCommand, EventView, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

/// Rows of a list on one page.
pub(crate) const PAGE_ROWS: usize = 10;
/// Text on one page, in UTF-16 units: what an embed's description holds, with room for an ellipsis.
const PAGE_TEXT: usize = 4_000;
/// Pages of one answer, at most; what is beyond is not shown, and the last page says so.
pub(crate) const PAGES: usize = 1_000;
/// Characters of a `custom_id`, at most: Discord's bound. A command that needs more has no buttons.
const CUSTOM_ID: usize = 100;
/// What our ids begin with.
const MARK: &str = "p1:";
/// Discord's interaction type of a pressed component.
const MESSAGE_COMPONENT: u64 = 3;

/// The texts of an answer's pages; one at least.
pub(crate) fn pages(document: &Document) -> Vec<String> {
    let mut pages = split(document.text.as_deref().unwrap_or_default());
    let mut rows_on_page = 0;
    for (index, row) in document.rows.iter().enumerate() {
        let row: String = crate::text::cut(row, PAGE_TEXT);
        let full =
            pages.last().is_none_or(|page| rows_on_page >= PAGE_ROWS || units(page) + units(&row) + 1 > PAGE_TEXT);
        if full {
            if pages.len() >= PAGES {
                if let Some(last) = pages.last_mut() {
                    last.push_str(&format!("\n… and {} more", document.rows.len() - index));
                }
                break;
            }
            pages.push(row);
            rows_on_page = 1;
        } else if let Some(page) = pages.last_mut() {
            if !page.is_empty() {
                page.push('\n');
            }
            page.push_str(&row);
            rows_on_page += 1;
        }
    }
    pages
}

/// A text in parts that fit a page each, cut between lines or words where there are any.
fn split(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while units(rest) > PAGE_TEXT && parts.len() + 1 < PAGES {
        let mut room = PAGE_TEXT;
        let end = rest
            .char_indices()
            .find(|(_, c)| match room.checked_sub(c.len_utf16()) {
                Some(left) => {
                    room = left;
                    false
                }
                None => true,
            })
            .map_or(rest.len(), |(at, _)| at);
        let cut = rest[..end].rfind('\n').or_else(|| rest[..end].rfind(' ')).filter(|at| *at > end / 2).unwrap_or(end);
        parts.push(rest[..cut].to_owned());
        rest = rest[cut..].trim_start();
    }
    parts.push(rest.to_owned());
    parts
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Two buttons that turn the pages of what this command answered; `None` where one page is all, or the
/// command is too long to be said again.
pub(crate) fn buttons(command: &BotCommand, page: usize, count: usize) -> Option<Value> {
    if count < 2 {
        return None;
    }
    let to = |page: usize| custom_id(page, command.user_id, &command.line);
    let (previous, next) = (to(page.saturating_sub(1)), to(page + 1));
    if previous.chars().count() > CUSTOM_ID || next.chars().count() > CUSTOM_ID {
        return None;
    }
    let button = |label: &str, id: Option<String>| {
        let disabled = id.is_none();
        let id = id.unwrap_or_else(|| format!("{MARK}{label}"));
        json!({"type": 2, "style": 2, "label": label, "custom_id": id, "disabled": disabled})
    };
    let buttons = [button("◀", (page > 0).then_some(previous)), button("▶", (page + 1 < count).then_some(next))];
    Some(json!({"type": 1, "components": buttons}))
}

fn custom_id(page: usize, user: UserId, line: &str) -> String {
    format!("{MARK}{page}:{:x}:{line}", user.0)
}

/// A pressed button of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Press {
    /// The interaction's id and its token: where the answer goes.
    pub(crate) interaction: String,
    pub(crate) token: String,
    /// From 0.
    pub(crate) page: usize,
    /// Whose list it is.
    pub(crate) owner: UserId,
}

#[derive(Deserialize)]
struct Interaction {
    id: String,
    token: String,
    #[serde(rename = "type")]
    kind: u64,
    #[serde(default)]
    data: Data,
    #[serde(default)]
    member: Value,
    #[serde(default)]
    user: Value,
    channel_id: miso_model::ChannelId,
    #[serde(default)]
    guild_id: Option<miso_model::GuildId>,
    #[serde(default)]
    message: Option<Pressed>,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    custom_id: String,
}

#[derive(Deserialize)]
struct Pressed {
    id: miso_model::MessageId,
}

/// The command that an INTERACTION_CREATE asks for, if it is a press of one of our buttons: the line
/// that the button repeats, said by who pressed it.
pub(crate) fn pressed(event: &EventView<'_>, partition: i32, offset: i64) -> Option<BotCommand> {
    // Our ids contain their mark: what does not is passed without a parse.
    memchr::memmem::find(event.d, MARK.as_bytes())?;
    let interaction: Interaction = serde_json::from_slice(event.d).ok()?;
    let (_, _, line) = target(&interaction.data.custom_id)?;
    if interaction.kind != MESSAGE_COMPONENT {
        return None;
    }
    let user = interaction.member.get("user").unwrap_or(&interaction.user);
    Some(BotCommand {
        event_id: event.id(),
        guild_id: interaction.guild_id,
        channel_id: interaction.channel_id,
        user_id: crate::messages::message::id_of(user)?,
        message_id: interaction.message?.id,
        prefix: String::new(),
        line: line.to_owned(),
        message: event.d.to_vec().into(),
        at_ms: event.received_at_ms,
        event_partition: partition,
        event_offset: offset,
    })
}

/// Page, owner and line of a button's id.
fn target(custom_id: &str) -> Option<(usize, UserId, &str)> {
    let mut parts = custom_id.strip_prefix(MARK)?.splitn(3, ':');
    let (page, owner, line) = (parts.next()?, parts.next()?, parts.next()?);
    let page = page.parse().ok().filter(|page| *page < PAGES)?;
    Some((page, UserId(u64::from_str_radix(owner, 16).ok()?), line))
}

impl Press {
    /// The press behind a command, where it was none that was said.
    pub(crate) fn of(command: &BotCommand) -> Option<Self> {
        if !command.prefix.is_empty() {
            return None;
        }
        let interaction: Interaction = serde_json::from_slice(&command.message).ok()?;
        let (page, owner, _) = target(&interaction.data.custom_id)?;
        Some(Self { interaction: interaction.id, token: interaction.token, page, owner })
    }
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::Colour;
    use proptest::prelude::*;

    use super::*;
    use crate::commands::plan::tests::said;

    fn list(rows: usize) -> Document {
        Document { rows: (1..=rows).map(|n| format!("row {n}")).collect(), ..Document::default() }
    }

    #[test]
    fn a_list_has_ten_rows_on_a_page() {
        let pages = pages(&list(21));
        assert_eq!(pages.len(), 3);
        assert!(pages[0].starts_with("row 1\n") && pages[0].ends_with("row 10"));
        assert_eq!((pages[1].lines().count(), pages[2].as_str()), (10, "row 21"));
        assert_eq!(super::pages(&Document::default()), [""]);
        let titled = Document { text: Some("Here:".to_owned()), ..list(2) };
        assert_eq!(super::pages(&titled), ["Here:\nrow 1\nrow 2"]);
        let many = super::pages(&list(PAGES * PAGE_ROWS + 5));
        assert!(many.len() == PAGES && many[PAGES - 1].ends_with("… and 5 more"));
    }

    #[test]
    fn a_long_text_is_split_between_words() {
        let text = "word ".repeat(1_500);
        let pages = pages(&Document::text(Colour::Info, text.trim()));
        assert_eq!(pages.len(), 2);
        assert_eq!(pages.join(" "), text.trim());
    }

    fn press(custom_id: &str, user: &str) -> Option<BotCommand> {
        let d = json!({
            "id": "77", "token": "tok", "type": 3, "channel_id": "5", "guild_id": "1", "data": {"custom_id": custom_id, "component_type": 2},
            "member": {"roles": [], "user": {"id": user}}, "message": {"id": "88"},
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
        pressed(&view, 3, 4)
    }

    #[test]
    fn a_button_says_the_command_again_for_its_page() {
        let command = said("help fun");
        let row = buttons(&command, 1, 3).expect("several pages");
        let ids: Vec<&str> =
            row["components"].as_array().expect("a row").iter().filter_map(|b| b["custom_id"].as_str()).collect();
        let again = press(ids[1], "3").expect("ours");
        assert_eq!((again.line.as_str(), again.user_id, again.event_offset), ("help fun", command.user_id, 4));
        let turned = Press::of(&again).expect("a press");
        assert_eq!((turned.page, turned.owner, turned.token.as_str()), (2, command.user_id, "tok"));
        assert_eq!(Press::of(&press(ids[0], "4").expect("ours")).expect("a press").page, 0);
        assert_eq!(Press::of(&command), None);
        for foreign in ["", "vote:1", "p1:◀", "p1:x:3:help", "p1:9999999:3:help", "p1:1:zz:help"] {
            assert_eq!(press(foreign, "3"), None, "{foreign}");
        }
    }

    #[test]
    fn the_first_and_the_last_page_have_a_button_that_does_nothing() {
        let command = said("members");
        let disabled = |page| {
            let row = buttons(&command, page, 2).expect("several pages");
            [row["components"][0]["disabled"] == json!(true), row["components"][1]["disabled"] == json!(true)]
        };
        assert_eq!((disabled(0), disabled(1)), ([true, false], [false, true]));
        assert!(buttons(&command, 0, 1).is_none());
        assert!(buttons(&said(&"x".repeat(100)), 0, 2).is_none(), "no room to say it again");
    }

    proptest! {
        #[test]
        fn pages_lose_nothing_and_fit(rows in proptest::collection::vec("[a🦀]{1,600}", 0..60), text in "[b🦀 ]{0,9000}") {
            let document = Document { text: Some(text.clone()), rows: rows.clone(), ..Document::default() };
            let pages = pages(&document);
            prop_assert!(pages.iter().all(|page| units(page) <= PAGE_TEXT + 1));
            let all: String = pages.concat().chars().filter(|c| !c.is_whitespace()).collect();
            let expected: String = text.chars().chain(rows.concat().chars()).filter(|c| !c.is_whitespace()).collect();
            prop_assert_eq!(all, expected);
        }
    }
}
