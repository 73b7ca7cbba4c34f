//! The parts that answers are made of: one method of the API or one page each, kept in its class.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::asked::Cursor;
use crate::budget::Lane;
use crate::cache::{Found, Kept};
use crate::classes::{
    CLOSED, Class, IMAGES, LIBRARY, MUSIC, MUSIC_AS, NOW, PICTURE, PLAYS, RECENT, RELEASE, TOP_LONG, TOP_MIDDLE,
    TOP_SHORT, USER,
};
use crate::decode::{self, Kind, Odd};
use crate::fault::Fault;
use crate::flight::Landed;
use crate::period::Period;
use crate::scrape::{self, AlbumPage, LibraryRow, Reading, Scraper, ShapeError};
use crate::service::Service;
use crate::shapes::{Listen, Listens};
use crate::upstream::segment;

/// How long an answer waits for a page that only adds to it; the page is kept when it comes.
const SCRAPE_PATIENCE: Duration = Duration::from_secs(3);
/// Seconds of a week.
const WEEK_S: i64 = 7 * 86_400;
/// How often the number of a listen is looked up anew when listens came in between.
const NTH_TRIES: usize = 3;

type Parameters = Vec<(&'static str, String)>;

impl Service {
    /// A method of the API, read by a decoder.
    async fn api<T: Serialize + Send>(
        self: &Arc<Self>,
        class: &'static Class,
        lane: Lane,
        method: &'static str,
        parameters: Parameters,
        read: impl FnOnce(&Value) -> Result<T, Odd> + Send + 'static,
    ) -> Landed {
        let key: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let key = format!("{method}|{}", key.join("\u{1f}"));
        let make = move |service: Arc<Self>| -> BoxFuture<'static, Result<Kept, Fault>> {
            Box::pin(async move {
                let answer = service.upstream.call(lane, method, &parameters).await?;
                let data = read(&answer).map_err(|Odd| Fault::Shape(method))?;
                Kept::of(&data, format!("api:{method}"))
            })
        };
        self.keep(class, &key, make).await
    }

    /// A page, read by a scraper, while its circuit is closed. [`SCRAPE_PATIENCE`] at the longest.
    async fn scraped<T: Serialize + DeserializeOwned + Send + 'static>(
        self: &Arc<Self>,
        class: &'static Class,
        lane: Lane,
        scraper: Scraper,
        (path, query): (String, Parameters),
        read: fn(&str) -> Result<Reading<T>, ShapeError>,
    ) -> Result<(T, Found), Fault> {
        let url = self.upstream.page_url(&path, &query);
        let key = format!("{}|{url}", scraper.id());
        let make = move |service: Arc<Self>| -> BoxFuture<'static, Result<Kept, Fault>> {
            Box::pin(async move {
                let data = service.page(lane, scraper, url, read).await?;
                Kept::of(&data, format!("scrape:{}", scraper.id()))
            })
        };
        let landed = tokio::time::timeout(SCRAPE_PATIENCE, self.keep(class, &key, make)).await;
        let found = landed.unwrap_or(Err(Fault::Slow))?;
        Ok((found.read()?, found))
    }

    /// A page, fetched and read now, unless the scraper's circuit is open; its health hears of it.
    pub(crate) async fn page<T>(
        &self,
        lane: Lane,
        scraper: Scraper,
        url: Url,
        read: fn(&str) -> Result<Reading<T>, ShapeError>,
    ) -> Result<T, Fault> {
        if !self.health(scraper, |health| health.allows(self.clock.now_ms())) {
            return Err(Fault::Down("a circuit is open"));
        }
        let address = url.to_string();
        let html = self.upstream.page(lane, url).await?;
        let now_ms = self.clock.now_ms();
        match read(&html) {
            Ok(reading) => {
                self.health(scraper, |health| health.read(reading.found, reading.fields, now_ms));
                Ok(reading.data)
            }
            Err(error) => {
                tracing::warn!(scraper = scraper.id(), %error, "a page is not what it was");
                self.health(scraper, |health| health.failed(error, &address, &html, now_ms));
                Err(Fault::Shape(scraper.id()))
            }
        }
    }

    pub(crate) async fn user(self: &Arc<Self>, lane: Lane, user: &str) -> Landed {
        self.api(USER, lane, "user.getInfo", vec![("user", user.to_owned())], decode::user).await
    }

    /// What is playing, or was played last: one listen at the most.
    pub(crate) async fn now(self: &Arc<Self>, lane: Lane, user: &str) -> Landed {
        let parameters = recent_parameters(user, 1, 1);
        self.api(NOW, lane, "user.getRecentTracks", parameters, decode::recent).await
    }

    /// A page of listens; the times are Unix seconds.
    pub(crate) async fn recent(
        self: &Arc<Self>,
        lane: Lane,
        user: &str,
        (from_s, to_s): (Option<i64>, Option<i64>),
        limit: u64,
        cursor: Cursor,
    ) -> Landed {
        let to_s = cursor.until_s.or(to_s);
        let page = cursor.page;
        let mut parameters = recent_parameters(user, limit, page);
        parameters.extend(from_s.map(|from| ("from", from.to_string())));
        parameters.extend(to_s.map(|to| ("to", to.to_string())));
        let read = move |answer: &Value| {
            let mut listens = decode::recent(answer)?;
            if page > 1 || to_s.is_some() {
                // What is playing now stands on every page of the API.
                listens.tracks.retain(|listen| !listen.now_playing);
            }
            // New listens would push the pages on: they go by the first one's end.
            let newest = listens.tracks.iter().find_map(|listen| listen.played_at);
            let until_s = to_s.or_else(|| newest.map(|at| at / 1_000 + 1));
            let next = Cursor { page: page + 1, until_s };
            listens.cursor = (page.saturating_mul(limit) < listens.total).then(|| next.write());
            Ok(listens)
        };
        self.api(RECENT, lane, "user.getRecentTracks", parameters, read).await
    }

    /// The listen of a number, the first is 1.
    pub(crate) async fn nth(self: &Arc<Self>, lane: Lane, user: &str, n: u64) -> Landed {
        let user = user.to_owned();
        let key = format!("nth|{user}|{n}");
        let make = move |service: Arc<Self>| -> BoxFuture<'static, Result<Kept, Fault>> {
            Box::pin(async move {
                let method = "user.getRecentTracks";
                let page_of = async |page: u64| -> Result<Listens, Fault> {
                    let answer = service.upstream.call(lane, method, &recent_parameters(&user, 1, page)).await?;
                    decode::recent(&answer).map_err(|Odd| Fault::Shape(method))
                };
                let mut total = page_of(1).await?.total;
                for _ in 0..NTH_TRIES {
                    let page = total.checked_sub(n).ok_or(Fault::NotFound("listen"))? + 1;
                    let listens = page_of(page).await?;
                    if listens.total == total {
                        let played = listens.tracks.into_iter().find(|listen| !listen.now_playing);
                        let listen: Listen = played.ok_or(Fault::NotFound("listen"))?;
                        return Kept::of(&listen, format!("api:{method}"));
                    }
                    total = listens.total;
                }
                Err(Fault::Shape(method))
            })
        };
        self.keep(CLOSED, &key, make).await
    }

    /// A page of a list by plays.
    pub(crate) async fn top(
        self: &Arc<Self>,
        lane: Lane,
        user: &str,
        kind: Kind,
        period: Period,
        limit: u64,
        cursor: Cursor,
    ) -> Landed {
        let class = match period {
            Period::Week | Period::Month => TOP_SHORT,
            Period::Quarter | Period::HalfYear => TOP_MIDDLE,
            Period::Year | Period::All => TOP_LONG,
        };
        let method = match kind {
            Kind::Artists => "user.getTopArtists",
            Kind::Albums => "user.getTopAlbums",
            Kind::Tracks => "user.getTopTracks",
        };
        let page = cursor.page;
        let parameters = vec![
            ("user", user.to_owned()),
            ("period", period.of_api().to_owned()),
            ("limit", limit.to_string()),
            ("page", page.to_string()),
        ];
        let read = move |answer: &Value| {
            let mut items = decode::top(kind, answer)?;
            let next = Cursor { page: page + 1, until_s: None };
            items.cursor = (page.saturating_mul(limit) < items.total).then(|| next.write());
            items.period = Some(period.name().to_owned());
            Ok(items)
        };
        self.api(class, lane, method, parameters, read).await
    }

    /// The list of a week, of the last one without times (Unix seconds).
    pub(crate) async fn weekly(
        self: &Arc<Self>,
        lane: Lane,
        user: &str,
        kind: Kind,
        range: Option<(i64, i64)>,
        now_s: i64,
    ) -> Landed {
        let method = match kind {
            Kind::Artists => "user.getWeeklyArtistChart",
            Kind::Albums => "user.getWeeklyAlbumChart",
            Kind::Tracks => "user.getWeeklyTrackChart",
        };
        let mut parameters = vec![("user", user.to_owned())];
        if let Some((from, to)) = range {
            parameters.extend([("from", from.to_string()), ("to", to.to_string())]);
        }
        // Listens come in late, from players without a network: a week is closed a week later.
        let closed = range.is_some_and(|(_, to)| to + WEEK_S < now_s);
        let class = if closed { CLOSED } else { TOP_SHORT };
        self.api(class, lane, method, parameters, move |answer| decode::weekly(kind, answer)).await
    }

    pub(crate) async fn artist(self: &Arc<Self>, lane: Lane, name: &str, for_user: Option<&str>) -> Landed {
        let parameters = with_user(vec![("artist", name.to_owned()), ("autocorrect", "1".to_owned())], for_user);
        self.api(music_class(for_user), lane, "artist.getInfo", parameters, decode::artist).await
    }

    pub(crate) async fn album(
        self: &Arc<Self>,
        lane: Lane,
        artist: &str,
        name: &str,
        for_user: Option<&str>,
    ) -> Landed {
        let parameters =
            vec![("artist", artist.to_owned()), ("album", name.to_owned()), ("autocorrect", "1".to_owned())];
        let parameters = with_user(parameters, for_user);
        self.api(music_class(for_user), lane, "album.getInfo", parameters, decode::album).await
    }

    pub(crate) async fn track(
        self: &Arc<Self>,
        lane: Lane,
        artist: &str,
        name: &str,
        for_user: Option<&str>,
    ) -> Landed {
        let parameters =
            vec![("artist", artist.to_owned()), ("track", name.to_owned()), ("autocorrect", "1".to_owned())];
        let parameters = with_user(parameters, for_user);
        self.api(music_class(for_user), lane, "track.getInfo", parameters, decode::track).await
    }

    /// Length and release date, which only the album's page tells.
    pub(crate) async fn album_page(
        self: &Arc<Self>,
        lane: Lane,
        artist: &str,
        album: &str,
    ) -> Result<(AlbumPage, Found), Fault> {
        let path = format!("music/{}/{}", segment(artist), segment(album));
        self.scraped(RELEASE, lane, Scraper::Album, (path, Vec::new()), scrape::album).await
    }

    pub(crate) async fn artist_images(
        self: &Arc<Self>,
        lane: Lane,
        artist: &str,
    ) -> Result<(Vec<String>, Found), Fault> {
        let path = format!("music/{}/+images", segment(artist));
        self.scraped(IMAGES, lane, Scraper::ArtistImages, (path, Vec::new()), scrape::artist_images).await
    }

    /// How often somebody listened to an artist, or to their album or track, in a period.
    pub(crate) async fn plays_in(
        self: &Arc<Self>,
        lane: Lane,
        user: &str,
        artist: &str,
        (album, track): (Option<&str>, Option<&str>),
        period: Period,
    ) -> Result<(u64, Found), Fault> {
        let path = format!("user/{user}/library/music/{}", segment(artist));
        let path = match (album, track) {
            (_, Some(track)) => format!("{path}/_/{}", segment(track)),
            (Some(album), None) => format!("{path}/{}", segment(album)),
            (None, None) => path,
        };
        let query = vec![("date_preset", period.of_site().to_owned())];
        self.scraped(PLAYS, lane, Scraper::Plays, (path, query), scrape::plays).await
    }

    /// Fifty rows of somebody's library, for their pictures.
    pub(crate) async fn library(
        self: &Arc<Self>,
        lane: Lane,
        user: &str,
        kind: Kind,
        period: Period,
        page: u64,
    ) -> Result<(Vec<LibraryRow>, Found), Fault> {
        let path = format!("user/{user}/library/{}", kind.plural());
        let query = vec![("date_preset", period.of_site().to_owned()), ("page", page.to_string())];
        self.scraped(LIBRARY, lane, Scraper::Library, (path, query), scrape::library).await
    }

    /// The bytes of a picture.
    pub(crate) async fn picture(self: &Arc<Self>, url: &str) -> Landed {
        let address = url.to_owned();
        let make = move |service: Arc<Self>| -> BoxFuture<'static, Result<Kept, Fault>> {
            Box::pin(async move {
                let _place = service.pictures.acquire().await.map_err(|_| Fault::Busy)?;
                Ok(Kept::bytes(service.upstream.picture(&address).await?, "picture".to_owned()))
            })
        };
        self.keep(PICTURE, url, make).await
    }
}

fn recent_parameters(user: &str, limit: u64, page: u64) -> Parameters {
    vec![
        ("user", user.to_owned()),
        ("limit", limit.to_string()),
        ("page", page.to_string()),
        ("extended", "1".to_owned()),
    ]
}

fn with_user(mut parameters: Parameters, for_user: Option<&str>) -> Parameters {
    parameters.extend(for_user.map(|user| ("username", user.to_owned())));
    parameters
}

fn music_class(for_user: Option<&str>) -> &'static Class {
    if for_user.is_some() { MUSIC_AS } else { MUSIC }
}
