//! A chart from what was asked to its bytes: items, their pictures, the drawing.

use std::sync::Arc;

use futures_util::future::join_all;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::answer::Meta;
use crate::asked::Cursor;
use crate::budget::Lane;
use crate::cache::{Found, Kept};
use crate::chart::{self, Colour, Format, Look, Tile};
use crate::classes::CHART;
use crate::decode::Kind;
use crate::fault::Fault;
use crate::period::Period;
use crate::pictures;
use crate::service::Service;
use crate::shapes::{Items, Listens, Named};

/// Pictures that a colour chart chooses among, at most.
const CANDIDATES: usize = 200;

/// What a chart is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Top { user: String, kind: Kind, period: Period },
    Recent { user: String },
    Given(Vec<Given>),
}

/// An item that the caller names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Given {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) artist: Option<Named>,
    #[serde(default)]
    pub(crate) plays: Option<u64>,
    #[serde(default)]
    pub(crate) image: Option<String>,
}

/// A chart, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chart {
    pub(crate) subject: Subject,
    pub(crate) look: Look,
    pub(crate) colour: Option<Colour>,
    pub(crate) format: Format,
}

/// The picture, kept ten minutes.
pub(crate) async fn chart(service: &Arc<Service>, lane: Lane, chart: Chart) -> Result<Found, Fault> {
    let key = format!("{chart:?}");
    service.keep(CHART, &key, move |service| Box::pin(drawn(service, lane, chart))).await
}

async fn drawn(service: Arc<Service>, lane: Lane, chart: Chart) -> Result<Kept, Fault> {
    let wanted = if chart.colour.is_some() { CANDIDATES.max(chart.look.tiles()) } else { chart.look.tiles() };
    let mut meta = Meta::default();
    let items = items(&service, lane, &chart.subject, wanted, &mut meta).await?;
    if items.is_empty() {
        return Err(Fault::Nothing);
    }
    let side = chart.look.side();
    let tiles = items.into_iter().map(|item| tile(&service, item, side));
    let tiles = join_all(tiles).await;
    if tiles.iter().any(|(_, failed)| *failed) {
        meta.degrade("items.image");
    }
    let tiles: Vec<Tile> = tiles.into_iter().map(|(tile, _)| tile).collect();
    let tiles = match chart.colour {
        Some(colour) => chart::coloured(tiles, colour, chart.look.tiles()),
        None => tiles,
    };
    if tiles.is_empty() {
        return Err(Fault::Nothing);
    }
    let _place = service.drawing.acquire().await.map_err(|_| Fault::Busy)?;
    let drawing = Arc::clone(&service);
    let bytes = tokio::task::spawn_blocking(move || {
        chart::encode(chart::draw(chart.look, &tiles, &drawing.fonts), chart.format)
    });
    let bytes = bytes.await.ok().flatten().ok_or(Fault::Down("a chart was not drawn"))?;
    Ok(Kept { body: bytes.into(), sources: vec!["chart".to_owned()], degraded: meta.degraded().to_vec() })
}

async fn items(
    service: &Arc<Service>,
    lane: Lane,
    subject: &Subject,
    wanted: usize,
    meta: &mut Meta,
) -> Result<Vec<Given>, Fault> {
    match subject {
        Subject::Given(items) => Ok(items.clone()),
        Subject::Recent { user } => {
            let found = service.recent(lane, user, (None, None), wanted.min(200) as u64, Cursor::FIRST).await?;
            let listens: Listens = found.read()?;
            let items = listens.tracks.into_iter().map(|listen| Given {
                name: listen.track.name,
                artist: Some(listen.track.artist),
                plays: None,
                image: listen.track.album.and_then(|album| album.image),
            });
            Ok(items.take(wanted).collect())
        }
        Subject::Top { user, kind, period } => {
            let found = service.top(lane, user, *kind, *period, wanted as u64, Cursor::FIRST).await?;
            let mut items: Items = found.read()?;
            pictures::fill(service, user, *kind, *period, &mut items.items, meta).await;
            let items = items.items.into_iter().map(|item| Given {
                name: item.name,
                artist: item.artist,
                plays: Some(item.plays),
                image: item.image,
            });
            Ok(items.collect())
        }
    }
}

/// The tile of an item, and whether its picture could not be had.
async fn tile(service: &Arc<Service>, item: Given, side: u32) -> (Tile, bool) {
    let second = match (&item.artist, item.plays) {
        (Some(artist), _) => Some(artist.name.clone()),
        (None, Some(1)) => Some("1 play".to_owned()),
        (None, Some(plays)) => Some(format!("{plays} plays")),
        (None, None) => None,
    };
    let lines = [Some(item.name), second].into_iter().flatten().collect();
    let Some(url) = item.image else { return (Tile { lines, picture: None }, false) };
    let picture = match service.picture(&url).await {
        Ok(found) => read(service, found, side).await,
        Err(_) => None,
    };
    let failed = picture.is_none();
    (Tile { lines, picture }, failed)
}

/// A picture out of its bytes. As many at a time as are fetched: each takes up to 12 MB while it is read.
async fn read(service: &Service, found: Found, side: u32) -> Option<RgbImage> {
    let _place = service.pictures.acquire().await.ok()?;
    tokio::task::spawn_blocking(move || chart::decode(&found.kept.body, side)).await.ok().flatten()
}
