//! The visitor's own settings.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use miso_command_catalogue::Permissions;
use miso_settings::{Module, Scope, modules_of};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::forms::{Outcome, Target, saved, shown, submit};
use crate::app::App;
use crate::clients::{As, GuildSettings, Owner};
use crate::failure::Failure;
use crate::login::see_other;
use crate::session::{Jar, Session};
use crate::view::{Choices, Frame, Place, banner, csrf_field, empty, icon, page};
use crate::visitor::{FormData, SignedIn, Visitor};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    saved: Option<i64>,
}

/// For whom the panel asks about a user's own things.
pub(crate) fn oneself(session: &Session) -> As {
    As { user: session.user, name: session.name.clone(), guild: None, permissions: Permissions::NONE }
}

/// `GET /me`.
pub(crate) async fn overview(State(app): State<Arc<App>>, signed_in: SignedIn) -> Response {
    let pages = [
        ("/me/time", "clock", "Time", "Your time zone, for reminders and dates."),
        ("/me/notifications", "bell", "Notifications", "A direct message when somebody says one of your words."),
        ("/me/reminders", "alarm-clock", "Reminders", "What Miso will remind you of."),
        ("/me/lastfm", "music", "Last.fm", "Your name there, who sees it, and what is indexed."),
        ("/me/privacy", "shield-check", "Privacy", "What is kept about you: see it, take it along, delete it."),
    ];
    let content = html! {
        header.page-head { h1 { (signed_in.session.name) } p.lead { "Your own settings, the same in every server." } }
        ul.doors {
            @for (href, icon_name, title, help) in pages {
                li { a href=(href) { (icon(icon_name)) span { strong { (title) } small { (help) } } (icon("chevron-right")) } }
            }
        }
        section aria-labelledby="logins" {
            h2 #logins { "Logins" }
            p.help { "Logs you out of this panel in every browser, this one too: for when you left a login open elsewhere." }
            form method="post" action="/logout/everywhere" {
                (csrf_field(&signed_in.session.csrf))
                button type="submit" { (icon("log-out")) "Log out everywhere" }
            }
        }
    };
    page(&app, &signed_in.visitor, &Frame::new("My settings", Place::Me), &content)
}

macro_rules! form_page {
    ($show:ident, $save:ident, $path:literal) => {
        pub(crate) async fn $show(
            State(app): State<Arc<App>>,
            signed_in: SignedIn,
            Query(view): Query<View>,
        ) -> Result<Response, Failure> {
            let declared = own_module($path)?;
            let (status, form) = form_of(&app, &signed_in, declared, None, view.saved).await?;
            whole(&app, &signed_in, declared, status, &form).await
        }

        pub(crate) async fn $save(
            State(app): State<Arc<App>>,
            signed_in: SignedIn,
            data: FormData,
        ) -> Result<Response, Failure> {
            let declared = own_module($path)?;
            match form_of(&app, &signed_in, declared, Some(&data), None).await? {
                (303, _) => {
                    let (by, of) = (oneself(&signed_in.session), Owner::User(signed_in.session.user));
                    let now = app.commands.module(&by, of, declared.key).await?;
                    if signed_in.visitor.fragment {
                        let (status, form) = form_of(&app, &signed_in, declared, None, Some(now.version)).await?;
                        return whole(&app, &signed_in, declared, status, &form).await;
                    }
                    see_other(&format!("/me/{}?saved={}", $path, now.version))
                }
                (status, form) => whole(&app, &signed_in, declared, status, &form).await,
            }
        }
    };
}

form_page!(time, save_time, "time");
form_page!(notifications, save_notifications, "notifications");
form_page!(privacy, save_privacy, "privacy");
form_page!(lastfm, save_lastfm, "lastfm");

/// `GET /me/lastfm`; where nothing of Last.fm is declared it says so.
pub(crate) async fn listening(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    if own_module(LASTFM).is_ok() {
        return lastfm(State(app), signed_in, Query(view)).await;
    }
    let back = html! { a.button href="/me" { (icon("user")) "My settings" } };
    let content = html! {
        header.page-head { h1 { "Last.fm" } }
        (empty("Last.fm is not part of this version of Miso.", &back))
    };
    Ok(page(&app, &signed_in.visitor, &Frame::new("Last.fm", Place::Me), &content))
}

/// The visitor's module behind a page.
fn own_module(path: &str) -> Result<&'static Module, Failure> {
    modules_of(Scope::User).find(|module| path_of(module) == path).ok_or(Failure::NotFound)
}

/// Where a module is set up, below `/me`. A guild has a module of Last.fm too, so the user's is called
/// after both.
fn path_of(module: &Module) -> &'static str {
    if module.key.starts_with(LASTFM) { LASTFM } else { module.key }
}

const LASTFM: &str = "lastfm";

/// The form of a module of the visitor's, saved first where there is data; 303: it was.
async fn form_of(
    app: &App,
    signed_in: &SignedIn,
    declared: &'static Module,
    data: Option<&FormData>,
    just_saved: Option<i64>,
) -> Result<(u16, Markup), Failure> {
    let (session, key) = (&signed_in.session, declared.key);
    let (by, of) = (oneself(session), Owner::User(session.user));
    let (settings, choices) = tokio::join!(app.commands.settings(&by, of), choices(app, session, key));
    let settings: GuildSettings = settings?;
    let base: Map<String, Value> = settings.values(declared);
    let version = settings.modules.get(key).map_or(0, |values| values.version);
    let action = format!("/me/{}", path_of(declared));
    let target = Target {
        module: declared,
        fields: declared.fields,
        action: &action,
        choices: &choices,
        base: &base,
        version,
        read_only: None,
    };
    let outcome = match data {
        None => None,
        Some(data) => match submit(app, &by, of, &target, data).await? {
            Outcome::Saved(_) => return Ok((303, html! {})),
            outcome => Some((outcome, data)),
        },
    };
    let notice = just_saved.filter(|saved| *saved == version).map(|version| saved(version, None));
    Ok(shown(&target, outcome, signed_in, notice))
}

async fn choices(app: &App, session: &Session, key: &str) -> Choices {
    let mut choices = Choices::default();
    choices.names.add_user(&session.user.to_string(), &session.name);
    if key == "notifications"
        && let Ok(mine) = app.data.my_guilds(&session.access).await
    {
        choices.guilds =
            mine.guilds.into_iter().filter(|guild| guild.bot_present).map(|guild| (guild.id, guild.name)).collect();
    }
    choices
}

async fn whole(
    app: &App,
    signed_in: &SignedIn,
    declared: &'static Module,
    status: u16,
    form: &Markup,
) -> Result<Response, Failure> {
    let below = match path_of(declared) {
        "privacy" => held(app, signed_in).await,
        LASTFM => listened(app, signed_in).await,
        _ => html! {},
    };
    let content = html! {
        header.page-head { h1 { (declared.title) } p.lead { (declared.help) } }
        (form)
        (below)
    };
    Ok(page(app, &signed_in.visitor, &Frame::new(declared.title, Place::Me).status(status), &content))
}

/// What is held, by table with counts; how to take it along and how to have it deleted.
async fn held(app: &App, signed_in: &SignedIn) -> Markup {
    let data = app.commands.data(&oneself(&signed_in.session)).await;
    html! {
        section aria-labelledby="held" {
            h2 #held { "What is kept" }
            @match &data {
                Ok(data) => { (counts(data)) }
                Err(_) => { p.muted { "It cannot be read at the moment. Try again later." } }
            }
            p { a.button href="/me/privacy/export" download { (icon("download")) "Download everything" } }
        }
        section.danger-zone aria-labelledby="delete" {
            h2 #delete { "Delete my data" }
            p { "Your settings, reminders, keywords and counted activity are deleted in every server, for good. What Discord itself keeps, such as your messages, is not Miso's to delete; the event log forgets them after at most 7 days." }
            form method="post" action="/me/privacy/delete" {
                (csrf_field(&signed_in.session.csrf))
                div.field {
                    label for="confirm" { "Type " strong { (signed_in.session.name) } " to confirm" }
                    input.text #confirm type="text" name="confirm" autocomplete="off" required;
                }
                button.danger type="submit" { (icon("trash-2")) "Delete my data" }
            }
        }
    }
}

/// What is kept of what the visitor listened to.
async fn listened(app: &App, signed_in: &SignedIn) -> Markup {
    let data = app.commands.data(&oneself(&signed_in.session)).await;
    let tables = data.map(|data| {
        let tables = data.get("tables").and_then(Value::as_object).cloned().unwrap_or_default();
        let about = |name: &str| ["listen", "play", "crown", "lastfm"].iter().any(|word| name.contains(word));
        Value::Object(tables.into_iter().filter(|(name, _)| about(name)).collect())
    });
    html! {
        section aria-labelledby="indexed" {
            h2 #indexed { "What is indexed" }
            p.help { "So that “who knows” answers at once, Miso keeps how often you played each artist, album and track, and asks Last.fm what came since." }
            @match &tables {
                Ok(tables) if tables.as_object().is_some_and(|tables| !tables.is_empty()) => { (counts(tables)) }
                Ok(_) => { p.muted { "Nothing yet." } }
                Err(_) => { p.muted { "It cannot be read at the moment. Try again later." } }
            }
            p { "To have it all deleted, clear your name above, or " a href="/me/privacy#delete" { "delete all your data" } "." }
        }
    }
}

/// Tables with counts: `{"tables": [{"table", "count" …}]}`, or an object of lists.
fn counts(data: &Value) -> Markup {
    let count = |value: &Value| match value {
        Value::Array(rows) => Some(rows.len() as u64),
        Value::Object(object) => object
            .get("count")
            .and_then(Value::as_u64)
            .or_else(|| object.get("rows")?.as_array().map(|rows| rows.len() as u64)),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    let tables = data.get("tables").unwrap_or(data);
    let rows: Vec<(String, u64)> = match tables {
        Value::Object(tables) => {
            tables.iter().filter_map(|(name, value)| Some((name.clone(), count(value)?))).collect()
        }
        Value::Array(tables) => tables
            .iter()
            .filter_map(|table| {
                let name = table.get("table").or_else(|| table.get("name"))?.as_str()?;
                Some((name.to_owned(), count(table)?))
            })
            .collect(),
        _ => Vec::new(),
    };
    html! {
        @if rows.is_empty() { p.muted { "Nothing is kept about you." } }
        @else {
            table.plain-table {
                caption.hidden { "What is kept about you" }
                thead { tr { th scope="col" { "What" } th scope="col" { "Entries" } } }
                tbody { @for (name, count) in &rows { tr { th scope="row" { (name.replace('_', " ")) } td.num { (count) } } } }
            }
        }
    }
}

/// `GET /me/privacy/export`.
pub(crate) async fn export(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    let data = app.commands.data(&oneself(&signed_in.session)).await?;
    let mut response = serde_json::to_vec_pretty(&data).unwrap_or_default().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"miso-my-data.json\""));
    Ok(response)
}

/// `POST /me/privacy/delete`: with the visitor's name typed.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    data: FormData,
) -> Result<Response, Failure> {
    if data.get("confirm").map(str::trim) != Some(signed_in.session.name.trim()) {
        let says = html! { p { "The name does not match, so nothing was deleted. " a href="/me/privacy#delete" { "Go back" } } };
        let content = html! { header.page-head { h1 { "Nothing was deleted" } } (banner("warn", &says)) };
        return Ok(page(&app, &signed_in.visitor, &Frame::new("Nothing was deleted", Place::Me).status(422), &content));
    }
    let answer = app.commands.delete_data(&oneself(&signed_in.session)).await?;
    // What was deleted said which logins are over: none that is older may come back with that.
    app.logins.end_all(&app.commands, &signed_in.session, miso_http::now_ms()).await?;
    let stays = answer.get("stays").or_else(|| answer.get("kept")).cloned().unwrap_or_default();
    let content = html! {
        header.page-head { h1 { "Your data are deleted" } }
        p { "Miso keeps nothing about you any more, but for what is listed here." }
        (what_stays(&stays))
        p { "All your logins to this panel have ended, this one too; that moment is kept, so that none comes back." }
        p.actions { a.button href="/" { (icon("arrow-right")) "To the start" } }
    };
    let visitor = Visitor { session: None, ..signed_in.visitor.clone() };
    let mut response = page(&app, &visitor, &Frame::new("Deleted", Place::Public), &content);
    if let Some(cookie) = app.seal.end(Jar::Session) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn what_stays(stays: &Value) -> Markup {
    let line = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(object) => {
            let text = |key: &str| object.get(key).and_then(Value::as_str);
            let what = text("what").or_else(|| text("table")).unwrap_or_default();
            format!("{what}: {}", text("why").unwrap_or_default())
        }
        other => other.to_string(),
    };
    html! {
        @match stays {
            Value::Array(list) if !list.is_empty() => { ul { @for one in list { li { (line(one)) } } } }
            Value::String(text) => { p { (text) } }
            _ => { p.muted { "Messages in the event log, until it forgets them: 7 days at most." } }
        }
    }
}
