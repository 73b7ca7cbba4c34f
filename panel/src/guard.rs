//! What stands before and after every page: who it is, whether a form came from the panel's own
//! page, headers, and what an error looks like.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::failure::Failure;
use crate::session::{Jar, Session, plain};
use crate::view::error_page;
use crate::visitor::{FormData, Visitor};
use miso_http::random_id;

/// Bytes of a form, at most; beyond it 413. 200 custom commands of 2,000 characters fit.
pub const BODY_BYTES: usize = 2 * 1_024 * 1_024;
/// The form's field, and the header of scripts.
const TOKEN_FIELD: &str = "_csrf";
const TOKEN_HEADER: &str = "x-csrf-token";

/// Nothing but the panel's own; pictures also of Discord's.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
    img-src 'self' https://cdn.discordapp.com https://media.discordapp.net data:; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Around every page.
pub(crate) async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let session: Option<Session> = app.seal.open(Jar::Session, request.headers());
    let (session, changed) = match session {
        // One that was ended elsewhere is taken from the browser too.
        Some(session) if !app.logins.holds(&app.commands, &session).await => (None, true),
        Some(session) => app.fresh(session).await,
        None => (None, false),
    };
    let visitor = visitor(&request, session);
    let method = request.method().clone();
    let checked = if method.is_safe() { Ok(request) } else { checked(&app, &visitor, request).await };
    let mut response = match checked {
        Ok(passed) => {
            request = passed;
            request.extensions_mut().insert(visitor.clone());
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    };
    let mut ended = false;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        ended = matches!(failure, Failure::SignIn);
        if failure.status().is_server_error() {
            tracing::warn!(trace = visitor.trace, %method, status = %failure.status(), "a page failed");
        }
        response = error_page(&app, &visitor, &failure, method == Method::GET);
    }
    // A page may set another cookie; only one that sets the session's own knows better.
    let sets_session = app.seal.is_set(Jar::Session, response.headers());
    if changed && !sets_session {
        let kept = visitor.session.as_ref().and_then(|session| app.seal.keep(Jar::Session, session));
        if let Some(cookie) = kept.or_else(|| app.seal.end(Jar::Session)) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    } else if ended
        && visitor.session.is_some()
        && let Some(cookie) = app.seal.end(Jar::Session)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    metrics::counter!("miso_panel_requests_total", "status" => response.status().as_u16().to_string()).increment(1);
    protect(&app, &visitor, response.headers_mut());
    response
}

fn visitor(request: &Request, session: Option<Session>) -> Visitor {
    let headers = request.headers();
    let theme = match plain(headers, "miso-theme").as_deref() {
        Some("dark") => "dark",
        Some("light") => "light",
        _ => "auto",
    };
    let said = |name: &str| headers.get(name).is_some_and(|value| value == "true");
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let fragment = said("hx-request") && !said("hx-history-restore-request");
    Visitor { session, theme, fragment, path, trace: random_id() }
}

/// Reads the form of a request that changes something, if it comes from a page of the panel's that
/// this login was shown.
async fn checked(app: &App, visitor: &Visitor, request: Request) -> Result<Request, Failure> {
    let forged = |what: &str| {
        metrics::counter!("miso_panel_forged_requests_total").increment(1);
        tracing::warn!(trace = visitor.trace, what, "a form that is not the panel's was refused");
        let detail =
            "This form was not sent from a page of the panel, or the page is too old. Open the page again and repeat.";
        Failure::new(403, "forged-form", "The form was refused", detail)
    };
    if !own_origin(&app.config.public_url, request.headers()) {
        return Err(forged("origin"));
    }
    let session = visitor.session()?;
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES).await.map_err(|_| {
        let detail = format!("A form has {} MiB at most.", BODY_BYTES >> 20);
        Failure::new(413, "too-large", "The form is too large", detail)
    })?;
    let form = FormData::read(&body);
    let in_header = parts.headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok());
    let given = form.get(TOKEN_FIELD).or(in_header).unwrap_or_default();
    if !bool::from(given.as_bytes().ct_eq(session.csrf.as_bytes())) {
        return Err(forged("token"));
    }
    parts.extensions.insert(form);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// Whether a browser says that the panel's own page sent this. One that says nothing has its token
/// checked all the same.
fn own_origin(public_url: &str, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text("origin") else { return true };
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    origin == public_url || (!host.is_empty() && text("host") == Some(host))
}

fn protect(app: &App, visitor: &Visitor, headers: &mut HeaderMap) {
    let mut set = |name: &'static str, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set("content-security-policy", CSP);
    set("x-frame-options", "DENY");
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "same-origin");
    set("cross-origin-opener-policy", "same-origin");
    set("permissions-policy", "camera=(), microphone=(), geolocation=()");
    if app.config.public_url.starts_with("https://") {
        set("strict-transport-security", "max-age=31536000");
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.append(header::VARY, HeaderValue::from_static("Cookie, HX-Request"));
    if let Ok(trace) = HeaderValue::from_str(&visitor.trace) {
        headers.insert("trace-id", trace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(headers: &[(&'static str, &str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_str(value).expect("fits")))
            .collect();
        own_origin("https://miso.example", &headers)
    }

    #[test]
    fn a_form_of_another_site_is_told_by_what_the_browser_says() {
        assert!(own(&[]));
        assert!(own(&[("sec-fetch-site", "same-origin"), ("origin", "https://whatever.example")]));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!own(&[("sec-fetch-site", site), ("origin", "https://miso.example")]), "{site}");
        }
        assert!(own(&[("origin", "https://miso.example")]));
        assert!(own(&[("origin", "http://127.0.0.1:8083"), ("host", "127.0.0.1:8083")]));
        for origin in ["null", "https://evil.example", "https://miso.example.evil.example", "://", ""] {
            assert!(!own(&[("origin", origin), ("host", "miso.example")]), "{origin}");
        }
    }
}
