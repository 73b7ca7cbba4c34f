//! Files of the playground's messages.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::failure::Failure;
use crate::visitor::SignedIn;

/// What is shown; everything else is only offered for saving, for it may be a page with scripts.
const SHOWN: &[&str] = &["image/png", "image/jpeg", "image/webp", "image/gif"];

/// `GET /play/file/{channel}/{id}/{name}`: a file that came with a message of the simulated Discord.
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    _signed_in: SignedIn,
    Path((channel, id, name)): Path<(u64, u64, String)>,
) -> Result<Response, Failure> {
    let simulator = app.simulator.as_ref().ok_or(Failure::NotFound)?;
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(Failure::NotFound);
    }
    let (bytes, kind) = simulator.file(&format!("{channel}/{id}/{name}")).await?;
    let cached = (CACHE_CONTROL, "private, max-age=86400");
    Ok(match SHOWN.iter().find(|shown| **shown == kind) {
        Some(kind) => ([(CONTENT_TYPE, *kind), cached], bytes).into_response(),
        None => ([(CONTENT_TYPE, "application/octet-stream"), (CONTENT_DISPOSITION, "attachment"), cached], bytes)
            .into_response(),
    })
}
