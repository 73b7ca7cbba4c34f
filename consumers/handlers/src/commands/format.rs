//! A document as a Discord message. Pure.

use miso_command_catalogue::{Document, ImageRole};
use miso_model::BotCommand;
use serde_json::{Value, json};

use super::pages::{buttons, pages};
use crate::text::{CONTENT, cut};

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

/// How a document becomes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// An embed; else plain text, for channels where the bot may not embed.
    pub(crate) embed: bool,
    /// In reply to the command's message.
    pub(crate) refers: bool,
    /// Of a list; from 0. Beyond its end it is the last.
    pub(crate) page: usize,
    /// Whether pages can be turned.
    pub(crate) buttons: bool,
}

/// The body of a create-message that answers a command: a reply that mentions nobody, whatever its
/// text says, and that is sent even when the command's message is gone.
pub(crate) fn message(command: &BotCommand, document: &Document, shape: Shape) -> Value {
    let pages = pages(document);
    let page = shape.page.min(pages.len() - 1);
    let footer = match (document.footer.as_deref(), pages.len()) {
        (footer, 1) => footer.map(str::to_owned),
        (None, count) => Some(page_of(page, count, document.rows.len())),
        (Some(footer), count) => Some(format!("{footer} · {}", page_of(page, count, document.rows.len()))),
    };
    let mut message = json!({"allowed_mentions": {"parse": [], "replied_user": false}});
    if shape.embed {
        message["embeds"] = json!([embed(document, &pages[page], footer.as_deref())]);
    } else {
        message["content"] = json!(plain(document, &pages[page], footer.as_deref()));
    }
    if shape.refers {
        message["message_reference"] = json!({
            "message_id": command.message_id, "channel_id": command.channel_id, "fail_if_not_exists": false,
        });
    }
    let links: Vec<Value> = document
        .actions
        .iter()
        .take(BUTTONS)
        .map(|link| json!({"type": 2, "style": 5, "label": cut(&link.label, LABEL), "url": link.url}))
        .collect();
    let links = (!links.is_empty()).then(|| json!({"type": 1, "components": links}));
    let turns = if shape.buttons { buttons(command, page, pages.len()) } else { None };
    let rows: Vec<Value> = turns.into_iter().chain(links).collect();
    if !rows.is_empty() {
        message["components"] = Value::Array(rows);
    }
    message
}

fn page_of(page: usize, count: usize, rows: usize) -> String {
    let of_rows = if rows == 0 { String::new() } else { format!(" · {rows} in all") };
    format!("Page {} of {count}{of_rows}", page + 1)
}

/// Title, text, fields and small print as one text.
fn plain(document: &Document, text: &str, footer: Option<&str>) -> String {
    let title = document.title.as_deref().map(|title| format!("**{title}**"));
    let fields = document.fields.iter().map(|field| format!("**{}**: {}", field.name, field.value));
    // What is attached is seen without an address.
    let images = document.images.iter().map(|image| image.url.clone()).filter(|url| !url.starts_with("attachment:"));
    let lines: Vec<String> = title
        .into_iter()
        .chain(Some(text.to_owned()).filter(|text| !text.is_empty()))
        .chain(fields)
        .chain(images)
        .chain(footer.map(|footer| format!("-# {footer}")))
        .collect();
    cut(&lines.join("\n"), CONTENT)
}

fn embed(document: &Document, text: &str, footer: Option<&str>) -> Value {
    let mut left = TOTAL;
    let mut take = |text: &str, bound: usize| {
        let bound = bound.min(left);
        let text = if bound == 0 { String::new() } else { cut(text, bound) };
        left -= units(&text);
        text
    };
    let mut embed = json!({"color": document.colour.rgb()});
    if let Some(title) = &document.title {
        embed["title"] = json!(take(title, TITLE));
    }
    if let Some(footer) = footer {
        embed["footer"] = json!({"text": take(footer, FOOTER)});
    }
    if !text.is_empty() {
        embed["description"] = json!(take(text, DESCRIPTION));
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
        let shape = Shape { embed: true, refers: true, page: 0, buttons: true };
        let message = message(&said("x"), &document, shape);
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
    fn lists_show_ten_rows_a_page_and_buttons_to_turn_it() {
        let rows = (1..=12).map(|n| format!("row {n}")).collect();
        let document = Document { rows, footer: Some("f".to_owned()), ..Document::default() };
        let shown = |page| {
            let shape = Shape { embed: true, refers: true, page, buttons: true };
            message(&said("members"), &document, shape)
        };
        let first = shown(0);
        assert!(first["embeds"][0]["description"].as_str().expect("text").ends_with("row 10"));
        assert_eq!(first["embeds"][0]["footer"]["text"], json!("f · Page 1 of 2 · 12 in all"));
        assert_eq!(first["components"][0]["components"].as_array().map(Vec::len), Some(2));
        assert_eq!(shown(1)["embeds"][0]["description"], json!("row 11\nrow 12"));
        assert_eq!(shown(7)["embeds"], shown(1)["embeds"], "beyond its end it is the last");
    }

    #[test]
    fn without_embeds_an_answer_is_plain_text() {
        let document = Document::text(Colour::Info, "x".repeat(3_000)).titled("T").footer("f");
        let shape = Shape { embed: false, refers: false, page: 0, buttons: true };
        let message = message(&said("x"), &document, shape);
        let content = message["content"].as_str().expect("text");
        assert!(content.starts_with("**T**\nxxx") && units(content) <= CONTENT);
        assert!(message.get("embeds").is_none() && message.get("message_reference").is_none());
        let short = Document::text(Colour::Info, "a").titled("T").field("n", "v", true).footer("f");
        let body = super::message(&said("x"), &short, shape);
        assert_eq!(body["content"], json!("**T**\na\n**n**: v\n-# f"));
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
            let pages = pages(&document);
            let embed = embed(&document, &pages[0], None);
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
