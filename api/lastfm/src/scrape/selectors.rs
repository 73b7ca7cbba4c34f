//! Where things are on the pages: what changes when the site does.

use super::html::Selector;

const fn at(tag: &'static str, class: &'static str) -> Selector {
    Selector { tag, class }
}

/// The title that every page of an artist or album has.
pub(super) const TITLE: Selector = at("h1", "header-new-title");
/// Headings and values of an album: `Length`, `Release Date`, in turn.
pub(super) const ALBUM_HEADING: Selector = at("dt", "catalogue-metadata-heading");
pub(super) const ALBUM_VALUE: Selector = at("dd", "catalogue-metadata-description");
/// Pictures of an artist.
pub(super) const IMAGES: Selector = at("ul", "image-list");
pub(super) const IMAGE_ITEM: Selector = at("li", "image-list-item-wrapper");
pub(super) const IMAGE: Selector = at("img", "image-list-image");
/// What stands where there is nothing.
pub(super) const NOTHING: Selector = at("p", "no-data-message");
/// The figures above a page of somebody's library.
pub(super) const FIGURE: Selector = at("li", "metadata-item");
pub(super) const FIGURE_TITLE: Selector = at("h4", "metadata-title");
pub(super) const FIGURE_VALUE: Selector = at("p", "metadata-display");
/// A page of somebody's library.
pub(super) const CHART: Selector = at("table", "chartlist");
pub(super) const CHART_ROW: Selector = at("tr", "chartlist-row");
pub(super) const CHART_NAME: Selector = at("td", "chartlist-name");
pub(super) const CHART_ARTIST: Selector = at("td", "chartlist-artist");
pub(super) const CHART_IMAGE: Selector = at("td", "chartlist-image");
pub(super) const CHART_PLAYS: Selector = at("span", "chartlist-count-bar-value");
/// Elements by their name alone.
pub(super) const LINK: Selector = at("a", "");
pub(super) const ANY_IMAGE: Selector = at("img", "");
