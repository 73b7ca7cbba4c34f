//! Settings as a file: to keep, to carry to another guild, to compare before they are taken in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use miso_settings::module;
use serde_json::{Map, Value};

use super::guild::{ACCESS, GuildPage};
use crate::app::App;
use crate::clients::Imported;
use crate::failure::Failure;
use crate::view::{Frame, banner, csrf_field, diff, icon, page, toast};
use crate::visitor::{FormData, SignedIn};
use miso_http::now_ms;

/// Bytes of a file, at most.
const FILE_BYTES: usize = 1_024 * 1_024;

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
    let file = app.commands.settings_file(&guild.reading(&signed_in.session), guild.id).await?;
    let body = serde_json::to_vec_pretty(&file).unwrap_or_default();
    let name = format!("attachment; filename=\"miso-{}-{}.json\"", guild.id, now_ms() / 86_400_000);
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// `POST /g/{guild}/transfer`: what a file would change (`do=compare`), or takes it in (`do=import`).
pub(crate) async fn import(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    data: FormData,
) -> Result<Response, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let mut by = guild.writing(&signed_in.session)?;
    let text = data.get("file").unwrap_or_default();
    let Some(modules) = modules_of(text) else {
        let says = html! { p { "This is no file of settings: it must be JSON with the member " code { "modules" } ", as the export makes it." } };
        return Ok(render(&app, &signed_in, &guild, 422, text, &banner("danger", &says)));
    };
    if modules.get(ACCESS).is_some() {
        by = guild.writing_module(ACCESS, &signed_in.session)?;
    }
    let dry_run = data.get("do") != Some("import");
    let imported = app.commands.import(&by, guild.id, &modules, dry_run).await?;
    let below = html! {
        @if !imported.errors.is_empty() { (errors(&imported.errors)) }
        @if !dry_run && imported.errors.is_empty() { (toast(&html! { p { "Taken in: " (count(imported.changes.len())) "." } })) }
        (changes(&guild, &imported, dry_run))
        @if dry_run && imported.errors.is_empty() && !imported.changes.is_empty() {
            form method="post" action=(format!("/g/{}/transfer", guild.id)) {
                (csrf_field(&signed_in.session.csrf))
                input type="hidden" name="file" value=(text);
                button.primary type="submit" name="do" value="import" { "Take in " (count(imported.changes.len())) }
            }
        }
    };
    let status = if imported.errors.is_empty() { 200 } else { 422 };
    Ok(render(&app, &signed_in, &guild, status, text, &below))
}

fn count(changes: usize) -> String {
    if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") }
}

fn modules_of(text: &str) -> Option<Value> {
    if text.len() > FILE_BYTES {
        return None;
    }
    let file: Map<String, Value> = serde_json::from_str(text).ok()?;
    file.get("modules").filter(|modules| modules.is_object()).cloned()
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

fn render(app: &App, signed_in: &SignedIn, guild: &GuildPage, status: u16, text: &str, below: &Markup) -> Response {
    let here = format!("/g/{}/transfer", guild.id);
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
            p.help { "First you see what would change. Channels and roles of another server do not exist here: pick them anew afterwards." }
            @if let Some(why) = guild.read_only() { (banner("info", &html! { p { (why) } })) }
            form method="post" action=(here) {
                (csrf_field(&signed_in.session.csrf))
                div.field {
                    label for="file" { "The file's content" }
                    miso-file { textarea.code #file name="file" rows="8" spellcheck="false" placeholder="{ \"modules\": … }" disabled[guild.read_only().is_some()] { "\n" (text) } }
                }
                button type="submit" name="do" value="compare" disabled[guild.read_only().is_some()] { (icon("search")) "Compare" }
            }
        }
        (below)
    };
    let frame = Frame::new(format!("Transfer · {}", guild.choices.guild.name), guild.place(app, &signed_in.visitor));
    page(app, &signed_in.visitor, &frame.status(status), &content)
}
