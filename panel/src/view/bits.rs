use maud::{Markup, html};

use crate::assets;

/// An icon of the sprite; decoration only, words stand beside it.
pub(crate) fn icon(name: &str) -> Markup {
    let file = assets::url("vendor/icons.svg");
    html! { svg.icon aria-hidden="true" { use href={ (file) "#" (name) } {} } }
}

/// The hidden field that every form sends back.
pub(crate) fn csrf_field(token: &str) -> Markup {
    html! { input type="hidden" name="_csrf" value=(token); }
}

/// A state as colour, sign and word: `ok`, `warn`, `danger`, `info`.
pub(crate) fn dot(state: &str, says: &str) -> Markup {
    html! { span.dot.(state) role="img" aria-label=(says) title=(says) {} }
}

/// A message above content.
pub(crate) fn banner(state: &str, content: &Markup) -> Markup {
    let sign = match state {
        "ok" => "circle-check",
        "info" => "info",
        _ => "triangle-alert",
    };
    html! { div.banner.(state) { (icon(sign)) div { (content) } } }
}

/// What just happened; read out, and gone after a while.
pub(crate) fn toast(content: &Markup) -> Markup {
    html! { div.toast.ok role="status" { (icon("circle-check")) div { (content) } } }
}

/// Nothing here yet: one sentence and the one action.
pub(crate) fn empty(sentence: &str, action: &Markup) -> Markup {
    html! { div.empty { p { (sentence) } (action) } }
}

/// The first letters of a name.
pub(crate) fn initials(name: &str) -> String {
    let firsts = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let text: String = firsts.take(2).flat_map(char::to_uppercase).collect();
    if text.is_empty() { "?".to_owned() } else { text }
}

/// A round picture of Discord's, or initials on a colour that comes from the id.
pub(crate) fn picture(kind: &str, id: &str, hash: Option<&str>, name: &str, fetch: bool) -> Markup {
    let safe = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if let Some(hash) = hash.filter(|hash| fetch && safe(hash) && safe(id)) {
        let url = format!("https://cdn.discordapp.com/{kind}/{id}/{hash}.webp?size=64");
        return html! { img.picture src=(url) alt="" width="32" height="32" loading="lazy"; };
    }
    let hue = id.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 8;
    html! { span.picture.{ "hue-" (hue) } aria-hidden="true" { (initials(name)) } }
}

/// What is wrong with a form, above it; takes the focus.
pub(crate) fn error_summary(lines: &[(String, String)]) -> Markup {
    html! {
        @if !lines.is_empty() {
            div.banner.danger.summary #errors tabindex="-1" role="alert" {
                (icon("circle-alert"))
                div {
                    strong {
                        @if lines.len() == 1 { "One thing does not fit" } @else { (lines.len()) " things do not fit" }
                    }
                    ul {
                        @for (target, message) in lines {
                            li { a href={ "#" (target) } { (message) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_letters_of_the_first_two_words() {
        assert_eq!(initials("Miso Club"), "MC");
        assert_eq!(initials("  élan  "), "É");
        assert_eq!(initials("<script>"), "S");
        assert_eq!(initials("!!!"), "?");
    }

    #[test]
    fn a_picture_is_fetched_only_with_a_hash_that_looks_like_one() {
        let shown = |hash| picture("icons", "42", Some(hash), "A", true).into_string();
        assert!(shown("a_b1").contains("cdn.discordapp.com/icons/42/a_b1.webp"));
        assert!(!shown("../../x").contains("img"));
        assert!(!picture("icons", "42", Some("ab"), "A", false).into_string().contains("img"));
    }
}
