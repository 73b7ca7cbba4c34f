//! TikTok: the JSON that its page starts from, and the same over its own interface.

use serde_json::Value;

use super::{Context, Stage, Step, Strategy, Verdict, json, oembed, success, web};
use crate::answer::{Author, Facet, FacetKind, Media, Metrics, Post, Variant};
use crate::fetch::{Ask, Page};
use crate::html;

const YIELDS: &[&str] = &[
    "text",
    "author.avatar",
    "created_at",
    "lang",
    "media",
    "metrics.likes",
    "metrics.reposts",
    "metrics.replies",
    "metrics.views",
];

pub(super) const PAGE: Strategy =
    Strategy { id: "tiktok.page", version: 1, yields: YIELDS, start: web::start, read: read_page };
pub(super) const DETAIL: Strategy =
    Strategy { id: "tiktok.detail", version: 1, yields: YIELDS, start: start_detail, read: read_detail };
pub(super) const OEMBED: Strategy =
    Strategy { id: "tiktok.oembed", version: 1, yields: &["text", "media"], start: start_oembed, read: read_oembed };

fn start_detail(context: &Context<'_>) -> Option<Step> {
    let (endpoint, id) = (context.setting("endpoint"), context.target.part("id"));
    Step::first(Ask::get(format!("{endpoint}?itemId={id}&aid=1988")))
}

fn start_oembed(context: &Context<'_>) -> Option<Step> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("url", &context.url()).finish();
    Step::first(Ask::get(format!("{}?{query}", context.setting("endpoint"))))
}

fn read_page(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    success(page)?;
    let text = page.text();
    let script = html::script(&text, "__UNIVERSAL_DATA_FOR_REHYDRATION__").ok_or(Verdict::Shape("rehydration"))?;
    let data: Value = serde_json::from_str(script).map_err(|_| Verdict::Shape("json"))?;
    let detail = &data["__DEFAULT_SCOPE__"]["webapp.video-detail"];
    read_item(context, &detail["statusCode"], &detail["itemInfo"]["itemStruct"])
}

fn read_detail(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    let answer = json::of(page)?;
    let code = if answer["statusCode"].is_null() { &answer["status_code"] } else { &answer["statusCode"] };
    read_item(context, code, &answer["itemInfo"]["itemStruct"])
}

fn read_item(context: &Context<'_>, code: &Value, item: &Value) -> Result<Step, Verdict> {
    match code.as_i64() {
        Some(0) => {}
        Some(10_204 | 10_217) => return Err(Verdict::GONE),
        Some(10_216 | 10_222) => return Err(Verdict::PRIVATE),
        Some(10_225) => return Err(Verdict::AGE),
        _ => return Err(Verdict::Shape("statusCode")),
    }
    let author = &item["author"];
    let handle = author["uniqueId"].as_str().ok_or(Verdict::Shape("author"))?;
    let id = item["id"].as_str().ok_or(Verdict::Shape("id"))?;
    let text = item["desc"].as_str().unwrap_or_default();
    let stats = if item["statsV2"].is_object() { &item["statsV2"] } else { &item["stats"] };
    Ok(Step::found(Post {
        url: format!("https://www.tiktok.com/@{handle}/video/{id}"),
        id: Some(id.to_owned()),
        author: Some(Author {
            name: json::text(&author["nickname"]).unwrap_or_else(|| handle.to_owned()),
            handle: Some(handle.to_owned()),
            url: Some(format!("https://www.tiktok.com/@{handle}")),
            avatar: json::text(&author["avatarThumb"]),
        }),
        text: Some(text.to_owned()),
        text_facets: json::list(&item["textExtra"]).filter_map(|extra| facet(text, extra)).collect(),
        lang: json::text(&item["textLanguage"]),
        created_at: json::moment(&item["createTime"]),
        sensitive: item["isContentClassified"].as_bool().unwrap_or(false),
        metrics: Metrics {
            likes: json::count(&stats["diggCount"]),
            reposts: json::count(&stats["shareCount"]),
            replies: json::count(&stats["commentCount"]),
            views: json::count(&stats["playCount"]),
        },
        media: media(item),
        ..context.post()
    }))
}

/// TikTok counts UTF-16 units; the answer counts characters.
fn facet(text: &str, extra: &Value) -> Option<Facet> {
    let character = |name: &str| {
        let unit = usize::try_from(extra[name].as_u64()?).ok()?;
        let before: Vec<u16> = text.encode_utf16().take(unit).collect();
        Some(char::decode_utf16(before).count())
    };
    let (start, end) = (character("start")?, character("end")?);
    let (kind, href) = match (json::text(&extra["hashtagName"]), json::text(&extra["userUniqueId"])) {
        (Some(tag), _) => (FacetKind::Tag, format!("https://www.tiktok.com/tag/{tag}")),
        (None, Some(user)) => (FacetKind::Mention, format!("https://www.tiktok.com/@{user}")),
        (None, None) => return None,
    };
    (start < end).then_some(Facet { kind, start, end, href })
}

fn media(item: &Value) -> Vec<Media> {
    let pictures: Vec<Media> = json::list(&item["imagePost"]["images"])
        .filter_map(|image| {
            let url = json::text(&image["imageURL"]["urlList"][0])?;
            Some(Media::image(url).sized(json::count(&image["imageWidth"]), json::count(&image["imageHeight"])))
        })
        .collect();
    if !pictures.is_empty() {
        return pictures;
    }
    let video = &item["video"];
    let mut variants: Vec<Variant> = json::list(&video["bitrateInfo"])
        .filter_map(|info| {
            Some(Variant {
                bytes: json::count(&info["PlayAddr"]["DataSize"]),
                bitrate: json::count(&info["Bitrate"]),
                file: None,
                url: json::text(&info["PlayAddr"]["UrlList"][0])?,
            })
        })
        .collect();
    variants.sort_by_key(|variant| std::cmp::Reverse(variant.bitrate));
    if let Some(url) = json::text(&video["playAddr"]).filter(|_| variants.is_empty()) {
        variants.push(Variant { url, ..Variant::default() });
    }
    let played = Media::video(variants).map(|played| Media {
        thumbnail: json::text(&video["cover"]),
        duration_ms: json::seconds(&video["duration"]),
        ..json::sized(played, video)
    });
    played.into_iter().collect()
}

fn read_oembed(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    let told = oembed::of(page)?;
    let author = oembed::author(&told).ok_or(Verdict::Shape("author_name"))?;
    let media = oembed::picture(context, page, &told).into_iter().collect();
    Ok(Step::found(Post { author: Some(author), text: json::text(&told["title"]), media, ..context.post() }))
}
