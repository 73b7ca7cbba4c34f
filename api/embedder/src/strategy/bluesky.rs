//! Bluesky, through its public view of the network.

use serde_json::Value;

use super::{Context, Stage, Step, Strategy, Verdict, json, opengraph, web};
use crate::answer::{Author, Facet, FacetKind, Media, Metrics, Post, Variant};
use crate::fetch::{Ask, Page};

pub(super) const APPVIEW: Strategy = Strategy {
    id: "bluesky.appview",
    version: 1,
    yields: &[
        "text",
        "author.avatar",
        "created_at",
        "lang",
        "sensitive",
        "quoted",
        "parent",
        "media",
        "metrics.likes",
        "metrics.reposts",
        "metrics.replies",
    ],
    start,
    read,
};
pub(super) const OPENGRAPH: Strategy = Strategy {
    id: "bluesky.opengraph",
    version: 1,
    yields: &["text", "media"],
    start: web::start,
    read: |context, _, page| Ok(Step::found(opengraph::of(context, page)?)),
};

/// Labels that mean: not for everybody.
const SENSITIVE: [&str; 5] = ["porn", "sexual", "nudity", "graphic-media", "gore"];

fn start(context: &Context<'_>) -> Option<Step> {
    let (author, id) = (context.target.part("author"), context.target.part("id"));
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("uri", &format!("at://{author}/app.bsky.feed.post/{id}"))
        .append_pair("depth", "0")
        .append_pair("parentHeight", "1")
        .finish();
    Step::first(Ask::get(format!("{}?{query}", context.setting("endpoint"))))
}

fn read(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    if page.status == 400 && json::body(page)?["error"] == "NotFound" {
        return Err(Verdict::GONE);
    }
    let thread = &json::of(page)?["thread"];
    match thread["$type"].as_str().unwrap_or_default() {
        kind if kind.ends_with("#notFoundPost") => return Err(Verdict::GONE),
        kind if kind.ends_with("#blockedPost") => return Err(Verdict::PRIVATE),
        _ => {}
    }
    let view = &thread["post"];
    if json::list(&view["author"]["labels"]).any(|label| label["val"] == "!no-unauthenticated") {
        return Err(Verdict::LOGIN);
    }
    let mut post = of_view(context, view, &view["record"], &view["embed"]).ok_or(Verdict::Shape("post"))?;
    let parent = &thread["parent"]["post"];
    post.parent = of_view(context, parent, &parent["record"], &parent["embed"]).map(Box::new);
    post.quoted = quoted(context, &view["embed"]).map(Box::new);
    Ok(Step::found(post))
}

fn quoted(context: &Context<'_>, embed: &Value) -> Option<Post> {
    let record = if embed["record"]["record"].is_object() { &embed["record"]["record"] } else { &embed["record"] };
    of_view(context, record, &record["value"], &record["embeds"][0])
}

fn of_view(context: &Context<'_>, view: &Value, record: &Value, embed: &Value) -> Option<Post> {
    let handle = view["author"]["handle"].as_str()?;
    let text = record["text"].as_str()?;
    let id = view["uri"].as_str()?.rsplit('/').next()?;
    let labelled = json::list(&view["labels"]).any(|label| SENSITIVE.iter().any(|name| label["val"] == *name));
    Some(Post {
        url: format!("https://bsky.app/profile/{handle}/post/{id}"),
        id: Some(id.to_owned()),
        author: Some(Author {
            name: json::text(&view["author"]["displayName"]).unwrap_or_else(|| handle.to_owned()),
            handle: Some(handle.to_owned()),
            url: Some(format!("https://bsky.app/profile/{handle}")),
            avatar: json::text(&view["author"]["avatar"]),
        }),
        text: Some(text.to_owned()),
        text_facets: json::list(&record["facets"]).filter_map(|found| facet(text, found)).collect(),
        lang: json::text(&record["langs"][0]),
        created_at: json::moment(&record["createdAt"]),
        sensitive: labelled,
        metrics: Metrics {
            likes: json::count(&view["likeCount"]),
            reposts: json::count(&view["repostCount"]),
            replies: json::count(&view["replyCount"]),
            views: None,
        },
        media: media(context, view, record, embed),
        ..context.post()
    })
}

/// Bluesky counts bytes; the answer counts characters.
fn facet(text: &str, found: &Value) -> Option<Facet> {
    let at = |name: &str| {
        let byte = usize::try_from(found["index"][name].as_u64()?).ok()?;
        Some(text.get(..byte)?.chars().count())
    };
    let feature = &found["features"][0];
    let (kind, href) = if let Some(url) = feature["uri"].as_str() {
        (FacetKind::Url, url.to_owned())
    } else if let Some(did) = feature["did"].as_str() {
        (FacetKind::Mention, format!("https://bsky.app/profile/{did}"))
    } else {
        (FacetKind::Tag, format!("https://bsky.app/hashtag/{}", feature["tag"].as_str()?))
    };
    Some(Facet { kind, start: at("byteStart")?, end: at("byteEnd")?, href })
}

fn media(context: &Context<'_>, view: &Value, record: &Value, embed: &Value) -> Vec<Media> {
    // A quote with media carries both.
    let (embed, own) = if embed["media"].is_object() {
        (&embed["media"], &record["embed"]["media"])
    } else {
        (embed, &record["embed"])
    };
    let sized = |media: Media, of: &Value| json::sized(media, &of["aspectRatio"]);
    let images = json::list(&embed["images"]).filter_map(|image| {
        let picture = Media {
            alt: json::text(&image["alt"]),
            thumbnail: json::text(&image["thumb"]),
            ..Media::image(json::text(&image["fullsize"])?)
        };
        Some(sized(picture, image))
    });
    let video = || {
        let did = view["author"]["did"].as_str()?;
        let cid = own["video"]["ref"]["$link"].as_str().or_else(|| embed["cid"].as_str())?;
        embed["playlist"].as_str()?;
        let url = format!("{}?did={did}&cid={cid}", context.setting("blob"));
        let bytes = json::count(&own["video"]["size"]);
        let video = Media::video(vec![Variant { url, bytes, ..Variant::default() }])?;
        let video = Media { thumbnail: json::text(&embed["thumbnail"]), alt: json::text(&embed["alt"]), ..video };
        Some(sized(video, embed))
    };
    let external = || Some(Media::image(json::text(&embed["external"]["thumb"])?));
    images.chain(video()).chain(external()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_become_characters() {
        let found = json!({"index": {"byteStart": 3, "byteEnd": 9}, "features": [{"tag": "miso"}]});
        let facet = facet("ö #misö", &found).expect("a facet");
        assert_eq!((facet.start, facet.end), (2, 7));
        let outside = json!({"index": {"byteStart": 1, "byteEnd": 99}, "features": [{"tag": "miso"}]});
        assert_eq!(super::facet("ö #misö", &outside), None);
    }
}
