//! TikTok: the page with the JSON that it begins from, the same over its interface, oEmbed, short links.

use serde_json::{Value, json};

use super::posts::{Scenario, Seeded};
use super::{Asked, Reply, last_number, web};

/// Number of the first post.
pub(super) const FIRST: u64 = 7_300_000_000_000_000_000;

fn post(id: Option<u64>) -> Option<Seeded> {
    Seeded::of(id?.checked_sub(FIRST)?)
}

pub(super) fn answer(asked: &Asked) -> Reply {
    match (asked.host.as_str(), asked.path.as_str()) {
        ("vm.tiktok.com", _) => {
            Reply::redirect("tiktok.short", &format!("https://www.tiktok.com/@ann/video/{}?_r=1", FIRST + 2))
        }
        (_, "/api/item/detail/") => {
            Reply::json("tiktok.detail", 200, &detail(post(asked.query("itemId").parse().ok())))
        }
        (_, "/oembed") => oembed(post(last_number(asked.query("url")))),
        (_, path) => page(post(last_number(path))),
    }
}

fn detail(found: Option<Seeded>) -> Value {
    let refused = |code: u32| json!({"statusCode": code, "statusMsg": "", "itemInfo": {}});
    match found.map(|found| (found, found.scenario)) {
        None | Some((_, Scenario::Gone)) => refused(10_204),
        Some((_, Scenario::Private)) => refused(10_222),
        Some((_, Scenario::Age)) => refused(10_225),
        Some((found, _)) => json!({"statusCode": 0, "statusMsg": "", "itemInfo": {"itemStruct": item(found)}}),
    }
}

fn item(found: Seeded) -> Value {
    let n = found.n;
    // Signed addresses, good until far in the future.
    let signed = |path: String| format!("https://p16-sign.tiktokcdn.com/{path}?x-expires=4102444800&x-signature=s");
    let rate = |bitrate: u64, bytes: u64| json!({"Bitrate": bitrate, "GearName": "normal", "PlayAddr": {"DataSize": bytes.to_string(), "UrlList": [signed(format!("video{n}-{bitrate}.mp4"))]}});
    let mut item = json!({
        "id": (FIRST + n).to_string(), "desc": found.text(), "createTime": found.created_s().to_string(), "textLanguage": "en",
        "author": {"uniqueId": "ann", "nickname": "Ann", "avatarThumb": signed("ann.jpg".to_owned())},
        "stats": {"diggCount": found.likes(), "shareCount": found.reposts(), "commentCount": found.replies(), "playCount": found.views()},
        "textExtra": if found.is(Scenario::Text) { json!([{"hashtagName": "miso", "start": 26, "end": 31}]) } else { json!([]) },
        "video": {"width": 720, "height": 1280, "duration": 9, "cover": signed(format!("cover{n}.jpg")), "playAddr": signed(format!("video{n}.mp4")),
            "bitrateInfo": [rate(832_000, 12_000), rate(2_176_000, 24_000)]},
    });
    if found.pictures() > 1 {
        let one = |k: u64| json!({"imageURL": {"urlList": [signed(format!("{n}-{k}.jpg"))]}, "imageWidth": 160, "imageHeight": 120});
        item["imagePost"] = json!({"images": (0..found.pictures()).map(one).collect::<Vec<_>>()});
    }
    item
}

fn page(found: Option<Seeded>) -> Reply {
    let data =
        json!({"__DEFAULT_SCOPE__": {"webapp.app-context": {"language": "en"}, "webapp.video-detail": detail(found)}});
    let page = format!(
        "<!DOCTYPE html><html><head><script id=\"__UNIVERSAL_DATA_FOR_REHYDRATION__\" type=\"application/json\">{data}</script></head><body><div id=\"app\"></div></body></html>"
    );
    Reply::html("tiktok.page", 200, page)
}

fn oembed(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "tiktok.oembed";
    let Some(found) = web::shown(found) else {
        return Reply::json(LABEL, 400, &json!({"code": 400, "message": "Something went wrong"}));
    };
    Reply::json(
        LABEL,
        200,
        &json!({
            "version": "1.0", "type": "video", "title": found.text(), "author_url": "https://www.tiktok.com/@ann", "author_name": "Ann", "author_unique_id": "ann",
            "thumbnail_url": "https://p16-sign.tiktokcdn.com/cover.jpg?x-expires=4102444800", "thumbnail_width": 576, "thumbnail_height": 1024, "provider_name": "TikTok",
        }),
    )
}
