//! Instagram, as it shows itself to people who are not logged in.

use serde_json::{Value, json};

use super::{Context, Stage, Step, Strategy, Verdict, json as read_json, opengraph, success, web};
use crate::answer::{Author, Media, Metrics, Post, Variant};
use crate::fetch::{Ask, Page};
use crate::guard::Link;
use crate::html;

const YIELDS: &[&str] =
    &["text", "author.avatar", "created_at", "media", "metrics.likes", "metrics.replies", "metrics.views"];

pub(super) const GRAPHQL: Strategy =
    Strategy { id: "instagram.graphql", version: 1, yields: YIELDS, start: start_session, read: read_graphql };
pub(super) const PAGE: Strategy =
    Strategy { id: "instagram.page", version: 1, yields: &["text", "media"], start: web::start, read: read_page };
pub(super) const EMBED: Strategy = Strategy {
    id: "instagram.embed",
    version: 1,
    yields: &["text", "media", "metrics.likes"],
    start: start_embed,
    read: read_embed,
};

fn start_session(context: &Context<'_>) -> Option<Step> {
    Step::first(Ask::get(context.setting("session")))
}

fn read_graphql(context: &Context<'_>, stage: &Stage, page: &Page) -> Result<Step, Verdict> {
    if stage.number == 0 {
        success(page)?;
        let endpoint = Link::parse(context.setting("endpoint"), context.ports);
        if endpoint.is_ok_and(|endpoint| endpoint.host() != page.link.host()) {
            return Err(Verdict::Shape("session"));
        }
        let cookies = page.cookies();
        let token = cookies.split("; ").find_map(|pair| pair.strip_prefix("csrftoken="));
        return Ok(Step::then(ask(context, &cookies, token.ok_or(Verdict::Shape("csrftoken"))?), ""));
    }
    let answer = read_json::of(page)?;
    if answer["require_login"] == true {
        return Err(Verdict::LOGIN);
    }
    // Null may mean gone, private or not for this visitor: nobody's word.
    let found = &answer["data"]["xdt_shortcode_media"];
    if found["owner"]["is_private"] == true {
        return Err(Verdict::PRIVATE);
    }
    Ok(Step::found(of_media(context, found).ok_or(Verdict::Shape("xdt_shortcode_media"))?))
}

fn ask(context: &Context<'_>, cookies: &str, token: &str) -> Ask {
    let variables = json!({"shortcode": context.target.part("id"), "fetch_tagged_user_count": null, "hoisted_comment_id": null, "hoisted_reply_id": null});
    let fields = [("doc_id", context.setting("doc_id")), ("variables", &variables.to_string())];
    Ask::post(context.setting("endpoint"), &fields)
        .header("cookie", cookies)
        .header("x-csrftoken", token)
        .header("x-ig-app-id", context.setting("app_id"))
        .header("x-requested-with", "XMLHttpRequest")
}

fn of_media(context: &Context<'_>, found: &Value) -> Option<Post> {
    let owner = &found["owner"];
    let handle = owner["username"].as_str()?;
    let media = match found["edge_sidecar_to_children"]["edges"].as_array() {
        Some(edges) => edges.iter().filter_map(|edge| picture(&edge["node"])).collect(),
        None => picture(found).into_iter().collect(),
    };
    let first = |names: &[&str]| names.iter().find_map(|name| read_json::count(&found[*name]["count"]));
    Some(Post {
        author: Some(Author {
            name: read_json::text(&owner["full_name"]).unwrap_or_else(|| handle.to_owned()),
            handle: Some(handle.to_owned()),
            url: Some(format!("https://www.instagram.com/{handle}/")),
            avatar: read_json::text(&owner["profile_pic_url"]),
        }),
        text: read_json::text(&found["edge_media_to_caption"]["edges"][0]["node"]["text"]),
        created_at: read_json::moment(&found["taken_at_timestamp"]),
        metrics: Metrics {
            likes: first(&["edge_media_preview_like", "edge_liked_by"]),
            replies: first(&["edge_media_to_parent_comment", "edge_media_to_comment"]),
            views: read_json::count(&found["video_view_count"]),
            reposts: None,
        },
        media,
        ..context.post()
    })
}

fn picture(node: &Value) -> Option<Media> {
    let shown = read_json::text(&node["display_url"])?;
    let alt = read_json::text(&node["accessibility_caption"]);
    let media = match read_json::text(&node["video_url"]) {
        Some(url) => Media {
            thumbnail: Some(shown),
            duration_ms: read_json::seconds(&node["video_duration"]),
            ..Media::video(vec![Variant { url, ..Variant::default() }])?
        },
        None => Media::image(shown),
    };
    Some(read_json::sized(Media { alt, ..media }, &node["dimensions"]))
}

/// A page without its post leads to the login: nobody's word on why.
fn read_page(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    if page.link.path().starts_with("/accounts/login") {
        return Err(Verdict::LOGIN);
    }
    let mut post = opengraph::of(context, page)?;
    let title = html::meta(&page.text(), &["og:title"]).unwrap_or_default();
    // `Name on Instagram: "caption"`.
    if let Some((name, caption)) = title.split_once(" on Instagram: ") {
        post.author = Some(Author { name: name.to_owned(), ..Author::default() });
        post.text = Some(caption.trim_matches('"').to_owned());
    }
    Ok(Step::found(post))
}

fn start_embed(context: &Context<'_>) -> Option<Step> {
    Step::first(Ask::get(format!("{}embed/captioned/", context.url())))
}

/// The page to embed carries the post's JSON inside of JSON inside of a script; older ones only a picture.
fn read_embed(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    success(page)?;
    let text = page.text();
    if let Some(post) = inner_json(&text).and_then(|data| of_media(context, &data["gql_data"]["shortcode_media"])) {
        return Ok(Step::found(post));
    }
    let is_embedded = |class: &str| class.split_whitespace().any(|class| class == "EmbeddedMediaImage");
    let (shown, _) = html::tags(&text, "img")
        .find(|(picture, _)| picture.get("class").is_some_and(is_embedded))
        .ok_or(Verdict::Shape("EmbeddedMediaImage"))?;
    let url = shown.get("src").and_then(|url| context.told(&page.link, url)).ok_or(Verdict::Shape("src"))?;
    let caption = shown.get("alt").map(str::to_owned);
    Ok(Step::found(Post { text: caption, media: vec![Media::image(url)], ..context.post() }))
}

fn inner_json(text: &str) -> Option<Value> {
    let start = text.find("\"contextJSON\":")? + "\"contextJSON\":".len();
    let inner: String = serde_json::Deserializer::from_str(&text[start..]).into_iter().next()?.ok()?;
    serde_json::from_str(&inner).ok()
}
