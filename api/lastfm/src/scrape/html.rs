//! Finds elements by name and class in a page, without building a tree of it. It reads what browsers would
//! mend: unclosed elements end with the page, odd attributes are passed over.

/// An element by its name and one of its classes; no class: any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selector {
    pub(crate) tag: &'static str,
    pub(crate) class: &'static str,
}

/// An element found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    attributes: &'a str,
    /// What is between its tags.
    pub(crate) inner: &'a str,
}

/// Elements that have no end.
const VOID: [&str; 6] = ["img", "br", "input", "meta", "link", "hr"];
/// Elements whose content is no markup.
const RAW: [&str; 2] = ["script", "style"];

/// The elements that fit, in the order of the page; those within a found one are not looked for.
pub(crate) fn all<'a>(html: &'a str, selector: Selector) -> impl Iterator<Item = Element<'a>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            let (tag, after) = next_tag(rest)?;
            rest = after;
            if tag.closes || !tag.name.eq_ignore_ascii_case(selector.tag) {
                continue;
            }
            if !selector.class.is_empty() && !has_class(tag.attributes, selector.class) {
                continue;
            }
            let (inner, after) =
                if tag.empty || is_one_of(tag.name, &VOID) { ("", after) } else { content(tag.name, after) };
            rest = after;
            return Some(Element { attributes: tag.attributes, inner });
        }
    })
}

/// The first that fits.
pub(crate) fn first(html: &str, selector: Selector) -> Option<Element<'_>> {
    all(html, selector).next()
}

impl Element<'_> {
    /// An attribute's value.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        attribute(self.attributes, name).map(unescaped)
    }

    /// The text within, blanks drawn together.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut rest = self.inner;
        while let Some(at) = rest.find('<') {
            text.push_str(&rest[..at]);
            text.push(' ');
            let Some((_, after)) = next_tag(&rest[at..]) else { break };
            rest = after;
        }
        if !rest.contains('<') {
            text.push_str(rest);
        }
        unescaped(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[derive(Debug)]
struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
    closes: bool,
    empty: bool,
}

/// The next tag, and what follows it: past the content of scripts, past comments.
fn next_tag(html: &str) -> Option<(Tag<'_>, &str)> {
    let mut rest = html;
    loop {
        let tag = rest.get(rest.find('<')? + 1..)?;
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.get(comment.find("-->")? + 3..)?;
            continue;
        }
        let closes = tag.starts_with('/');
        let named = tag.strip_prefix('/').unwrap_or(tag);
        let length = named.find(|sign: char| !sign.is_ascii_alphanumeric()).unwrap_or(named.len());
        if length == 0 {
            rest = tag;
            continue;
        }
        let (name, behind) = named.split_at(length);
        let end = end_of_tag(behind)?;
        let (attributes, after) = (behind.get(..end)?, behind.get(end + 1..)?);
        let empty = attributes.ends_with('/');
        if !closes && !empty && is_one_of(name, &RAW) {
            rest = content(name, after).1;
            continue;
        }
        return Some((Tag { name, attributes, closes, empty }, after));
    }
}

/// Where `>` stands that is in no quoted value.
fn end_of_tag(attributes: &str) -> Option<usize> {
    let mut quote = None;
    attributes.bytes().position(|byte| match quote {
        Some(mark) => {
            if byte == mark {
                quote = None;
            }
            false
        }
        None if byte == b'"' || byte == b'\'' => {
            quote = Some(byte);
            false
        }
        None => byte == b'>',
    })
}

/// Up to the element's end, and what follows that; without an end everything.
fn content<'a>(name: &str, html: &'a str) -> (&'a str, &'a str) {
    let raw = is_one_of(name, &RAW);
    let mut depth = 1_u32;
    let mut at = 0;
    while let Some(found) = html[at..].find('<') {
        let start = at + found;
        let tag = &html[start + 1..];
        let closes = tag.starts_with('/');
        let named = tag.strip_prefix('/').unwrap_or(tag);
        let same = named.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && named[name.len()..].starts_with(|sign: char| !sign.is_ascii_alphanumeric());
        at = start + 1;
        if !same || (raw && !closes) {
            continue;
        }
        depth = if closes { depth - 1 } else { depth + 1 };
        if depth == 0 {
            let after = end_of_tag(tag).map_or("", |end| &tag[end + 1..]);
            return (&html[..start], after);
        }
    }
    (html, "")
}

fn has_class(attributes: &str, class: &str) -> bool {
    attribute(attributes, "class").is_some_and(|classes| classes.split_whitespace().any(|one| one == class))
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let length = rest.find(|sign: char| sign.is_whitespace() || sign == '=').unwrap_or(rest.len());
        let (found, after) = rest.split_at(length);
        let after = after.trim_start();
        let value = after.strip_prefix('=').map(str::trim_start);
        let (value, after) = match value {
            None => ("", after),
            Some(quoted) if quoted.starts_with(['"', '\'']) => {
                let mark = &quoted[..1];
                quoted[1..].split_once(mark).unwrap_or((&quoted[1..], ""))
            }
            Some(bare) => bare.split_at(bare.find(char::is_whitespace).unwrap_or(bare.len())),
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        // What is no attribute (a stray mark) is one character.
        rest = if length == 0 && after.len() == rest.len() {
            rest.get(rest.chars().next().map_or(1, char::len_utf8)..).unwrap_or_default()
        } else {
            after
        };
        rest = rest.trim_start();
    }
    None
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// Text with its references read: those by number, and the few names that pages use.
pub(crate) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let read = rest.find(';').filter(|end| *end <= 10).and_then(|end| Some((reference(&rest[1..end])?, end)));
        match read {
            Some((sign, end)) => {
                out.push(sign);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(name: &str) -> Option<char> {
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
        "middot" => '·',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Selector = Selector { tag: "p", class: "b" };

    #[test]
    fn elements_are_found_by_class_with_what_is_in_them() {
        let html = "<!-- <p class=b>no</p> --><P data-x='>' class=\"a  b\">one <i>two</i>\n three</P><p class=bb>no</p><p class=b>4</p>";
        let found: Vec<String> = all(html, P).map(|element| element.text()).collect();
        assert_eq!(found, ["one two three", "4"]);
        let outer = Selector { tag: "div", class: "x" };
        let html = "<div class=x><div>in</div>still</div><div>out</div>";
        assert_eq!(first(html, outer).map(|element| element.inner), Some("<div>in</div>still"));
    }

    #[test]
    fn scripts_are_no_markup_and_what_is_not_closed_ends_with_the_page() {
        let html = "<script>if (a<b) x = '<p class=b>no</p>'</script><p class=b>yes";
        assert_eq!(all(html, P).map(|element| element.text()).collect::<Vec<_>>(), ["yes"]);
        for odd in
            ["<", "<p", "<p class=", "<p class=\"b", "< p class=b>", "<p class=b", "&", "<!--", "</", "<p class=b><"]
        {
            let _found: Vec<String> = all(odd, P).map(|element| element.text()).collect();
        }
    }

    #[test]
    fn attributes_are_read_in_every_form() {
        let html = r#"<img / ="x" alt src = 'a&amp;b' data-y=3 title="a > b">"#;
        let image = first(html, Selector { tag: "img", class: "" }).expect("an image");
        assert_eq!(image.attribute("src").as_deref(), Some("a&b"));
        assert_eq!(image.attribute("DATA-Y").as_deref(), Some("3"));
        assert_eq!(image.attribute("title").as_deref(), Some("a > b"));
        assert_eq!((image.attribute("alt").as_deref(), image.attribute("x")), (Some(""), None));
    }

    #[test]
    fn references_are_read_and_what_is_none_stays() {
        assert_eq!(unescaped("a &amp; b &#39;c&#x27; &#9999999; &what; R&B"), "a & b 'c' &#9999999; &what; R&B");
    }
}
