//! As much of HTML as the tests read: tags with their attributes, and forms as a browser without
//! scripts sends them.

use std::collections::BTreeMap;

/// A tag with its attributes, and the text up to the next tag.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }
}

pub(crate) fn decoded(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

/// All tags in order; closing ones are called `/name`.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let mut quoted = false;
        let end = rest.find(|c: char| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let Some(end) = end else { break };
        let inside = &rest[..end];
        rest = &rest[end + 1..];
        let text = &rest[..rest.find('<').unwrap_or(rest.len())];
        let (name, mut attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        let mut found = BTreeMap::new();
        loop {
            attributes = attributes.trim_start();
            let length = attributes.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(attributes.len());
            if length == 0 {
                break;
            }
            let key = attributes[..length].to_owned();
            attributes = &attributes[length..];
            let mut value = "";
            if let Some(after) = attributes.strip_prefix("=\"") {
                let close = after.find('"').unwrap_or(after.len());
                value = &after[..close];
                attributes = after.get(close + 1..).unwrap_or("");
            }
            assert!(found.insert(key.clone(), decoded(value)).is_none(), "{key} is there twice: <{inside}>");
        }
        tags.push(Tag { name: name.to_owned(), attributes: found, text: decoded(text) });
    }
    tags
}

/// What a browser sends for the form of this action when its button (name, value) is pressed.
pub(crate) fn form(html: &str, action: &str, button: Option<(&str, &str)>) -> Vec<(String, String)> {
    let all = tags(html);
    let start = all.iter().position(|tag| tag.name == "form" && tag.get("action") == Some(action));
    let start = start.unwrap_or_else(|| panic!("no form to {action} in {html}"));
    let end = start + all[start..].iter().position(|tag| tag.name == "/form").expect("closes");
    let mut sent = Vec::new();
    let mut select: Option<(String, bool, Vec<String>, Option<String>)> = None;
    for tag in &all[start..end] {
        if tag.has("disabled") && tag.name != "option" {
            continue;
        }
        let name = tag.get("name").unwrap_or_default().to_owned();
        let value = tag.get("value").unwrap_or_default().to_owned();
        match tag.name.as_str() {
            "input" if !name.is_empty() => match tag.get("type") {
                Some("checkbox") if !tag.has("checked") => {}
                _ => sent.push((name, value)),
            },
            "textarea" => sent.push((name, tag.text.strip_prefix('\n').unwrap_or(&tag.text).replace('\n', "\r\n"))),
            "select" => select = Some((name, tag.has("multiple"), Vec::new(), None)),
            "option" => {
                if let Some((_, _, chosen, first)) = &mut select {
                    first.get_or_insert(value.clone());
                    if tag.has("selected") {
                        chosen.push(value);
                    }
                }
            }
            "/select" => {
                if let Some((name, multiple, mut chosen, first)) = select.take() {
                    if chosen.is_empty() && !multiple {
                        chosen.extend(first);
                    }
                    sent.extend(chosen.into_iter().map(|value| (name.clone(), value)));
                }
            }
            _ => {}
        }
    }
    sent.extend(button.map(|(name, value)| (name.to_owned(), value.to_owned())));
    sent
}

/// Sets a control's value in what is sent; none: it is not sent, as a box that is not ticked.
pub(crate) fn set(sent: &mut Vec<(String, String)>, name: &str, value: Option<&str>) {
    sent.retain(|(key, _)| key != name);
    sent.extend(value.map(|value| (name.to_owned(), value.to_owned())));
}
