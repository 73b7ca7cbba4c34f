//! Saving a module's form: what was changed is checked, sent with the version that was seen, and
//! merged with what others changed meanwhile.

use maud::{Markup, html};
use miso_settings::{Field, FieldError, Kind, Module, check};
use serde_json::{Map, Value};

use crate::app::App;
use crate::clients::{As, ClientError, ModuleValues, Owner};
use crate::failure::Failure;
use crate::hierarchy::refused;
use crate::view::{Choices, Conflict, FormView, changed, csrf_field, edited, form, icon, read_values, toast};
use crate::visitor::{FormData, SignedIn};

/// How often a change is sent again because others changed other fields, at most; then they are
/// shown as a conflict.
const MERGES: usize = 3;

/// A form and where it goes.
pub(crate) struct Target<'a> {
    pub(crate) module: &'static Module,
    /// Those of the module's fields that the form has.
    pub(crate) fields: &'a [Field],
    pub(crate) action: &'a str,
    pub(crate) choices: &'a Choices,
    /// What holds now, with defaults.
    pub(crate) base: &'a Map<String, Value>,
    pub(crate) version: i64,
    pub(crate) read_only: Option<&'a str>,
}

/// What became of a form.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is saved as this version.
    Saved(i64),
    /// Nothing was different.
    Unchanged,
    /// A row was added or removed; nothing is saved.
    Edited(Map<String, Value>),
    /// Something does not fit.
    Invalid(Map<String, Value>, Vec<FieldError>),
    /// Somebody else changed the same fields; what this form changes, theirs, and what holds now.
    Stale(Map<String, Value>, Conflict, ModuleValues),
}

/// Saves.
pub(crate) async fn submit(
    app: &App,
    by: &As,
    of: Owner,
    target: &Target<'_>,
    data: &FormData,
) -> Result<Outcome, Failure> {
    let mut values = read_values(target.fields, data);
    if let Some(edit) = edited(data) {
        edit.apply(target.fields, &mut values);
        return Ok(Outcome::Edited(values));
    }
    let change = changed(&values, data);
    if change.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let mut errors = check(target.module, &change).err().unwrap_or_default();
    if errors.is_empty() {
        errors = absent(target, &change);
        let choices = target.choices;
        errors.extend(refused(target.module, target.base, &change, &choices.out_of_reach, &choices.roles));
    }
    if !errors.is_empty() {
        return Ok(Outcome::Invalid(values, errors));
    }
    let mut version = data.get("_version").and_then(|version| version.parse().ok()).unwrap_or(target.version);
    for _ in 0..MERGES {
        let problem = match app.commands.change(by, of, target.module.key, version, &change).await {
            Ok(saved) => return Ok(Outcome::Saved(saved.version)),
            Err(ClientError::Refused { problem, .. }) => problem,
            Err(error) => return Err(error.into()),
        };
        match (problem.status, problem.members.current) {
            (422, _) if !problem.members.errors.is_empty() => {
                return Ok(Outcome::Invalid(values, problem.members.errors));
            }
            // It fits by itself, but not beside everything else that is set.
            (413, _) => {
                let error =
                    FieldError { pointer: String::new(), code: "too_large".to_owned(), message: problem.detail };
                return Ok(Outcome::Invalid(values, vec![error]));
            }
            // Others changed other fields: both hold.
            (409 | 412, Some(current)) if problem.members.fields.is_empty() => version = current,
            (409 | 412, _) => {
                let now = app.commands.module(by, of, target.module.key).await?;
                let conflict = Conflict {
                    by: problem.members.by.clone().unwrap_or_default(),
                    at_ms: problem.members.at.unwrap_or_default(),
                    fields: problem.members.fields,
                    theirs: target.module.with_defaults(&now.values),
                };
                return Ok(Outcome::Stale(change, conflict, now));
            }
            _ => return Err(Failure::Problem(problem)),
        }
    }
    let detail = "Others are changing these settings at the same moment. Save again.";
    Err(Failure::new(409, "stale", "The settings are being changed", detail))
}

/// Ids that are not of this guild: what only Discord's state can tell. One that was set before may
/// stay until it is removed.
fn absent(target: &Target<'_>, change: &Map<String, Value>) -> Vec<FieldError> {
    let choices = target.choices;
    if choices.guild.id.is_empty() {
        return Vec::new();
    }
    let mut errors = Vec::new();
    for (key, value) in change {
        let Some(field) = target.module.field(key) else { continue };
        let before = target.base.get(key).map(Value::to_string).unwrap_or_default();
        let mut one = |kind: Kind, id: &str, pointer: String| {
            let (there, what) = match kind {
                Kind::Channel { types } => {
                    (choices.channel(id).is_some_and(|channel| types.contains(&channel.kind)), "channel")
                }
                Kind::Channels { .. } => (choices.channel(id).is_some(), "channel"),
                Kind::Role | Kind::Roles { .. } => (choices.role(id).is_some(), "role"),
                _ => return,
            };
            if !there && !before.contains(&format!("\"{id}\"")) {
                let message = format!("{}: this server has no such {what}.", field.title);
                errors.push(FieldError { pointer, code: "not_there".to_owned(), message });
            }
        };
        each_id(field, value, &format!("/{key}"), &mut one);
    }
    errors
}

fn each_id(field: &Field, value: &Value, at: &str, one: &mut impl FnMut(Kind, &str, String)) {
    match value {
        Value::String(id) => one(field.kind, id, at.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let at = format!("{at}/{index}");
                match (item, field.kind) {
                    (Value::String(id), kind) => one(kind, id, at),
                    (Value::Object(row), Kind::Table { columns, .. }) => {
                        for column in columns {
                            if let Some(value) = row.get(column.key) {
                                each_id(column, value, &format!("{at}/{}", column.key), one);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// The form as it is after `outcome` of a form `data` (none: as it is opened), and the status that
/// goes with it. A form that is shown again without having been saved keeps the version and the marks
/// that it came with, so that what others change meanwhile still counts as theirs.
pub(crate) fn shown(
    target: &Target<'_>,
    outcome: Option<(Outcome, &FormData)>,
    signed_in: &SignedIn,
    notice: Option<Markup>,
) -> (u16, Markup) {
    let user = signed_in.session.user.to_string();
    let mut view = FormView {
        module: target.module,
        fields: target.fields,
        values: target.base,
        base: target.base,
        marks: Vec::new(),
        version: target.version,
        errors: &[],
        conflict: None,
        read_only: target.read_only,
        action: target.action,
        csrf: &signed_in.session.csrf,
        choices: target.choices,
        visitor: (&user, &signed_in.session.name),
        notice,
    };
    let Some((outcome, data)) = outcome else { return (200, form(&view)) };
    if let Outcome::Edited(_) | Outcome::Invalid(..) = outcome {
        view.marks = data.all("_base").map(str::to_owned).collect();
        view.version = data.get("_version").and_then(|version| version.parse().ok()).unwrap_or(target.version);
    }
    match outcome {
        Outcome::Saved(_) => (200, form(&view)),
        Outcome::Unchanged => {
            view.notice = Some(toast(&html! { p { "Nothing was changed." } }));
            (200, form(&view))
        }
        Outcome::Edited(values) => (200, form(&FormView { values: &values, ..view })),
        Outcome::Invalid(values, errors) => (422, form(&FormView { values: &values, errors: &errors, ..view })),
        Outcome::Stale(values, conflict, now) => {
            let base = target.module.with_defaults(&now.values);
            // What the person did not touch is shown as it is now.
            let mut mine = base.clone();
            mine.extend(values);
            let stale =
                FormView { values: &mine, base: &base, version: now.version, conflict: Some(&conflict), ..view };
            (409, form(&stale))
        }
    }
}

/// `Saved as version 18`, with a button that takes it back.
pub(crate) fn saved(version: i64, undo: Option<(&str, &str, &str)>) -> Markup {
    toast(&html! {
        p { "Saved as version " (version) "." }
        @if let Some((action, module, csrf)) = undo {
            form method="post" action=(action) {
                (csrf_field(csrf))
                input type="hidden" name="module" value=(module);
                input type="hidden" name="version" value=(version);
                button.link type="submit" { (icon("undo-2")) "Undo" }
            }
        }
    })
}
