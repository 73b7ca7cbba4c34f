//! Messages as Discord shows them, from Discord's JSON.

use maud::{Markup, html};
use serde_json::Value;

use super::{Names, icon, initials, markdown};

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn author(message: &Value) -> (&str, &str, bool) {
    let author = message.get("author").unwrap_or(&Value::Null);
    let name = author.get("global_name").and_then(Value::as_str).unwrap_or_else(|| text(author, "username"));
    (text(author, "id"), name, author.get("bot").and_then(Value::as_bool).unwrap_or(false))
}

/// Messages, oldest first.
pub(crate) fn chat(messages: &[Value], known: &Names) -> Markup {
    let mut names = known.clone();
    for message in messages {
        let (id, name, _) = author(message);
        names.add_user(id, name);
        for user in list(message, "mentions") {
            let name = user.get("global_name").and_then(Value::as_str).unwrap_or_else(|| text(user, "username"));
            names.add_user(text(user, "id"), name);
        }
    }
    html! {
        @if messages.is_empty() { p.muted { "Nobody has said anything here yet." } }
        @for message in messages { (one(message, &names)) }
    }
}

/// Users that messages mention in text, embeds included.
pub(crate) fn mentioned(messages: &[Value]) -> Vec<String> {
    let texts = messages.iter().flat_map(|message| {
        let embeds = list(message, "embeds").flat_map(|embed| {
            let fields = list(embed, "fields").map(|field| text(field, "value"));
            [text(embed, "title"), text(embed, "description")].into_iter().chain(fields)
        });
        std::iter::once(text(message, "content")).chain(embeds).collect::<Vec<_>>()
    });
    let ids = texts.flat_map(|text| text.split("<@").skip(1)).filter_map(|rest| {
        let id = rest.split_once('>')?.0.trim_start_matches('!');
        (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
    });
    ids.collect()
}

fn one(message: &Value, names: &Names) -> Markup {
    let (id, name, bot) = author(message);
    let hue = id.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 8;
    html! {
        article.message id={ "m-" (text(message, "id")) } {
            @if bot { span.picture.miso aria-hidden="true" { "M" } }
            @else { span.picture.{ "hue-" (hue) } aria-hidden="true" { (initials(name)) } }
            div {
                div.author {
                    strong { (name) }
                    @if bot { span.tag { "APP" } }
                    @if !text(message, "edited_timestamp").is_empty() { small.muted { "edited" } }
                    a.trace-link href={ "/play/trace?message=" (text(message, "id")) } hx-get={ "/play/trace?message=" (text(message, "id")) } hx-target="#trace"
                        aria-label={ "What happened with the message of " (name) } title="What happened" { (icon("activity")) }
                    button.star type="button" hx-post="/play/act" hx-vals=(act(text(message, "id"), None)) hx-include=".composer [name=channel], #as"
                        hx-target="#chat" aria-label={ "Star the message of " (name) } title="React with a star" { (icon("star")) }
                }
                @if !text(message, "content").is_empty() { div.md { (markdown(text(message, "content"), names)) } }
                @for file in list(message, "attachments").filter(|file| !shown_in_embed(message, file)) { (attached(file)) }
                @for embed in list(message, "embeds") { (embed_shown(embed, names)) }
                @for row in list(message, "components") { (buttons(text(message, "id"), row)) }
                @if list(message, "reactions").next().is_some() {
                    p.reactions {
                        @for reaction in list(message, "reactions") {
                            span { (text(reaction.get("emoji").unwrap_or(&Value::Null), "name")) " " (reaction.get("count").and_then(Value::as_u64).unwrap_or(1)) }
                        }
                    }
                }
            }
        }
    }
}

/// Where the panel shows a file that came with a message.
fn file_path(url: &str) -> Option<String> {
    let path = url.strip_prefix("https://cdn.discordapp.com/attachments/")?;
    path.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
        .then(|| format!("/play/file/{path}"))
}

/// A picture that an embed shows is not shown twice.
fn shown_in_embed(message: &Value, file: &Value) -> bool {
    let shown =
        |embed: &Value, place: &str| embed.get(place).is_some_and(|image| text(image, "url") == text(file, "url"));
    list(message, "embeds").any(|embed| shown(embed, "image") || shown(embed, "thumbnail"))
}

fn attached(file: &Value) -> Markup {
    let (name, kind) = (text(file, "filename"), text(file, "content_type"));
    let spoiler = name.starts_with("SPOILER_");
    html! {
        @match file_path(text(file, "url")) {
            Some(path) if kind.starts_with("image/") && !spoiler => { img.attached src=(path) alt=(name) loading="lazy"; },
            Some(path) => { p { a.button href=(path) download=(name) { (icon("download")) (name) } } },
            None => { p.muted { "File: " (name) } },
        }
    }
}

fn embed_shown(embed: &Value, names: &Names) -> Markup {
    let colour = embed.get("color").and_then(Value::as_u64).unwrap_or(0x88_8888) & 0xff_ffff;
    let of = |outer: &str, inner: &str| embed.get(outer).map(|value| text(value, inner).to_owned()).unwrap_or_default();
    let image = of("image", "url");
    html! {
        div.embed {
            svg.embed-edge viewBox="0 0 4 4" preserveAspectRatio="none" aria-hidden="true" { rect width="4" height="4" fill=(format!("#{colour:06x}")) {} }
            div.embed-body {
                @if !of("author", "name").is_empty() { p.embed-author { (of("author", "name")) } }
                @if !text(embed, "title").is_empty() { p.embed-title { strong { (markdown(text(embed, "title"), names)) } } }
                @if !text(embed, "description").is_empty() { div.md { (markdown(text(embed, "description"), names)) } }
                @if list(embed, "fields").next().is_some() {
                    dl.embed-fields {
                        @for field in list(embed, "fields") {
                            div.inline[field.get("inline").and_then(Value::as_bool).unwrap_or(false)] {
                                dt { (markdown(text(field, "name"), names)) }
                                dd { (markdown(text(field, "value"), names)) }
                            }
                        }
                    }
                }
                @if let Some(path) = file_path(&image) { img.attached src=(path) alt="" loading="lazy"; }
                @else if !image.is_empty() { p.muted { "Picture: " (image) } }
                @if !of("footer", "text").is_empty() { p.embed-footer { (of("footer", "text")) } }
            }
        }
    }
}

/// What a click on a message sends: where, and as whom, the composer says.
fn act(message: &str, button: Option<&str>) -> String {
    serde_json::json!({"message": message, "button": button.unwrap_or_default()}).to_string()
}

/// Buttons: links lead somewhere, others are pressed as Discord does it.
fn buttons(message: &str, row: &Value) -> Markup {
    html! {
        p.components {
            @for button in list(row, "components") {
                @let url = text(button, "url");
                @let words = if text(button, "label").is_empty() { text(button.get("emoji").unwrap_or(&Value::Null), "name") } else { text(button, "label") };
                @if url.starts_with("https://") || url.starts_with("http://") {
                    a.button href=(url) rel="noopener noreferrer nofollow" target="_blank" { (words) }
                } @else {
                    button type="button" hx-post="/play/act" hx-vals=(act(message, Some(text(button, "custom_id")))) hx-include=".composer [name=channel], #as"
                        hx-target="#chat" disabled[button.get("disabled").and_then(Value::as_bool).unwrap_or(false)] { (words) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mentions_are_found_in_text_and_embeds() {
        let message = json!({"content": "<@1> <@&2> <@!3> <@x>", "embeds": [{"description": "<@4>", "fields": [{"value": "<@5>"}]}]});
        assert_eq!(mentioned(&[message, json!(null)]), ["1", "3", "4", "5"]);
    }

    #[test]
    fn nothing_that_a_member_writes_becomes_markup() {
        let hostile = "<script>alert(1)</script>";
        let message = json!({
            "id": "1", "content": hostile,
            "author": {"id": "2", "username": hostile, "global_name": hostile},
            "embeds": [{"title": hostile, "description": hostile, "color": 255, "fields": [{"name": hostile, "value": hostile}],
                "footer": {"text": hostile}, "author": {"name": hostile}, "image": {"url": hostile}}],
            "components": [{"components": [{"label": hostile, "url": "javascript:alert(1)"}, {"label": "x", "url": "https://a.example/\"><script>"}]}],
            "reactions": [{"emoji": {"name": hostile}, "count": 2}],
        });
        let html = chat(&[message, json!({}), json!(3)], &Names::default()).into_string();
        assert!(!html.contains("<script") && !html.contains("javascript:"), "{html}");
        assert!(html.contains("#0000ff"));
    }
}
