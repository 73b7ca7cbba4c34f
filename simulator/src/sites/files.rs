//! Pictures and videos, small and real enough: PNG drawn from the path, the head of an MP4. With ranges.

use std::io::Write as _;

use flate2::{Compression, Crc, write::ZlibEncoder};

use super::{Asked, Paced, Reply};
use crate::snowflake::Mix;

pub(super) const HOSTS: [&str; 9] = [
    "pbs.twimg.com",
    "video.twimg.com",
    "cdn.bsky.app",
    "files.mastodon.social",
    "i.redd.it",
    "v.redd.it",
    "i.ytimg.com",
    "p16-sign.tiktokcdn.com",
    "scontent.cdninstagram.com",
];
const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;
/// Bytes of a video.
const VIDEO_BYTES: usize = 24_000;

pub(super) fn answer(asked: &Asked) -> Reply {
    // A signed address that ran out, as sites say it.
    if asked.path.contains("expired") {
        return Reply::html("file", 403, "URL signature expired");
    }
    let (kind, bytes) =
        if asked.path.contains(".mp4") { ("video/mp4", video()) } else { ("image/png", picture(&asked.path)) };
    ranged(asked, kind, &bytes)
}

/// The part that was asked for.
pub(super) fn ranged(asked: &Asked, kind: &'static str, bytes: &[u8]) -> Reply {
    let whole = bytes.len();
    let reply = |status, part: &[u8]| {
        Reply { kind, ..Reply::html("file", status, part.to_vec()) }.with("accept-ranges", "bytes")
    };
    let Some((from, to)) = asked.header("range").strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return reply(200, bytes);
    };
    let (first, last) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, last.min(whole - 1)),
        (Ok(first), Err(_)) => (first, whole - 1),
        (Err(_), Ok(tail)) => (whole.saturating_sub(tail), whole - 1),
        (Err(_), Err(_)) => return reply(200, bytes),
    };
    if first >= whole || first > last {
        return Reply { body: Paced::whole(""), ..reply(416, bytes) }.with("content-range", format!("bytes */{whole}"));
    }
    reply(206, &bytes[first..=last]).with("content-range", format!("bytes {first}-{last}/{whole}"))
}

/// A file-type box and a free one.
pub(super) fn video() -> Vec<u8> {
    let mut bytes = b"\0\0\0\x18ftypisom\0\0\x02\0isommp41".to_vec();
    let free = u32::try_from(VIDEO_BYTES - bytes.len()).unwrap_or(8);
    bytes.extend_from_slice(&free.to_be_bytes());
    bytes.extend_from_slice(b"free");
    bytes.extend((bytes.len()..VIDEO_BYTES).map(|n| (n % 251) as u8));
    bytes
}

/// A bowl's colours, from the path.
pub(super) fn picture(path: &str) -> Vec<u8> {
    let seed = path.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut mix = Mix::new(seed);
    let (ground, bowl): ([u64; 3], [u64; 3]) =
        ([(); 3].map(|()| 90 + mix.below(160)), [(); 3].map(|()| mix.below(120)));
    let mut rows = Vec::new();
    for y in 0..HEIGHT {
        rows.push(0);
        for x in 0..WIDTH {
            let (dx, dy) = (i64::from(x) - 80, i64::from(y) - 50);
            let is_bowl = dy >= 0 && dx * dx + dy * dy <= 50 * 50;
            let colour = if is_bowl { bowl } else { ground.map(|part| part - u64::from(y) / 3) };
            rows.extend(colour.map(|part| part as u8));
        }
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let _in_memory = packed.write_all(&rows);
    let data = packed.finish().unwrap_or_default();
    let mut header = [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat();
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &header), (b"IDAT", &data), (b"IEND", &Vec::new())] {
        png.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
        png.extend_from_slice(kind);
        png.extend_from_slice(data);
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        png.extend_from_slice(&crc.sum().to_be_bytes());
    }
    png
}
