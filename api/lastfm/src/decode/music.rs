//! What there is to know of an artist, an album, a track.

use serde_json::Value;

use super::Odd;
use super::quirk::{bio, flag, image, list, number, tags, text};
use crate::shapes::{AlbumInfo, AlbumOf, AlbumTrack, ArtistInfo, Named, TrackInfo};

/// `artist.getInfo`. Its pictures are stars since 2019: the image is left null.
pub(crate) fn artist(answer: &Value) -> Result<ArtistInfo, Odd> {
    let artist = &answer["artist"];
    let stats = &artist["stats"];
    Ok(ArtistInfo {
        name: text(&artist["name"]).ok_or(Odd)?,
        url: text(&artist["url"]),
        listeners: number(&stats["listeners"]).ok_or(Odd)?,
        plays: number(&stats["playcount"]).ok_or(Odd)?,
        user_plays: number(&stats["userplaycount"]),
        tags: tags(&artist["tags"]),
        bio: bio(&artist["bio"]),
        image: None,
    })
}

/// `album.getInfo`. Length and release date are left to the page; without it the length is the sum of its tracks'.
pub(crate) fn album(answer: &Value) -> Result<AlbumInfo, Odd> {
    let album = &answer["album"];
    let track = |value: &Value| {
        Some(AlbumTrack { name: text(&value["name"])?, duration_ms: number(&value["duration"]).and_then(seconds) })
    };
    let tracks: Vec<AlbumTrack> = list(&album["tracks"]["track"]).iter().filter_map(track).collect();
    let whole: Option<u64> = tracks.iter().map(|track| track.duration_ms).sum();
    Ok(AlbumInfo {
        name: text(&album["name"]).ok_or(Odd)?,
        artist: Named { name: text(&album["artist"]).ok_or(Odd)? },
        url: text(&album["url"]),
        listeners: number(&album["listeners"]).ok_or(Odd)?,
        plays: number(&album["playcount"]).ok_or(Odd)?,
        user_plays: number(&album["userplaycount"]),
        tags: tags(&album["tags"]),
        bio: bio(&album["wiki"]),
        image: image(&album["image"]),
        duration_ms: whole.filter(|whole| *whole > 0),
        tracks,
        release_date: None,
    })
}

/// `track.getInfo`. Durations are milliseconds here, seconds elsewhere; 0 is unknown.
pub(crate) fn track(answer: &Value) -> Result<TrackInfo, Odd> {
    let track = &answer["track"];
    let album = &track["album"];
    let picture = image(&album["image"]);
    let of = text(&album["title"]).or_else(|| text(&album["#text"]));
    Ok(TrackInfo {
        name: text(&track["name"]).ok_or(Odd)?,
        artist: Named { name: text(&track["artist"]).ok_or(Odd)? },
        album: of.map(|name| AlbumOf { name, image: picture.clone(), release_date: None }),
        url: text(&track["url"]),
        listeners: number(&track["listeners"]).ok_or(Odd)?,
        plays: number(&track["playcount"]).ok_or(Odd)?,
        user_plays: number(&track["userplaycount"]),
        loved: flag(&track["userloved"]),
        tags: tags(&track["toptags"]),
        bio: bio(&track["wiki"]),
        image: picture,
        duration_ms: number(&track["duration"]).filter(|ms| *ms > 0),
    })
}

fn seconds(count: u64) -> Option<u64> {
    count.checked_mul(1_000).filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_artist_has_its_numbers_one_level_down_and_no_picture() {
        let answer = json!({"artist": {"name": "달빛", "url": "…", "image": [{"#text": "https://a/star.png"}],
            "stats": {"listeners": "10", "playcount": "20", "userplaycount": "5"}, "tags": "", "bio": {"summary": ""}}});
        let read = artist(&answer).expect("an artist");
        assert_eq!((read.listeners, read.plays, read.user_plays), (10, 20, Some(5)));
        assert_eq!((read.tags.len(), read.bio, read.image), (0, None, None));
        assert_eq!(artist(&json!({"artist": {"name": "달빛"}})), Err(Odd));
    }

    #[test]
    fn an_album_of_one_track_has_a_list_and_durations_in_seconds() {
        let album_of = |tracks: Value| {
            json!({"album": {"artist": "달빛", "name": "Bowl", "listeners": "1", "playcount": "2",
            "userplaycount": 3, "tracks": tracks, "tags": {"tag": {"name": "soup", "url": "…"}}, "image": ""}})
        };
        let read = album(&album_of(json!({"track": {"name": "Soup", "duration": 197, "artist": {"name": "달빛"}}})));
        let read = read.expect("an album");
        assert_eq!(
            (read.duration_ms, read.user_plays, read.tags.as_slice()),
            (Some(197_000), Some(3), &["soup".to_owned()][..])
        );
        let unknown = json!({"track": [{"name": "a", "duration": null}, {"name": "b", "duration": "5"}]});
        let read = album(&album_of(unknown)).expect("an album");
        assert_eq!((read.duration_ms, read.tracks.len()), (None, 2));
        assert_eq!(album(&album_of(json!(""))).expect("an album").tracks, []);
    }

    #[test]
    fn a_track_may_have_no_album_and_no_duration() {
        let mut answer = json!({"track": {"name": "Soup", "artist": {"name": "달빛"}, "listeners": "1", "playcount": "2",
            "duration": "0", "userloved": "0", "userplaycount": "31", "toptags": {"tag": []}}});
        let read = track(&answer).expect("a track");
        assert_eq!((read.duration_ms, read.album, read.loved, read.user_plays), (None, None, Some(false), Some(31)));
        answer["track"]["duration"] = json!("201000");
        answer["track"]["album"] = json!({"artist": "달빛", "title": "Bowl", "image": [{"#text": "https://a/b.png"}]});
        let read = track(&answer).expect("a track");
        assert_eq!((read.duration_ms, read.album.map(|album| album.name).as_deref()), (Some(201_000), Some("Bowl")));
    }
}
