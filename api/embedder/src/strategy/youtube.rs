//! YouTube. Discord's own player shows the video: this tells what it is.

use serde_json::Value;

use super::{Context, Stage, Step, Strategy, Verdict, json, oembed, opengraph, web};
use crate::answer::{Author, Media, MediaKind, Post};
use crate::fetch::{Ask, Page};

pub(super) const OEMBED: Strategy =
    Strategy { id: "youtube.oembed", version: 1, yields: &["text", "media"], start, read };
pub(super) const OPENGRAPH: Strategy = Strategy {
    id: "youtube.opengraph",
    version: 2,
    yields: &["text", "media", "metrics.views"],
    start: web::start,
    read: read_page,
};

fn start(context: &Context<'_>) -> Option<Step> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("url", &context.url())
        .append_pair("format", "json")
        .finish();
    Step::first(Ask::get(format!("{}?{query}", context.setting("endpoint"))))
}

/// 401 and 404 are given for reasons that are not told: only the page says why.
fn read(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    let told = oembed::of(page)?;
    let title = json::text(&told["title"]).ok_or(Verdict::Shape("title"))?;
    let picture = oembed::picture(context, page, &told);
    let video = json::sized(player(context, picture.map(|picture| picture.url)), &told);
    Ok(Step::found(Post { author: oembed::author(&told), text: Some(title), media: vec![video], ..context.post() }))
}

fn player(context: &Context<'_>, thumbnail: Option<String>) -> Media {
    Media { kind: MediaKind::Video, url: context.url(), thumbnail, is_page: true, ..Media::default() }
}

fn read_page(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    let text = page.text();
    let response = player_response(&text).unwrap_or(Value::Null);
    let state = &response["playabilityStatus"];
    let reason = state["reason"].as_str().unwrap_or_default();
    match state["status"].as_str() {
        Some("ERROR") => return Err(Verdict::GONE),
        Some("LOGIN_REQUIRED") if reason.contains("private") => return Err(Verdict::PRIVATE),
        Some("LOGIN_REQUIRED") if reason.contains("age") => return Err(Verdict::AGE),
        _ => {}
    }
    let mut post = opengraph::of(context, page)?;
    let thumbnail = post.media.pop().map(|media| media.thumbnail.unwrap_or(media.url));
    let details = &response["videoDetails"];
    let duration_ms = json::count(&details["lengthSeconds"]).map(|seconds| seconds.saturating_mul(1_000));
    post.media = vec![Media { duration_ms, ..player(context, thumbnail) }];
    post.metrics.views = json::count(&details["viewCount"]);
    post.author = json::text(&details["author"]).map(|name| Author { name, ..Author::default() }).or(post.author);
    Ok(Step::found(post))
}

/// The JSON that the page's script begins with.
fn player_response(text: &str) -> Option<Value> {
    let start = text.find("ytInitialPlayerResponse = ")? + "ytInitialPlayerResponse = ".len();
    serde_json::Deserializer::from_str(&text[start..]).into_iter().next()?.ok()
}
