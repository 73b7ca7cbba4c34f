//! The part of the control API under `/control/sites`.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::posts::Scenario;
use super::{Sites, files, web};

/// Every host that is one of the sites.
const HOSTS: [&str; 21] = [
    "x.com",
    "twitter.com",
    "api.x.com",
    "publish.x.com",
    "cdn.syndication.twimg.com",
    "fixer.example.org",
    "bsky.app",
    "public.api.bsky.app",
    "bsky.social",
    "mastodon.social",
    "reddit.com",
    "oauth.reddit.com",
    "youtube.com",
    "tiktok.com",
    "vm.tiktok.com",
    "instagram.com",
    "threads.com",
    "threads.net",
    "trouble.example.org",
    "www.example.org",
    "youtu.be",
];

/// Answers a call: (status, reason) when it fails.
pub(crate) fn order(
    sites: &Sites,
    method: &str,
    path: &[&str],
    query: &[(String, String)],
    body: &Value,
) -> Result<Value, (u16, String)> {
    let bad = |reason: String| (400, reason);
    match (method, path) {
        ("GET", []) => Ok(overview(sites)),
        ("GET", ["posts"]) => Ok(posts()),
        ("GET", ["dns"]) => {
            let host = query.iter().find(|(name, _)| name == "host").map(|(_, host)| host.as_str()).unwrap_or_default();
            let plain = host.strip_prefix("www.").unwrap_or(host);
            let is_known = HOSTS.contains(&plain) || files::HOSTS.contains(&plain) || web::HOSTS.contains(&plain);
            Ok(json!({"addresses": sites.resolve(host, is_known)}))
        }
        ("POST", ["dns"]) => {
            let host = body["host"].as_str().ok_or_else(|| bad("`host` is needed".to_owned()))?;
            let answers = serde_json::from_value(body["answers"].clone()).map_err(|error| bad(error.to_string()))?;
            sites.name(host, answers).map_err(bad)?;
            Ok(json!({}))
        }
        ("POST", ["break"]) => {
            let ordered = serde_json::from_value(body.clone()).map_err(|error| bad(error.to_string()))?;
            sites.order_break(ordered).map_err(bad)?;
            Ok(json!({}))
        }
        ("DELETE", ["break"]) => {
            sites.inner().breaks.clear();
            Ok(json!({}))
        }
        _ => Err((404, "no such control call".to_owned())),
    }
}

fn overview(sites: &Sites) -> Value {
    let inner = sites.inner();
    let breaks: Vec<Value> =
        inner.breaks.iter().map(|(ordered, struck)| json!({"break": ordered, "struck": struck})).collect();
    json!({
        "requests": {"by_host": inner.by_host, "by_strategy": inner.by_label}, "resolved": inner.resolved, "breaks": breaks,
        "flowed_bytes": sites.flowed.load(Ordering::Relaxed),
    })
}

/// A link to every post there is.
fn posts() -> Value {
    let mut all = Vec::new();
    for scenario in Scenario::ALL {
        let n = scenario.number();
        let links = [
            ("x", format!("https://x.com/ann/status/{}", super::x::FIRST + n)),
            ("bluesky", format!("https://bsky.app/profile/ann.bsky.social/post/3kmiso{n}")),
            ("mastodon", format!("https://mastodon.social/@ann/{}", super::mastodon::FIRST + n)),
            ("reddit", format!("https://www.reddit.com/r/soup/comments/miso{n}/a_bowl/")),
            ("youtube", format!("https://www.youtube.com/watch?v=misovideo{n:02}")),
            ("tiktok", format!("https://www.tiktok.com/@ann/video/{}", super::tiktok::FIRST + n)),
            ("instagram", format!("https://www.instagram.com/p/Cmiso{n:02}/")),
            ("threads", format!("https://www.threads.com/@ann/post/Cmiso{n:02}")),
        ];
        all.extend(links.map(|(provider, url)| json!({"provider": provider, "scenario": scenario.name(), "url": url})));
    }
    let pages = [
        ("web", "https://blog.example.org/soup"),
        ("web", "https://video.example.org/watch/1"),
        ("web", "https://cards.example.org/1"),
        ("tumblr", "https://ann.tumblr.com/post/1"),
        ("imgur", "https://imgur.com/gallery/1"),
    ];
    all.extend(pages.map(|(provider, url)| json!({"provider": provider, "scenario": "page", "url": url})));
    all.into()
}
