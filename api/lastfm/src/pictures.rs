//! Pictures of items that the API has none of: from pages of the user's library.

use std::sync::Arc;

use crate::answer::Meta;
use crate::budget::Lane;
use crate::decode::Kind;
use crate::period::Period;
use crate::service::Service;
use crate::shapes::Item;

/// Rows of a page of a library.
const ROWS: u64 = 50;
/// Pages looked through for one answer: with 50 rows each, enough for the largest chart.
const MAX_PAGES: usize = 3;

/// Fills in what is missing, as far as pages tell; says so where one could not be read.
pub(crate) async fn fill(
    service: &Arc<Service>,
    user: &str,
    kind: Kind,
    period: Period,
    items: &mut [Item],
    meta: &mut Meta,
) {
    let mut pages: Vec<u64> =
        items.iter().filter(|item| item.image.is_none()).map(|item| item.rank.saturating_sub(1) / ROWS + 1).collect();
    pages.dedup();
    // Albums without a picture have none in the library either.
    if kind == Kind::Albums {
        return;
    }
    pages.truncate(MAX_PAGES);
    let asked = pages.into_iter().map(|page| service.library(Lane::Images, user, kind, period, page));
    for page in futures_util::future::join_all(asked).await {
        let Ok((rows, found)) = page else {
            meta.degrade("items.image");
            continue;
        };
        meta.add(&found);
        for row in rows.into_iter().filter(|row| row.image.is_some()) {
            let fits = |item: &&mut Item| {
                let artist = item.artist.as_ref().zip(row.artist.as_ref());
                item.image.is_none()
                    && item.name.to_lowercase() == row.name.to_lowercase()
                    && artist.is_none_or(|(one, other)| one.name.to_lowercase() == other.to_lowercase())
            };
            if let Some(item) = items.iter_mut().find(fits) {
                item.image.clone_from(&row.image);
            }
        }
    }
}
