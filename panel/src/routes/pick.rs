//! What scripts ask for: members by name, and previews.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use miso_settings::{Kind, module};
use serde::Deserialize;
use serde_json::{Value, json};

use super::guild::GuildPage;
use crate::app::App;
use crate::failure::Failure;
use crate::view::preview;
use crate::visitor::{FormData, SignedIn};

/// Members of an answer, at most.
const FOUND: usize = 25;
/// Characters of a name that are searched for.
const QUERY_CHARS: usize = 64;
/// Characters of a text that is previewed; the rest is cut.
const PREVIEW_CHARS: usize = 4_000;

#[derive(Debug, Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    query: String,
}

/// `GET /g/{guild}/pick/members?query=an`.
pub(crate) async fn members(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    Query(search): Query<Search>,
) -> Result<Json<Value>, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let query: String = search.query.chars().take(QUERY_CHARS).collect();
    let found = app.data.members(&signed_in.session.access, guild.id, &query, FOUND).await?;
    let options: Vec<_> = found
        .iter()
        .map(|member| json!({"value": member.id, "text": member.shown(), "note": member.username}))
        .collect();
    Ok(Json(json!({"options": options})))
}

/// `POST /g/{guild}/preview/{module}`: a text field's message as Discord would show it.
pub(crate) async fn preview_of(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path((guild, key)): Path<(String, String)>,
    data: FormData,
) -> Result<Html<String>, Failure> {
    let guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let name = data.get("field").ok_or(Failure::NotFound)?;
    let field = module(&key).and_then(|module| module.field(name)).ok_or(Failure::NotFound)?;
    let Kind::Template { placeholders, .. } = field.kind else { return Err(Failure::NotFound) };
    let text: String = data.get(name).unwrap_or_default().replace('\r', "").chars().take(PREVIEW_CHARS).collect();
    let user = signed_in.session.user.to_string();
    let shown = preview(&text, placeholders, &guild.choices, (&user, &signed_in.session.name));
    Ok(Html(shown.into_string()))
}
