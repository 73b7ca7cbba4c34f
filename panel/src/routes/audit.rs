use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_settings::{Kind, Scope, module, modules_of};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::guild::{ACCESS, GuildPage};
use super::overview::path_of;
use crate::access::Level;
use crate::app::App;
use crate::clients::AuditEntry;
use crate::failure::Failure;
use crate::hierarchy::refused;
use crate::login::see_other;
use crate::view::{Frame, ago, csrf_field, date_time, diff, icon, page, toast};
use crate::visitor::{FormData, SignedIn};
use miso_http::now_ms;

/// Changes of a page.
const PAGE: usize = 25;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    module: Option<String>,
    #[serde(default)]
    before: Option<i64>,
    #[serde(default)]
    reverted: Option<i64>,
}

/// `GET /g/{guild}/audit`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    let mut guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let only = view.module.as_deref().and_then(module);
    let by = guild.reading(&signed_in.session);
    let audit = app.commands.audit(&by, guild.id, only.map(|module| module.key), view.before, PAGE).await?;
    let ids: Vec<String> = audit.entries.iter().flat_map(users_of).collect();
    guild.learn_users(&app, &signed_in.session, &ids).await;
    let here = format!("/g/{}/audit", guild.id);
    let csrf = (guild.level == Level::Write && !guild.behind).then_some(signed_in.session.csrf.as_str());
    let content = html! {
        (guild.warnings())
        header.page-head {
            h1 { "Audit" }
            p.lead { "Every change of the settings: who, when, from where. Taking one back is a change too." }
        }
        @if let Some(version) = view.reverted { (toast(&html! { p { "Taken back as version " (version) "." } })) }
        form.filter method="get" action=(here) {
            label for="module" { "Module" }
            select #module name="module" {
                option value="" { "All modules" }
                @for one in modules_of(Scope::Guild) {
                    option value=(one.key) selected[only.is_some_and(|only| only.key == one.key)] { (one.title) }
                }
            }
            button type="submit" { "Show" }
        }
        @if audit.entries.is_empty() {
            p.muted { "Nothing was changed" @if view.before.is_some() { " before that" } "." }
        }
        div.audit { @for one in &audit.entries { (entry(&guild, one, csrf)) } }
        @if let Some(next) = audit.next {
            @let module = only.map(|module| format!("&module={}", module.key)).unwrap_or_default();
            p { a.button href=(format!("{here}?before={next}{module}")) { "Older changes" } }
        }
    };
    let frame =
        Frame::new(format!("Audit · {}", guild.choices.guild.name), guild.place(&app, &signed_in.visitor)).wide();
    Ok(page(&app, &signed_in.visitor, &frame, &content))
}

/// Users that an entry names: who did it, and members in its values.
fn users_of(entry: &AuditEntry) -> Vec<String> {
    let mut ids: Vec<String> = entry.by.strip_prefix("user/").map(str::to_owned).into_iter().collect();
    let fields = module(&entry.module).map_or(&[][..], |module| module.fields);
    for field in fields.iter().filter(|field| matches!(field.kind, Kind::Members { .. })) {
        for values in [&entry.before, &entry.after] {
            let listed = values.get(field.key).and_then(Value::as_array).into_iter().flatten();
            ids.extend(listed.filter_map(|id| id.as_str().map(str::to_owned)));
        }
    }
    ids
}

/// One change; opened, it shows before and after. With a token there is a button that takes it back.
pub(crate) fn entry(guild: &GuildPage, entry: &AuditEntry, csrf: Option<&str>) -> Markup {
    let declared = module(&entry.module);
    let fields = declared.map_or(&[][..], |module| module.fields);
    let titles = changed_titles(entry);
    html! {
        details.change {
            summary {
                span.change-who { (guild.choices.names.actor(&entry.by)) }
                span.change-what { strong { (declared.map_or(entry.module.as_str(), |module| module.title)) } " " span.muted { (titles) } }
                @if entry.reverts.is_some() { span.tag { "taken back" } }
                span.tag { (via(&entry.via)) }
                span.change-when title=(format!("version {}", entry.module_version)) { (ago(entry.at_ms, now_ms())) }
            }
            div.change-body {
                p.muted { (date_time(entry.at_ms)) " · version " (entry.module_version) }
                (diff(fields, &entry.before, &entry.after, &guild.choices.names))
                @if let Some(csrf) = csrf {
                    form method="post" action=(format!("/g/{}/audit/{}/revert", guild.id, entry.version)) {
                        (csrf_field(csrf))
                        button type="submit" { (icon("undo-2")) "Take this back" span.hidden { ": " (titles) ", version " (entry.module_version) } }
                    }
                }
            }
        }
    }
}

fn via(via: &str) -> &str {
    match via {
        "panel" => "panel",
        "command" => "command",
        "import" => "import",
        "api" => "API",
        _ => "unknown",
    }
}

fn changed_titles(entry: &AuditEntry) -> String {
    let differs =
        |key: &str, before: &Map<String, Value>, after: &Map<String, Value>| before.get(key) != after.get(key);
    let mut keys: Vec<&str> = entry.after.keys().chain(entry.before.keys()).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    let title = |key: &str| {
        let field = module(&entry.module).and_then(|module| module.field(key));
        field.map_or_else(|| key.to_owned(), |field| field.title.to_owned())
    };
    let titles = keys.into_iter().filter(|key| differs(key, &entry.before, &entry.after)).map(title);
    titles.collect::<Vec<_>>().join(", ")
}

/// `POST /g/{guild}/audit/{version}/revert`.
pub(crate) async fn revert(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path((guild, version)): Path<(String, i64)>,
) -> Result<Response, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    // Which module it is about only the commands API knows: it may be who may use the panel.
    let by = guild.writing_module(ACCESS, &signed_in.session)?;
    let one = app.commands.audit(&by, guild.id, None, Some(version + 1), 1).await?;
    if let Some(entry) = one.entries.iter().find(|entry| entry.version == version) {
        within_reach(&guild, &entry.module, &entry.before)?;
    }
    let saved = app.commands.revert(&by, guild.id, version).await?;
    see_other(&format!("/g/{}/audit?reverted={}", guild.id, saved.version))
}

/// Taking a change back may give roles again that are not the visitor's to have given.
fn within_reach(guild: &GuildPage, key: &str, set: &Map<String, Value>) -> Result<(), Failure> {
    let Some(declared) = module(key) else { return Ok(()) };
    let (now, choices) = (guild.settings.values(declared), &guild.choices);
    let errors = refused(declared, &now, set, &choices.out_of_reach, &choices.roles);
    let Some(first) = errors.into_iter().next() else { return Ok(()) };
    Err(Failure::Forbidden {
        needs: first.message,
        who: format!("Who has a higher role in {} can take this back.", choices.guild.name),
    })
}

/// `POST /g/{guild}/undo`: takes back the change of a module that made the version just saved.
pub(crate) async fn undo(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    data: FormData,
) -> Result<Response, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let module = data.get("module").and_then(module).ok_or(Failure::NotFound)?;
    let by = guild.writing_module(module.key, &signed_in.session)?;
    let version: i64 = data.get("version").and_then(|version| version.parse().ok()).ok_or(Failure::NotFound)?;
    let audit = app.commands.audit(&by, guild.id, Some(module.key), None, PAGE).await?;
    let fact = audit.entries.iter().find(|entry| entry.module == module.key && entry.module_version == version);
    let fact = fact.ok_or(Failure::NotFound)?;
    within_reach(&guild, module.key, &fact.before)?;
    let saved = app.commands.revert(&by, guild.id, fact.version).await?;
    let path = path_of(module.key);
    let separator = if path.contains('?') { '&' } else { '?' };
    see_other(&format!("/g/{}/{path}{separator}saved={}", guild.id, saved.version))
}
