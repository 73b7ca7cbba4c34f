//! Users: who they are, what they listen to.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use miso_command_catalogue::Problem;
use miso_http::{Refusal, now_ms};
use serde::Serialize;
use serde_json::json;

use super::{Caller, Parameters, query};
use crate::answer::Meta;
use crate::asked::{self, Cursor};
use crate::fault::Fault;
use crate::period::Period;
use crate::pictures;
use crate::service::Service;
use crate::shapes::{Items, Listens, Track, TrackInfo};

type Asked = Result<Query<Parameters>, QueryRejection>;
type Answered = Result<Response, Refusal>;

/// Listens on a page: without a word, and at most, which is Last.fm's own bound.
const LISTENS: (u64, u64) = (50, 200);
/// Items on a page: without a word, and at most.
const ITEMS: (u64, u64) = (50, 1_000);
/// The highest number of a listen.
const NTH: u64 = 100_000_000;

/// `GET /v1/users/{user}`
pub(super) async fn one(caller: Caller, State(service): State<Arc<Service>>, Path(user): Path<String>) -> Answered {
    let found = service.user(caller.lane, &asked::user(&user)?).await.map_err(Refusal::from)?;
    Ok(Meta::of(&found).answer_written(&found.kept.body, &caller.headers))
}

#[derive(Serialize)]
struct Now {
    track: Option<Track>,
    now_playing: bool,
    played_at: Option<i64>,
    user_plays: Option<u64>,
    tags: Vec<String>,
    total: u64,
}

/// `GET /v1/users/{user}/now`
pub(super) async fn now(
    caller: Caller,
    State(service): State<Arc<Service>>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answered {
    let user = asked::user(&user)?;
    let details = asked::flag("details", query(asked)?.get("details"))?;
    let found = service.now(caller.lane, &user).await.map_err(Refusal::from)?;
    let mut meta = Meta::of(&found);
    let listens: Listens = found.read().map_err(Refusal::from)?;
    let (total, listen) = (listens.total, listens.tracks.into_iter().next());
    let mut now = Now { track: None, now_playing: false, played_at: None, user_plays: None, tags: Vec::new(), total };
    if let Some(listen) = listen {
        now = Now { now_playing: listen.now_playing, played_at: listen.played_at, track: Some(listen.track), ..now };
    }
    if let (true, Some(track)) = (details, &mut now.track) {
        let album = track.album.as_ref().map(|album| album.name.clone());
        let (info, page) =
            tokio::join!(service.track(caller.lane, &track.artist.name, &track.name, Some(&user)), async {
                match &album {
                    Some(album) => Some(service.album_page(caller.lane, &track.artist.name, album).await),
                    None => None,
                }
            },);
        match info.and_then(|found| Ok((found.read::<TrackInfo>()?, found))) {
            Ok((info, found)) => {
                meta.add(&found);
                track.duration_ms = info.duration_ms;
                (now.user_plays, now.tags) = (info.user_plays, info.tags);
            }
            // A track that Last.fm does not know has no plays to tell: nothing failed.
            Err(Fault::NotFound(_)) => {}
            Err(_) => ["track.duration_ms", "user_plays", "tags"].into_iter().for_each(|field| meta.degrade(field)),
        }
        match (page, &mut track.album) {
            (Some(Ok((page, found))), Some(album)) => {
                meta.add(&found);
                album.release_date = page.release_date;
            }
            (Some(Err(fault)), Some(_)) if !fault.is_word() => meta.degrade("track.album.release_date"),
            _ => {}
        }
    }
    Ok(meta.answer(&now, &caller.headers))
}

/// `GET /v1/users/{user}/recent`
pub(super) async fn recent(
    caller: Caller,
    State(service): State<Arc<Service>>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answered {
    let (user, asked) = (asked::user(&user)?, query(asked)?);
    let range = range(&asked)?;
    let limit = asked::number("limit", asked.get("limit"), LISTENS.0, LISTENS.1)?;
    let cursor = Cursor::read(asked.get("cursor"))?;
    let found = service.recent(caller.lane, &user, range, limit, cursor).await.map_err(Refusal::from)?;
    Ok(Meta::of(&found).answer_written(&found.kept.body, &caller.headers))
}

/// `from` and `to` in the seconds that Last.fm counts in: not a listen more than asked for.
fn range(asked: &Parameters) -> Result<(Option<i64>, Option<i64>), Problem> {
    let from = asked::time("from", asked.get("from"))?;
    let to = asked::time("to", asked.get("to"))?;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::new(400, "invalid-query", "The query does not fit", "`from` is before `to`."));
    }
    Ok((from.map(|from| (from + 999) / 1_000), to.map(|to| to / 1_000)))
}

/// `GET /v1/users/{user}/nth`
pub(super) async fn nth(
    caller: Caller,
    State(service): State<Arc<Service>>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answered {
    let (user, asked) = (asked::user(&user)?, query(asked)?);
    let n = asked::number("n", asked.get("n"), 1, NTH)?;
    let found = service.nth(caller.lane, &user, n).await.map_err(Refusal::from)?;
    Ok(Meta::of(&found).answer_written(&found.kept.body, &caller.headers))
}

/// `GET /v1/users/{user}/top/{kind}`
pub(super) async fn top(
    caller: Caller,
    State(service): State<Arc<Service>>,
    Path((user, kind)): Path<(String, String)>,
    asked: Asked,
) -> Answered {
    let (user, kind, asked) = (asked::user(&user)?, asked::kind(&kind)?, query(asked)?);
    let period = asked::period(asked.get("period"))?;
    let limit = asked::number("limit", asked.get("limit"), ITEMS.0, ITEMS.1)?;
    let cursor = Cursor::read(asked.get("cursor"))?;
    let images = asked::flag("images", asked.get("images"))?;
    let found = service.top(caller.lane, &user, kind, period, limit, cursor).await.map_err(Refusal::from)?;
    let mut meta = Meta::of(&found);
    if !images {
        return Ok(meta.answer_written(&found.kept.body, &caller.headers));
    }
    let mut items: Items = found.read().map_err(Refusal::from)?;
    pictures::fill(&service, &user, kind, period, &mut items.items, &mut meta).await;
    Ok(meta.answer(&items, &caller.headers))
}

/// `GET /v1/users/{user}/weekly/{kind}`
pub(super) async fn weekly(
    caller: Caller,
    State(service): State<Arc<Service>>,
    Path((user, kind)): Path<(String, String)>,
    asked: Asked,
) -> Answered {
    let (user, kind, asked) = (asked::user(&user)?, asked::kind(&kind)?, query(asked)?);
    let range = match range(&asked)? {
        (Some(from), Some(to)) => Some((from, to)),
        (None, None) => None,
        _ => {
            let detail = "`from` and `to` come together.";
            return Err(Problem::new(400, "invalid-query", "The query does not fit", detail).into());
        }
    };
    let now_s = now_ms() / 1_000;
    let found = service.weekly(caller.lane, &user, kind, range, now_s).await.map_err(Refusal::from)?;
    Ok(Meta::of(&found).answer_written(&found.kept.body, &caller.headers))
}

/// `GET /v1/users/{user}/plays`
pub(super) async fn plays(
    caller: Caller,
    State(service): State<Arc<Service>>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answered {
    let (user, asked) = (asked::user(&user)?, query(asked)?);
    let artist = asked::name("artist", asked.get("artist"))?;
    let album = asked::maybe_name("album", asked.get("album"))?;
    let track = asked::maybe_name("track", asked.get("track"))?;
    if album.is_some() && track.is_some() {
        let detail = "Plays are told of an album or of a track, not of both.";
        return Err(Problem::new(400, "invalid-query", "The query does not fit", detail).into());
    }
    let period = asked::period(asked.get("period"))?;
    let mut meta = Meta::default();
    let plays = if period == Period::All {
        let found = match (&album, &track) {
            (Some(album), _) => service.album(caller.lane, &artist, album, Some(&user)).await,
            (None, Some(track)) => service.track(caller.lane, &artist, track, Some(&user)).await,
            (None, None) => service.artist(caller.lane, &artist, Some(&user)).await,
        };
        let found = found.map_err(Refusal::from)?;
        meta = Meta::of(&found);
        let plays = found.read::<serde_json::Value>().map_err(Refusal::from)?["user_plays"].as_u64();
        if plays.is_none() {
            meta.degrade("plays");
        }
        plays
    } else {
        match service.plays_in(caller.lane, &user, &artist, (album.as_deref(), track.as_deref()), period).await {
            Ok((plays, found)) => {
                meta = Meta::of(&found);
                Some(plays)
            }
            Err(fault) if fault.is_word() => return Err(fault.into()),
            Err(_) => {
                meta.degrade("plays");
                None
            }
        }
    };
    let data = json!({"plays": plays, "artist": artist, "album": album, "track": track, "period": period.name()});
    Ok(meta.answer(&data, &caller.headers))
}
