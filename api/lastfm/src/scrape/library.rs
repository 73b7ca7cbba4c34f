use serde::{Deserialize, Serialize};

use super::artist_images::in_size;
use super::html::{all, first};
use super::selectors::{
    ANY_IMAGE, CHART, CHART_ARTIST, CHART_IMAGE, CHART_NAME, CHART_PLAYS, CHART_ROW, LINK, NOTHING,
};
use super::{Reading, ShapeError, count};

/// A row of somebody's library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LibraryRow {
    pub(crate) name: String,
    /// Of albums and tracks.
    pub(crate) artist: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) plays: Option<u64>,
}

/// `/user/{user}/library/{artists|albums|tracks}?date_preset=…&page=…`: fifty rows with their pictures.
pub(crate) fn library(html: &str) -> Result<Reading<Vec<LibraryRow>>, ShapeError> {
    let Some(chart) = first(html, CHART) else {
        let empty = first(html, NOTHING).ok_or(ShapeError("chart"));
        return empty.map(|_| Reading { data: Vec::new(), fields: 0, found: 0 });
    };
    let mut reading = Reading { data: Vec::new(), fields: 0, found: 0 };
    for row in all(chart.inner, CHART_ROW) {
        let link = |cell| first(row.inner, cell).and_then(|cell| Some(first(cell.inner, LINK)?.text()));
        let picture = first(row.inner, CHART_IMAGE).and_then(|cell| first(cell.inner, ANY_IMAGE)?.attribute("src"));
        let plays = first(row.inner, CHART_PLAYS).map(|plays| plays.text());
        let plays = plays.as_deref().and_then(|plays| count(plays.split_whitespace().next()?));
        reading.fields += 3;
        reading.found += u32::from(picture.is_some()) + u32::from(plays.is_some());
        let Some(name) = link(CHART_NAME).filter(|name| !name.is_empty()) else { continue };
        reading.found += 1;
        let image = picture.as_deref().and_then(in_size);
        reading.data.push(LibraryRow { name, artist: link(CHART_ARTIST), image, plays });
    }
    if reading.data.is_empty() {
        return Err(ShapeError("named row in the chart"));
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, image: &str) -> String {
        format!(
            "<tr class=\"chartlist-row chartlist-row--with-artist\"><td class=\"chartlist-index\">1</td>\
             <td class=\"chartlist-image\"><span class=\"avatar\"><img src=\"{image}\" alt=\"x\" loading=\"lazy\"/></span></td>\
             <td class=\"chartlist-name\"><a href=\"/music/x\" title=\"x\">{name}</a></td>\
             <td class=\"chartlist-bar\"><span class=\"chartlist-count-bar-value\">1,031\n <span>scrobbles</span></span></td></tr>"
        )
    }

    #[test]
    fn rows_are_read_with_pictures_and_plays() {
        let rows = row("Salt &amp; Pepper", "https://a/i/u/avatar70s/b.jpg")
            + &row("달빛", "https://a/i/u/64s/2a96cbd8b46e442fc41c2b86b821562f.jpg");
        let read = library(&format!("<table class=\"chartlist\"><tbody>{rows}</tbody></table>")).expect("rows");
        assert_eq!((read.data[0].name.as_str(), read.data[0].plays), ("Salt & Pepper", Some(1_031)));
        assert_eq!(read.data[0].image.as_deref(), Some("https://a/i/u/300x300/b.jpg"));
        assert_eq!((read.data[1].image.as_ref(), read.data[1].artist.as_ref()), (None, None));
        assert_eq!((read.fields, read.found), (6, 6), "a star is a picture, though of nothing");
    }

    #[test]
    fn an_empty_library_is_no_broken_page() {
        assert_eq!(library("<p class=\"no-data-message\">Nothing.</p>").expect("none").data, []);
        assert_eq!(library("<h1>Sign in</h1>"), Err(ShapeError("chart")));
        assert_eq!(library("<table class=\"chartlist\"><tr></tr></table>"), Err(ShapeError("named row in the chart")));
    }
}
