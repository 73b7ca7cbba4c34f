//! X, through a third party's JSON that the operator trusts: the shape of FixTweet's API.

use serde_json::Value;

use super::{Context, Stage, Step, Strategy, Verdict, json};
use crate::answer::{Author, Media, MediaKind, Metrics, Poll, PollOption, Post, Variant};
use crate::fetch::{Ask, Page};

pub(super) const STRATEGY: Strategy = Strategy {
    id: "x.configured",
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
        "metrics.views",
    ],
    start,
    read,
};

fn start(context: &Context<'_>) -> Option<Step> {
    let endpoint = context.setting("endpoint");
    if endpoint.is_empty() {
        return None;
    }
    Step::first(Ask::get(endpoint.replace("{id}", context.target.part("id"))))
}

fn read(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    let answer = json::body(page)?;
    match answer["code"].as_u64() {
        Some(200) if answer["tweet"].is_object() => {}
        // The third party passes on what X said.
        Some(404) => return Err(Verdict::GONE),
        Some(401) => return Err(Verdict::PRIVATE),
        _ if page.status != 200 => return Err(Verdict::Status(page.status)),
        _ => return Err(Verdict::Shape("tweet")),
    }
    let tweet = &answer["tweet"];
    let mut post = of_tweet(context, tweet);
    post.quoted = tweet["quote"].is_object().then(|| Box::new(of_tweet(context, &tweet["quote"])));
    Ok(Step::found(post))
}

fn of_tweet(context: &Context<'_>, tweet: &Value) -> Post {
    let handle = json::text(&tweet["author"]["screen_name"]);
    Post {
        url: json::text(&tweet["url"]).unwrap_or_else(|| context.url()),
        id: json::text(&tweet["id"]),
        author: Some(Author {
            name: json::text(&tweet["author"]["name"]).or_else(|| handle.clone()).unwrap_or_default(),
            url: handle.as_ref().map(|handle| format!("https://x.com/{handle}")),
            avatar: json::text(&tweet["author"]["avatar_url"]),
            handle,
        }),
        text: tweet["text"].as_str().map(str::to_owned),
        lang: json::text(&tweet["lang"]),
        created_at: json::moment(&tweet["created_timestamp"]),
        sensitive: tweet["possibly_sensitive"].as_bool().unwrap_or(false),
        metrics: Metrics {
            likes: json::count(&tweet["likes"]),
            reposts: json::count(&tweet["retweets"]),
            replies: json::count(&tweet["replies"]),
            views: json::count(&tweet["views"]),
        },
        poll: tweet["poll"].is_object().then(|| poll(&tweet["poll"])),
        media: json::list(&tweet["media"]["all"]).filter_map(media).collect(),
        ..context.post()
    }
}

fn poll(poll: &Value) -> Poll {
    let option = |choice: &Value| PollOption {
        label: json::text(&choice["label"]).unwrap_or_default(),
        votes: json::count(&choice["count"]),
    };
    Poll {
        options: json::list(&poll["choices"]).map(option).collect(),
        votes: json::count(&poll["total_votes"]),
        closes_at: json::moment(&poll["ends_at"]),
        closed: poll["time_left_en"] == "Final results",
        multiple: false,
    }
}

fn media(item: &Value) -> Option<Media> {
    let url = json::text(&item["url"])?;
    if item["type"] == "photo" {
        return Some(json::sized(Media::image(url), item));
    }
    let variant = Variant { url, ..Variant::default() };
    let kind = if item["type"] == "gif" { MediaKind::Gif } else { MediaKind::Video };
    let video = Media {
        kind,
        thumbnail: json::text(&item["thumbnail_url"]),
        duration_ms: json::seconds(&item["duration"]),
        ..Media::video(vec![variant])?
    };
    Some(json::sized(video, item))
}
