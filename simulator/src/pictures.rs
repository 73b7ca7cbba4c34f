//! The CDN: a picture for every user and guild, drawn from its id, so that nothing is fetched from
//! anywhere.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::snowflake::Mix;

/// `/cdn/avatars/{user}/{hash}.png`, `/cdn/icons/{guild}/{hash}.png`, `/cdn/embed/avatars/{n}.png` and the
/// like, as SVG whatever the ending says: browsers go by the type.
pub(crate) fn answer(path: &str) -> Response<Full<Bytes>> {
    let numbers = path.split(['/', '.']).filter_map(|part| part.parse::<u64>().ok());
    let Some(id) = numbers.max().filter(|_| is_picture(path)) else {
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(Full::new(Bytes::from(drawn(id))));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

fn is_picture(path: &str) -> bool {
    ["/avatars/", "/icons/", "/embed/avatars/", "/banners/", "/emojis/", "/guilds/"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// A bowl on a ground of the id's own colours.
fn drawn(id: u64) -> String {
    let mut mix = Mix::new(id);
    let ground = mix.below(360);
    let bowl = (ground + 150 + mix.below(60)) % 360;
    let (tilt, steam) = (mix.below(31), 2 + mix.below(3));
    let lines: String = (0..steam)
        .map(|n| {
            let x = 64 - (steam - 1) * 9 + n * 18;
            format!("<path d=\"M{x} 54q-6-9 0-17t0-17\"/>")
        })
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 128 128\" width=\"128\" height=\"128\">\
         <rect width=\"128\" height=\"128\" fill=\"hsl({ground} 55% 62%)\"/>\
         <g transform=\"rotate({} 64 74)\"><path d=\"M22 64h84a42 42 0 0 1-84 0z\" fill=\"hsl({bowl} 60% 34%)\"/>\
         <ellipse cx=\"64\" cy=\"64\" rx=\"42\" ry=\"9\" fill=\"hsl({bowl} 60% 82%)\"/></g>\
         <g fill=\"none\" stroke=\"#fff\" stroke-width=\"5\" stroke-linecap=\"round\" opacity=\".85\">{lines}</g></svg>",
        i64::try_from(tilt).unwrap_or(0) - 15
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_its_own_picture_and_other_paths_have_none() {
        assert_eq!(drawn(5), drawn(5));
        assert_ne!(drawn(5), drawn(6));
        assert_eq!(answer("/avatars/5/abc.png").status(), StatusCode::OK);
        assert_eq!(answer("/avatars/x/abc.png").status(), StatusCode::NOT_FOUND);
        assert_eq!(answer("/secrets/5").status(), StatusCode::NOT_FOUND);
    }
}
