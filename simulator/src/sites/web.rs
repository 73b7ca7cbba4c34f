//! Pages that tell what they are: by oEmbed, OpenGraph or a Twitter card.

use serde_json::json;

use super::posts::{Scenario, Seeded};
use super::{Asked, Reply};

pub(super) const HOSTS: [&str; 5] =
    ["blog.example.org", "video.example.org", "cards.example.org", "ann.tumblr.com", "imgur.com"];

/// A post that strangers are shown.
pub(super) fn shown(found: Option<Seeded>) -> Option<Seeded> {
    found.filter(|found| ![Scenario::Gone, Scenario::Private, Scenario::Age].contains(&found.scenario))
}

/// The page of a post, for those who run no scripts; without a post, the page that says so.
pub(super) fn page(label: &'static str, found: Option<Seeded>, title: &str, head: &str) -> Reply {
    let Some(found) = found else {
        return Reply::html(
            label,
            200,
            format!("<!doctype html><html><head><title>Page not found</title>{head}</head></html>"),
        );
    };
    let page = format!(
        "<!doctype html><html><head><title>A post</title><meta property=\"og:title\" content=\"{title}\">\
         <meta property=\"og:description\" content=\"{text}\"><meta property=\"og:image\" content=\"https://cdn.bsky.app/og/{n}.png\">\
         <meta property=\"og:image:width\" content=\"160\"><meta property=\"og:image:height\" content=\"120\">{head}</head><body></body></html>",
        text = found.text(),
        n = found.n,
    );
    Reply::html(label, 200, page)
}

pub(super) fn answer(asked: &Asked) -> Reply {
    match (asked.host.as_str(), asked.path.as_str()) {
        (_, "/oembed") => Reply::json(
            "web.oembed",
            200,
            &json!({
                "version": "1.0", "type": "video", "title": "How it simmers", "author_name": "Ann", "author_url": "https://video.example.org/ann",
                "thumbnail_url": "https://i.ytimg.com/simmers.jpg", "thumbnail_width": 480, "thumbnail_height": 360,
            }),
        ),
        // What of a request arrives, for those who send more than they should.
        (_, "/echo") => {
            let seen: Vec<&str> = asked.headers.keys().map(http::HeaderName::as_str).collect();
            Reply::html("web", 200, format!("<meta property=\"og:title\" content=\"{}\">", seen.join(" ")))
        }
        ("cards.example.org", _) => Reply::html(
            "web",
            200,
            "<html><head><title>A page</title><meta name=\"twitter:card\" content=\"summary\"><meta name=\"twitter:title\" content=\"A card\">\
             <meta name=\"twitter:description\" content=\"And what it says\"><meta name=\"twitter:site\" content=\"@cards\">\
             <meta name=\"twitter:image\" content=\"https://i.ytimg.com/card.png\"></head></html>",
        ),
        (host, path) => {
            let page = format!(
                "<html><head><title>Soup</title><link rel=\"alternate\" type=\"application/json+oembed\" href=\"/oembed?url=https%3A%2F%2F{host}{path}\">\
                 <meta property=\"og:title\" content=\"Soup &amp; more\"><meta property=\"og:description\" content=\"Slowly, over a low fire\">\
                 <meta property=\"og:image\" content=\"https://i.ytimg.com/soup.png\"><meta property=\"og:locale\" content=\"en_GB\"></head></html>"
            );
            Reply::html("web", 200, page)
        }
    }
}
