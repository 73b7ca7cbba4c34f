//! X: what embedded posts ask for, guest tokens and GraphQL, oEmbed, and a third party's JSON.

use serde_json::{Value, json};

use super::posts::{Scenario, Seeded};
use super::{Asked, Reply, last_number, web};

/// Number of the first post.
pub(super) const FIRST: u64 = 1_900_000_000_000_000_000;
const GUEST: &str = "1900000000000000777";

fn post(id: Option<u64>) -> Option<Seeded> {
    Seeded::of(id?.checked_sub(FIRST)?)
}

pub(super) fn answer(asked: &Asked) -> Reply {
    match (asked.host.as_str(), asked.path.as_str()) {
        ("cdn.syndication.twimg.com", "/tweet-result") => syndication(asked),
        ("fixer.example.org", _) => configured(post(last_number(&asked.path))),
        ("api.x.com", "/1.1/guest/activate.json")
            if asked.method == "POST" && asked.header("authorization").starts_with("Bearer ") =>
        {
            Reply::json("x.graphql", 200, &json!({"guest_token": GUEST}))
        }
        ("api.x.com", path) if path.ends_with("/TweetResultByRestId") => graphql(asked),
        ("publish.x.com", "/oembed") => oembed(post(last_number(asked.query("url")))),
        _ => Reply::html(
            "x.page",
            200,
            "<!doctype html><html><head><title>X</title></head><body>JavaScript is not available.</body></html>",
        ),
    }
}

fn syndication(asked: &Asked) -> Reply {
    let found = post(asked.query("id").parse().ok()).filter(|_| !asked.query("token").is_empty());
    let Some(found) = found else { return Reply::json("x.syndication", 404, &json!({})) };
    let tombstone = |text: &str| json!({"__typename": "TweetTombstone", "tombstone": {"text": {"text": text, "entities": [], "rtl": false}}});
    let body = match found.scenario {
        Scenario::Gone => tombstone("This Post was deleted by the Post author. Learn more"),
        Scenario::Private => tombstone(
            "You’re unable to view this Post because this account owner limits who can view their Posts. Learn more",
        ),
        Scenario::Age => tombstone(
            "Age-restricted adult content. This content might not be appropriate for people under 18 years old.",
        ),
        _ => syndicated(found),
    };
    Reply::json("x.syndication", 200, &body)
}

fn media(found: Seeded) -> Vec<Value> {
    let short = "https://t.co/media00001";
    let n = found.n;
    if found.is(Scenario::Video) {
        let variant = |bitrate: u64| json!({"bitrate": bitrate, "content_type": "video/mp4", "url": format!("https://video.twimg.com/ext_tw_video/{n}/vid/{bitrate}/a.mp4")});
        return vec![json!({
            "type": "video", "url": short, "media_url_https": format!("https://pbs.twimg.com/media/video{n}.jpg"), "original_info": {"width": 720, "height": 1280},
            "video_info": {"aspect_ratio": [9, 16], "duration_millis": 9000, "variants": [
                {"content_type": "application/x-mpegURL", "url": "https://video.twimg.com/a.m3u8"}, variant(832_000), variant(2_176_000)]},
        })];
    }
    (0..found.pictures())
        .map(|k| {
            json!({"type": "photo", "url": short, "media_url_https": format!("https://pbs.twimg.com/media/{n}-{k}.jpg"),
            "original_info": {"width": 160, "height": 120}, "ext_alt_text": "A bowl of soup"})
        })
        .collect()
}

fn text(found: Seeded) -> String {
    let media = if media(found).is_empty() { "" } else { " https://t.co/media00001" };
    format!("{} &amp; more at https://t.co/short00001{media}", found.text())
}

fn entities(found: Seeded) -> Value {
    json!({
        "urls": [{"url": "https://t.co/short00001", "expanded_url": "https://blog.example.org/soup", "display_url": "blog.example.org/soup", "indices": [0, 1]}],
        "hashtags": if found.is(Scenario::Text) { json!([{"text": "miso", "indices": [27, 32]}]) } else { json!([]) },
        "user_mentions": [], "symbols": [], "media": media(found),
    })
}

fn user() -> Value {
    json!({"id_str": "42", "name": "Ann", "screen_name": "ann", "profile_image_url_https": "https://pbs.twimg.com/profile_images/ann.jpg", "verified": false})
}

fn syndicated(found: Seeded) -> Value {
    let mut tweet = json!({
        "__typename": "Tweet", "id_str": (FIRST + found.n).to_string(), "text": text(found), "lang": "en", "created_at": found.created(),
        "favorite_count": found.likes(), "conversation_count": found.replies(), "user": user(), "entities": entities(found),
        "mediaDetails": media(found), "possibly_sensitive": found.is(Scenario::Sensitive), "display_text_range": [0, 20],
    });
    if let Some(quoted) = Seeded::of(0).filter(|_| found.is(Scenario::Quote)) {
        tweet["quoted_tweet"] = syndicated(quoted);
    }
    tweet
}

fn graphql(asked: &Asked) -> Reply {
    const LABEL: &str = "x.graphql";
    if asked.header("x-guest-token") != GUEST {
        return Reply::json(LABEL, 403, &json!({"errors": [{"message": "Bad guest token", "code": 239}]}));
    }
    let variables: Value = serde_json::from_str(asked.query("variables")).unwrap_or_default();
    let found = post(variables["tweetId"].as_str().and_then(|id| id.parse().ok()));
    let unavailable = |reason: &str| json!({"data": {"tweetResult": {"result": {"__typename": "TweetUnavailable", "reason": reason}}}});
    let body = match found.map(|found| (found, found.scenario)) {
        None | Some((_, Scenario::Gone)) => json!({"data": {"tweetResult": {}}}),
        Some((_, Scenario::Private)) => unavailable("Protected"),
        Some((_, Scenario::Age)) => unavailable("NsfwLoggedOut"),
        Some((found, _)) => json!({"data": {"tweetResult": {"result": result(found)}}}),
    };
    Reply::json(LABEL, 200, &body)
}

fn result(found: Seeded) -> Value {
    let mut result = json!({
        "__typename": "Tweet", "rest_id": (FIRST + found.n).to_string(), "views": {"count": found.views().to_string(), "state": "EnabledWithCount"},
        "core": {"user_results": {"result": {"core": {"name": "Ann", "screen_name": "ann"}, "avatar": {"image_url": "https://pbs.twimg.com/profile_images/ann.jpg"}, "legacy": {}}}},
        "legacy": {
            "full_text": text(found), "lang": "en", "created_at": format!("Sun Nov 01 {:02}:00:00 +0000 2026", 10 + found.n), "favorite_count": found.likes(),
            "retweet_count": found.reposts(), "reply_count": found.replies(), "entities": entities(found), "extended_entities": {"media": media(found)},
            "possibly_sensitive": found.is(Scenario::Sensitive),
        },
    });
    if found.is(Scenario::Poll) {
        let value = |key: &str, text: &str| json!({"key": key, "value": {"string_value": text, "type": "STRING"}});
        result["card"] = json!({"legacy": {"name": "poll2choice_text_only", "binding_values": [
            value("choice1_label", "Red"), value("choice1_count", "12"), value("choice2_label", "White"), value("choice2_count", "30"),
            value("end_datetime_utc", "2026-12-02T10:00:00Z"), {"key": "counts_are_final", "value": {"boolean_value": false, "type": "BOOLEAN"}}]}});
    }
    if let Some(quoted) = Seeded::of(0).filter(|_| found.is(Scenario::Quote)) {
        result["quoted_status_result"] = json!({"result": self::result(quoted)});
    }
    result
}

fn configured(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "x.configured";
    let refusal = |code: u16, message: &str| Reply::json(LABEL, code, &json!({"code": code, "message": message}));
    let Some(found) = found.filter(|found| !found.is(Scenario::Gone)) else { return refusal(404, "NOT_FOUND") };
    if found.is(Scenario::Private) {
        return refusal(401, "PRIVATE_TWEET");
    }
    let item = |item: &Value| json!({"type": item["type"], "url": item["media_url_https"], "width": item["original_info"]["width"], "height": item["original_info"]["height"]});
    let media: Vec<Value> = media(found).iter().map(item).collect();
    let tweet = json!({
        "url": format!("https://x.com/ann/status/{}", FIRST + found.n), "id": (FIRST + found.n).to_string(), "text": found.text(), "lang": "en",
        "author": {"name": "Ann", "screen_name": "ann", "avatar_url": "https://pbs.twimg.com/profile_images/ann.jpg"}, "created_timestamp": found.created_s(),
        "likes": found.likes(), "retweets": found.reposts(), "replies": found.replies(), "views": found.views(),
        "possibly_sensitive": found.is(Scenario::Sensitive), "media": {"all": media},
    });
    Reply::json(LABEL, 200, &json!({"code": 200, "message": "OK", "tweet": tweet}))
}

fn oembed(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "x.oembed";
    let Some(found) = web::shown(found) else {
        return Reply::html(LABEL, 404, "");
    };
    let html = format!(
        "<blockquote class=\"twitter-tweet\"><p lang=\"en\" dir=\"ltr\">{} <a href=\"https://t.co/short00001\">blog.example.org/soup</a></p>&mdash; Ann (@ann)</blockquote>",
        found.text()
    );
    Reply::json(
        LABEL,
        200,
        &json!({"url": format!("https://x.com/ann/status/{}", FIRST + found.n), "author_name": "Ann", "author_url": "https://x.com/ann",
        "html": html, "type": "rich", "version": "1.0", "provider_name": "X"}),
    )
}
