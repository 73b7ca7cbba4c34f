//! What is read out of HTML: tags with their attributes, scripts, text. Pure; a scanner, no parser: it reads
//! broken pages from left to right, once.

use crate::answer::{Facet, FacetKind};
use crate::bounds::{MAX_FACETS, head};

/// Tags that are looked at in a page; further ones are left alone.
const MAX_TAGS: usize = 20_000;
/// Bytes of markup that become text, at most; the rest is left out.
const MAX_MARKUP: usize = 64 * 1_024;
/// Bytes of an entity's name, at most.
const MAX_ENTITY: usize = 9;

/// A tag's attributes, names in lower case, values unescaped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes(Vec<(String, String)>);

impl Attributes {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The `<name …>` tags of a page, in order, each with where it ends.
pub(crate) fn tags<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = (Attributes, usize)> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let open = html[at..].find('<')? + at + 1;
            at = open;
            let rest = &html[open..];
            if !starts_with(rest, name) || rest[name.len()..].starts_with(|next: char| next.is_alphanumeric()) {
                continue;
            }
            let (attributes, length) = attributes(&rest[name.len()..]);
            at = open + name.len() + length;
            return Some((attributes, at));
        }
    })
    .take(MAX_TAGS)
}

fn starts_with(text: &str, name: &str) -> bool {
    text.len() >= name.len() && text.as_bytes()[..name.len()].eq_ignore_ascii_case(name.as_bytes())
}

/// Reads up to and with the closing `>`; how many bytes that was.
fn attributes(text: &str) -> (Attributes, usize) {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() && bytes[at] != b'>' {
        if bytes[at].is_ascii_whitespace() || bytes[at] == b'/' {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && !bytes[at].is_ascii_whitespace() && !b"=>".contains(&bytes[at]) {
            at += 1;
        }
        let name = text[start..at].to_ascii_lowercase();
        let mut value = String::new();
        if bytes.get(at) == Some(&b'=') {
            at += 1;
            let quote = bytes.get(at).copied().filter(|byte| b"\"'".contains(byte));
            at += usize::from(quote.is_some());
            let start = at;
            let ends = |byte: u8| quote.map_or(byte.is_ascii_whitespace() || byte == b'>', |quote| byte == quote);
            while at < bytes.len() && !ends(bytes[at]) {
                at += 1;
            }
            value = unescape(&text[start..at]);
            at += usize::from(quote.is_some() && at < bytes.len());
        } else if name.is_empty() {
            at += 1;
            continue;
        }
        found.push((name, value));
    }
    (Attributes(found), (at + 1).min(text.len()))
}

/// The `<meta>` tags of a page.
#[derive(Debug)]
pub(crate) struct Metas(Vec<Attributes>);

impl Metas {
    pub(crate) fn of(html: &str) -> Self {
        Self(tags(html, "meta").map(|(attributes, _)| attributes).collect())
    }

    /// What `<meta property|name=… content=…>` says first under one of the names, in their order.
    pub(crate) fn get(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| {
            let named = |tag: &&Attributes| [tag.get("property"), tag.get("name")].contains(&Some(*name));
            let content = self.0.iter().filter(named).find_map(|tag| tag.get("content"))?.trim();
            (!content.is_empty()).then(|| content.to_owned())
        })
    }
}

/// As [`Metas::get`], for one question.
pub(crate) fn meta(html: &str, names: &[&str]) -> Option<String> {
    Metas::of(html).get(names)
}

/// The content of the first `<script>` with this id.
pub(crate) fn script<'a>(html: &'a str, id: &'a str) -> Option<&'a str> {
    let (_, start) = tags(html, "script").find(|(attributes, _)| attributes.get("id") == Some(id))?;
    let length = html[start..].find("</script")?;
    Some(&html[start..start + length])
}

/// The page's `<title>`.
pub(crate) fn title(html: &str) -> Option<String> {
    let (_, start) = tags(html, "title").next()?;
    let length = html[start..].find('<')?;
    let title = unescape(html[start..start + length].trim());
    (!title.is_empty()).then_some(title)
}

/// Markup as text, with its links.
pub(crate) fn to_text(html: &str) -> (String, Vec<Facet>) {
    let mut text = String::new();
    let mut facets = Vec::new();
    let mut link: Option<(usize, String)> = None;
    let mut rest = head(html, MAX_MARKUP);
    while let Some(open) = rest.find('<') {
        text.push_str(&unescape(&rest[..open]));
        let tag = &rest[open + 1..];
        let (attributes, length) = attributes(tag);
        let is =
            |name: &str| starts_with(tag, name) && !tag[name.len()..].starts_with(|next: char| next.is_alphanumeric());
        if is("br") || is("/p") || is("/div") || is("/li") {
            text.push('\n');
        } else if is("a") && facets.len() < MAX_FACETS {
            link = attributes.get("href").map(|href| (text.chars().count(), href.to_owned()));
        } else if is("/a")
            && let Some((start, href)) = link.take()
        {
            let end = text.chars().count();
            let shown = text.chars().nth(start);
            let kind = match shown {
                Some('@') => FacetKind::Mention,
                Some('#') => FacetKind::Tag,
                _ => FacetKind::Url,
            };
            facets.push(Facet { kind, start, end, href });
        }
        rest = &tag[length..];
    }
    text.push_str(&unescape(rest));
    let length = text.trim_end().len();
    text.truncate(length);
    let characters = text.chars().count();
    facets.retain(|facet| facet.start < facet.end && facet.end <= characters);
    (text, facets)
}

/// `&amp;`, `&#39;`, `&#x27;` and the other usual ones.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = rest.as_bytes()[1..].iter().take(MAX_ENTITY).position(|byte| *byte == b';');
        let known = length.and_then(|length| Some((entity(rest.get(1..=length)?)?, length + 2)));
        let (character, length) = known.unwrap_or(('&', 1));
        plain.push(character);
        rest = &rest[length..];
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "hellip" => '…',
        "mdash" => '—',
        "ndash" => '–',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!DOCTYPE html><html><head><title> A &amp; B </title><METADATA content="x">
        <meta property='og:title' content="It&#39;s &quot;here&quot;"/><meta name=twitter:card content=summary>
        <meta content="late" property="og:description"><script id="data" type="application/json">{"a":"<b>"}</script>"#;

    #[test]
    fn tags_are_read_in_any_order_and_quoting() {
        assert_eq!(meta(PAGE, &["og:title"]).as_deref(), Some("It's \"here\""));
        assert_eq!(meta(PAGE, &["twitter:card"]).as_deref(), Some("summary"));
        assert_eq!(meta(PAGE, &["none", "og:description"]).as_deref(), Some("late"));
        assert_eq!(title(PAGE).as_deref(), Some("A & B"));
        assert_eq!(script(PAGE, "data"), Some("{\"a\":\"<b>\"}"));
    }

    #[test]
    fn markup_becomes_text_with_links() {
        let (text, facets) = to_text("<p>Möin <a href=\"https://a.example/\">@ann</a>!</p><p>1 &lt; 2<br>end</p>");
        assert_eq!(text, "Möin @ann!\n1 < 2\nend");
        assert_eq!((facets[0].kind, facets[0].start, facets[0].end), (FacetKind::Mention, 5, 9));
    }

    #[test]
    fn broken_pages_end() {
        for page in [
            "<",
            "<meta",
            "<meta content=\"",
            "<meta =",
            "<a href='x",
            "&",
            "&#;",
            "&#x110000;",
            "<title>x",
            "<meta ==>",
        ] {
            let _ = (meta(page, &["a"]), title(page), to_text(page), script(page, "x"));
        }
        assert_eq!(unescape("&#x110000; &unknown; & ü"), "&#x110000; &unknown; & ü");
    }
}
