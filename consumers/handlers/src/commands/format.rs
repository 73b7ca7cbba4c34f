//! A document as a Discord message. Pure.

use miso_command_catalogue::{Document, ImageRole};
use miso_model::BotCommand;
use serde_json::{Value, json};

/// Rows of a list on one page.
const PAGE_ROWS: usize = 10;
/// Discord's bounds of an embed, in UTF-16 units.
const TITLE: usize = 256;
const DESCRIPTION: usize = 4_096;
const FIELDS: usize = 25;
const FIELD_NAME: usize = 256;
const FIELD_VALUE: usize = 1_024;
const FOOTER: usize = 2_048;
/// Of all texts of an embed together.
const TOTAL: usize = 6_000;
/// Buttons in a row, and characters on one.
const BUTTONS: usize = 5;
const LABEL: usize = 80;

/// The body of a create-message that answers a command: a reply that mentions nobody, whatever its
/// text says, and that is sent even when the command's message is gone.
pub(crate) fn message(command: &BotCommand, document: &Document) -> Value {
    let mut message = json!({
        "embeds": [embed(document)],
        "allowed_mentions": {"parse": [], "replied_user": false},
        "message_reference": {
            "message_id": command.message_id, "channel_id": command.channel_id, "fail_if_not_exists": false,
        },
    });
    if !document.actions.is_empty() {
        let buttons: Vec<Value> = document
            .actions
            .iter()
            .take(BUTTONS)
            .map(|link| json!({"type": 2, "style": 5, "label": cut(&link.label, LABEL), "url": link.url}))
            .collect();
        message["components"] = json!([{"type": 1, "components": buttons}]);
    }
    message
}

fn embed(document: &Document) -> Value {
    let mut left = TOTAL;
    let mut take = |text: &str, bound: usize| {
        let text = cut(text, bound.min(left));
        left -= units(&text);
        text
    };
    let mut embed = json!({"color": document.colour.rgb()});
    if let Some(title) = &document.title {
        embed["title"] = json!(take(title, TITLE));
    }
    let mut text = document.text.clone().unwrap_or_default();
    for row in document.rows.iter().take(PAGE_ROWS) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(row);
    }
    let mut footer = document.footer.clone();
    if document.rows.len() > PAGE_ROWS {
        let page = format!("1–{PAGE_ROWS} of {}", document.rows.len());
        footer = Some(footer.map_or(page.clone(), |footer| format!("{footer} · {page}")));
    }
    if let Some(footer) = footer {
        embed["footer"] = json!({"text": take(&footer, FOOTER)});
    }
    if !text.is_empty() {
        embed["description"] = json!(take(&text, DESCRIPTION));
    }
    let mut fields = Vec::new();
    for field in document.fields.iter().take(FIELDS) {
        let (name, value) = (take(&field.name, FIELD_NAME), take(&field.value, FIELD_VALUE));
        // Discord takes no empty names and values.
        if !name.is_empty() && !value.is_empty() {
            fields.push(json!({"name": name, "value": value, "inline": field.inline}));
        }
    }
    if !fields.is_empty() {
        embed["fields"] = Value::Array(fields);
    }
    for image in &document.images {
        let key = match image.role {
            ImageRole::Main => "image",
            ImageRole::Thumbnail => "thumbnail",
        };
        embed[key] = json!({"url": image.url});
    }
    embed
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// At most `bound` UTF-16 units, the last of them an ellipsis where something was cut off.
fn cut(text: &str, bound: usize) -> String {
    if units(text) <= bound {
        return text.to_owned();
    }
    let mut room = bound.saturating_sub(1);
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= room;
            room = room.saturating_sub(c.len_utf16());
            fits
        })
        .collect();
    if bound > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::Colour;
    use proptest::prelude::*;

    use super::*;
    use crate::commands::plan::tests::said;

    #[test]
    fn an_answer_is_an_embed_that_replies_and_mentions_nobody() {
        let document = Document::text(Colour::Error, "@everyone <@1>")
            .titled("T")
            .footer("trace 1")
            .image(ImageRole::Thumbnail, "https://x/y.png");
        let message = message(&said("x"), &document);
        assert_eq!(message["allowed_mentions"], json!({"parse": [], "replied_user": false}));
        assert_eq!(message["message_reference"]["message_id"], json!((4_u64 << 22).to_string()));
        assert_eq!(message["message_reference"]["fail_if_not_exists"], json!(false));
        assert_eq!(
            message["embeds"][0],
            json!({
                "color": 0xbe_1931, "title": "T", "description": "@everyone <@1>", "footer": {"text": "trace 1"}, "thumbnail": {"url": "https://x/y.png"},
            })
        );
        assert!(message.get("content").is_none());
    }

    #[test]
    fn lists_show_ten_rows_and_say_how_many_there_are() {
        let rows = (1..=12).map(|n| format!("row {n}")).collect();
        let embed = embed(&Document { rows, footer: Some("f".to_owned()), ..Document::default() });
        assert!(embed["description"].as_str().expect("text").ends_with("row 10"));
        assert_eq!(embed["footer"]["text"], json!("f · 1–10 of 12"));
    }

    proptest! {
        #[test]
        fn no_document_exceeds_discords_bounds(
            title in "\\PC{0,300}", text in "[a🦀é]{0,5000}", fields in proptest::collection::vec(("[a🦀]{0,300}", "[b🦀]{0,1200}"), 0..30),
        ) {
            let mut document = Document::text(Colour::Info, text).titled(title);
            for (name, value) in fields {
                document = document.field(name, value, true);
            }
            let embed = embed(&document);
            let text = |value: &Value| value.as_str().map_or(0, units);
            let mut total = text(&embed["title"]) + text(&embed["description"]);
            prop_assert!(text(&embed["title"]) <= TITLE && text(&embed["description"]) <= DESCRIPTION);
            let fields = embed["fields"].as_array().cloned().unwrap_or_default();
            prop_assert!(fields.len() <= FIELDS);
            for field in fields {
                prop_assert!((1..=FIELD_NAME).contains(&text(&field["name"])) && (1..=FIELD_VALUE).contains(&text(&field["value"])));
                total += text(&field["name"]) + text(&field["value"]);
            }
            prop_assert!(total <= TOTAL);
        }
    }
}
