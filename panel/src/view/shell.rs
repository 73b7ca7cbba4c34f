//! The frame around every page.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::{banner, icon, picture};
use crate::app::App;
use crate::assets;
use crate::failure::Failure;
use crate::session::Session;
use crate::visitor::Visitor;

/// Where a page stands.
pub(crate) enum Place {
    /// For everybody.
    Public,
    /// The visitor's own pages.
    Me,
    /// A guild's; its navigation.
    Guild(Markup),
    /// For operators.
    Ops,
}

/// How wide the main column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Forms and reading: 720 px.
    Narrow,
    /// Tables: 1,120 px.
    Wide,
}

/// A page's frame.
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) place: Place,
    pub(crate) width: Width,
    pub(crate) status: StatusCode,
}

impl Frame {
    pub(crate) fn new(title: impl Into<String>, place: Place) -> Self {
        Self { title: title.into(), place, width: Width::Narrow, status: StatusCode::OK }
    }

    pub(crate) fn wide(mut self) -> Self {
        self.width = Width::Wide;
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        self
    }
}

/// htmx without evaluated scripts and inline styles; forms swap with their errors too.
const HTMX: &str = r#"{"allowEval":false,"includeIndicatorStyles":false,"historyCacheSize":0,"selfRequestsOnly":true,"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"409|422","swap":true},{"code":"...","swap":false,"error":true}]}"#;

/// A whole page, or its content where only that is swapped.
pub(crate) fn page(app: &App, visitor: &Visitor, frame: &Frame, content: &Markup) -> Response {
    let status = frame.status;
    if visitor.fragment {
        let fragment = html! { title { (frame.title) " · Miso" } (content) };
        return (status, Html(fragment.into_string())).into_response();
    }
    (status, Html(whole(app, visitor, frame, content).into_string())).into_response()
}

fn whole(app: &App, visitor: &Visitor, frame: &Frame, content: &Markup) -> Markup {
    let headers = serde_json::json!({"X-CSRF-Token": visitor.csrf()}).to_string();
    let width = if frame.width == Width::Wide { "wide" } else { "narrow" };
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(visitor.theme) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content=(HTMX);
                title { (frame.title) " · Miso" }
                @for sheet in ["tokens.css", "base.css", "parts.css", "pages.css"] { link rel="stylesheet" href=(assets::url(sheet)); }
                link rel="icon" href=(assets::url("miso.svg")) type="image/svg+xml";
                script src=(assets::url("vendor/htmx.js")) defer {}
                script type="module" src=(assets::url("panel.js")) {}
            }
            body hx-headers=(headers) {
                a.skip href="#main" { "Skip to the content" }
                (top(app, visitor, frame))
                div.layout.with-rail[rail(app, visitor, &frame.place).is_some()] {
                    @if let Some(rail) = rail(app, visitor, &frame.place) { (rail) }
                    main #main.(width) tabindex="-1" {
                        @if !assets::complete() { (unfetched()) }
                        (content)
                    }
                }
                @if matches!(frame.place, Place::Public) { (foot()) }
                div #toasts role="status" aria-live="polite" {}
            }
        }
    }
}

fn unfetched() -> Markup {
    banner(
        "warn",
        &html! {
            p { "Fonts, icons and scripts of the panel were not fetched: run " code { "make panel-assets" } " once. Everything works, but plainly." }
        },
    )
}

fn top(app: &App, visitor: &Visitor, frame: &Frame) -> Markup {
    let has_rail = !matches!(frame.place, Place::Public);
    html! {
        header.top {
            @if has_rail {
                button.icon-button.menu-button type="button" data-menu aria-controls="rail" aria-expanded="false" aria-label="Navigation" { (icon("menu")) }
            }
            a.brand href=(if visitor.session.is_some() { "/g" } else { "/" }) { span.mark aria-hidden="true" {} "Miso" }
            @if !has_rail {
                nav.links aria-label="Site" {
                    a href="/commands" { "Commands" }
                    a href="/status" { "Status" }
                    @if app.simulator.is_some() { a href="/play" { "Playground" } }
                }
            }
            div.top-end {
                (theme_switch(visitor))
                @match &visitor.session {
                    Some(session) => { (who(app, visitor, session)) }
                    None => { a.button.primary href="/login" { "Log in" } }
                }
            }
        }
    }
}

fn theme_switch(visitor: &Visitor) -> Markup {
    let (next, icon_name, says) = match visitor.theme {
        "auto" => ("dark", "sun-moon", "Theme: as the system. Switch to dark"),
        "dark" => ("light", "moon", "Theme: dark. Switch to light"),
        _ => ("auto", "sun", "Theme: light. Switch to the system's"),
    };
    let back: String = form_urlencoded::byte_serialize(visitor.path.as_bytes()).collect();
    html! {
        a.icon-button href={ "/theme?to=" (next) "&next=" (back) } aria-label=(says) title=(says) data-theme-switch rel="nofollow" { (icon(icon_name)) }
    }
}

fn who(app: &App, visitor: &Visitor, session: &Session) -> Markup {
    html! {
        details.menu {
            summary {
                (picture("avatars", &session.user.to_string(), session.avatar.as_deref(), &session.name, app.pictures()))
                span.who-name { (session.name) span.hidden { ": account" } }
            }
            div.menu-sheet {
                a href="/g" { (icon("server")) "My servers" }
                a href="/me" { (icon("user")) "My settings" }
                @if app.simulator.is_some() { a href="/play" { (icon("message-circle")) "Playground" } }
                @if app.config.operators.contains(&session.user) { a href="/ops" { (icon("activity")) "Operations" } }
                form method="post" action="/logout" {
                    (super::csrf_field(visitor.csrf()))
                    button type="submit" { (icon("log-out")) "Log out" }
                }
            }
        }
    }
}

/// An entry of a navigation.
fn entry(visitor: &Visitor, href: &str, icon_name: &str, name: &str) -> Markup {
    let path = visitor.path.split('?').next().unwrap_or_default();
    html! {
        li { a href=(href) aria-current=[(path == href).then_some("page")] { (icon(icon_name)) span { (name) } } }
    }
}

fn rail(app: &App, visitor: &Visitor, place: &Place) -> Option<Markup> {
    let inside = match place {
        Place::Public => return None,
        Place::Guild(navigation) => navigation.clone(),
        Place::Me => html! {
            p.rail-title { "My settings" }
            ul {
                (entry(visitor, "/g", "server", "My servers"))
                (entry(visitor, "/me", "user", "Overview"))
                (entry(visitor, "/me/time", "clock", "Time"))
                (entry(visitor, "/me/notifications", "bell", "Notifications"))
                (entry(visitor, "/me/reminders", "alarm-clock", "Reminders"))
                (entry(visitor, "/me/lastfm", "music", "Last.fm"))
                (entry(visitor, "/me/privacy", "shield-check", "Privacy"))
            }
        },
        Place::Ops => html! {
            p.rail-title { "Operations" }
            ul {
                (entry(visitor, "/ops", "layout-dashboard", "Overview"))
                @for (href, icon_name, name) in crate::routes::OPS_PAGES { (entry(visitor, href, icon_name, name)) }
                @if app.simulator.is_some() { (entry(visitor, "/play", "message-circle", "Playground")) }
            }
        },
    };
    Some(html! { nav.rail #rail aria-label="Navigation" { (inside) } })
}

fn foot() -> Markup {
    html! {
        footer.foot {
            nav aria-label="About" {
                a href="/commands" { "Commands" }
                a href="/status" { "Status" }
                a href="/privacy" { "Privacy" }
                a href="/terms" { "Terms" }
            }
        }
    }
}

/// What is shown instead of a page.
pub(crate) fn error_page(app: &App, visitor: &Visitor, failure: &Failure, was_get: bool) -> Response {
    if matches!(failure, Failure::SignIn) && was_get && !visitor.fragment {
        let next: String = form_urlencoded::byte_serialize(visitor.path.as_bytes()).collect();
        return (StatusCode::SEE_OTHER, [(header::LOCATION, format!("/login?next={next}"))]).into_response();
    }
    let (title, words) = words(failure);
    let trace = failure.status().is_server_error() || matches!(failure, Failure::Problem(_));
    let trace_id = match failure {
        Failure::Problem(problem) => problem.trace_id.as_deref().unwrap_or(&visitor.trace),
        _ => &visitor.trace,
    };
    let content = html! {
        div.error-page {
            p.error-status { (failure.status().as_u16()) }
            h1 { (title) }
            p { (words) }
            p.actions {
                @match failure {
                    Failure::SignIn => { a.button.primary href="/login" { "Log in again" } }
                    Failure::Away { .. } => { a.button.primary href=(visitor.path) { "Try again" } }
                    _ => { a.button href="/g" { "My servers" } }
                }
            }
            @if trace { p.trace { "Trace " code { (trace_id) } } }
        }
    };
    page(app, visitor, &Frame::new(title, Place::Public).status(failure.status().as_u16()), &content)
}

fn words(failure: &Failure) -> (String, String) {
    match failure {
        Failure::SignIn => (
            "You are logged out".to_owned(),
            "The login has ended. Log in again; what you entered is kept in this tab.".to_owned(),
        ),
        Failure::NotFound => (
            "Nothing is here".to_owned(),
            "There is no such page, or it belongs to a server that you or Miso are not in.".to_owned(),
        ),
        Failure::Forbidden { needs, who } => ("This is not yours to see".to_owned(), format!("{needs} {who}")),
        Failure::Away { service } => (
            "A part of Miso is away".to_owned(),
            format!("The {service} does not answer. Nothing is lost; try again in a moment."),
        ),
        Failure::Problem(problem) => (problem.title.clone(), problem.detail.clone()),
    }
}
