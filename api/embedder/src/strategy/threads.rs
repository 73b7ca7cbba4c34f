//! Threads, as it shows itself to people who are not logged in.

use serde_json::{Value, json};

use super::{Context, Stage, Step, Strategy, Verdict, json as read_json, opengraph, success, web};
use crate::answer::{Author, Media, Metrics, Post, Variant};
use crate::fetch::{Ask, Page};
use crate::html;

pub(super) const GRAPHQL: Strategy = Strategy {
    id: "threads.graphql",
    version: 1,
    yields: &[
        "text",
        "author.avatar",
        "created_at",
        "quoted",
        "media",
        "metrics.likes",
        "metrics.reposts",
        "metrics.replies",
    ],
    start: web::start,
    read,
};
pub(super) const OPENGRAPH: Strategy =
    Strategy { id: "threads.opengraph", version: 1, yields: &["text", "media"], start: web::start, read: read_page };

/// The page gives the session's token and the post's number; the post is asked for with both.
fn read(context: &Context<'_>, stage: &Stage, page: &Page) -> Result<Step, Verdict> {
    if stage.number == 0 {
        success(page)?;
        let text = page.text();
        let token = after(&text, "\"LSD\",[],{\"token\":\"").ok_or(Verdict::Shape("LSD"))?;
        let number = number(context.target.part("id")).ok_or(Verdict::Shape("id"))?;
        return Ok(Step::then(ask(context, token, &number), ""));
    }
    let answer = read_json::of(page)?;
    let found = &answer["data"]["data"]["containing_thread"]["thread_items"][0]["post"];
    if found["user"]["text_post_app_is_private"] == true {
        return Err(Verdict::PRIVATE);
    }
    let mut post = of_post(context, found).ok_or(Verdict::Shape("post"))?;
    post.quoted = of_post(context, &found["text_post_app_info"]["share_info"]["quoted_post"]).map(Box::new);
    Ok(Step::found(post))
}

fn ask(context: &Context<'_>, token: &str, number: &str) -> Ask {
    let variables = json!({"postID": number}).to_string();
    let fields = [("lsd", token), ("doc_id", context.setting("doc_id")), ("variables", &variables)];
    Ask::post(context.setting("endpoint"), &fields)
        .header("x-fb-lsd", token)
        .header("x-ig-app-id", context.setting("app_id"))
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let start = text.find(mark)? + mark.len();
    let length = text[start..].find('"')?;
    Some(&text[start..start + length])
}

/// A post's code is its number in base 64.
fn number(code: &str) -> Option<String> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |digit: char| DIGITS.find(digit).map(|at| at as u128);
    let number = code.chars().take(20).try_fold(0_u128, |number, character| Some(number * 64 + digit(character)?))?;
    Some(number.to_string())
}

fn of_post(context: &Context<'_>, found: &Value) -> Option<Post> {
    let user = &found["user"];
    let handle = user["username"].as_str()?;
    let code = found["code"].as_str()?;
    let media = match found["carousel_media"].as_array() {
        Some(items) => items.iter().filter_map(picture).collect(),
        None => picture(found).into_iter().collect(),
    };
    let info = &found["text_post_app_info"];
    Some(Post {
        url: format!("https://www.threads.com/@{handle}/post/{code}"),
        id: Some(code.to_owned()),
        author: Some(Author {
            name: read_json::text(&user["full_name"]).unwrap_or_else(|| handle.to_owned()),
            handle: Some(handle.to_owned()),
            url: Some(format!("https://www.threads.com/@{handle}")),
            avatar: read_json::text(&user["profile_pic_url"]),
        }),
        text: read_json::text(&found["caption"]["text"]),
        created_at: read_json::moment(&found["taken_at"]),
        metrics: Metrics {
            likes: read_json::count(&found["like_count"]),
            reposts: read_json::count(&info["repost_count"]),
            replies: read_json::count(&info["direct_reply_count"]),
            views: None,
        },
        media,
        ..context.post()
    })
}

fn picture(item: &Value) -> Option<Media> {
    let best = &item["image_versions2"]["candidates"][0];
    let shown = read_json::text(&best["url"])?;
    let alt = read_json::text(&item["accessibility_caption"]);
    let size = |media: Media| {
        media.sized(read_json::count(&item["original_width"]), read_json::count(&item["original_height"]))
    };
    let media = match read_json::text(&item["video_versions"][0]["url"]) {
        Some(url) => Media { thumbnail: Some(shown), ..Media::video(vec![Variant { url, ..Variant::default() }])? },
        None => Media::image(shown),
    };
    Some(size(Media { alt, ..media }))
}

fn read_page(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    if page.link.path().starts_with("/login") {
        return Err(Verdict::LOGIN);
    }
    let mut post = opengraph::of(context, page)?;
    let text = page.text();
    let title = html::meta(&text, &["og:title"]).unwrap_or_default();
    // `Name (@handle) on Threads`.
    if let Some((name, rest)) = title.split_once(" (@") {
        let handle = rest.split(')').next().unwrap_or_default().to_owned();
        post.author = Some(Author { name: name.to_owned(), handle: Some(handle), ..Author::default() });
        post.text = html::meta(&text, &["og:description"]);
    }
    Ok(Step::found(post))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_number() {
        assert_eq!(number("BAAAAA").as_deref(), Some("1073741824"));
        assert_eq!(number("B!"), None);
    }
}
