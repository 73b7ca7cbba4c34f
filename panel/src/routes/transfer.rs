//! Settings as a file: to keep, to carry to another guild, to compare before they are taken in; and
//! modules as they were before anybody set them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use miso_settings::{FILE_BYTES, SETTINGS_BYTES, Scope, module, modules_of};
use serde_json::{Map, Value, json};

use super::guild::{ACCESS, GuildPage};
use crate::app::App;
use crate::carry::{FOREIGN, Foreign, What, foreign, mapped, names_in};
use crate::clients::{Imported, Owner};
use crate::failure::Failure;
use crate::hierarchy::refused;
use crate::view::{Frame, Select, banner, csrf_field, diff, icon, page, picker, toast};
use crate::visitor::{FormData, SignedIn};
use miso_http::now_ms;

/// What a form's field about a foreign id is called before it.
const MAP: &str = "map.";
/// Kinds of channels that a foreign one may become: those that settings name.
const CHANNELS: &[u8] = &[0, 2, 5, 13, 15];

/// `GET /g/{guild}/transfer`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
) -> Result<Response, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    Ok(render(&app, &signed_in, &guild, 200, "", &html! {}))
}

/// `GET /g/{guild}/transfer/file`.
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
) -> Result<Response, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let mut file = app.commands.settings_file(&guild.reading(&signed_in.session), guild.id).await?;
    if let Some(modules) = file.get("modules") {
        let names = names_in(modules, &guild.choices.names);
        file["names"] = names;
    }
    let name = format!("attachment; filename=\"miso-{}-{}.json\"", guild.id, now_ms() / 86_400_000);
    let mut response = written(&file).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// For people to read, unless only its short form may be taken in again.
fn written(file: &Value) -> Vec<u8> {
    let pretty = serde_json::to_vec_pretty(file).unwrap_or_default();
    if pretty.len() <= FILE_BYTES { pretty } else { serde_json::to_vec(file).unwrap_or_default() }
}

/// `POST /g/{guild}/transfer`: what a file would change (`do=compare`), or takes it in (`do=import`).
/// Channels and roles that are not here are what `map.ID` says, and left out where it is empty.
pub(crate) async fn import(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    data: FormData,
) -> Result<Response, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let mut by = guild.writing(&signed_in.session)?;
    let text = data.get("file").unwrap_or_default();
    let unfit = |why: &str| {
        let says = html! { p { (why) } };
        Ok(render(&app, &signed_in, &guild, 422, text, &banner("danger", &says)))
    };
    let File { modules, names } = match File::read(text) {
        Ok(file) => file,
        Err(why) => return unfit(&why),
    };
    if modules.get(ACCESS).is_some() {
        by = guild.writing_module(ACCESS, &signed_in.session)?;
    }
    let foreign = foreign(&modules, &names, &guild.choices);
    if foreign.len() > FOREIGN {
        return unfit(&format!(
            "This file names {} channels and roles that are not here; {FOREIGN} can be picked anew at most.",
            foreign.len()
        ));
    }
    let map = map(&foreign, &data, &guild);
    let modules = mapped(&modules, &map);
    let mut dry_run = data.get("do") != Some("import");
    let mut imported = app.commands.import(&by, guild.id, &modules, true).await?;
    imported.errors.extend(beyond(&guild, &modules));
    if !dry_run && imported.errors.is_empty() {
        imported = app.commands.import(&by, guild.id, &modules, false).await?;
    } else {
        dry_run = true;
    }
    let below = html! {
        @if !imported.errors.is_empty() { (errors(&imported.errors)) }
        @if !dry_run && imported.errors.is_empty() { (toast(&html! { p { "Taken in: " (count(imported.changes.len())) "." } })) }
        @if dry_run && !foreign.is_empty() { (mapping(&signed_in, &guild, text, &foreign, &map)) }
        (changes(&guild, &imported, dry_run))
        @if dry_run && imported.errors.is_empty() && !imported.changes.is_empty() {
            form method="post" action=(format!("/g/{}/transfer", guild.id)) {
                (csrf_field(&signed_in.session.csrf))
                input type="hidden" name="file" value=(text);
                @for (id, to) in &map { input type="hidden" name={ (MAP) (id) } value=(to.as_deref().unwrap_or_default()); }
                button.primary type="submit" name="do" value="import" { "Take in " (count(imported.changes.len())) }
            }
        }
    };
    let status = if imported.errors.is_empty() { 200 } else { 422 };
    Ok(render(&app, &signed_in, &guild, status, text, &below))
}

/// A file of settings.
struct File {
    modules: Value,
    /// What its ids were called: `{"channels": {id: name}, "roles": {…}}`.
    names: Value,
}

impl File {
    fn read(text: &str) -> Result<Self, String> {
        if text.len() > FILE_BYTES {
            return Err(format!("This file is too large: {} KiB at most.", FILE_BYTES / 1_024));
        }
        let none = || {
            "This is no file of settings: it must be JSON with the member “modules”, as the export makes it.".to_owned()
        };
        let mut file: Map<String, Value> = serde_json::from_str(text).map_err(|_| none())?;
        let modules = file.remove("modules").filter(Value::is_object).ok_or_else(none)?;
        if modules.to_string().len() > SETTINGS_BYTES {
            return Err(format!("These settings are too large: {} KiB at most.", SETTINGS_BYTES / 1_024));
        }
        Ok(Self { modules, names: file.remove("names").unwrap_or_default() })
    }
}

/// What each foreign id becomes: what was picked, before anything was picked what is called the same,
/// else nothing.
fn map(foreign: &[Foreign], data: &FormData, guild: &GuildPage) -> BTreeMap<String, Option<String>> {
    let here = |what: What, id: &str| match what {
        What::Channel => guild.choices.channel(id).is_some(),
        What::Role => guild.choices.role(id).is_some(),
    };
    let becomes = |one: &Foreign| match data.get(&format!("{MAP}{}", one.id)) {
        Some(picked) => Some(picked.to_owned()).filter(|id| here(one.what, id)),
        None => one.suggestion.clone(),
    };
    foreign.iter().map(|one| (one.id.clone(), becomes(one))).collect()
}

/// Roles that are not the visitor's to have given.
fn beyond(guild: &GuildPage, modules: &Value) -> Vec<Value> {
    let choices = &guild.choices;
    let declared = modules_of(Scope::Guild).filter_map(|one| Some((one, modules.get(one.key)?.as_object()?)));
    declared
        .flat_map(|(module, values)| {
            let now = guild.settings.values(module);
            let errors = refused(module, &now, values, &choices.out_of_reach, &choices.roles);
            errors
                .into_iter()
                .map(|error| json!({"module": module.key, "pointer": error.pointer, "message": error.message}))
        })
        .collect()
}

fn mapping(
    signed_in: &SignedIn,
    guild: &GuildPage,
    text: &str,
    foreign: &[Foreign],
    map: &BTreeMap<String, Option<String>>,
) -> Markup {
    html! {
        section aria-labelledby="mapping" {
            h2 #mapping { "Channels and roles that are not here" }
            p.help { "Pick what each one is in this server. What is left out is left out everywhere." }
            form.mapping method="post" action=(format!("/g/{}/transfer", guild.id)) {
                (csrf_field(&signed_in.session.csrf))
                input type="hidden" name="file" value=(text);
                @for one in foreign {
                    @let id = format!("map-{}", one.id);
                    @let help = format!("{id}-help");
                    @let sign = if one.what == What::Channel { "#" } else { "@" };
                    @let value = map.get(&one.id).cloned().flatten().map_or(Value::Null, Value::String);
                    div.field {
                        div.field-words {
                            label for=(id) { (sign) (one.name.as_deref().map_or(one.id.as_str(), |name| name.trim_start_matches('@'))) }
                            p.help #(help) { @for (index, used) in one.uses.iter().enumerate() { @if index > 0 { ", " } (used) } }
                        }
                        (Select { id: &id, name: &format!("{MAP}{}", one.id), described_by: &help, invalid: false, disabled: false, max: 1, nothing: "Leave out", search: None }
                            .with(&match one.what {
                                What::Channel => picker::channels(&guild.choices, &value, CHANNELS, miso_command_catalogue::Permissions::NONE),
                                What::Role => picker::roles(&guild.choices, &value, false),
                            }))
                    }
                }
                button type="submit" name="do" value="compare" { (icon("search")) "Compare with these" }
            }
        }
    }
}

fn count(changes: usize) -> String {
    if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") }
}

fn errors(errors: &[Value]) -> Markup {
    let line = |error: &Value| {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let at = [text("module"), text("pointer")].concat();
        (at, if text("message").is_empty() { error.to_string() } else { text("message") })
    };
    banner(
        "danger",
        &html! {
            p { strong { "The file does not fit. Nothing was taken in." } }
            ul { @for error in errors { @let (at, says) = line(error); li { code { (at) } " " (says) } } }
        },
    )
}

/// A module with its values before and after.
type ModuleChange<'a> = (&'a str, Map<String, Value>, Map<String, Value>);

fn changes(guild: &GuildPage, imported: &Imported, dry_run: bool) -> Markup {
    let mut by_module: Vec<ModuleChange<'_>> = Vec::new();
    for change in &imported.changes {
        let at = by_module.iter().position(|(key, ..)| *key == change.module).unwrap_or_else(|| {
            by_module.push((&change.module, Map::new(), Map::new()));
            by_module.len() - 1
        });
        by_module[at].1.insert(change.field.clone(), change.before.clone());
        by_module[at].2.insert(change.field.clone(), change.after.clone());
    }
    html! {
        section aria-labelledby="changes" {
            h2 #changes { @if dry_run { "What would change" } @else { "What was changed" } }
            @if by_module.is_empty() { p.muted { "Nothing: these settings hold already." } }
            @for (key, before, after) in &by_module {
                @let declared = module(key);
                h3 { (declared.map_or(*key, |module| module.title)) }
                (diff(declared.map_or(&[][..], |module| module.fields), before, after, &guild.choices.names))
            }
        }
    }
}

/// `POST /g/{guild}/transfer/reset`: what a module would lose (`do=ask`), or takes every field of it back
/// to its default (`do=reset`).
pub(crate) async fn reset(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    data: FormData,
) -> Result<Response, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let declared = data.get("module").and_then(module).filter(|module| module.scope == Scope::Guild);
    let declared = declared.ok_or(Failure::NotFound)?;
    let by = guild.writing_module(declared.key, &signed_in.session)?;
    let (version, set) = set_in(&guild, declared.key);
    let nothing: Map<String, Value> = set.keys().map(|key| (key.clone(), Value::Null)).collect();
    let below = if set.is_empty() {
        banner("info", &html! { p { (declared.title) " is as it was from the beginning: there is nothing to reset." } })
    } else if data.get("do") == Some("reset") {
        let seen = data.get("version").and_then(|version| version.parse().ok()).unwrap_or(version);
        app.commands.change(&by, Owner::Guild(guild.id), declared.key, seen, &nothing).await?;
        toast(
            &html! { p { (declared.title) " is reset. " a href=(format!("/g/{}/audit?module={}", guild.id, declared.key)) { "The audit" } " can take that back." } },
        )
    } else {
        html! {
            section aria-labelledby="reset-ask" {
                h2 #reset-ask { "Reset " (declared.title) "?" }
                p { (count(set.len())) " would fall back to what holds from the beginning. The audit can take that back." }
                (diff(declared.fields, &set, &nothing, &guild.choices.names))
                form method="post" action=(format!("/g/{}/transfer/reset", guild.id)) {
                    (csrf_field(&signed_in.session.csrf))
                    input type="hidden" name="module" value=(declared.key);
                    input type="hidden" name="version" value=(version);
                    button.danger type="submit" name="do" value="reset" { (icon("rotate-ccw")) "Reset " (declared.title) }
                }
            }
        }
    };
    Ok(render(&app, &signed_in, &guild, 200, "", &below))
}

/// A module's version, and what is set in it that is not its default.
fn set_in(guild: &GuildPage, key: &str) -> (i64, Map<String, Value>) {
    let Some((declared, kept)) = module(key).zip(guild.settings.modules.get(key)) else { return (0, Map::new()) };
    let differs =
        |field: &miso_settings::Field| kept.values.get(field.key).filter(|value| **value != field.default.json());
    let set = declared.fields.iter().filter_map(|field| Some((field.key.to_owned(), differs(field)?.clone())));
    (kept.version, set.collect())
}

fn render(app: &App, signed_in: &SignedIn, guild: &GuildPage, status: u16, text: &str, below: &Markup) -> Response {
    let here = format!("/g/{}/transfer", guild.id);
    let set: Vec<_> = modules_of(Scope::Guild).filter(|module| !set_in(guild, module.key).1.is_empty()).collect();
    let read_only = guild.read_only().is_some();
    let content = html! {
        (guild.warnings())
        header.page-head { h1 { "Transfer" } p.lead { "All settings as a file: to keep, or to carry to another server." } }
        section aria-labelledby="export" {
            h2 #export { "Export" }
            p.help { "What is set, as JSON. No messages, no members' data." }
            a.button href={ (here) "/file" } download { (icon("download")) "Download" }
        }
        section aria-labelledby="import" {
            h2 #import { "Import" }
            p.help { "First you see what would change. Channels and roles of another server are matched by their names; you pick the others." }
            @if let Some(why) = guild.read_only() { (banner("info", &html! { p { (why) } })) }
            form method="post" action=(here) {
                (csrf_field(&signed_in.session.csrf))
                div.field {
                    label for="file" { "The file's content" }
                    miso-file { textarea.code #file name="file" rows="8" spellcheck="false" placeholder="{ \"modules\": … }" disabled[read_only] { "\n" (text) } }
                }
                button type="submit" name="do" value="compare" disabled[read_only] { (icon("search")) "Compare" }
            }
        }
        @if !text.is_empty() { (below) }
        section aria-labelledby="reset" {
            h2 #reset { "Reset" }
            @if set.is_empty() {
                p.muted { "Nothing is set: every module is as it was from the beginning." }
            } @else {
                form.filter method="post" action={ (here) "/reset" } {
                    (csrf_field(&signed_in.session.csrf))
                    label for="module" { "Module" }
                    select #module name="module" disabled[read_only] { @for one in &set { option value=(one.key) { (one.title) } } }
                    button type="submit" name="do" value="ask" disabled[read_only] { (icon("rotate-ccw")) "Reset…" }
                }
            }
        }
        @if text.is_empty() { (below) }
    };
    let frame = Frame::new(format!("Transfer · {}", guild.choices.guild.name), guild.place(app, &signed_in.visitor));
    page(app, &signed_in.visitor, &frame.status(status), &content)
}
