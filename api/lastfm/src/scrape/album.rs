use serde::{Deserialize, Serialize};

use super::html::{all, first};
use super::selectors::{ALBUM_HEADING, ALBUM_VALUE, TITLE};
use super::{Reading, ShapeError};

/// What an album's page tells beyond the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlbumPage {
    /// `2018-06-05`, `2018-06` or `2018`.
    pub(crate) release_date: Option<String>,
    pub(crate) duration_ms: Option<u64>,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `/music/{artist}/{album}`
pub(crate) fn album(html: &str) -> Result<Reading<AlbumPage>, ShapeError> {
    first(html, TITLE).ok_or(ShapeError("title"))?;
    let mut reading = Reading { data: AlbumPage::default(), fields: 0, found: 0 };
    let headings = all(html, ALBUM_HEADING).map(|heading| heading.text());
    let values: Vec<String> = all(html, ALBUM_VALUE).map(|value| value.text()).collect();
    let headings: Vec<String> = headings.collect();
    if headings.len() != values.len() {
        return Err(ShapeError("value for every heading"));
    }
    for (heading, value) in headings.iter().zip(&values) {
        let found = match heading.to_lowercase().as_str() {
            "release date" => {
                reading.data.release_date = date(value);
                reading.data.release_date.is_some()
            }
            "length" => {
                reading.data.duration_ms = length(value);
                reading.data.duration_ms.is_some() || !value.contains(':')
            }
            _ => continue,
        };
        reading.fields += 1;
        reading.found += u32::from(found);
    }
    Ok(reading)
}

/// `5 June 2018`, `June 2018`, `2018`.
fn date(text: &str) -> Option<String> {
    let mut parts = text.split_whitespace().rev();
    let year: u16 = parts.next()?.parse().ok().filter(|year| (1_000..=9_999).contains(year))?;
    let Some(name) = parts.next() else { return Some(year.to_string()) };
    let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))? + 1;
    let Some(day) = parts.next() else { return Some(format!("{year}-{month:02}")) };
    let day: u8 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    parts.next().is_none().then(|| format!("{year}-{month:02}-{day:02}"))
}

/// `10 tracks, 35:20`; `1:02:03`.
fn length(text: &str) -> Option<u64> {
    let clock = text.rsplit(',').next()?.trim();
    let parts: Vec<u64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let seconds = match parts.as_slice() {
        [minutes, seconds] => minutes.checked_mul(60)?.checked_add(*seconds)?,
        [hours, minutes, seconds] => {
            hours.checked_mul(3_600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(*seconds)?
        }
        _ => return None,
    };
    seconds.checked_mul(1_000).filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(metadata: &str) -> String {
        format!(
            "<header><h1 class=\"header-new-title\" itemprop=\"name\">Bowl</h1></header><div class=\"metadata-column\">\
             <dl class=\"catalogue-metadata\">{metadata}</dl></div>"
        )
    }

    fn entry(heading: &str, value: &str) -> String {
        format!(
            "<dt class=\"catalogue-metadata-heading\">\n  {heading}\n</dt><dd class=\"catalogue-metadata-description\"> {value} </dd>"
        )
    }

    #[test]
    fn length_and_date_are_read_in_all_their_forms() {
        let html = page(&(entry("Length", "10 tracks, 35:20") + &entry("Release Date", "5 June 2018")));
        let read = album(&html).expect("an album");
        assert_eq!(read.data, AlbumPage { release_date: Some("2018-06-05".into()), duration_ms: Some(2_120_000) });
        assert_eq!((read.fields, read.found), (2, 2));
        assert_eq!((date("June 2018"), date("2018")), (Some("2018-06".into()), Some("2018".into())));
        assert_eq!((date("soon"), date("45 June 2018"), date("")), (None, None, None));
        assert_eq!((length("1:02:03"), length("10 tracks")), (Some(3_723_000), None));
    }

    #[test]
    fn what_an_album_does_not_have_counts_as_nothing_missed() {
        let read = album(&page("")).expect("an album");
        assert_eq!((read.data, read.fields), (AlbumPage::default(), 0));
        let read = album(&page(&entry("Release Date", "5. Juni 2018"))).expect("an album");
        assert_eq!((read.data.release_date, read.fields, read.found), (None, 1, 0));
        let read = album(&page(&entry("Length", "10 tracks"))).expect("an album");
        assert_eq!((read.fields, read.found), (1, 1), "there is no length");
    }

    #[test]
    fn another_page_is_told_apart() {
        assert_eq!(album("<html><body>Please sign in</body></html>"), Err(ShapeError("title")));
        let halved = page("<dt class=\"catalogue-metadata-heading\">Length</dt>");
        assert_eq!(album(&halved), Err(ShapeError("value for every heading")));
    }
}
