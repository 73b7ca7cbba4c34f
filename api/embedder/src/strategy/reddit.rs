//! Reddit, with the operator's own application.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Context, Stage, Step, Strategy, Verdict, json};
use crate::answer::{Author, Media, Metrics, Poll, PollOption, Post, Variant};
use crate::fetch::{Ask, Page};
use crate::{html, moment};

pub(super) const OAUTH: Strategy = Strategy {
    id: "reddit.oauth",
    version: 1,
    yields: &["text", "created_at", "sensitive", "quoted", "poll", "media", "metrics.likes", "metrics.replies"],
    start,
    read,
};

fn start(context: &Context<'_>) -> Option<Step> {
    let (id, secret) = (context.setting("client_id"), context.setting("client_secret"));
    if id.is_empty() {
        return None;
    }
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let ask = Ask::post(context.setting("token"), &[("grant_type", "client_credentials")]);
    Step::first(ask.header("authorization", basic))
}

fn read(context: &Context<'_>, stage: &Stage, page: &Page) -> Result<Step, Verdict> {
    let answer = json::of(page)?;
    if stage.number == 0 {
        let token = answer["access_token"].as_str().ok_or(Verdict::Shape("access_token"))?;
        let url = format!("{}?id=t3_{}&raw_json=1", context.setting("endpoint"), context.target.part("id"));
        return Ok(Step::then(Ask::get(url).header("authorization", format!("Bearer {token}")), ""));
    }
    let children = answer["data"]["children"].as_array().ok_or(Verdict::Shape("children"))?;
    let found = &children.first().ok_or(Verdict::GONE)?["data"];
    if found["removed_by_category"].is_string() {
        return Err(Verdict::GONE);
    }
    if found["subreddit_type"] == "private" {
        return Err(Verdict::PRIVATE);
    }
    let mut post = of_link(context, found).ok_or(Verdict::Shape("title"))?;
    post.quoted = of_link(context, &found["crosspost_parent_list"][0]).map(Box::new);
    Ok(Step::found(post))
}

fn of_link(context: &Context<'_>, found: &Value) -> Option<Post> {
    let title = found["title"].as_str()?;
    let text = match found["selftext"].as_str().unwrap_or_default() {
        "" => title.to_owned(),
        own => format!("{title}\n\n{own}"),
    };
    let author = json::text(&found["author"]);
    Some(Post {
        url: json::text(&found["permalink"])
            .map_or_else(|| context.url(), |path| format!("https://www.reddit.com{path}")),
        id: json::text(&found["id"]),
        author: author.map(|name| Author {
            url: Some(format!("https://www.reddit.com/user/{name}")),
            handle: Some(name.clone()),
            name,
            avatar: None,
        }),
        text: Some(text),
        created_at: json::moment(&found["created_utc"]),
        sensitive: found["over_18"].as_bool().unwrap_or(false),
        metrics: Metrics {
            likes: json::count(&found["score"]),
            replies: json::count(&found["num_comments"]),
            ..Metrics::default()
        },
        poll: found["poll_data"].is_object().then(|| poll(&found["poll_data"])),
        media: media(found),
        ..context.post()
    })
}

fn media(found: &Value) -> Vec<Media> {
    if let Some(video) = video(&found["media"]["reddit_video"], &found["preview"]) {
        return vec![video];
    }
    let gallery: Vec<Media> = json::list(&found["gallery_data"]["items"])
        .filter_map(|item| {
            let source = &found["media_metadata"][item["media_id"].as_str()?]["s"];
            let url = html::unescape(source["u"].as_str().or_else(|| source["gif"].as_str())?);
            let picture = Media { alt: json::text(&item["caption"]), ..Media::image(url) };
            Some(picture.sized(json::count(&source["x"]), json::count(&source["y"])))
        })
        .collect();
    if !gallery.is_empty() {
        return gallery;
    }
    let source = &found["preview"]["images"][0]["source"];
    let full = found["post_hint"] == "image";
    let url = if full { json::text(&found["url_overridden_by_dest"]) } else { None };
    let url = url.or_else(|| source["url"].as_str().map(html::unescape));
    url.map(|url| json::sized(Media::image(url), source)).into_iter().collect()
}

fn video(found: &Value, preview: &Value) -> Option<Media> {
    let url = json::text(&found["fallback_url"])?;
    let bitrate = json::count(&found["bitrate_kbps"]).map(|kbps| kbps.saturating_mul(1_000));
    let video = Media {
        thumbnail: preview["images"][0]["source"]["url"].as_str().map(html::unescape),
        duration_ms: json::seconds(&found["duration"]),
        ..Media::video(vec![Variant { url, bitrate, ..Variant::default() }])?
    };
    Some(json::sized(video, found))
}

fn poll(poll: &Value) -> Poll {
    let option = |option: &Value| PollOption {
        label: json::text(&option["text"]).unwrap_or_default(),
        votes: json::count(&option["vote_count"]),
    };
    // Milliseconds, unlike everything else here.
    let closes = poll["voting_end_timestamp"].as_i64();
    Poll {
        options: json::list(&poll["options"]).map(option).collect(),
        votes: json::count(&poll["total_vote_count"]),
        closes_at: closes.and_then(|milliseconds| moment::of_unix(milliseconds / 1_000)),
        closed: false,
        multiple: false,
    }
}
