//! Mastodon and what speaks its API, on whatever host.

use serde_json::Value;

use super::{Context, Stage, Step, Strategy, Verdict, json, opengraph, web};
use crate::answer::{Author, Media, MediaKind, Metrics, Poll, PollOption, Post, Variant};
use crate::fetch::{Ask, Page};
use crate::html;

pub(super) const API: Strategy = Strategy {
    id: "mastodon.api",
    version: 1,
    yields: &[
        "text",
        "author.avatar",
        "created_at",
        "lang",
        "sensitive",
        "quoted",
        "poll",
        "media",
        "metrics.likes",
        "metrics.reposts",
        "metrics.replies",
    ],
    start,
    read,
};
pub(super) const OEMBED: Strategy =
    Strategy { id: "mastodon.oembed", version: 1, yields: &["text"], start: web::start, read: web::read_oembed };
pub(super) const OPENGRAPH: Strategy = Strategy {
    id: "mastodon.opengraph",
    version: 1,
    yields: &["text", "media", "created_at"],
    start: web::start,
    read: |context, _, page| Ok(Step::found(opengraph::of(context, page)?)),
};

fn start(context: &Context<'_>) -> Option<Step> {
    let id = context.target.part("id");
    let authority = context.target.link.authority();
    Step::first(Ask::get(format!("https://{authority}/api/v1/statuses/{id}")))
}

fn read(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    match page.status {
        404 if json::body(page).is_ok_and(|answer| answer["error"] == "Record not found") => return Err(Verdict::GONE),
        410 => return Err(Verdict::GONE),
        401 if json::body(page).is_ok_and(|answer| answer["error"].is_string()) => return Err(Verdict::LOGIN),
        _ => {}
    }
    let status = json::of(page)?;
    let mut post = of_status(context, &status).ok_or(Verdict::Shape("account"))?;
    post.quoted = of_status(context, &status["quote"]["quoted_status"]).map(Box::new);
    Ok(Step::found(post))
}

fn of_status(context: &Context<'_>, status: &Value) -> Option<Post> {
    let account = &status["account"];
    let handle = account["acct"].as_str()?;
    let (text, text_facets) = html::to_text(status["content"].as_str()?);
    let text = match status["spoiler_text"].as_str().unwrap_or_default() {
        "" => text,
        // The warning stands in the text's place; positions would not fit any more.
        warning => {
            return Some(Post {
                text_facets: Vec::new(),
                ..of_parts(context, status, handle, format!("{warning}\n\n{text}"))
            });
        }
    };
    Some(Post { text_facets, ..of_parts(context, status, handle, text) })
}

fn of_parts(context: &Context<'_>, status: &Value, handle: &str, text: String) -> Post {
    let account = &status["account"];
    Post {
        url: json::text(&status["url"]).unwrap_or_else(|| context.url()),
        id: json::text(&status["id"]),
        author: Some(Author {
            name: json::text(&account["display_name"]).unwrap_or_else(|| handle.to_owned()),
            handle: Some(handle.to_owned()),
            url: json::text(&account["url"]),
            avatar: json::text(&account["avatar"]),
        }),
        text: Some(text),
        lang: json::text(&status["language"]),
        created_at: json::moment(&status["created_at"]),
        sensitive: status["sensitive"].as_bool().unwrap_or(false),
        metrics: Metrics {
            likes: json::count(&status["favourites_count"]),
            reposts: json::count(&status["reblogs_count"]),
            replies: json::count(&status["replies_count"]),
            views: None,
        },
        poll: status["poll"].is_object().then(|| poll(&status["poll"])),
        media: json::list(&status["media_attachments"]).filter_map(|found| media(context, found)).collect(),
        ..context.post()
    }
}

fn poll(poll: &Value) -> Poll {
    let option = |option: &Value| PollOption {
        label: json::text(&option["title"]).unwrap_or_default(),
        votes: json::count(&option["votes_count"]),
    };
    Poll {
        options: json::list(&poll["options"]).map(option).collect(),
        votes: json::count(&poll["votes_count"]),
        closes_at: json::moment(&poll["expires_at"]),
        closed: poll["expired"].as_bool().unwrap_or(false),
        multiple: poll["multiple"].as_bool().unwrap_or(false),
    }
}

fn media(context: &Context<'_>, found: &Value) -> Option<Media> {
    let url = context.told(&context.target.link, found["url"].as_str()?)?;
    let alt = json::text(&found["description"]);
    let original = &found["meta"]["original"];
    let kind = match found["type"].as_str()? {
        "image" => MediaKind::Image,
        "gifv" => MediaKind::Gif,
        "video" => MediaKind::Video,
        "audio" => MediaKind::Audio,
        _ => return None,
    };
    if kind == MediaKind::Image {
        return Some(json::sized(Media { alt, ..Media::image(url) }, original));
    }
    let video = Media {
        kind,
        alt,
        mime: None,
        thumbnail: json::text(&found["preview_url"]),
        duration_ms: json::seconds(&original["duration"]),
        ..Media::video(vec![Variant { url, bitrate: json::count(&original["bitrate"]), ..Variant::default() }])?
    };
    Some(json::sized(video, original))
}
