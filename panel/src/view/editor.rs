use maud::{Markup, html};

use super::markdown;
use crate::view::Choices;

/// What placeholders stand for in a preview.
pub(crate) fn filled(text: &str, choices: &Choices, user: (&str, &str)) -> String {
    let (id, name) = user;
    let guild = if choices.guild.name.is_empty() { "your server" } else { &choices.guild.name };
    let count = choices.guild.member_count.unwrap_or(1).to_string();
    let mention = format!("<@{id}>");
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find('}').map_or(0, |end| end + 1);
        let value = match &rest[..end] {
            "{mention}" => mention.as_str(),
            "{user}" | "{username}" => name,
            "{id}" => id,
            "{server}" | "{guild}" => guild,
            "{count}" => &count,
            _ => "{",
        };
        filled.push_str(value);
        rest = &rest[if value == "{" { 1 } else { end }..];
    }
    filled.push_str(rest);
    filled
}

/// Names in braces that stand for nothing.
pub(crate) fn unknown<'a>(text: &'a str, placeholders: &[&str]) -> Vec<&'a str> {
    let mut unknown = Vec::new();
    for part in text.split('{').skip(1) {
        let Some((name, _)) = part.split_once('}') else { continue };
        let is_name =
            !name.is_empty() && name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_name && !placeholders.contains(&name) && !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    unknown
}

/// A message as Discord would show it.
pub(crate) fn preview(text: &str, placeholders: &[&str], choices: &Choices, user: (&str, &str)) -> Markup {
    let mut names = choices.names.clone();
    names.add_user(user.0, user.1);
    let unknown = unknown(text, placeholders);
    html! {
        div.message {
            span.picture.miso aria-hidden="true" { "M" }
            div {
                p.author { strong { "Miso" } span.tag { "APP" } }
                div.md {
                    @if text.trim().is_empty() { span.muted { "The message is empty." } }
                    @else { (markdown(&filled(text, choices, user), &names)) }
                }
            }
        }
        @if !unknown.is_empty() {
            p.field-note.warn {
                "Nothing stands for "
                @for (index, name) in unknown.iter().enumerate() {
                    @if index > 0 { ", " }
                    code.unknown { "{" (name) "}" }
                }
                "; it is sent as it is."
            }
        }
    }
}

/// The editor: placeholder chips, text, counter, preview.
pub(crate) struct Editor<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) max_chars: usize,
    pub(crate) placeholders: &'a [&'a str],
    pub(crate) described_by: &'a str,
    pub(crate) invalid: bool,
    pub(crate) disabled: bool,
    /// Where a preview is made; none: no preview.
    pub(crate) preview: Option<&'a str>,
    pub(crate) rows: u32,
    /// The preview to begin with.
    pub(crate) shown: Markup,
}

impl Editor<'_> {
    pub(crate) fn markup(&self) -> Markup {
        let target = format!("{}-preview", self.id);
        let vals = serde_json::json!({"field": self.name}).to_string();
        html! {
            miso-editor {
                @if !self.placeholders.is_empty() {
                    div.chips role="group" aria-label="Insert a placeholder" {
                        @for placeholder in self.placeholders {
                            button.chip type="button" data-insert={ "{" (placeholder) "}" } disabled[self.disabled] { "{" (placeholder) "}" }
                        }
                    }
                }
                textarea #(self.id) name=(self.name) rows=(self.rows) maxlength=(self.max_chars) disabled[self.disabled]
                    aria-describedby=(self.described_by) aria-invalid=[self.invalid.then_some("true")]
                    hx-post=[self.preview] hx-trigger=[self.preview.map(|_| "input changed delay:150ms")]
                    hx-target=[self.preview.map(|_| format!("#{target}"))] hx-swap=[self.preview.map(|_| "innerHTML")]
                    hx-select=[self.preview.map(|_| "unset")]
                    hx-params=[self.preview.map(|_| format!("{},field", self.name))] hx-vals=[self.preview.map(|_| vals)] {
                    // A first line break would be eaten.
                    "\n" (self.text)
                }
                p.counter aria-live="off" { output { (self.text.chars().count()) } " of " (self.max_chars) " characters" }
                @if self.preview.is_some() {
                    div.preview {
                        p.preview-title { "Preview" }
                        div #(target) aria-live="polite" { (self.shown) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Guild;

    #[test]
    fn placeholders_are_filled_and_unknown_ones_named() {
        let choices = Choices {
            guild: Guild { name: "Miso <Club>".to_owned(), member_count: Some(12), ..Guild::default() },
            ..Choices::default()
        };
        let text = "Hi {mention}, {count} of {server} {nothing} {";
        assert_eq!(filled(text, &choices, ("42", "Ann")), "Hi <@42>, 12 of Miso <Club> {nothing} {");
        let html = preview(text, &["mention", "count", "server"], &choices, ("42", "<Ann>")).into_string();
        assert!(
            html.contains("@&lt;Ann&gt;") && html.contains("Miso &lt;Club&gt;") && html.contains("{nothing}"),
            "{html}"
        );
        assert_eq!(unknown("{a} {mention} {a} {{b}} {not a name}", &["mention"]), ["a", "b"]);
    }
}
