//! Which commands work in a guild: the catalogue as a tree with what holds for each, an editor for
//! one rule, the module's other fields, and a test of who may run what.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_command_catalogue::{CATALOGUE, Command, Group};
use miso_settings::{Field, Kind, Module, module};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::command_test::test_box;
use super::forms::{Outcome, saved, shown, submit};
use super::guild::GuildPage;
use super::modules::{findings, head, prepare, target};
use crate::app::App;
use crate::clients::Owner;
use crate::failure::Failure;
use crate::login::see_other;
use crate::rules::{Rule, rule};
use crate::view::{Frame, Shown, base_mark, csrf_field, dot, field, icon, page};
use crate::visitor::{FormData, SignedIn};

/// Fields of the module that are not the rules.
const OTHERS: &[&str] = &["ignored_channels", "ignored_members", "delete_trigger"];

#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    /// The command or group whose rule is edited.
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    saved: Option<i64>,
    /// The test box.
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) run: Option<String>,
    #[serde(default)]
    pub(crate) channel: Option<String>,
}

fn declared() -> Result<&'static Module, Failure> {
    module("commands").ok_or(Failure::NotFound)
}

fn columns(module: &Module) -> &'static [Field] {
    match module.field("rules").map(|field| field.kind) {
        Some(Kind::Table { columns, .. }) => columns,
        _ => &[],
    }
}

/// Whether rules can name it.
fn known(name: &str) -> bool {
    CATALOGUE.by_name(name).is_some()
        || Group::ALL.iter().any(|group| group.name() == name)
        || CATALOGUE.families.iter().any(|family| family.name == name)
}

/// `GET /g/{guild}/commands`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    let mut guild = GuildPage::open(&app, &signed_in, &guild).await?;
    prepare(&app, &signed_in, &mut guild, "commands", declared()?.fields).await;
    render(&app, &signed_in, &guild, &view, None).await
}

/// `POST /g/{guild}/commands`: one rule (`rule=…`), or the other fields.
pub(crate) async fn save(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    data: FormData,
) -> Result<Response, Failure> {
    let mut guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let module = declared()?;
    let by = guild.writing(&signed_in.session)?;
    prepare(&app, &signed_in, &mut guild, module.key, module.fields).await;
    let base = guild.settings.values(module);
    let action = format!("/g/{}/commands", guild.id);
    let fields = if data.get("_rule").is_some() { module.fields.to_vec() } else { others(module) };
    let target = target(&guild, module, &fields, &base, &action);
    let rule = data.text("_rule").map(str::to_owned);
    let outcome = match &rule {
        Some(name) if known(name) => {
            let sent = one_rule(&data, module, &base, name);
            submit(&app, &by, Owner::Guild(guild.id), &target, &sent).await?
        }
        Some(_) => return Err(Failure::NotFound),
        None => submit(&app, &by, Owner::Guild(guild.id), &target, &data).await?,
    };
    match outcome {
        Outcome::Saved(version) => see_other(&format!("{action}?saved={version}")),
        Outcome::Unchanged => see_other(&action),
        outcome => {
            let view = View { rule, ..View::default() };
            render(&app, &signed_in, &guild, &view, Some((outcome, &data))).await
        }
    }
}

/// The table of all rules with one of them replaced, as a form of the module sends it.
fn one_rule(data: &FormData, module: &Module, base: &Map<String, Value>, name: &str) -> FormData {
    let is =
        |row: &&Value| row.get("command").and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(name));
    let rules = base.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut number = 0;
    let mut put = |cells: Vec<(String, String)>| {
        rows.push((format!("rules.{number}._row"), "1".to_owned()));
        rows.extend(cells.into_iter().map(|(key, value)| (format!("rules.{number}.{key}"), value)));
        number += 1;
    };
    for row in rules.iter().filter(|row| !is(row)) {
        put(cells(row, columns(module)));
    }
    if data.get("_inherit").is_none() {
        let own =
            data.0.iter().filter_map(|(key, value)| Some((key.strip_prefix("rules.0.")?.to_owned(), value.clone())));
        let own = own.filter(|(key, _)| key != "_row" && key != "command");
        put(std::iter::once(("command".to_owned(), name.to_owned())).chain(own).collect());
    }
    let kept = data.0.iter().filter(|(key, _)| !key.starts_with("rules.") && key != "_inherit");
    FormData(kept.cloned().chain(rows).collect())
}

/// A row as a form sends it.
fn cells(row: &Value, columns: &[Field]) -> Vec<(String, String)> {
    let mut cells = Vec::new();
    for column in columns {
        let key = || column.key.to_owned();
        match row.get(column.key) {
            Some(Value::Bool(true)) => cells.push((key(), "on".to_owned())),
            Some(Value::String(text)) => cells.push((key(), text.clone())),
            Some(Value::Number(number)) => cells.push((key(), number.to_string())),
            Some(Value::Array(ids)) => {
                cells.extend(ids.iter().filter_map(Value::as_str).map(|id| (key(), id.to_owned())));
            }
            // A switch that a row does not name is on.
            None if matches!(column.kind, Kind::Switch) && column.default.json() == json!(true) => {
                cells.push((key(), "on".to_owned()));
            }
            _ => {}
        }
    }
    cells
}

fn others(module: &Module) -> Vec<Field> {
    module.fields.iter().filter(|field| OTHERS.contains(&field.key)).copied().collect()
}

async fn render(
    app: &App,
    signed_in: &SignedIn,
    guild: &GuildPage,
    view: &View,
    outcome: Option<(Outcome, &FormData)>,
) -> Result<Response, Failure> {
    let module = declared()?;
    let base = guild.settings.values(module);
    let action = format!("/g/{}/commands", guild.id);
    let fields = others(module);
    let target = target(guild, module, &fields, &base, &action);
    let undo = format!("/g/{}/undo", guild.id);
    let notice = view.saved.filter(|version| *version == target.version);
    let notice = notice.map(|version| saved(version, Some((&undo, module.key, &signed_in.session.csrf))));
    // What is wrong with a rule is shown at the rule.
    let (of_rule, of_others) = match outcome {
        Some(outcome) if view.rule.is_some() => (Some(outcome), None),
        other => (None, other),
    };
    let edited = view.rule.as_deref().filter(|name| known(name));
    let (mut status, form) = shown(&target, of_others, signed_in, notice);
    let editor = edited.map(|name| rule_editor(guild, signed_in, module, &base, name, of_rule, &mut status));
    let test = test_box(app, signed_in, guild, &base, view).await;
    let content = html! {
        (guild.warnings())
        (head(guild, "commands", module))
        (findings(guild, module))
        @if let Some(editor) = editor { (editor) }
        (tree(guild, &base, edited))
        section aria-labelledby="everywhere" { h2 #everywhere { "For all commands" } (form) }
        (test)
    };
    let frame = Frame::new(format!("Commands · {}", guild.choices.guild.name), guild.place(app, &signed_in.visitor));
    Ok(page(app, &signed_in.visitor, &frame.status(status), &content))
}

fn rule_editor(
    guild: &GuildPage,
    signed_in: &SignedIn,
    module: &'static Module,
    base: &Map<String, Value>,
    name: &str,
    outcome: Option<(Outcome, &FormData)>,
    status: &mut u16,
) -> Markup {
    let rows = base.get("rules").cloned().unwrap_or_default();
    let found =
        rows.as_array().into_iter().flatten().find(|row| {
            row.get("command").and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(name))
        });
    let mut row = found.cloned().unwrap_or_else(|| json!({"enabled": true}));
    let own = found.is_some();
    let mut problems: Vec<String> = Vec::new();
    match outcome {
        Some((Outcome::Invalid(values, errors), _)) => {
            *status = 422;
            let tried = values.get("rules").and_then(Value::as_array).and_then(|rows| rows.last());
            row = tried.cloned().unwrap_or(row);
            problems = errors.into_iter().map(|error| error.message).collect();
        }
        Some((Outcome::Stale(..), _)) => {
            *status = 409;
            problems
                .push("Somebody else changed the rules meanwhile. This is what holds now; change it again.".to_owned());
        }
        _ => {}
    }
    let user = signed_in.session.user.to_string();
    let look = Shown {
        choices: &guild.choices,
        errors: &[],
        disabled: guild.read_only().is_some(),
        visitor: (&user, &signed_in.session.name),
    };
    let version = guild.settings.modules.get(module.key).map_or(0, |values| values.version);
    html! {
        section.rule-editor #rule aria-labelledby="rule-title" {
            h2 #rule-title { "Rule of " code { (name) } }
            @if !problems.is_empty() { div.banner.danger role="alert" { (icon("circle-alert")) ul { @for problem in &problems { li { (problem) } } } } }
            form method="post" action=(format!("/g/{}/commands", guild.id)) {
                (csrf_field(&signed_in.session.csrf))
                input type="hidden" name="_rule" value=(name);
                input type="hidden" name="_version" value=(version);
                input type="hidden" name="_base" value=(base_mark("rules", &rows));
                input type="hidden" name="rules.0._row" value="1";
                @for column in columns(module).iter().filter(|column| column.key != "command") {
                    (field(column, &format!("rules.0.{}", column.key), row.get(column.key).unwrap_or(&column.default.json()), look))
                }
                p.actions {
                    button.primary type="submit" disabled[look.disabled] { "Save rule" }
                    @if own { button type="submit" name="_inherit" value="1" disabled[look.disabled] { "Remove rule" } }
                    a.button.quiet href=(format!("/g/{}/commands", guild.id)) { "Close" }
                }
            }
        }
    }
}

fn tree(guild: &GuildPage, base: &Map<String, Value>, edited: Option<&str>) -> Markup {
    let rules = base.get("rules").cloned().unwrap_or_default();
    let edit = |name: &str| {
        let query: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        html! {
            a.button.quiet href=(format!("/g/{}/commands?rule={query}#rule", guild.id)) aria-current=[(edited == Some(name)).then_some("true")] {
                "Edit" span.hidden { " the rule of " (name) }
            }
        }
    };
    html! {
        section aria-labelledby="tree" {
            h2 #tree { "Commands" }
            @for group in Group::ALL {
                @let commands: Vec<&Command> = CATALOGUE.commands.iter().filter(|command| command.group == *group).collect();
                @if !commands.is_empty() {
                    @let own = commands.iter().any(|command| rule(&rules, command).source != "default" || edited == Some(command.name));
                    details.tree open[own || edited == Some(group.name())] {
                        summary { strong { (group.name()) } " " span.muted { (commands.len()) } }
                        ul {
                            li.whole {
                                span.command-words { small { "What holds for the whole group, unless a command has its own rule." } }
                                (edit(group.name()))
                            }
                            @for command in commands {
                                @let rule = rule(&rules, command);
                                li {
                                    (dot(if rule.enabled { "ok" } else { "off" }, if rule.enabled { "on" } else { "off" }))
                                    span.command-words { code { (command.name) } small { (command.help) } }
                                    (limits(guild, &rule))
                                    (edit(command.name))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn limits(guild: &GuildPage, rule: &Rule) -> Markup {
    let names = &guild.choices.names;
    let mut says: Vec<String> = Vec::new();
    if !rule.roles.is_empty() {
        says.push(rule.roles.iter().map(|id| names.role_shown(id)).collect::<Vec<_>>().join(", "));
    }
    if !rule.channels.is_empty() {
        says.push(rule.channels.iter().map(|id| names.channel_shown(id)).collect::<Vec<_>>().join(", "));
    }
    if let Some(seconds) = rule.cooldown_s.filter(|seconds| *seconds > 0) {
        says.push(format!("every {seconds} s"));
    }
    let inherited = rule.source != "own";
    html! {
        span.limits.inherited[inherited] {
            (says.join(" · "))
            @if inherited && rule.source != "default" { small { " from " (rule.source) } }
        }
    }
}
