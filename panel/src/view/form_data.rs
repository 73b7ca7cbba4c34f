//! What a form of a module says, as values. A form carries a mark of each field as it was shown, so
//! only what the person changed is sent on, whatever others changed meanwhile.

use std::collections::BTreeSet;

use miso_settings::{Field, Kind};
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

use crate::visitor::FormData;

/// `channel:<hash of its value>`: in the hidden field `_base` beside each control.
pub(crate) fn base_mark(key: &str, value: &Value) -> String {
    format!("{key}:{:016x}", xxh3_64(value.to_string().as_bytes()))
}

/// A button inside a form that saves nothing: it adds a row or removes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    /// To the table of this key.
    Add(String),
    /// From the table of this key.
    Remove(String, usize),
}

/// The button, if it was one of these.
pub(crate) fn edited(data: &FormData) -> Option<Edit> {
    if let Some(table) = data.text("_add") {
        return Some(Edit::Add(table.to_owned()));
    }
    let (table, row) = data.text("_remove")?.rsplit_once('.')?;
    Some(Edit::Remove(table.to_owned(), row.parse().ok()?))
}

impl Edit {
    /// Carries it out.
    pub(crate) fn apply(&self, fields: &[Field], values: &mut Map<String, Value>) {
        let (Self::Add(key) | Self::Remove(key, _)) = self;
        let Some(field) = fields.iter().find(|field| field.key == key) else { return };
        let Kind::Table { columns, .. } = field.kind else { return };
        let Some(rows) = values.get_mut(field.key).and_then(Value::as_array_mut) else { return };
        match self {
            Self::Add(_) => {
                let empty = columns.iter().map(|column| (column.key.to_owned(), column.default.json()));
                rows.push(Value::Object(empty.collect()));
            }
            Self::Remove(_, row) if *row < rows.len() => {
                rows.remove(*row);
            }
            Self::Remove(..) => {}
        }
    }
}

/// The fields that the form shows, as they were entered. What does not fit its kind stays as text,
/// so that the check says so and the form shows it again.
pub(crate) fn read_values(fields: &[Field], data: &FormData) -> Map<String, Value> {
    let shown: BTreeSet<&str> = marks(data).map(|(key, _)| key).collect();
    let fields = fields.iter().filter(|field| shown.contains(field.key));
    fields.map(|field| (field.key.to_owned(), value(field, field.key, data))).collect()
}

/// Those of `values` that differ from what the form showed, but for the ones where the other's value
/// was taken.
pub(crate) fn changed(values: &Map<String, Value>, data: &FormData) -> Map<String, Value> {
    let theirs: BTreeSet<&str> = data.all("_theirs").collect();
    let is_new = |key: &str, value: &Value| {
        let mark = base_mark(key, value);
        data.all("_base").any(|base| base.split(':').next() == Some(key)) && data.all("_base").all(|base| base != mark)
    };
    let new = values.iter().filter(|(key, value)| !theirs.contains(key.as_str()) && is_new(key, value));
    new.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn marks(data: &FormData) -> impl Iterator<Item = (&str, &str)> {
    data.all("_base").filter_map(|base| base.split_once(':'))
}

fn value(field: &Field, name: &str, data: &FormData) -> Value {
    let text = || data.get(name).unwrap_or_default().replace('\r', "");
    let of = |text: String| if text.is_empty() { Value::Null } else { json!(text) };
    match field.kind {
        Kind::Switch => json!(data.get(name).is_some()),
        Kind::Text { .. } | Kind::Template { .. } => of(text()),
        Kind::Integer { .. } => {
            let text = text().trim().to_owned();
            text.parse::<i64>().map_or_else(|_| of(text), Value::from)
        }
        Kind::Channel { .. } | Kind::Role | Kind::Emoji | Kind::Choice { .. } | Kind::Timezone => {
            of(text().trim().to_owned())
        }
        Kind::Channels { .. } | Kind::Roles { .. } | Kind::Members { .. } => {
            let mut ids: Vec<&str> = Vec::new();
            for id in data.all(name).flat_map(|text| text.split([',', ' ', '\n'])).map(str::trim) {
                if !id.is_empty() && !ids.contains(&id) {
                    ids.push(id);
                }
            }
            json!(ids)
        }
        Kind::Words { .. } => {
            let text = text();
            json!(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>())
        }
        Kind::Table { columns, .. } => table(columns, name, data),
    }
}

fn table(columns: &[Field], name: &str, data: &FormData) -> Value {
    let prefix = format!("{name}.");
    let number = |key: &str| key.strip_prefix(&prefix)?.strip_suffix("._row")?.parse::<usize>().ok();
    let numbers: BTreeSet<usize> = data.0.iter().filter_map(|(key, _)| number(key)).collect();
    let row = |number: &usize| {
        let cells = columns.iter().map(|column| {
            let value = value(column, &format!("{name}.{number}.{}", column.key), data);
            (column.key.to_owned(), value)
        });
        Value::Object(cells.filter(|(_, value)| !value.is_null()).collect())
    };
    Value::Array(numbers.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use miso_settings::module;

    use super::*;

    fn form(body: &str) -> FormData {
        FormData::read(body.as_bytes())
    }

    #[test]
    fn only_what_differs_from_what_was_shown_is_sent_on() {
        let greeting = module("greeting").expect("declared");
        let shown = [("enabled", json!(false)), ("channel", json!("42")), ("message", json!("Hi"))];
        let bases: Vec<String> = shown.iter().map(|(key, value)| format!("_base={}", base_mark(key, value))).collect();
        let body = format!("enabled=on&channel=42&message=Hi+%7Bmention%7D%0D%0Athere&{}", bases.join("&"));
        let data = form(&body);
        let values = read_values(greeting.fields, &data);
        assert_eq!(Value::Object(changed(&values, &data)), json!({"enabled": true, "message": "Hi {mention}\nthere"}));
        let data = form(&format!("{body}&_theirs=message"));
        assert_eq!(Value::Object(changed(&read_values(greeting.fields, &data), &data)), json!({"enabled": true}));
    }

    #[test]
    fn a_field_that_the_form_does_not_show_is_left_alone() {
        let greeting = module("greeting").expect("declared");
        let data = form(&format!("channel=&_base={}", base_mark("channel", &json!("42"))));
        let values = read_values(greeting.fields, &data);
        assert_eq!(Value::Object(changed(&values, &data)), json!({"channel": null}));
    }

    #[test]
    fn rows_are_read_in_order_and_can_be_added_and_removed() {
        let activity = module("activity").expect("declared");
        let base = base_mark("rewards", &json!([]));
        let data = form(&format!(
            "_base={base}&rewards.0._row=1&rewards.0.level=5&rewards.0.role=7&rewards.3._row=1&rewards.3.level=x&_remove=rewards.0"
        ));
        let mut values = read_values(activity.fields, &data);
        assert_eq!(values["rewards"], json!([{"level": 5, "role": "7"}, {"level": "x"}]));
        edited(&data).expect("a button").apply(activity.fields, &mut values);
        Edit::Add("rewards".to_owned()).apply(activity.fields, &mut values);
        Edit::Add("nothing".to_owned()).apply(activity.fields, &mut values);
        Edit::Remove("rewards".to_owned(), 9).apply(activity.fields, &mut values);
        assert_eq!(values["rewards"], json!([{"level": "x"}, {"level": null, "role": null}]));
    }
}
