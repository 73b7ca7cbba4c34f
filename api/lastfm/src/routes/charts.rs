//! Charts: by a query, so that a picture has an address, or by a body.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use miso_command_catalogue::Problem;
use miso_http::Refusal;
use serde::Deserialize;

use super::{BODY_BYTES, Caller, Parameters, query};
use crate::answer::Meta;
use crate::asked;
use crate::chart::{Colour, Format, Look, MAX_SIDE};
use crate::charts::{Chart, Given, Subject, chart};
use crate::decode::Kind;
use crate::service::Service;

type Answered = Result<Response, Refusal>;

/// A chart in words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    kind: Option<String>,
    user: Option<String>,
    items: Option<Vec<Given>>,
    width: Option<u64>,
    height: Option<u64>,
    size: Option<String>,
    period: Option<String>,
    titles: Option<bool>,
    padded: bool,
    topster: bool,
    color: Option<String>,
    format: Option<String>,
}

fn wrong(slug: &str, detail: impl Into<String>) -> Problem {
    Problem::new(400, slug, "The chart does not fit", detail)
}

/// `GET /v1/charts`
pub(super) async fn of_query(
    caller: Caller,
    State(service): State<Arc<Service>>,
    asked: Result<Query<Parameters>, QueryRejection>,
) -> Answered {
    let asked = query(asked)?;
    let side = |name| asked.get(name).map(|_| asked::number(name, asked.get(name), 3, u64::from(MAX_SIDE))).transpose();
    let asked = Asked {
        kind: asked.get("kind").cloned(),
        user: asked.get("user").cloned(),
        items: None,
        width: side("width")?,
        height: side("height")?,
        size: asked.get("size").cloned(),
        period: asked.get("period").cloned(),
        titles: asked.get("titles").map(|_| asked::flag("titles", asked.get("titles"))).transpose()?,
        padded: asked::flag("padded", asked.get("padded"))?,
        topster: asked::flag("topster", asked.get("topster"))?,
        color: asked.get("color").cloned(),
        format: asked.get("format").cloned(),
    };
    answered(&caller, &service, asked).await
}

/// `POST /v1/charts`
pub(super) async fn of_body(
    caller: Caller,
    State(service): State<Arc<Service>>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Answered {
    let Json(asked) = asked.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("A body has up to {BODY_BYTES} bytes.");
            Problem::new(413, "too-large", "The request is too large", detail)
        }
        _ => wrong("invalid-body", rejection.body_text()),
    })?;
    answered(&caller, &service, asked).await
}

async fn answered(caller: &Caller, service: &Arc<Service>, asked: Asked) -> Answered {
    let asked = read(asked)?;
    let mime = asked.format.mime();
    let found = chart(service, caller.lane, asked).await?;
    Ok(Meta::of(&found).answer_picture(found.kept.body.clone(), mime, &caller.headers))
}

fn read(asked: Asked) -> Result<Chart, Problem> {
    let (width, height) = match asked.size.as_deref().filter(|size| !size.is_empty()) {
        None => (side(asked.width)?, side(asked.height)?),
        Some(size) => {
            let parts = size
                .split_once(['x', 'X', '×'])
                .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
            let (width, height) = parts.ok_or_else(|| wrong("invalid-query", "`size` is such as 5x5."))?;
            (side(Some(width))?, side(Some(height))?)
        }
    };
    let look =
        Look { width, height, titles: asked.titles.unwrap_or(true), padded: asked.padded, topster: asked.topster };
    let colour =
        match asked.color.as_deref().filter(|colour| !colour.is_empty()) {
            None => None,
            Some(text) => Some(Colour::read(text).ok_or_else(|| {
                wrong("invalid-query", "`color` is rainbow, a colour's name such as blue, or RRGGBB.")
            })?),
        };
    let format = match asked.format.as_deref().filter(|format| !format.is_empty()) {
        None => Format::default(),
        Some(text) => Format::read(text).ok_or_else(|| wrong("invalid-query", "`format` is jpeg, png or webp."))?,
    };
    Ok(Chart { subject: subject(asked, look)?, look, colour, format })
}

fn side(given: Option<u64>) -> Result<u32, Problem> {
    let side = u32::try_from(given.unwrap_or(3)).ok().filter(|side| (1..=MAX_SIDE).contains(side));
    side.ok_or_else(|| wrong("invalid-query", "A chart has 1 to 12 columns and 1 to 12 rows."))
}

fn subject(asked: Asked, look: Look) -> Result<Subject, Problem> {
    if let Some(items) = asked.items {
        if items.is_empty() || items.len() > (MAX_SIDE * MAX_SIDE) as usize {
            return Err(wrong("invalid-body", "`items` has 1 to 144 items."));
        }
        for item in &items {
            asked::name("items.name", Some(&item.name))?;
        }
        return Ok(Subject::Given(items.into_iter().take(look.tiles()).collect()));
    }
    let user = asked.user.ok_or_else(|| wrong("invalid-query", "`user` is missing."))?;
    let user = asked::user(&user)?;
    match asked.kind.as_deref() {
        Some("recent") => Ok(Subject::Recent { user }),
        kind => {
            let kind = Kind::read(kind.unwrap_or("albums"))
                .ok_or_else(|| wrong("invalid-query", "`kind` is albums, artists, tracks or recent."))?;
            Ok(Subject::Top { user, kind, period: asked::period(asked.period.as_ref())? })
        }
    }
}
