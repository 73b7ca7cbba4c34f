//! Looks at pages that do not change, so that a scraper is known to be broken before anybody misses what it reads.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, interval_at};

use crate::budget::Lane;
use crate::scrape::{self, Scraper};
use crate::service::Service;

/// How often.
const EVERY: Duration = Duration::from_secs(3_600);
/// Pages that have everything, by scraper: an artist with pictures, an album with length and date, a user's library.
const ARTIST: &str = "music/Radiohead/+images";
const ALBUM: &str = "music/Radiohead/OK+Computer";
const LIBRARY: &str = "user/RJ/library/artists";
const PLAYS: &str = "user/RJ/library/music/Radiohead";

/// Looks every hour, for ever. What it finds goes into the scrapers' health.
pub(crate) async fn run(service: Arc<Service>) {
    let mut hours = interval_at(Instant::now() + EVERY, EVERY);
    loop {
        hours.tick().await;
        for scraper in Scraper::ALL {
            look(&service, scraper).await;
        }
    }
}

async fn look(service: &Service, scraper: Scraper) {
    let all_time = [("date_preset", "ALL".to_owned())];
    let url = |path, query: &[(&str, String)]| service.upstream.page_url(path, query);
    let outcome = match scraper {
        Scraper::Album => service.page(Lane::Images, scraper, url(ALBUM, &[]), scrape::album).await.map(|_| ()),
        Scraper::ArtistImages => {
            service.page(Lane::Images, scraper, url(ARTIST, &[]), scrape::artist_images).await.map(|_| ())
        }
        Scraper::Library => {
            service.page(Lane::Images, scraper, url(LIBRARY, &all_time), scrape::library).await.map(|_| ())
        }
        Scraper::Plays => service.page(Lane::Images, scraper, url(PLAYS, &all_time), scrape::plays).await.map(|_| ()),
    };
    match outcome {
        Ok(()) => tracing::debug!(scraper = scraper.id(), "the canary's page was read"),
        Err(fault) => tracing::warn!(scraper = scraper.id(), %fault, "the canary's page was not read"),
    }
}
