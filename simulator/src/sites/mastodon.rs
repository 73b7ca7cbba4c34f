//! A Mastodon server: its API, oEmbed, and pages.

use serde_json::{Value, json};

use super::posts::{Scenario, Seeded};
use super::{Asked, Reply, last_number, web};

/// Number of the first post.
pub(super) const FIRST: u64 = 115_000_000_000_000_000;

fn post(path: &str) -> Option<Seeded> {
    Seeded::of(last_number(path)?.checked_sub(FIRST)?)
}

pub(super) fn answer(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        path if path.starts_with("/api/v1/statuses/") => api(post(path)),
        "/api/oembed" => oembed(web::shown(post(asked.query("url")))),
        path => {
            let url = format!("https://mastodon.social{path}");
            let link = format!(
                "<link href=\"https://mastodon.social/api/oembed?format=json&amp;url={url}\" rel=\"alternate\" type=\"application/json+oembed\">"
            );
            web::page("mastodon.opengraph", web::shown(post(path)), "Ann (@ann@mastodon.social)", &link)
        }
    }
}

fn api(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "mastodon.api";
    let error = |status, error: &str| Reply::json(LABEL, status, &json!({"error": error}));
    match found.map(|found| (found, found.scenario)) {
        None | Some((_, Scenario::Gone)) => error(404, "Record not found"),
        Some((_, Scenario::Private | Scenario::Age)) => error(401, "This method requires an authenticated user"),
        Some((found, _)) => Reply::json(LABEL, 200, &status(found)),
    }
}

fn status(found: Seeded) -> Value {
    let n = found.n;
    let mut media: Vec<Value> = (0..found.pictures())
        .map(|k| json!({"id": k.to_string(), "type": "image", "url": format!("https://files.mastodon.social/media/{n}-{k}.png"), "preview_url": null,
            "description": "A bowl of soup", "meta": {"original": {"width": 160, "height": 120}}}))
        .collect();
    if found.is(Scenario::Video) {
        media.push(json!({"id": "9", "type": "video", "url": "https://files.mastodon.social/media/video.mp4", "preview_url": "https://files.mastodon.social/media/video.png",
            "description": null, "meta": {"original": {"width": 720, "height": 1280, "duration": 9.0, "bitrate": 832_000}}}));
    }
    let mut status = json!({
        "id": (FIRST + n).to_string(), "created_at": found.created(), "sensitive": found.is(Scenario::Sensitive),
        "spoiler_text": if found.is(Scenario::Sensitive) { "Fish heads" } else { "" }, "visibility": "public", "language": "en",
        "url": format!("https://mastodon.social/@ann/{}", FIRST + n), "replies_count": found.replies(), "reblogs_count": found.reposts(), "favourites_count": found.likes(),
        "content": format!("<p>{}</p><p>More at <a href=\"https://blog.example.org/soup\" rel=\"nofollow\"><span class=\"invisible\">https://</span>blog.example.org/soup</a></p>", found.text()),
        "account": {"id": "1", "username": "ann", "acct": "ann", "display_name": "Ann", "url": "https://mastodon.social/@ann", "avatar": "https://files.mastodon.social/avatars/ann.png"},
        "media_attachments": media, "poll": null, "card": null, "reblog": null,
    });
    if found.is(Scenario::Poll) {
        status["poll"] = json!({"id": "1", "expires_at": "2026-12-02T10:00:00.000Z", "expired": false, "multiple": false, "votes_count": 42,
            "options": [{"title": "Red", "votes_count": 12}, {"title": "White", "votes_count": 30}]});
    }
    if let Some(quoted) = Seeded::of(0).filter(|_| found.is(Scenario::Quote)) {
        status["quote"] = json!({"state": "accepted", "quoted_status": self::status(quoted)});
    }
    status
}

fn oembed(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "mastodon.oembed";
    match found {
        None => Reply::json(LABEL, 404, &json!({"error": "Record not found"})),
        Some(_) => Reply::json(
            LABEL,
            200,
            &json!({"type": "rich", "version": "1.0", "author_name": "Ann", "author_url": "https://mastodon.social/@ann",
            "provider_name": "mastodon.social", "html": "<iframe></iframe>", "width": 400, "height": null}),
        ),
    }
}
