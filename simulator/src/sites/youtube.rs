//! YouTube: oEmbed, and the page with what its player begins from.

use serde_json::json;

use super::posts::{Scenario, Seeded};
use super::{Asked, Reply, web};

fn post(id: &str) -> Option<Seeded> {
    Seeded::of(id.rsplit(['=', '/']).next()?.strip_prefix("misovideo")?.parse().ok()?)
}

pub(super) fn answer(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        "/oembed" => oembed(post(asked.query("url"))),
        "/watch" => page(post(asked.query("v"))),
        path => page(post(path)),
    }
}

fn oembed(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "youtube.oembed";
    match found.map(|found| (found, found.scenario)) {
        None | Some((_, Scenario::Gone)) => Reply::html(LABEL, 404, "Not Found"),
        Some((_, Scenario::Private | Scenario::Age)) => Reply::html(LABEL, 401, "Unauthorized"),
        Some((found, _)) => Reply::json(
            LABEL,
            200,
            &json!({
                "title": found.text(), "author_name": "Ann", "author_url": "https://www.youtube.com/@ann", "type": "video", "height": 113, "width": 200, "version": "1.0",
                "provider_name": "YouTube", "thumbnail_height": 360, "thumbnail_width": 480, "thumbnail_url": format!("https://i.ytimg.com/vi/misovideo{:02}/hqdefault.jpg", found.n),
                "html": "<iframe></iframe>",
            }),
        ),
    }
}

fn page(found: Option<Seeded>) -> Reply {
    let state = match found.map(|found| found.scenario) {
        None | Some(Scenario::Gone) => json!({"status": "ERROR", "reason": "This video isn't available anymore"}),
        Some(Scenario::Private) => {
            json!({"status": "LOGIN_REQUIRED", "reason": "This is a private video. Please sign in to verify that you may see it."})
        }
        Some(Scenario::Age) => json!({"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm your age"}),
        Some(_) => json!({"status": "OK"}),
    };
    let views = found.map(|found| found.views().to_string());
    let response = json!({"playabilityStatus": state, "videoDetails": {"lengthSeconds": "9", "viewCount": views, "author": "Ann"}});
    let script = format!("<script nonce=\"x\">var ytInitialPlayerResponse = {response};var meta = 1;</script>");
    web::page("youtube.opengraph", web::shown(found), found.map(Seeded::text).unwrap_or_default(), &script)
}
