//! The pages of the site that are read for what the API does not tell.

use http::StatusCode;

use super::Answer;
use super::catalogue::{ALBUM_TRACKS, album_name, artist_name, duration_s, has_cover, hash};
use super::listeners::{Listener, Listeners};
use super::lists::Kind;
use crate::rest::decode;

const DAY: u64 = 86_400;
/// Rows of a page of a library.
const ROWS: usize = 50;

/// A part of a path as the site writes it: blanks as pluses, pluses escaped twice.
fn name(part: &str) -> String {
    decode(&part.replace('+', " ")).replace("%2B", "+").replace("%2b", "+")
}

/// Whose page it is, if it is somebody's.
pub(super) fn user_of(path: &str) -> String {
    let user = path.strip_prefix("/site/user/").and_then(|rest| rest.split('/').next());
    user.map(name).unwrap_or_default()
}

/// What page it is: `images`, `album`, `plays`, `library`, or `other`.
pub(super) fn kind_of(path: &str) -> &'static str {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["music", _, "+images"] => "images",
        ["music", _, _] => "album",
        ["user", _, "library", "music", ..] => "plays",
        ["user", _, "library", _] => "library",
        _ => "other",
    }
}

pub(super) fn answer(
    listeners: &mut Listeners,
    base: &str,
    path: &str,
    query: &[(String, String)],
    now_s: u64,
) -> Answer {
    let listeners = &*listeners;
    let of_query = |wanted: &str| query.iter().find(|(key, _)| key == wanted).map_or("", |(_, value)| value.as_str());
    let from_s = match of_query("date_preset") {
        "LAST_7_DAYS" => now_s.saturating_sub(7 * DAY),
        "LAST_30_DAYS" => now_s.saturating_sub(30 * DAY),
        "LAST_90_DAYS" => now_s.saturating_sub(90 * DAY),
        "LAST_180_DAYS" => now_s.saturating_sub(180 * DAY),
        "LAST_365_DAYS" => now_s.saturating_sub(365 * DAY),
        _ => 0,
    };
    let names = &listeners.names;
    let body = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["music", artist, "+images"] => names.artist(&name(artist)).map(|artist| images(base, artist)),
        ["music", artist, album] => names.artist(&name(artist)).and_then(|artist| {
            let album = names.album(artist, &name(album))?;
            Some(album_page(artist, album))
        }),
        ["user", user, "library", "music", artist, rest @ ..] => listeners.get(&name(user)).and_then(|listener| {
            let artist = names.artist(&name(artist))?;
            let (kind, of) = match rest {
                [] => (Kind::Artist, (artist, 0)),
                [album] => (Kind::Album, (artist, names.album(artist, &name(album))?)),
                ["_", track] => (Kind::Track, (artist, names.track(artist, &name(track))?)),
                _ => return None,
            };
            let range = listeners.between(listener, from_s, u64::MAX, now_s);
            let plays = range.filter(|number| kind.key(&listeners.listen(listener, *number)) == of).count();
            Some(plays_page(plays))
        }),
        ["user", user, "library", kind] => listeners.get(&name(user)).and_then(|listener| {
            let kind = match *kind {
                "artists" => Kind::Artist,
                "albums" => Kind::Album,
                "tracks" => Kind::Track,
                _ => return None,
            };
            let page = of_query("page").parse().unwrap_or(1_usize).max(1);
            Some(library(listeners, listener, base, kind, (from_s, now_s), page))
        }),
        _ => None,
    };
    match body {
        Some(body) => {
            let page = format!(
                "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Last.fm</title><script>if (1 < 2) document.write('<p class=\"no\">')</script></head>\
                 <body><!-- a <table class=\"chartlist\"> that is none -->{body}</body></html>"
            );
            Answer::html(StatusCode::OK, page)
        }
        None => Answer::html(StatusCode::NOT_FOUND, "<h1>404 - Page Not Found</h1>".to_owned()),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn title(text: &str) -> String {
    format!("<header><h1 class=\"header-new-title\" itemprop=\"name\">{}</h1></header>", escaped(text))
}

/// Every seventh artist has no pictures.
fn images(base: &str, artist: u32) -> String {
    let head = title(&artist_name(artist));
    if artist % 7 == 6 {
        return format!("{head}<p class=\"no-data-message\">We don't have any photos of this artist yet.</p>");
    }
    let item = |at: u32| {
        let picture = hash(artist, 9 + at);
        format!(
            "<li class=\"image-list-item-wrapper\"><a class=\"image-list-item\" href=\"/music/x/+images/{picture}\">\
             <img src=\"{base}/images/i/u/avatar170s/{picture}.png\" alt=\"\" class=\"image-list-image\"/></a></li>"
        )
    };
    format!("{head}<ul class=\"image-list\">{}</ul>", (0..4).map(item).collect::<String>())
}

/// Every sixth album has no metadata.
fn album_page(artist: u32, album: u32) -> String {
    let head = title(&album_name(artist, album));
    if (artist + album) % 6 == 5 {
        return head;
    }
    let seconds: u32 = (0..ALBUM_TRACKS).map(|at| duration_s(artist, album * ALBUM_TRACKS + at)).sum();
    let month = ["January", "April", "June", "October"][album as usize % 4];
    format!(
        "{head}<dl class=\"catalogue-metadata\"><dt class=\"catalogue-metadata-heading\">Length</dt>\
         <dd class=\"catalogue-metadata-description\">{ALBUM_TRACKS} tracks, {}:{:02}</dd>\
         <dt class=\"catalogue-metadata-heading\">Release Date</dt>\
         <dd class=\"catalogue-metadata-description\">{} {month} {}</dd></dl>",
        seconds / 60,
        seconds % 60,
        1 + artist % 28,
        2_000 + artist % 25
    )
}

fn plays_page(plays: usize) -> String {
    let plays = match (plays / 1_000, plays % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    };
    format!(
        "<ul class=\"metadata-list\"><li class=\"metadata-item\"><h4 class=\"metadata-title\">Rank</h4><p class=\"metadata-display\">7</p></li>\
         <li class=\"metadata-item\"><h4 class=\"metadata-title\">Scrobbles</h4><p class=\"metadata-display\">\n  {plays}\n</p></li></ul>"
    )
}

fn library(
    listeners: &Listeners,
    listener: &Listener,
    base: &str,
    kind: Kind,
    (from_s, now_s): (u64, u64),
    page: usize,
) -> String {
    let range = listeners.between(listener, from_s, u64::MAX, now_s);
    let counted = listeners.counted(listener, range, |listen| kind.key(listen));
    let row = |(at, (of, plays)): (usize, &((u32, u32), u64))| {
        let (artist, part) = *of;
        let picture = match kind {
            Kind::Artist if artist % 7 == 6 => None,
            Kind::Artist => Some(hash(artist, 9)),
            Kind::Album | Kind::Track => {
                let album = if kind == Kind::Album { part } else { part / ALBUM_TRACKS };
                has_cover(artist, album).then(|| hash(artist, album))
            }
        };
        let picture = picture.unwrap_or_else(|| "2a96cbd8b46e442fc41c2b86b821562f".to_owned());
        let by = if kind == Kind::Artist {
            String::new()
        } else {
            format!("<td class=\"chartlist-artist\"><a href=\"#\">{}</a></td>", escaped(&artist_name(artist)))
        };
        format!(
            "<tr class=\"chartlist-row chartlist-row--with-artist\"><td class=\"chartlist-index\">{}</td>\
             <td class=\"chartlist-image\"><span class=\"avatar\"><img src=\"{base}/images/i/u/avatar70s/{picture}.png\" alt=\"\"/></span></td>\
             <td class=\"chartlist-name\"><a href=\"#\">{}</a></td>{by}\
             <td class=\"chartlist-bar\"><span class=\"chartlist-count-bar-value\">{plays} <span>scrobbles</span></span></td></tr>",
            at + 1,
            escaped(&kind.name(*of))
        )
    };
    let rows: String = counted.iter().enumerate().skip((page - 1).saturating_mul(ROWS)).take(ROWS).map(row).collect();
    if rows.is_empty() {
        return "<p class=\"no-data-message\">No scrobbles in this period.</p>".to_owned();
    }
    format!("<table class=\"chartlist chartlist--with-bar\"><tbody>{rows}</tbody></table>")
}
