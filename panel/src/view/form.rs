//! The form of a module, made from its declaration. It works by plain POST; with scripts the answer
//! swaps the form.

use maud::{Markup, html};
use miso_settings::{Field, FieldError, Module};
use serde_json::{Map, Value};

use super::diff::value_shown;
use super::fields::{Shown, control_id, errors_of, field};
use super::form_data::base_mark;
use super::{Choices, ago, banner, csrf_field, error_summary, icon};
use miso_http::now_ms;

/// Somebody else changed some of the same fields meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Conflict {
    /// Such as `user/1`.
    pub(crate) by: String,
    pub(crate) at_ms: i64,
    pub(crate) fields: Vec<String>,
    /// What holds now.
    pub(crate) theirs: Map<String, Value>,
}

/// All that a form shows.
pub(crate) struct FormView<'a> {
    pub(crate) module: &'a Module,
    /// Those of its fields that this form has.
    pub(crate) fields: &'a [Field],
    /// As entered, or as they hold.
    pub(crate) values: &'a Map<String, Value>,
    /// As they hold now: what a change is told from.
    pub(crate) base: &'a Map<String, Value>,
    /// Marks that a form came with and keeps, `key:hash`; none: those of `base`.
    pub(crate) marks: Vec<String>,
    pub(crate) version: i64,
    pub(crate) errors: &'a [FieldError],
    pub(crate) conflict: Option<&'a Conflict>,
    /// Why nothing can be changed.
    pub(crate) read_only: Option<&'a str>,
    pub(crate) action: &'a str,
    pub(crate) csrf: &'a str,
    pub(crate) choices: &'a Choices,
    /// Id and name of the visitor.
    pub(crate) visitor: (&'a str, &'a str),
    /// What has just happened.
    pub(crate) notice: Option<Markup>,
}

/// The form with everything around its controls.
pub(crate) fn form(view: &FormView<'_>) -> Markup {
    let shown =
        Shown { choices: view.choices, errors: view.errors, disabled: view.read_only.is_some(), visitor: view.visitor };
    let id = format!("form-{}", view.module.key);
    html! {
        div.form-frame #(id) {
            @if let Some(notice) = &view.notice { (notice) }
            @if let Some(why) = view.read_only { (banner("info", &html! { p { (why) } })) }
            @if let Some(conflict) = view.conflict { (stale(view, conflict)) }
            (error_summary(&summary(view)))
            form method="post" action=(view.action) novalidate data-unsaved[!view.marks.is_empty() || view.conflict.is_some()] data-draft=(view.action) data-version=(view.version)
                hx-post=(view.action) hx-target={ "#" (id) } hx-select={ "#" (id) } hx-swap="outerHTML" hx-disabled-elt="find .save-bar button"
                hx-disinherit="hx-disabled-elt hx-select hx-target hx-swap" {
                (csrf_field(view.csrf))
                input type="hidden" name="_version" value=(view.version);
                // Enter in a text saves; the first button of a form is the one that Enter presses.
                button.hidden type="submit" tabindex="-1" aria-hidden="true" disabled[shown.disabled] { "Save" }
                @for one in view.fields {
                    @let value = view.values.get(one.key).unwrap_or(&Value::Null);
                    input type="hidden" name="_base" value=(mark(view, one));
                    (field(one, one.key, value, shown))
                    @if let Some(conflict) = view.conflict.filter(|conflict| conflict.fields.iter().any(|key| key == one.key)) {
                        (theirs(view, one, conflict))
                    }
                }
                miso-save.save-bar {
                    p.save-words aria-live="polite" { "Changes are saved when you press Save." }
                    a.button.quiet href=(view.action) data-reset { (icon("rotate-ccw")) "Reset" }
                    button.primary type="submit" disabled[shown.disabled] title="Ctrl+S" { (icon("save")) "Save" }
                }
            }
        }
    }
}

fn mark(view: &FormView<'_>, one: &Field) -> String {
    let kept = view.marks.iter().find(|mark| mark.split(':').next() == Some(one.key));
    kept.cloned().unwrap_or_else(|| base_mark(one.key, view.base.get(one.key).unwrap_or(&Value::Null)))
}

fn stale(view: &FormView<'_>, conflict: &Conflict) -> Markup {
    let who = view.choices.names.actor(&conflict.by);
    let count = conflict.fields.len();
    banner(
        "warn",
        &html! {
            p {
                strong { (who) " changed " (count) @if count == 1 { " field" } @else { " fields" } " " (ago(conflict.at_ms, now_ms())) "." }
                " Nothing of yours is lost: both are shown at each field. Save again to keep yours; everything else is kept as it is now."
            }
        },
    )
}

fn theirs(view: &FormView<'_>, one: &Field, conflict: &Conflict) -> Markup {
    let id = format!("{}-theirs", control_id(one.key));
    let value = conflict.theirs.get(one.key).unwrap_or(&Value::Null);
    html! {
        div.theirs {
            p { strong { (view.choices.names.actor(&conflict.by)) " set: " } (value_shown(one, value, &view.choices.names)) }
            label for=(id) { input #(id) type="checkbox" name="_theirs" value=(one.key); "Take this instead of mine" }
        }
    }
}

/// Each error with the control it belongs to; of a table's row that has none, the table.
fn summary(view: &FormView<'_>) -> Vec<(String, String)> {
    let target = |error: &FieldError| {
        let name = error.pointer.trim_start_matches('/').replace('/', ".");
        let mut name = name.as_str();
        loop {
            let top = view.fields.iter().any(|field| field.key == name);
            if top
                || (name.contains('.')
                    && errors_of(view.errors, name).iter().any(|found| found.pointer == error.pointer)
                    && !ends_in_number(name))
            {
                return control_id(name);
            }
            match name.rsplit_once('.') {
                Some((parent, _)) => name = parent,
                None => return "main".to_owned(),
            }
        }
    };
    view.errors.iter().map(|error| (target(error), error.message.clone())).collect()
}

fn ends_in_number(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}
