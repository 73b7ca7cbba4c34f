//! Lists: of listens, by plays, of a week. The cursor is the driver's: here it is null.

use serde_json::Value;

use super::quirk::{flag, image, list, number, text};
use super::{Kind, Odd};
use crate::shapes::{AlbumOf, Item, Items, Listen, Listens, Named, Track};

/// `user.getRecentTracks`, extended or not. Beside the page of listens it tells, on every page, what is playing.
pub(crate) fn recent(answer: &Value) -> Result<Listens, Odd> {
    let page = answer["recenttracks"].as_object().ok_or(Odd)?;
    let total = page.get("@attr").and_then(|attributes| number(&attributes["total"]));
    let tracks = list(page.get("track").unwrap_or(&Value::Null)).iter().filter_map(listen).collect();
    Ok(Listens { tracks, total: total.ok_or(Odd)?, cursor: None })
}

fn listen(value: &Value) -> Option<Listen> {
    let now_playing = flag(&value["@attr"]["nowplaying"]).unwrap_or(false);
    let played_at = number(&value["date"]["uts"]).and_then(ms).filter(|_| !now_playing);
    let picture = image(&value["image"]);
    let track = Track {
        name: text(&value["name"])?,
        artist: Named { name: text(&value["artist"])? },
        album: text(&value["album"]).map(|name| AlbumOf { name, image: picture, release_date: None }),
        duration_ms: None,
        loved: flag(&value["loved"]),
        url: text(&value["url"]),
    };
    // A listen of no time is none that could be told from others.
    (now_playing || played_at.is_some()).then_some(Listen { track, now_playing, played_at })
}

/// `user.getTopArtists`, `user.getTopAlbums`, `user.getTopTracks`.
pub(crate) fn top(kind: Kind, answer: &Value) -> Result<Items, Odd> {
    let page = answer[format!("top{}", kind.plural())].as_object().ok_or(Odd)?;
    let total = page.get("@attr").and_then(|attributes| number(&attributes["total"]));
    items(kind, page.get(kind.singular()), total)
}

/// `user.getWeeklyArtistChart` and its kin.
pub(crate) fn weekly(kind: Kind, answer: &Value) -> Result<Items, Odd> {
    let page = answer[format!("weekly{}chart", kind.singular())].as_object().ok_or(Odd)?;
    let all = page.get(kind.singular());
    let total = u64::try_from(all.map_or(0, |all| list(all).len())).ok();
    items(kind, all, total)
}

fn items(kind: Kind, all: Option<&Value>, total: Option<u64>) -> Result<Items, Odd> {
    let all = list(all.unwrap_or(&Value::Null));
    let read = all.iter().enumerate().filter_map(|(at, value)| item(kind, at, value));
    Ok(Items { items: read.collect(), total: total.ok_or(Odd)?, cursor: None, period: None })
}

fn item(kind: Kind, at: usize, value: &Value) -> Option<Item> {
    let artist = match kind {
        Kind::Artists => None,
        Kind::Albums | Kind::Tracks => Some(Named { name: text(&value["artist"])? }),
    };
    // Pictures of artists and of tracks are stars since 2019; what is there is not theirs.
    let picture = if kind == Kind::Albums { image(&value["image"]) } else { None };
    Some(Item {
        name: text(&value["name"])?,
        artist,
        plays: number(&value["playcount"])?,
        image: picture,
        rank: number(&value["@attr"]["rank"]).unwrap_or(at as u64 + 1),
        url: text(&value["url"]),
    })
}

/// Seconds as milliseconds, if that is a time.
pub(super) fn ms(seconds: u64) -> Option<i64> {
    i64::try_from(seconds).ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recent_of(track: &Value) -> Listens {
        let attributes = json!({"user": "ann", "totalPages": "2", "page": "1", "perPage": "1", "total": "2"});
        recent(&json!({"recenttracks": {"track": track, "@attr": attributes}})).expect("a page")
    }

    #[test]
    fn a_track_alone_in_either_form_is_a_list_of_one() {
        let plain = json!({"artist": {"mbid": "", "#text": "달빛"}, "album": {"#text": ""}, "name": "Soup", "image": "",
            "url": "https://…", "date": {"uts": "1700000000", "#text": "14 Nov 2023, 22:13"}});
        let extended = json!({"artist": {"name": "달빛", "url": "…"}, "album": {"#text": "Bowl"}, "name": "Soup", "loved": "1",
            "image": [{"size": "extralarge", "#text": "https://a/300x300/b.jpg"}], "@attr": {"nowplaying": "true"}});
        let read = recent_of(&plain);
        assert_eq!((read.total, read.tracks[0].played_at), (2, Some(1_700_000_000_000)));
        assert_eq!((&read.tracks[0].track.album, read.tracks[0].track.loved), (&None, None));
        let read = recent_of(&json!([extended, plain]));
        assert!(read.tracks[0].now_playing && !read.tracks[1].now_playing);
        let album = read.tracks[0].track.album.as_ref().expect("an album");
        assert_eq!((album.name.as_str(), album.image.as_deref()), ("Bowl", Some("https://a/300x300/b.jpg")));
        assert_eq!(read.tracks[0].track.artist.name, "달빛");
        assert_eq!(read.tracks[0].track.loved, Some(true));
    }

    #[test]
    fn nothing_listened_to_is_an_empty_page_and_no_page_is_odd() {
        assert!(recent_of(&json!([])).tracks.is_empty());
        assert!(recent_of(&json!("\n")).tracks.is_empty());
        assert_eq!(recent(&json!({"recenttracks": {"track": []}})), Err(Odd));
        assert_eq!(recent(&json!({"toptracks": {}})), Err(Odd));
    }

    #[test]
    fn lists_by_plays_are_read_and_what_has_no_name_is_left_out() {
        let album = json!({"artist": {"name": "달빛", "mbid": ""}, "image": [{"#text": "https://a/b.jpg", "size": "large"}],
            "playcount": "12", "@attr": {"rank": "3"}, "name": "Bowl", "url": "https://…"});
        let answer = json!({"topalbums": {"album": album, "@attr": {"total": "40", "page": "1"}}});
        let read = top(Kind::Albums, &answer).expect("a page");
        let item = &read.items[0];
        assert_eq!((item.plays, item.rank, read.total), (12, 3, 40));
        assert_eq!(item.artist.as_ref().map(|artist| artist.name.as_str()), Some("달빛"));
        let nameless = json!({"topartists": {"artist": [{"playcount": "3"}, {"name": "Soup", "playcount": 2}],
            "@attr": {"total": 2}}});
        let read = top(Kind::Artists, &nameless).expect("a page");
        assert_eq!((read.items.len(), read.items[0].rank, read.items[0].artist.as_ref()), (1, 2, None));
        assert_eq!(top(Kind::Tracks, &answer), Err(Odd));
    }

    #[test]
    fn a_week_has_its_artist_behind_text() {
        let track = json!({"artist": {"mbid": "", "#text": "달빛"}, "name": "Soup", "playcount": "4", "@attr": {"rank": "1"},
            "image": [{"#text": "https://a/2a96cbd8b46e442fc41c2b86b821562f.png"}]});
        let read = weekly(Kind::Tracks, &json!({"weeklytrackchart": {"track": track, "@attr": {"user": "ann"}}}));
        let read = read.expect("a week");
        assert_eq!((read.total, read.items[0].plays, read.items[0].image.as_ref()), (1, 4, None));
        let empty = weekly(Kind::Artists, &json!({"weeklyartistchart": {"artist": [], "@attr": {}}}));
        assert_eq!(empty.expect("a week").total, 0);
    }
}
