//! Bluesky: its public view, blobs, and pages.

use serde_json::{Value, json};

use super::posts::{Scenario, Seeded};
use super::{Asked, Reply, files, web};

const DID: &str = "did:plc:miso0000000000000000ann";

fn post(key: &str) -> Option<Seeded> {
    Seeded::of(key.rsplit('/').next()?.strip_prefix("3kmiso")?.parse().ok()?)
}

pub(super) fn answer(asked: &Asked) -> Reply {
    match asked.host.as_str() {
        "public.api.bsky.app" => thread(post(asked.query("uri"))),
        "bsky.social" => files::ranged(asked, "application/octet-stream", &files::video()),
        _ => web::page("bluesky.opengraph", web::shown(post(&asked.path)), "Ann (@ann.bsky.social)", ""),
    }
}

fn thread(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "bluesky.appview";
    let Some(found) = found.filter(|found| !found.is(Scenario::Gone)) else {
        return Reply::json(LABEL, 400, &json!({"error": "NotFound", "message": "Post not found"}));
    };
    let thread = if found.is(Scenario::Private) {
        json!({"$type": "app.bsky.feed.defs#blockedPost", "blocked": true})
    } else {
        json!({"$type": "app.bsky.feed.defs#threadViewPost", "post": view(found), "replies": []})
    };
    Reply::json(LABEL, 200, &json!({"thread": thread}))
}

fn author(found: Seeded) -> Value {
    let labels = if found.is(Scenario::Age) { json!([{"val": "!no-unauthenticated", "src": DID}]) } else { json!([]) };
    json!({"did": DID, "handle": "ann.bsky.social", "displayName": "Ann", "avatar": "https://cdn.bsky.app/img/avatar/ann.jpg", "labels": labels})
}

fn record(found: Seeded) -> Value {
    let mut record =
        json!({"$type": "app.bsky.feed.post", "text": found.text(), "createdAt": found.created(), "langs": ["en"]});
    if found.is(Scenario::Text) {
        record["facets"] = json!([{"index": {"byteStart": 26, "byteEnd": 31}, "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "miso"}]}]);
    }
    if found.is(Scenario::Video) {
        record["embed"] = json!({"$type": "app.bsky.embed.video", "video": {"$type": "blob", "ref": {"$link": "bafymisovideo"}, "mimeType": "video/mp4", "size": 24_000}});
    }
    record
}

fn view(found: Seeded) -> Value {
    let n = found.n;
    let mut view = json!({
        "uri": format!("at://{DID}/app.bsky.feed.post/3kmiso{n}"), "cid": "bafymiso", "author": author(found), "record": record(found),
        "likeCount": found.likes(), "repostCount": found.reposts(), "replyCount": found.replies(), "quoteCount": 1,
        "labels": if found.is(Scenario::Sensitive) { json!([{"val": "graphic-media", "src": DID}]) } else { json!([]) },
    });
    let images: Vec<Value> = (0..found.pictures())
        .map(|k| json!({"thumb": format!("https://cdn.bsky.app/img/feed_thumbnail/{n}-{k}.jpg"), "fullsize": format!("https://cdn.bsky.app/img/feed_fullsize/{n}-{k}.jpg"),
            "alt": "A bowl of soup", "aspectRatio": {"width": 160, "height": 120}}))
        .collect();
    if !images.is_empty() {
        view["embed"] = json!({"$type": "app.bsky.embed.images#view", "images": images});
    }
    if found.is(Scenario::Video) {
        view["embed"] = json!({"$type": "app.bsky.embed.video#view", "cid": "bafymisovideo", "playlist": "https://video.bsky.app/watch/playlist.m3u8",
            "thumbnail": "https://cdn.bsky.app/img/video.jpg", "aspectRatio": {"width": 720, "height": 1280}});
    }
    if let Some(quoted) = Seeded::of(0).filter(|_| found.is(Scenario::Quote)) {
        view["embed"] = json!({"$type": "app.bsky.embed.record#view", "record": {
            "$type": "app.bsky.embed.record#viewRecord", "uri": format!("at://{DID}/app.bsky.feed.post/3kmiso0"), "author": author(quoted),
            "value": record(quoted), "likeCount": quoted.likes(), "embeds": [], "labels": []}});
    }
    view
}
