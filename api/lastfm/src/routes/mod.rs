//! The endpoints: one table, from which the router and the OpenAPI document come.

mod charts;
mod music;
mod state;
mod users;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use miso_command_catalogue::Problem;
use miso_http::{Refusal, TRACE, key_fits, random_id, trace_of};

use crate::budget::Lane;
use crate::service::Service;

/// Bytes of a request's body, at most; beyond it 413. 144 items of a chart have about 100,000.
pub const BODY_BYTES: usize = 256 * 1_024;

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// Only services, with the deployment's key.
    Key,
}

/// One endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) summary: &'static str,
    /// Name and meaning of each parameter of the query.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// An example of the body; empty: none.
    pub(crate) body: &'static str,
    /// An example of the answer; empty: a picture.
    pub(crate) answer: &'static str,
    handler: fn() -> MethodRouter<Arc<Service>>,
}

macro_rules! endpoint {
    ($method:literal $path:literal $access:ident $summary:literal, $query:expr, $answer:expr, $handler:expr) => {
        endpoint!($method $path $access $summary, $query, "", $answer, $handler)
    };
    ($method:literal $path:literal $access:ident $summary:literal, $query:expr, $body:expr, $answer:expr, $handler:expr) => {
        Endpoint {
            method: $method,
            path: $path,
            access: Access::$access,
            summary: $summary,
            query: $query,
            body: $body,
            answer: $answer,
            handler: $handler,
        }
    };
}

const PERIOD: (&str, &str) = ("period", "7d, 1m, 3m, 6m, 12m or all; all without it");
const CURSOR: (&str, &str) = ("cursor", "`cursor` of the page before");
const FROM: (&str, &str) = ("from", "Unix milliseconds; from then on");
const TO: (&str, &str) = ("to", "Unix milliseconds; before then");
const ARTIST: (&str, &str) = ("artist", "the artist's name");
const AS: (&str, &str) = ("as", "a user, whose own plays are told");
const CHART: &[(&str, &str)] = &[
    ("user", "whose"),
    ("kind", "albums, artists, tracks or recent; albums without it"),
    ("width", "columns, 1 to 12; 3 without it"),
    ("height", "rows, 1 to 12; 3 without it"),
    ("size", "instead: such as 5x5"),
    PERIOD,
    ("titles", "1 or 0; 1 without it"),
    ("padded", "1: room around every tile, its title below it"),
    ("topster", "1: the titles in a column at the right"),
    ("color", "rainbow, or a colour by name or as RRGGBB: only tiles near it, nearest first"),
    ("format", "jpeg, png or webp; jpeg without it"),
];

/// Every endpoint.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint!("GET" "/v1/openapi.json" Open "This document.", &[], r#"{"openapi":"3.1.0"}"#, || get(state::openapi)),
    endpoint!("GET" "/v1/health" Open "How Last.fm, the scrapers, the cache and the fonts are.", &[],
        r#"{"status":"green","scrapers":{"album@3":"green"},"fonts":["wqy-microhei.ttc"],"cache":{"entries":12,"bytes":34567},"waiting":{"interactive":0,"index":0,"images":0}}"#, || get(state::health)),
    endpoint!("GET" "/v1/scrapers" Key "Every scraper: its light, its share of fields read lately, its circuit, and the page it could not read.", &[],
        r#"{"scrapers":[{"id":"album@3","light":"red","read_permille":970,"circuit_open":true,"pages":120,"shape_errors":2,"failing_page":{"url":"https://www.last.fm/music/…","error":"the page has no title","html":"<!doctype html>…"}}]}"#, || get(state::scrapers)),
    endpoint!("GET" "/v1/users/{user}" Key "A user.", &[],
        r#"{"data":{"name":"ann","real_name":null,"url":"https://www.last.fm/user/ann","image":null,"country":null,"registered_at":1514764800000,"plays":12345,"artists":321,"albums":654,"tracks":987},"meta":{"source":["api:user.getInfo"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(users::one)),
    endpoint!("GET" "/v1/users/{user}/now" Key "What is playing, else what was played last; `track` is null of somebody who never listened.",
        &[("details", "1: also the user's own plays, tags, duration and the album's release date, which takes more requests; without it only what is known already")],
        r#"{"data":{"track":{"name":"Vivid","artist":{"name":"HEEJIN"},"album":{"name":"HeeJin","image":null,"release_date":null},"duration_ms":201000,"loved":false,"url":"https://…"},"now_playing":true,"played_at":null,"user_plays":31,"tags":["k-pop"],"total":12345},"meta":{"source":["api:user.getRecentTracks","api:track.getInfo"],"age_s":4,"stale":false,"degraded":["track.album.release_date"]}}"#, || get(users::now)),
    endpoint!("GET" "/v1/users/{user}/recent" Key "Listens, the newest first. What is playing comes first on the first page without `to`, and is counted neither in `limit` nor in `total`.",
        &[FROM, TO, ("limit", "1 to 200; 50 without it"), CURSOR],
        r#"{"data":{"tracks":[{"name":"Vivid","artist":{"name":"HEEJIN"},"album":{"name":"HeeJin","image":null,"release_date":null},"duration_ms":null,"loved":false,"url":"https://…","now_playing":false,"played_at":1764000000000}],"total":12345,"cursor":"2.1764000001"},"meta":{"source":["api:user.getRecentTracks"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(users::recent)),
    endpoint!("GET" "/v1/users/{user}/nth" Key "The listen of a number: 1 is the first ever.", &[("n", "at least 1")],
        r#"{"data":{"name":"Vivid","artist":{"name":"HEEJIN"},"album":{"name":"HeeJin","image":null,"release_date":null},"duration_ms":null,"loved":false,"url":"https://…","now_playing":false,"played_at":1764000000000},"meta":{"source":["api:user.getRecentTracks"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(users::nth)),
    endpoint!("GET" "/v1/users/{user}/top/{kind}" Key "Artists, albums or tracks by plays. Pictures of artists and tracks are null without `images=1`.",
        &[PERIOD, ("limit", "1 to 1000; 50 without it"), CURSOR, ("images", "1: pictures too, of the first 150")],
        r#"{"data":{"items":[{"name":"Vivid","artist":{"name":"HEEJIN"},"plays":31,"image":null,"rank":1,"url":"https://…"}],"total":987,"cursor":"2.","period":"7d"},"meta":{"source":["api:user.getTopTracks"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(users::top)),
    endpoint!("GET" "/v1/users/{user}/weekly/{kind}" Key "The list of a week; of the last one without `from` and `to`.", &[FROM, TO],
        r#"{"data":{"items":[{"name":"Vivid","artist":{"name":"HEEJIN"},"plays":3,"image":null,"rank":1,"url":"https://…"}],"total":1,"cursor":null,"period":null},"meta":{"source":["api:user.getWeeklyTrackChart"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(users::weekly)),
    endpoint!("GET" "/v1/users/{user}/plays" Key "How often a user listened to an artist, or to their album or track; `plays` is null where the page that tells of a period could not be read.",
        &[ARTIST, ("album", "an album of theirs"), ("track", "or a track of theirs"), PERIOD],
        r#"{"data":{"plays":31,"artist":"HEEJIN","album":null,"track":"Vivid","period":"7d"},"meta":{"source":["scrape:plays@2"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(users::plays)),
    endpoint!("GET" "/v1/artist" Key "An artist.", &[("name", "the artist's name"), AS],
        r#"{"data":{"name":"HEEJIN","url":"https://…","listeners":1000,"plays":20000,"user_plays":null,"tags":["k-pop"],"bio":null,"image":null},"meta":{"source":["api:artist.getInfo"],"age_s":0,"stale":false,"degraded":["image"]}}"#, || get(music::artist)),
    endpoint!("GET" "/v1/artist/images" Key "Pictures of an artist, the best first; null where the page could not be read.", &[("name", "the artist's name")],
        r#"{"data":{"images":["https://…"]},"meta":{"source":["scrape:artist_images@2"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(music::artist_images)),
    endpoint!("GET" "/v1/album" Key "An album.", &[ARTIST, ("name", "the album's name"), AS],
        r#"{"data":{"name":"HeeJin","artist":{"name":"HEEJIN"},"url":"https://…","listeners":1000,"plays":20000,"user_plays":null,"tags":[],"bio":null,"image":null,"tracks":[{"name":"Vivid","duration_ms":201000}],"duration_ms":201000,"release_date":"2016-10-05"},"meta":{"source":["api:album.getInfo","scrape:album@3"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(music::album)),
    endpoint!("GET" "/v1/track" Key "A track.", &[ARTIST, ("name", "the track's name"), AS],
        r#"{"data":{"name":"Vivid","artist":{"name":"HEEJIN"},"album":{"name":"HeeJin","image":null,"release_date":null},"url":"https://…","listeners":1000,"plays":20000,"user_plays":null,"loved":null,"tags":[],"bio":null,"image":null,"duration_ms":201000},"meta":{"source":["api:track.getInfo"],"age_s":0,"stale":false,"degraded":[]}}"#, || get(music::track)),
    endpoint!("GET" "/v1/charts" Key "A chart of a user's music as a picture.", CHART, "", || get(charts::of_query)),
    endpoint!("POST" "/v1/charts" Key "The same, or of items that the body names: 144 at the most, their pictures from Last.fm.", &[],
        r#"{"kind":"albums","user":"ann","items":null,"width":5,"height":5,"period":"7d","titles":true,"padded":false,"topster":false,"color":null,"format":"jpeg"}"#, "",
        || axum::routing::post(charts::of_body)),
];

pub(crate) fn router(service: Arc<Service>) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        router = router.route(endpoint.path, (endpoint.handler)());
    }
    router
        .fallback(|| async {
            Refusal(Problem::new(404, "not-found", "No such page", "There is nothing at this address."))
        })
        .method_not_allowed_fallback(|| async {
            Refusal(Problem::new(405, "method-not-allowed", "Wrong method", "This address takes other methods."))
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(around))
        .with_state(service)
}

/// The trace id is put in, problems are written out, requests are counted.
async fn around(request: Request, next: Next) -> Response {
    let trace = trace_of(request.headers()).unwrap_or_else(random_id);
    let mut response = next.run(request).await;
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem.trace_id = Some(trace.clone());
        response = miso_http::answer(&problem, response);
    }
    let status = response.status().as_u16().to_string();
    metrics::counter!("miso_lastfm_requests_total", "status" => status).increment(1);
    if let Ok(value) = HeaderValue::from_str(&trace) {
        response.headers_mut().insert(TRACE, value);
    }
    response
}

/// A caller with the deployment's key, and how much of a hurry it is in (`Miso-Lane`).
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) lane: Lane,
    pub(crate) headers: HeaderMap,
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Refusal> {
        if service.cluster_key.is_empty() || !key_fits(&service.cluster_key, &parts.headers) {
            let detail = "This needs the deployment's key: send `Authorization: Bearer` and MISO_CLUSTER_KEY.";
            return Err(Problem::new(401, "wrong-key", "The key is missing or wrong", detail).into());
        }
        let lane = match parts.headers.get("miso-lane") {
            None => Lane::Interactive,
            Some(lane) => lane.to_str().ok().and_then(Lane::read).ok_or_else(|| {
                let detail = "`Miso-Lane` is interactive, index or images.";
                Problem::new(400, "invalid-lane", "The lane is none", detail)
            })?,
        };
        Ok(Self { lane, headers: parts.headers.clone() })
    }
}

/// The parameters of a query.
pub(crate) type Parameters = HashMap<String, String>;

/// The query, read.
fn query(read: Result<Query<Parameters>, QueryRejection>) -> Result<Parameters, Problem> {
    read.map(|Query(query)| query)
        .map_err(|rejection| Problem::new(400, "invalid-query", "The query does not fit", rejection.body_text()))
}
