//! A control for every kind of field.

use maud::{Markup, html};
use miso_command_catalogue::{Permissions, zones};
use miso_settings::{Field, FieldError, Kind};
use serde_json::Value;

use super::editor::{Editor, preview};
use super::picker::{self, Select};
use super::{Choices, GUILD_CHOICE, icon};

/// A control's surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) choices: &'a Choices,
    pub(crate) errors: &'a [FieldError],
    pub(crate) disabled: bool,
    /// Id and name of the visitor, for previews.
    pub(crate) visitor: (&'a str, &'a str),
}

/// The id of a control: `f-rewards-0-level`.
pub(crate) fn control_id(name: &str) -> String {
    format!("f-{}", name.replace(['.', '_'], "-"))
}

/// Errors of a control's own, by its name: `rewards.0.level` is `/rewards/0/level`.
pub(crate) fn errors_of<'a>(errors: &'a [FieldError], name: &str) -> Vec<&'a FieldError> {
    let pointer = format!("/{}", name.replace('.', "/"));
    // Items of a list have no control of their own.
    let item = |error: &FieldError| {
        error.pointer.strip_prefix(&pointer).is_some_and(|rest| {
            rest.strip_prefix('/')
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    errors.iter().filter(|error| error.pointer == pointer || item(error)).collect()
}

/// One labelled control with its help and errors.
pub(crate) fn field(field: &Field, name: &str, value: &Value, shown: Shown<'_>) -> Markup {
    let id = control_id(name);
    let (help, error) = (format!("{id}-help"), format!("{id}-error"));
    let errors = errors_of(shown.errors, name);
    let described = if errors.is_empty() { help.clone() } else { format!("{error} {help}") };
    let labelled = html! {
        div.field-words {
            @if let Kind::Table { .. } = field.kind {
                h2.field-title #(id) tabindex="-1" { (field.title) }
            } @else {
                label for=(id) { (field.title) }
            }
            p.help #(help) { (field.help) }
        }
    };
    let control = control(field, name, value, shown, &described, !errors.is_empty());
    html! {
        div.field.switch-row[matches!(field.kind, Kind::Switch)] data-field=(name) {
            (labelled)
            (control)
            @if !errors.is_empty() {
                p.field-error #(error) { (icon("circle-alert")) @for error in &errors { span { (error.message) } } }
            }
        }
    }
}

/// The control alone.
pub(crate) fn control(
    field: &Field,
    name: &str,
    value: &Value,
    shown: Shown<'_>,
    described: &str,
    invalid: bool,
) -> Markup {
    let id = control_id(name);
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let select = |max: usize, nothing| Select {
        id: &id,
        name,
        described_by: described,
        invalid,
        disabled: shown.disabled,
        max,
        nothing,
        search: None,
    };
    let aria = invalid.then_some("true");
    let choices = shown.choices;
    match field.kind {
        Kind::Switch => html! {
            input.switch #(id) type="checkbox" role="switch" name=(name) value="on" checked[value.as_bool().unwrap_or(false)]
                disabled[shown.disabled] aria-describedby=(described);
        },
        Kind::Text { .. } if field.key == GUILD_CHOICE && !choices.guilds.is_empty() => {
            let known = text.is_empty() || choices.guilds.iter().any(|(id, _)| *id == text);
            select(1, "Every server").with(&html! {
                @if !known { option value=(text) selected { "server " (text) } }
                @for (id, name) in &choices.guilds { option value=(id) selected[*id == text] { (name) } }
            })
        }
        Kind::Text { max_chars } => html! {
            input.text #(id) type="text" name=(name) value=(text) maxlength=(max_chars) autocomplete="off" disabled[shown.disabled]
                aria-describedby=(described) aria-invalid=[aria];
        },
        Kind::Template { max_chars, placeholders } => Editor {
            id: &id,
            name,
            text: &text,
            max_chars,
            placeholders,
            described_by: described,
            invalid,
            disabled: shown.disabled,
            preview: choices.preview.as_deref().filter(|_| !name.contains('.')),
            rows: if name.contains('.') { 2 } else { 5 },
            shown: preview(&text, placeholders, choices, shown.visitor),
        }
        .markup(),
        Kind::Integer { min, max } => {
            let number = html! {
                input.number #(id) type="number" name=(name) value=(text) min=(min) max=(max) step="1" inputmode="numeric"
                    disabled[shown.disabled] aria-describedby=(described) aria-invalid=[aria];
            };
            match choices.caught.as_deref().filter(|_| name == AMOUNT) {
                Some(caught) => amount(&number, text.parse().ok(), caught),
                None => number,
            }
        }
        Kind::Channel { types } => {
            select(1, "No channel").with(&picker::channels(choices, value, types, field.bot_needs))
        }
        Kind::Channels { max } => {
            select(max, "None").with(&picker::channels(choices, value, &[0, 2, 5, 13, 15], Permissions::NONE))
        }
        Kind::Role => select(1, "No role").with(&picker::roles(choices, value, gives(field))),
        Kind::Roles { max } => select(max, "None").with(&picker::roles(choices, value, gives(field))),
        Kind::Members { max } => Select { search: choices.member_search.as_deref(), ..select(max, "None") }
            .with(&picker::members(choices, value)),
        Kind::Emoji => select(1, "None").with(&picker::emojis(choices, value)),
        Kind::Choice { options } => select(1, "Not chosen").with(&html! {
            @for (option, title) in options { option value=(option) selected[*option == text] { (title) } }
        }),
        Kind::Timezone => html! {
            miso-zone {
                input.text #(id) type="text" name=(name) value=(text) list={ (id) "-zones" } autocomplete="off" spellcheck="false"
                    disabled[shown.disabled] aria-describedby=(described) aria-invalid=[aria];
                datalist #{ (id) "-zones" } { @for zone in zones() { option value=(zone) {} } }
            }
        },
        Kind::Words { max_chars, .. } => html! {
            textarea #(id) name=(name) rows="4" disabled[shown.disabled] aria-describedby=(described) aria-invalid=[aria]
                data-line=(max_chars) {
                "\n"
                @for word in value.as_array().into_iter().flatten().filter_map(Value::as_str) { (word) "\n" }
            }
        },
        Kind::Table { columns, max_rows, .. } => table(field, columns, max_rows, name, value, shown),
    }
}

/// The field that says how many stars a message needs.
const AMOUNT: &str = "amount";

/// A number of stars, with what it would have caught; scripts put a slider before it.
fn amount(number: &Markup, needed: Option<usize>, caught: &[u64]) -> Markup {
    let with = |needed: usize| caught.get(needed.saturating_sub(1)).copied().unwrap_or(0);
    html! {
        miso-amount data-caught=(serde_json::json!(caught)) {
            (number)
            p.field-note aria-live="polite" {
                @if caught.is_empty() { "No message was starred last week, as far as Miso counted." }
                @else if let Some(needed) = needed { "Would have caught " (with(needed)) @if with(needed) == 1 { " message" } @else { " messages" } " last week." }
            }
        }
    }
}

/// Rows from which a table can be searched.
const FILTER_FROM: usize = 8;

/// Whether the bot must be able to give the roles of a field.
fn gives(field: &Field) -> bool {
    field.bot_needs.0 & Permissions::MANAGE_ROLES.0 != 0 || field.key == "role"
}

fn table(of: &Field, columns: &'static [Field], max: usize, name: &str, value: &Value, shown: Shown<'_>) -> Markup {
    let rows: Vec<&Value> = value.as_array().into_iter().flatten().collect();
    let what = of.title.to_lowercase();
    let find = format!("Find in {what}");
    html! {
        miso-filter {
            @if rows.len() >= FILTER_FROM {
                input.text type="search" aria-label=(find) placeholder=(find) autocomplete="off";
            }
            div.rows role="group" aria-labelledby=(control_id(name)) {
                @if rows.is_empty() { p.muted.none { "None yet." } }
                @for (index, row) in rows.iter().enumerate() {
                    fieldset.row {
                        legend.hidden { (of.title) " " (index + 1) }
                        input type="hidden" name=(format!("{name}.{index}._row")) value="1";
                        @for column in columns {
                            (field(column, &format!("{name}.{index}.{}", column.key), row.get(column.key).unwrap_or(&Value::Null), shown))
                        }
                        button.icon-button type="submit" name="_remove" value=(format!("{name}.{index}")) formnovalidate
                            disabled[shown.disabled] aria-label=(format!("Remove {} {}", what, index + 1)) title="Remove" { (icon("trash-2")) }
                    }
                }
                @if rows.len() < max {
                    button.quiet type="submit" name="_add" value=(name) formnovalidate disabled[shown.disabled] { (icon("plus")) "Add a row" }
                } @else {
                    p.muted { "These are " (max) ", the most there can be." }
                }
            }
        }
    }
}
