//! Pictures: PNGs drawn from their names.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use http::StatusCode;

use super::Answer;
use crate::snowflake::Mix;

/// Pixels of a side.
const SIDE: u32 = 300;

/// `/i/u/{size}/{hash}.png`, in one size whatever is asked for.
pub(super) fn answer(path: &str) -> Answer {
    let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".png");
    let is_hash = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u64::from_str_radix(name.get(..16).unwrap_or_default(), 16) {
        Ok(number) if is_hash => Answer { status: StatusCode::OK, kind: "image/png", body: drawn(number).into() },
        _ => Answer::html(StatusCode::NOT_FOUND, String::new()),
    }
}

/// A disc on a slanting ground.
fn drawn(number: u64) -> Vec<u8> {
    let mut mix = Mix::new(number);
    let mut colour = || [mix.below(256), mix.below(256), mix.below(256)].map(|value| u32::try_from(value).unwrap_or(0));
    let (from, to, disc) = (colour(), colour(), colour());
    let (x0, y0) = (mix.below(300), mix.below(300));
    let radius = 40 + mix.below(80);
    let mut raw = Vec::with_capacity((SIDE * (SIDE * 3 + 1)) as usize);
    for y in 0..SIDE {
        raw.push(0);
        for x in 0..SIDE {
            let inside = u64::from(x).abs_diff(x0).pow(2) + u64::from(y).abs_diff(y0).pow(2) < radius * radius;
            let share = (x + y) / 2;
            for at in 0..3 {
                let ground = (from[at] * (SIDE - share) + to[at] * share) / SIDE;
                raw.push(u8::try_from(if inside { disc[at] } else { ground }).unwrap_or(255));
            }
        }
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&SIDE.to_be_bytes()[..], &SIDE.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    chunk(&mut png, *b"IHDR", &header);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let packed = packed.write_all(&raw).and_then(|()| packed.finish()).unwrap_or_default();
    chunk(&mut png, *b"IDAT", &packed);
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    png.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&kind);
    crc.update(data);
    png.extend(kind);
    png.extend(data);
    png.extend(crc.sum().to_be_bytes());
}
