//! What callers get: one stable shape, whatever Last.fm calls it. Times are Unix milliseconds, numbers are
//! numbers, what is not known is null.

use serde::{Deserialize, Serialize};

/// Somebody, by name only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

/// The album of a track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlbumOf {
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    /// `2018-06-05`, `2018-06` or `2018`; only where details were asked for.
    #[serde(default)]
    pub(crate) release_date: Option<String>,
}

/// A track somebody listens or listened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub(crate) name: String,
    pub(crate) artist: Named,
    pub(crate) album: Option<AlbumOf>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) loved: Option<bool>,
    pub(crate) url: Option<String>,
}

/// A track in a list of listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listen {
    #[serde(flatten)]
    pub(crate) track: Track,
    pub(crate) now_playing: bool,
    pub(crate) played_at: Option<i64>,
}

/// A page of listens, the newest first. The track that is playing is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listens {
    pub(crate) tracks: Vec<Listen>,
    pub(crate) total: u64,
    pub(crate) cursor: Option<String>,
}

/// An artist, album or track in a list by plays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artist: Option<Named>,
    pub(crate) plays: u64,
    pub(crate) image: Option<String>,
    pub(crate) rank: u64,
    pub(crate) url: Option<String>,
}

/// A page of a list by plays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Items {
    pub(crate) items: Vec<Item>,
    pub(crate) total: u64,
    pub(crate) cursor: Option<String>,
    /// As it was asked for; null of a week.
    pub(crate) period: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) real_name: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) registered_at: Option<i64>,
    pub(crate) plays: u64,
    pub(crate) artists: Option<u64>,
    pub(crate) albums: Option<u64>,
    pub(crate) tracks: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArtistInfo {
    pub(crate) name: String,
    pub(crate) url: Option<String>,
    pub(crate) listeners: u64,
    pub(crate) plays: u64,
    pub(crate) user_plays: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) bio: Option<String>,
    pub(crate) image: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlbumTrack {
    pub(crate) name: String,
    pub(crate) duration_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlbumInfo {
    pub(crate) name: String,
    pub(crate) artist: Named,
    pub(crate) url: Option<String>,
    pub(crate) listeners: u64,
    pub(crate) plays: u64,
    pub(crate) user_plays: Option<u64>,
    pub(crate) tags: Vec<String>,
    pub(crate) bio: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) tracks: Vec<AlbumTrack>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) release_date: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrackInfo {
    pub(crate) name: String,
    pub(crate) artist: Named,
    pub(crate) album: Option<AlbumOf>,
    pub(crate) url: Option<String>,
    pub(crate) listeners: u64,
    pub(crate) plays: u64,
    pub(crate) user_plays: Option<u64>,
    pub(crate) loved: Option<bool>,
    pub(crate) tags: Vec<String>,
    pub(crate) bio: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) duration_ms: Option<u64>,
}
