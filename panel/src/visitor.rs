use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::failure::Failure;
use crate::session::Session;

/// What is known of whoever sent a request.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// The login, if there is one.
    pub(crate) session: Option<Session>,
    /// `auto`, `dark` or `light`.
    pub(crate) theme: &'static str,
    /// Whether a part of a page swaps its content, so that the frame around it is not needed.
    pub(crate) fragment: bool,
    /// Path and query.
    pub(crate) path: String,
    /// Finds this request in the logs.
    pub(crate) trace: String,
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self {
            session: None,
            theme: "auto",
            fragment: false,
            path: parts.uri.path().to_owned(),
            trace: String::new(),
        }))
    }
}

impl Visitor {
    /// The login that a page needs.
    pub(crate) fn session(&self) -> Result<&Session, Failure> {
        self.session.as_ref().ok_or(Failure::SignIn)
    }

    /// What forms send back; empty for who is not logged in.
    pub(crate) fn csrf(&self) -> &str {
        self.session.as_ref().map_or("", |session| &session.csrf)
    }
}

/// A visitor who is logged in.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) visitor: Visitor,
    pub(crate) session: Session,
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let visitor = Visitor::from_request_parts(parts, app).await.unwrap_or_else(|never| match never {});
        let session = visitor.session()?.clone();
        Ok(Self { visitor, session })
    }
}

/// A form as browsers send it: names and values in order, names may repeat.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FormData(pub(crate) Vec<(String, String)>);

impl FormData {
    /// Of a body, `application/x-www-form-urlencoded`.
    pub(crate) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first of this name, trimmed; none where it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }
}

impl<S: Sync> FromRequestParts<S> for FormData {
    type Rejection = Infallible;

    /// [`crate::guard`] has read it.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
