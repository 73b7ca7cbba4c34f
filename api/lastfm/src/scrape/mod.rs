//! Pages of Last.fm's site, read for what its API does not tell. Pure: a page in, what is on it out.
//!
//! Pages change without notice: every scraper has a version, says by [`ShapeError`] when a page is not what it
//! was, and has a [`health::Health`].

mod album;
mod artist_images;
pub(crate) mod health;
pub(crate) mod html;
mod library;
mod plays;
mod selectors;

pub(crate) use album::{AlbumPage, album};
pub(crate) use artist_images::artist_images;
pub(crate) use library::{LibraryRow, library};
pub(crate) use plays::plays;

/// The page is not of the shape that the scraper knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the page has no {0}")]
pub(crate) struct ShapeError(pub(crate) &'static str);

/// What was on a page, and how much of what should be there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading<T> {
    pub(crate) data: T,
    /// Fields whose place is on the page.
    pub(crate) fields: u32,
    /// Those of them that were read.
    pub(crate) found: u32,
}

/// A scraper by name; a new version for every change of its selectors or its reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scraper {
    Album,
    ArtistImages,
    Library,
    Plays,
}

impl Scraper {
    pub(crate) const ALL: [Self; 4] = [Self::Album, Self::ArtistImages, Self::Library, Self::Plays];

    /// `id@version`.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Album => "album@3",
            Self::ArtistImages => "artist_images@2",
            Self::Library => "library@1",
            Self::Plays => "plays@2",
        }
    }
}

/// A count as people write it: `1,234`.
fn count(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let rest = text.chars().all(|sign| sign.is_ascii_digit() || matches!(sign, ',' | '.' | ' ' | '\u{a0}'));
    if rest { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page with everything that scrapers look for.
    const PAGE: &str = "<!doctype html><!-- x --><script>a<b</script><h1 class=\"header-new-title\">달빛 &amp; &#39;</h1>\
        <dl><dt class='catalogue-metadata-heading'>Length</dt><dd class=catalogue-metadata-description>9 tracks, 1:35:20</dd></dl>\
        <ul class=\"image-list\"><li class=\"image-list-item-wrapper\"><img class=\"image-list-image\" src=\"https://a/i/u/avatar170s/b\"></li></ul>\
        <li class=\"metadata-item\"><h4 class=\"metadata-title\">Scrobbles</h4><p class=\"metadata-display\">1,234</p></li>\
        <table class=\"chartlist\"><tr class=\"chartlist-row\"><td class=\"chartlist-image\"><img src=\"https://a/i/u/64s/c\"/></td>\
        <td class=\"chartlist-name\"><a>Soup</a></td><td><span class=\"chartlist-count-bar-value\">31 <i>scrobbles</i></span></td></tr></table>";

    fn read_by_all(page: &str) -> [bool; 4] {
        [album(page).is_ok(), artist_images(page).is_ok(), library(page).is_ok(), plays(page).is_ok()]
    }

    #[test]
    fn a_page_that_is_cut_or_broken_anywhere_is_read_or_refused() {
        assert_eq!(read_by_all(PAGE), [true; 4]);
        for (at, sign) in PAGE.char_indices() {
            read_by_all(&PAGE[..at]);
            read_by_all(&PAGE[at..]);
            for odd in ["", "<", ">", "\"", "&", "달"] {
                read_by_all(&format!("{}{odd}{}", &PAGE[..at], &PAGE[at + sign.len_utf8()..]));
            }
        }
    }
}
