//! All the music there is: artists by number, each with four albums of nine tracks.

use std::collections::HashMap;

pub(super) const ALBUMS: u32 = 4;
pub(super) const ALBUM_TRACKS: u32 = 9;
/// Tracks of an artist.
pub(super) const TRACKS: u32 = ALBUMS * ALBUM_TRACKS;
/// Artists that there are; beyond the first ones they have names by number.
pub(super) const ARTISTS: u32 = 20_000;

/// Names with everything that names have: blanks, slashes, pluses, percents, questions, other scripts.
const NAMED: [&str; 40] = [
    "Salt/Pepper",
    "Plus + Minus",
    "100% Broth",
    "Why Not?",
    "Noodle & Sons",
    "달빛소년",
    "夜明けの街",
    "月光乐队",
    "Ästhetik",
    "The Ladles",
    "하늘정원",
    "青い鳥",
    "春日影",
    "Ramen Radio",
    "Low Simmer",
    "Kombu Coast",
    "Night Market",
    "Umami Unit",
    "Steam",
    "봄여름",
    "雨上がり",
    "南方小城",
    "Miso Girls",
    "Slow Boil",
    "Ginger Root Revival",
    "Café Dashi",
    "Sesame Street Lights",
    "No. 5",
    "Wok This Way",
    "The Broths",
    "Chopstick Theory",
    "Bowl Cut",
    "Nori Nights",
    "Tofu Takeover",
    "별하나",
    "遠い灯",
    "江湖夜雨",
    "Lemon & Lime",
    "Boiling Point",
    "Quiet Kitchen",
];
const KOREAN: [&str; 9] = ["선명한", "여름밤", "바다", "첫눈", "너에게", "달그림자", "기억", "새벽", "안녕"];
const JAPANESE: [&str; 9] =
    ["夜空", "さよならの前に", "花びら", "カレイドスコープ", "海と君", "雨音", "帰り道", "ひかり", "夏の終わり"];
const CHINESE: [&str; 9] = ["夜色", "归途", "小城故事", "春风", "遥远的你", "灯火", "雨后", "星河", "再见"];
const LATIN: [&str; 9] = [
    "Vivid",
    "Slow Soup",
    "After the Rain",
    "Ladle",
    "Home / Away",
    "50% Off",
    "Where To?",
    "Rise & Shine",
    "Goodnight",
];
const TAGS: [&str; 8] = ["k-pop", "indie", "city pop", "ambient", "jazz", "rock", "electronic", "folk"];

pub(super) fn artist_name(artist: u32) -> String {
    let known = NAMED.get(artist as usize).map(|name| (*name).to_owned());
    known.unwrap_or_else(|| format!("Artist {artist:05}"))
}

fn words(artist: u32) -> &'static [&'static str; 9] {
    let name = artist_name(artist);
    let has = |range: std::ops::RangeInclusive<char>| name.chars().any(|sign| range.contains(&sign));
    if has('가'..='힣') {
        &KOREAN
    } else if has('ぁ'..='ヿ') || ["春日影", "遠い灯"].contains(&name.as_str()) {
        &JAPANESE
    } else if has('一'..='鿿') {
        &CHINESE
    } else {
        &LATIN
    }
}

/// Albums are 0 to 3.
pub(super) fn album_name(artist: u32, album: u32) -> String {
    let word = words(artist)[((artist + album * 2) % 9) as usize];
    if album == 3 { format!("{word} (Deluxe)") } else { word.to_owned() }
}

/// Tracks are 0 to 35: nine of each album.
pub(super) fn track_name(artist: u32, track: u32) -> String {
    let word = words(artist)[((artist + track) % 9) as usize];
    match track / ALBUM_TRACKS {
        0 => word.to_owned(),
        part => format!("{word} {}", part + 1),
    }
}

pub(super) fn duration_s(artist: u32, track: u32) -> u32 {
    140 + (artist * 7 + track * 13) % 180
}

pub(super) fn tags(artist: u32) -> Vec<&'static str> {
    (0..artist % 4).map(|at| TAGS[((artist + at * 3) % 8) as usize]).collect()
}

/// Every ninth album has no picture.
pub(super) fn has_cover(artist: u32, album: u32) -> bool {
    !(artist * ALBUMS + album + 4).is_multiple_of(9)
}

/// A picture's name: of an album, of an artist (album 9).
pub(super) fn hash(artist: u32, album: u32) -> String {
    format!("{:08x}{:08x}{:016x}", artist, album, u64::from(artist) * 0x9E37_79B9 + u64::from(album))
}

/// Names to numbers, in lower case as Last.fm does it.
#[derive(Debug)]
pub(super) struct Names(HashMap<String, u32>);

impl Names {
    pub(super) fn new() -> Self {
        Self((0..ARTISTS).map(|artist| (artist_name(artist).to_lowercase(), artist)).collect())
    }

    pub(super) fn artist(&self, name: &str) -> Option<u32> {
        self.0.get(&name.trim().to_lowercase()).copied()
    }

    pub(super) fn album(&self, artist: u32, name: &str) -> Option<u32> {
        (0..ALBUMS).find(|album| album_name(artist, *album).to_lowercase() == name.trim().to_lowercase())
    }

    pub(super) fn track(&self, artist: u32, name: &str) -> Option<u32> {
        (0..TRACKS).find(|track| track_name(artist, *track).to_lowercase() == name.trim().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_what_it_is_of() {
        let names = Names::new();
        for artist in 0..60 {
            assert_eq!(names.artist(&artist_name(artist)), Some(artist));
            for album in 0..ALBUMS {
                assert_eq!(names.album(artist, &album_name(artist, album)), Some(album), "{}", artist_name(artist));
            }
            for track in 0..TRACKS {
                assert_eq!(names.track(artist, &track_name(artist, track)), Some(track));
            }
        }
    }
}
