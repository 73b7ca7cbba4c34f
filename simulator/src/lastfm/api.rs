//! The methods of the API, in its JSON: numbers as text, text behind `#text`, lists of one as their element,
//! errors with codes.

use http::StatusCode;
use serde_json::{Value, json};

use super::Answer;
use super::catalogue::{album_name, artist_name, duration_s, tags, track_name};
use super::listeners::{Listener, Listeners};
use super::lists::{Kind, album_tracks, cover, listen, page_of, quirky, star, top_item, week_item};

/// Seconds of a day.
const DAY: u64 = 86_400;

struct Call<'a> {
    listeners: &'a Listeners,
    base: &'a str,
    query: &'a [(String, String)],
    now_s: u64,
}

type Outcome = Result<Value, u64>;

/// An error of the API; most come with 200, those of a missing thing with 404.
pub(super) fn refused(code: u64, status: StatusCode) -> Answer {
    let message = match code {
        6 => "User not found",
        8 => "Operation failed - Most likely the backend service failed. Please try again.",
        10 => "Invalid API key - You must be granted a valid key by last.fm",
        11 => "Service Offline - This service is temporarily offline. Try again later.",
        16 => "The service is temporarily unavailable, please try again.",
        17 => "Login: User required to be logged in",
        26 => "API Key Suspended - Access for your account has been suspended",
        29 => "Rate Limit Exceded - Your IP has made too many requests in a short period",
        _ => "Something else",
    };
    Answer::json(status, &json!({"error": code, "message": message}))
}

pub(super) fn answer(listeners: &mut Listeners, base: &str, query: &[(String, String)], now_s: u64) -> Answer {
    let call = Call { listeners, base, query, now_s };
    if ["", "wrong"].contains(&call.text("api_key")) {
        return refused(10, StatusCode::FORBIDDEN);
    }
    let outcome = match call.text("method").to_lowercase().as_str() {
        "user.getinfo" => call.user_info(),
        "user.getrecenttracks" => call.recent(),
        "user.gettopartists" => call.top(Kind::Artist),
        "user.gettopalbums" => call.top(Kind::Album),
        "user.gettoptracks" => call.top(Kind::Track),
        "user.getweeklyartistchart" => call.week(Kind::Artist),
        "user.getweeklyalbumchart" => call.week(Kind::Album),
        "user.getweeklytrackchart" => call.week(Kind::Track),
        "artist.getinfo" => call.artist(),
        "album.getinfo" => call.album(),
        "track.getinfo" => call.track(),
        _ => return Answer::json(StatusCode::BAD_REQUEST, &json!({"error": 3, "message": "Invalid Method"})),
    };
    match outcome {
        Ok(value) => Answer::json(StatusCode::OK, &value),
        Err(6) => {
            let kind = call.text("method").split('.').next().unwrap_or_default().to_lowercase();
            let message = match kind.as_str() {
                "user" => "User not found",
                "artist" => "The artist you supplied could not be found",
                "album" => "Album not found",
                _ => "Track not found",
            };
            Answer::json(StatusCode::NOT_FOUND, &json!({"error": 6, "message": message, "links": []}))
        }
        Err(code) => refused(code, StatusCode::FORBIDDEN),
    }
}

impl Call<'_> {
    fn text(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name).parse().unwrap_or(default)
    }

    fn listener(&self) -> Result<&Listener, u64> {
        self.listeners.get(self.text("user")).ok_or(6)
    }

    fn total(&self, listener: &Listener) -> u64 {
        self.listeners.total(listener, self.now_s)
    }

    fn user_info(&self) -> Outcome {
        let listener = self.listener()?;
        let total = self.total(listener);
        let distinct =
            |kind: Kind| self.listeners.counted(listener, 0..total, |listen| kind.key(listen)).len().to_string();
        let since = self.now_s.saturating_sub(400 * DAY);
        Ok(json!({"user": {
            "name": listener.name, "realname": "", "age": "0", "subscriber": "0", "country": "None", "gender": "n", "type": "user",
            "bootstrap": "0", "playlists": "0", "playcount": total.to_string(), "artist_count": distinct(Kind::Artist),
            "album_count": distinct(Kind::Album), "track_count": distinct(Kind::Track),
            "registered": {"unixtime": since.to_string(), "#text": since},
            "image": super::lists::images(self.base, Some(&format!("{:032x}", listener.seed))),
            "url": format!("{}/site/user/{}", self.base, listener.name),
        }}))
    }

    fn recent(&self) -> Outcome {
        let listener = self.listener()?;
        if listener.private {
            return Err(17);
        }
        let extended = self.text("extended") == "1";
        let (limit, page) = (self.number("limit", 50).clamp(1, 200), self.number("page", 1).max(1));
        let (from, to) = (self.number("from", 0), self.number("to", u64::MAX));
        let range = self.listeners.between(listener, from, to, self.now_s);
        let total = range.end - range.start;
        let skipped = (page - 1).saturating_mul(limit).min(total);
        let numbers = (range.start..range.end - skipped).rev().take(usize::try_from(limit).unwrap_or(0));
        let shown = |number| self.listeners.listen(listener, number);
        let mut tracks: Vec<Value> = numbers.map(|number| listen(self.base, &shown(number), extended, false)).collect();
        if listener.playing {
            let playing = shown(self.total(listener));
            tracks.insert(0, listen(self.base, &playing, extended, true));
        }
        Ok(json!({"recenttracks": {"track": quirky(tracks), "@attr": page_of(&listener.name, page, limit, total)}}))
    }

    fn top(&self, kind: Kind) -> Outcome {
        let listener = self.listener()?;
        let days = match self.text("period") {
            "7day" => 7,
            "1month" => 30,
            "3month" => 90,
            "6month" => 180,
            "12month" => 365,
            _ => 10_000,
        };
        let (limit, page) = (self.number("limit", 50).clamp(1, 1_000), self.number("page", 1).max(1));
        let from = self.now_s.saturating_sub(days * DAY);
        let range = self.listeners.between(listener, from, u64::MAX, self.now_s);
        let counted = self.listeners.counted(listener, range, |listen| kind.key(listen));
        let skipped = usize::try_from((page - 1).saturating_mul(limit)).unwrap_or(usize::MAX);
        let shown = counted.iter().enumerate().skip(skipped).take(usize::try_from(limit).unwrap_or(0));
        let items = shown.map(|(at, (of, plays))| top_item(self.base, kind, *of, *plays, at as u64 + 1));
        let attributes = page_of(&listener.name, page, limit, counted.len() as u64);
        let mut page = json!({"@attr": attributes});
        page[kind.word()] = quirky(items.collect());
        let mut answer = json!({});
        answer[format!("top{}s", kind.word())] = page;
        Ok(answer)
    }

    fn week(&self, kind: Kind) -> Outcome {
        let listener = self.listener()?;
        let to = self.number("to", self.now_s);
        let from = self.number("from", to.saturating_sub(7 * DAY));
        let range = self.listeners.between(listener, from, to, self.now_s);
        let counted = self.listeners.counted(listener, range, |listen| kind.key(listen));
        let items =
            counted.iter().enumerate().map(|(at, (of, plays))| week_item(self.base, kind, *of, *plays, at as u64 + 1));
        let mut week = json!({"@attr": {"user": listener.name, "from": from.to_string(), "to": to.to_string()}});
        week[kind.word()] = quirky(items.collect());
        let mut answer = json!({});
        answer[format!("weekly{}chart", kind.word())] = week;
        Ok(answer)
    }

    /// Plays of `username`, if one is asked for.
    fn own_plays(&self, kind: Kind, of: (u32, u32)) -> Result<Option<u64>, u64> {
        let name = self.text("username");
        if name.is_empty() {
            return Ok(None);
        }
        let listener = self.listeners.get(name).ok_or(6_u64)?;
        let total = self.total(listener);
        let plays = (0..total).filter(|number| kind.key(&self.listeners.listen(listener, *number)) == of).count();
        Ok(Some(plays as u64))
    }

    fn found(&self) -> Result<u32, u64> {
        self.listeners.names.artist(self.text("artist")).ok_or(6)
    }

    fn artist(&self) -> Outcome {
        let artist = self.found()?;
        let tags: Vec<Value> = tags(artist).into_iter().map(|tag| json!({"name": tag, "url": ""})).collect();
        let mut stats = json!({"listeners": (1_000 + artist).to_string(), "playcount": (90_000 + artist).to_string()});
        if let Some(plays) = self.own_plays(Kind::Artist, (artist, 0))? {
            stats["userplaycount"] = json!(plays.to_string());
        }
        Ok(json!({"artist": {
            "name": artist_name(artist), "mbid": "", "url": format!("{}/site/music/{artist}", self.base), "image": star(self.base),
            "streamable": "0", "ontour": "0", "stats": stats, "similar": {"artist": []},
            "tags": if tags.is_empty() { json!("") } else { json!({"tag": quirky(tags)}) },
            "bio": {"published": "", "content": "", "summary":
                format!("{} cook &amp; play. <a href=\"{}/site/music/{artist}\">Read more on Last.fm</a>", artist_name(artist), self.base)},
        }}))
    }

    fn album(&self) -> Outcome {
        let artist = self.found()?;
        let album = self.listeners.names.album(artist, self.text("album")).ok_or(6_u64)?;
        let mut value = json!({
            "artist": artist_name(artist), "name": album_name(artist, album), "mbid": "", "url": "", "listeners": "512", "playcount": "4096",
            "tags": "", "image": cover(self.base, artist, album), "tracks": {"track": album_tracks(artist, album)},
        });
        if let Some(plays) = self.own_plays(Kind::Album, (artist, album))? {
            // Here it is a number, elsewhere it is text.
            value["userplaycount"] = json!(plays);
        }
        Ok(json!({"album": value}))
    }

    fn track(&self) -> Outcome {
        let artist = self.found()?;
        let track = self.listeners.names.track(artist, self.text("track")).ok_or(6_u64)?;
        let album = track / super::catalogue::ALBUM_TRACKS;
        let tags: Vec<Value> = tags(artist).into_iter().map(|tag| json!({"name": tag, "url": ""})).collect();
        // One in eleven has no known duration.
        let duration_ms = if track % 11 == 10 { 0 } else { duration_s(artist, track) * 1_000 };
        let mut value = json!({
            "name": track_name(artist, track), "mbid": "", "url": "", "duration": duration_ms.to_string(), "listeners": "256",
            "playcount": "2048", "streamable": {"fulltrack": "0", "#text": "0"},
            "artist": {"name": artist_name(artist), "mbid": "", "url": ""}, "toptags": {"tag": quirky(tags)},
            "album": {"artist": artist_name(artist), "title": album_name(artist, album), "mbid": "", "url": "",
                "image": cover(self.base, artist, album), "@attr": {"position": "1"}},
        });
        if let Some(plays) = self.own_plays(Kind::Track, (artist, track))? {
            value["userplaycount"] = json!(plays.to_string());
            value["userloved"] = json!(if track == 0 { "1" } else { "0" });
        }
        Ok(json!({"track": value}))
    }
}
