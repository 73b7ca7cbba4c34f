//! What a change did, field by field: names before ids, signs as well as colour.

use maud::{Markup, html};
use miso_settings::{Field, Kind};
use serde_json::{Map, Value};

use super::Names;

/// Words of a text that are compared; longer ones are shown whole.
const WORDS: usize = 400;

/// Rows of the fields that differ.
pub(crate) fn diff(fields: &[Field], before: &Map<String, Value>, after: &Map<String, Value>, names: &Names) -> Markup {
    let of = |values: &Map<String, Value>, key: &str| values.get(key).cloned().unwrap_or(Value::Null);
    let mut keys: Vec<&str> = after.keys().chain(before.keys()).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    let keys = keys.into_iter().filter(|key| of(before, key) != of(after, key));
    html! {
        dl.diff {
            @for key in keys {
                @let field = fields.iter().find(|field| field.key == key);
                dt { (field.map_or(key, |field| field.title)) }
                dd { (one(field, &of(before, key), &of(after, key), names)) }
            }
        }
    }
}

fn one(field: Option<&Field>, before: &Value, after: &Value, names: &Names) -> Markup {
    if let (Value::String(before), Value::String(after), Some(Kind::Template { .. } | Kind::Text { .. })) =
        (before, after, field.map(|field| field.kind))
    {
        return words(before, after);
    }
    let shown = |value: &Value| match field {
        Some(field) => value_shown(field, value, names),
        None => html! { code { (value.to_string()) } },
    };
    html! {
        div.minus { span.sign aria-hidden="true" { "−" } span.hidden { "before: " } (shown(before)) }
        div.plus { span.sign aria-hidden="true" { "+" } span.hidden { "after: " } (shown(after)) }
    }
}

/// A value as people read it.
pub(crate) fn value_shown(field: &Field, value: &Value, names: &Names) -> Markup {
    let list = |items: Vec<String>| {
        html! { @if items.is_empty() { span.muted { "none" } } @else { (items.join(", ")) } }
    };
    let texts = || value.as_array().into_iter().flatten().filter_map(Value::as_str);
    match (field.kind, value) {
        (_, Value::Null) => {
            let default = field.default.json();
            html! {
                @if default.is_null() { span.muted { "nothing" } }
                @else { (value_shown(field, &default, names)) span.muted { " (the default)" } }
            }
        }
        (Kind::Switch, _) => html! { (if value.as_bool() == Some(true) { "on" } else { "off" }) },
        (Kind::Channel { .. }, Value::String(id)) => html! { (names.channel_shown(id)) },
        (Kind::Role, Value::String(id)) => html! { (names.role_shown(id)) },
        (Kind::Channels { .. }, _) => list(texts().map(|id| names.channel_shown(id)).collect()),
        (Kind::Roles { .. }, _) => list(texts().map(|id| names.role_shown(id)).collect()),
        (Kind::Members { .. }, _) => list(texts().map(|id| names.user_shown(id)).collect()),
        (Kind::Words { .. }, _) => list(texts().map(str::to_owned).collect()),
        (Kind::Table { columns, .. }, Value::Array(rows)) => html! {
            @if rows.is_empty() { span.muted { "none" } }
            ul.plain {
                @for row in rows {
                    li {
                        @for (index, column) in columns.iter().filter(|column| row.get(column.key).is_some_and(|value| !value.is_null())).enumerate() {
                            @if index > 0 { " · " }
                            span.muted { (column.title) " " } (value_shown(column, row.get(column.key).unwrap_or(&Value::Null), names))
                        }
                    }
                }
            }
        },
        (_, Value::String(text)) => html! { q { (text) } },
        (_, other) => html! { (other.to_string()) },
    }
}

/// A text with what went and what came.
fn words(before: &str, after: &str) -> Markup {
    let (old, new): (Vec<&str>, Vec<&str>) = (split(before), split(after));
    if old.len() > WORDS || new.len() > WORDS {
        return html! {
            div.minus { span.sign aria-hidden="true" { "−" } del { (before) } }
            div.plus { span.sign aria-hidden="true" { "+" } ins { (after) } }
        };
    }
    let steps = steps(&old, &new);
    html! {
        div.words {
            @for (kind, text) in &steps {
                @match kind {
                    Step::Same => { (text) }
                    Step::Gone => { del { (text) } }
                    Step::New => { ins { (text) } }
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Same,
    Gone,
    New,
}

/// Words with the space after them.
fn split(text: &str) -> Vec<&str> {
    text.split_inclusive(char::is_whitespace).collect()
}

/// The longest common words stay; neighbours of a kind are one.
fn steps(old: &[&str], new: &[&str]) -> Vec<(Step, String)> {
    let mut common = vec![vec![0_u16; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let mut steps: Vec<(Step, String)> = Vec::new();
    let mut push = |step, word: &str| match steps.last_mut() {
        Some((last, text)) if *last == step => text.push_str(word),
        _ => steps.push((step, word.to_owned())),
    };
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            push(Step::Same, old[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            push(Step::Gone, old[i]);
            i += 1;
        } else {
            push(Step::New, new[j]);
            j += 1;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use miso_settings::module;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_shows_the_words_that_went_and_came() {
        let html = words("Hi Ann how", "Hi <Bob> how").into_string();
        assert_eq!(html, "<div class=\"words\">Hi <del>Ann </del><ins>&lt;Bob&gt; </ins>how</div>");
    }

    #[test]
    fn ids_are_shown_by_name_and_what_did_not_change_is_left_out() {
        let Value::Object(before) = json!({"enabled": true, "channel": "7"}) else { panic!() };
        let Value::Object(after) = json!({"enabled": true, "channel": null}) else { panic!() };
        let html = diff(module("greeting").expect("declared").fields, &before, &after, &Names::default()).into_string();
        assert!(html.contains("deleted #7") && html.contains("nothing") && !html.contains("Greet who joins"), "{html}");
    }
}
