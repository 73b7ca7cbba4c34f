//! Pages that are a module's form.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_settings::{Field, Kind, Module, Scope, module, modules_of};
use serde::Deserialize;

use super::embeds;
use super::forms::{Outcome, Target, saved, shown, submit};
use super::guild::{GuildPage, LATER};
use super::samples;
use crate::app::App;
use crate::clients::Owner;
use crate::failure::Failure;
use crate::login::see_other;
use crate::view::{Frame, ago, banner, empty, icon, page};
use crate::visitor::{FormData, SignedIn};

/// Modules that have a page of their own.
const PAGES: &[&str] =
    &["general", "access", "custom-commands", "greeting", "logs", "starboard", "roles", "activity", "embeds", "lastfm"];

/// Days of which a starboard's catch is told.
const STAR_DAYS: u32 = 7;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    tab: Option<String>,
    #[serde(default)]
    saved: Option<i64>,
    /// A link that is tried under the embeds.
    #[serde(default, rename = "try")]
    tried: Option<String>,
}

/// The module that a page shows: the greeting has the goodbye as its second tab.
fn module_of(path: &str, tab: Option<&str>) -> Option<&'static Module> {
    match (path, tab) {
        ("greeting", Some("goodbye")) => module("goodbye"),
        _ if PAGES.contains(&path) => modules_of(Scope::Guild).find(|module| module.key == path),
        _ => None,
    }
}

fn action_of(guild: &GuildPage, path: &str, module: &Module) -> String {
    match module.key {
        "goodbye" => format!("/g/{}/greeting?tab=goodbye", guild.id),
        _ => format!("/g/{}/{path}", guild.id),
    }
}

/// `GET /g/{guild}/{module}`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path((guild, path)): Path<(String, String)>,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    let mut guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let Some(module) = module_of(&path, view.tab.as_deref()) else {
        return later(&app, &signed_in, &guild, &path);
    };
    prepare(&app, &signed_in, &mut guild, module.key, module.fields).await;
    if module.key == "embeds" {
        guild.below = Some(embeds::section(&app, &guild, view.tried.as_deref()).await);
    }
    render(&app, &signed_in, &guild, &path, module, None, view.saved)
}

/// `POST /g/{guild}/{module}`.
pub(crate) async fn save(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path((guild, path)): Path<(String, String)>,
    Query(view): Query<View>,
    data: FormData,
) -> Result<Response, Failure> {
    let mut guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let module = module_of(&path, view.tab.as_deref()).ok_or(Failure::NotFound)?;
    let by = guild.writing_module(module.key, &signed_in.session)?;
    prepare(&app, &signed_in, &mut guild, module.key, module.fields).await;
    let base = guild.settings.values(module);
    let action = action_of(&guild, &path, module);
    let target = target(&guild, module, module.fields, &base, &action);
    let outcome = submit(&app, &by, Owner::Guild(guild.id), &target, &data).await?;
    let Outcome::Saved(version) = outcome else {
        return render(&app, &signed_in, &guild, &path, module, Some((outcome, &data)), None);
    };
    if signed_in.visitor.fragment {
        let mut guild = GuildPage::open(&app, &signed_in, &guild.id.to_string()).await?;
        prepare(&app, &signed_in, &mut guild, module.key, module.fields).await;
        return render(&app, &signed_in, &guild, &path, module, None, Some(version));
    }
    let separator = if action.contains('?') { '&' } else { '?' };
    see_other(&format!("{action}{separator}saved={version}"))
}

/// `GET /g/{guild}/{module}/{part}`: addresses of single commands and messages lead to their list.
pub(crate) async fn part(Path((guild, path, _)): Path<(String, String, String)>) -> Result<Response, Failure> {
    let known = PAGES.contains(&path.as_str()) || LATER.iter().any(|(later, _)| *later == path);
    let digits = !guild.is_empty() && guild.bytes().all(|byte| byte.is_ascii_digit());
    if known && digits { see_other(&format!("/g/{guild}/{path}")) } else { Err(Failure::NotFound) }
}

/// Fetches what the fields' pickers offer and what their ids are called.
pub(crate) async fn prepare(app: &App, signed_in: &SignedIn, guild: &mut GuildPage, key: &str, fields: &[Field]) {
    let has = |fits: fn(&Kind) -> bool| fields.iter().any(|field| fits(&field.kind));
    let members = has(|kind| matches!(kind, Kind::Members { .. }));
    let emojis = has(|kind| matches!(kind, Kind::Emoji));
    guild.learn_choices(app, &signed_in.session, members, emojis).await;
    let by = guild.settings.modules.get(key).and_then(|values| values.by.clone());
    let mut ids: Vec<String> = by.iter().filter_map(|by| by.strip_prefix("user/")).map(str::to_owned).collect();
    for field in fields.iter().filter(|field| matches!(field.kind, Kind::Members { .. })) {
        let value = guild.settings.value(key, field.key);
        ids.extend(value.as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)));
    }
    guild.learn_users(app, &signed_in.session, &ids).await;
    if key == "starboard" {
        let by = guild.reading(&signed_in.session);
        guild.choices.caught = app.commands.stars(&by, guild.id, STAR_DAYS).await.ok();
    }
    guild.choices.preview = Some(format!("/g/{}/preview/{key}", guild.id));
}

/// The form of a guild's module.
pub(crate) fn target<'a>(
    guild: &'a GuildPage,
    module: &'static Module,
    fields: &'a [Field],
    base: &'a serde_json::Map<String, serde_json::Value>,
    action: &'a str,
) -> Target<'a> {
    let version = guild.settings.modules.get(module.key).map_or(0, |values| values.version);
    Target { module, fields, action, choices: &guild.choices, base, version, read_only: guild.read_only() }
}

fn render(
    app: &App,
    signed_in: &SignedIn,
    guild: &GuildPage,
    path: &str,
    module: &'static Module,
    outcome: Option<(Outcome, &FormData)>,
    just_saved: Option<i64>,
) -> Result<Response, Failure> {
    let base = guild.settings.values(module);
    let action = action_of(guild, path, module);
    let target = target(guild, module, module.fields, &base, &action);
    let undo = format!("/g/{}/undo", guild.id);
    // An address that somebody kept says nothing once the module has gone on.
    let notice = just_saved.filter(|version| *version == target.version);
    let notice = notice.map(|version| saved(version, Some((&undo, module.key, &signed_in.session.csrf))));
    let (status, form) = shown(&target, outcome, signed_in, notice);
    Ok(around(app, signed_in, guild, path, module, status, &form))
}

/// A module's page as it is opened, with something to say above its form.
pub(crate) fn module_page(
    app: &App,
    signed_in: &SignedIn,
    guild: &GuildPage,
    path: &str,
    module: &'static Module,
    status: u16,
    notice: &Markup,
) -> Response {
    let base = guild.settings.values(module);
    let action = action_of(guild, path, module);
    let (_, form) = shown(&target(guild, module, module.fields, &base, &action), None, signed_in, Some(notice.clone()));
    around(app, signed_in, guild, path, module, status, &form)
}

/// What stands around a module's form.
fn around(
    app: &App,
    signed_in: &SignedIn,
    guild: &GuildPage,
    path: &str,
    module: &'static Module,
    status: u16,
    form: &Markup,
) -> Response {
    let content = html! {
        (guild.warnings())
        (head(guild, path, module))
        (findings(guild, module))
        (form)
        (samples::section(guild, module, &signed_in.session.csrf))
        @if let Some(below) = &guild.below { (below) }
    };
    let frame =
        Frame::new(format!("{} · {}", module.title, guild.choices.guild.name), guild.place(app, &signed_in.visitor));
    page(app, &signed_in.visitor, &frame.status(status), &content)
}

/// Heading, tabs, who changed it last.
pub(crate) fn head(guild: &GuildPage, path: &str, module: &Module) -> Markup {
    let stored = guild.settings.modules.get(module.key).filter(|values| values.version > 0);
    html! {
        header.page-head {
            h1 { (module.title) }
            p.lead { (module.help) }
            @if let Some(values) = stored {
                p.changed {
                    "Version " (values.version)
                    @if let (Some(by), Some(at)) = (&values.by, values.at_ms) {
                        ", changed by " (guild.choices.names.actor(by)) " " (ago(at, miso_http::now_ms()))
                    }
                    " · " a href=(format!("/g/{}/audit?module={}", guild.id, module.key)) { "History" }
                }
            }
            @if path == "greeting" {
                nav.tabs aria-label="Greeting and goodbye" {
                    a href=(format!("/g/{}/greeting", guild.id)) aria-current=[(module.key == "greeting").then_some("page")] { "Greeting" }
                    a href=(format!("/g/{}/greeting?tab=goodbye", guild.id)) aria-current=[(module.key == "goodbye").then_some("page")] { "Goodbye" }
                }
            }
        }
    }
}

/// What keeps the module from working.
pub(crate) fn findings(guild: &GuildPage, module: &Module) -> Markup {
    html! {
        @for finding in guild.findings.iter().filter(|finding| finding.module == module.key) {
            (banner(finding.state, &html! { p { (finding.says) } }))
        }
    }
}

/// A page that is planned.
fn later(app: &App, signed_in: &SignedIn, guild: &GuildPage, path: &str) -> Result<Response, Failure> {
    let (_, name) = LATER.iter().find(|(later, _)| *later == path).ok_or(Failure::NotFound)?;
    let back = html! { a.button href=(format!("/g/{}", guild.id)) { (icon("layout-dashboard")) "Overview" } };
    let content = html! {
        header.page-head { h1 { (name) } }
        (empty("This page is not built yet. Nothing of your settings is missing because of it.", &back))
    };
    let frame = Frame::new(format!("{name} · {}", guild.choices.guild.name), guild.place(app, &signed_in.visitor));
    Ok(page(app, &signed_in.visitor, &frame, &content))
}
