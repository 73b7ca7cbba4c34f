//! Lists in the API's JSON: listens, plays, weeks.

use serde_json::{Map, Value, json};

use super::catalogue::{ALBUM_TRACKS, album_name, artist_name, duration_s, has_cover, hash, track_name};
use super::listeners::Listen;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Artist,
    Album,
    Track,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Artist => "artist",
            Self::Album => "album",
            Self::Track => "track",
        }
    }

    /// What of a listen is counted.
    pub(super) fn key(self, listen: &Listen) -> (u32, u32) {
        match self {
            Self::Artist => (listen.artist, 0),
            Self::Album => (listen.artist, listen.album()),
            Self::Track => (listen.artist, listen.track),
        }
    }

    pub(super) fn name(self, (artist, part): (u32, u32)) -> String {
        match self {
            Self::Artist => artist_name(artist),
            Self::Album => album_name(artist, part),
            Self::Track => track_name(artist, part),
        }
    }
}

/// The API's quirk: a list of one is its element.
pub(super) fn quirky(mut list: Vec<Value>) -> Value {
    if list.len() == 1 { list.remove(0) } else { Value::Array(list) }
}

/// Sizes of a picture; blank where there is none.
pub(super) fn images(base: &str, name: Option<&str>) -> Value {
    let sizes = [("small", "34s"), ("medium", "64s"), ("large", "174s"), ("extralarge", "300x300")];
    let one = |(size, folder): (&str, &str)| {
        let url = name.map_or(String::new(), |name| format!("{base}/images/i/u/{folder}/{name}.png"));
        json!({"size": size, "#text": url})
    };
    sizes.into_iter().map(one).collect()
}

/// The star that stands where there is no picture.
pub(super) fn star(base: &str) -> Value {
    images(base, Some("2a96cbd8b46e442fc41c2b86b821562f"))
}

pub(super) fn cover(base: &str, artist: u32, album: u32) -> Value {
    let name = has_cover(artist, album).then(|| hash(artist, album));
    images(base, name.as_deref())
}

pub(super) fn listen(base: &str, listen: &Listen, extended: bool, playing: bool) -> Value {
    let artist = artist_name(listen.artist);
    let mut value = json!({
        "streamable": "0", "mbid": "", "name": track_name(listen.artist, listen.track),
        "album": {"mbid": "", "#text": album_name(listen.artist, listen.album())},
        "image": cover(base, listen.artist, listen.album()),
        "url": format!("{base}/site/music/{}/_/{}", listen.artist, listen.track),
    });
    value["artist"] = if extended {
        value["loved"] = json!(if listen.track == 0 { "1" } else { "0" });
        json!({"url": "", "name": artist, "image": star(base), "mbid": ""})
    } else {
        json!({"mbid": "", "#text": artist})
    };
    if playing {
        value["@attr"] = json!({"nowplaying": "true"});
    } else {
        value["date"] = json!({"uts": listen.at_s.to_string(), "#text": "once"});
    }
    value
}

/// An item of `user.getTop…`.
pub(super) fn top_item(base: &str, kind: Kind, of: (u32, u32), plays: u64, rank: u64) -> Value {
    let mut value = json!({
        "mbid": "", "name": kind.name(of), "playcount": plays.to_string(), "@attr": {"rank": rank.to_string()},
        "url": format!("{base}/site/music/{}", of.0),
        "image": if kind == Kind::Album { cover(base, of.0, of.1) } else { star(base) },
    });
    if kind != Kind::Artist {
        value["artist"] = json!({"url": "", "name": artist_name(of.0), "mbid": ""});
    }
    if kind == Kind::Track {
        value["duration"] = json!(duration_s(of.0, of.1).to_string());
        value["streamable"] = json!({"fulltrack": "0", "#text": "0"});
    }
    value
}

/// An item of `user.getWeekly…Chart`.
pub(super) fn week_item(base: &str, kind: Kind, of: (u32, u32), plays: u64, rank: u64) -> Value {
    let mut value = top_item(base, kind, of, plays, rank);
    if kind != Kind::Artist {
        value["artist"] = json!({"mbid": "", "#text": artist_name(of.0)});
    }
    if kind == Kind::Album {
        value["image"] = Value::Null;
    }
    value
}

/// `@attr` of a page: numbers as text.
pub(super) fn page_of(user: &str, page: u64, limit: u64, total: u64) -> Value {
    let pages = total.div_ceil(limit.max(1));
    let mut fields = Map::new();
    for (name, value) in [("page", page), ("perPage", limit), ("totalPages", pages), ("total", total)] {
        fields.insert(name.to_owned(), json!(value.to_string()));
    }
    fields.insert("user".to_owned(), json!(user));
    Value::Object(fields)
}

/// Tracks of an album as `album.getInfo` shows them: one as its element.
pub(super) fn album_tracks(artist: u32, album: u32) -> Value {
    // The last album of every fifth artist is a single.
    let count = if album == 3 && artist.is_multiple_of(5) { 1 } else { ALBUM_TRACKS };
    let track = |at: u32| {
        let track = album * ALBUM_TRACKS + at;
        json!({"name": track_name(artist, track), "duration": duration_s(artist, track), "@attr": {"rank": at + 1},
            "url": "", "streamable": {"fulltrack": "0", "#text": "0"}, "artist": {"name": artist_name(artist), "mbid": "", "url": ""}})
    };
    quirky((0..count).map(track).collect())
}
