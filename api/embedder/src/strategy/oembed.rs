//! oEmbed's JSON, and where pages say that theirs is. Pure.

use serde_json::Value;

use super::{Context, Verdict, json};
use crate::answer::{Author, Media};
use crate::fetch::Page;
use crate::html;

pub(super) fn of(page: &Page) -> Result<Value, Verdict> {
    let told = json::of(page)?;
    if told["version"].is_null() && told["type"].is_null() { Err(Verdict::Shape("oembed")) } else { Ok(told) }
}

pub(super) fn author(told: &Value) -> Option<Author> {
    let url = json::text(&told["author_url"]);
    let last = url.as_deref().and_then(|url| url.trim_end_matches('/').rsplit('/').next());
    let handle =
        json::text(&told["author_unique_id"]).or_else(|| last.map(|last| last.trim_start_matches('@').to_owned()));
    Some(Author { name: json::text(&told["author_name"])?, handle, url, avatar: None })
}

/// The picture itself, or that of whatever it is.
pub(super) fn picture(context: &Context<'_>, page: &Page, told: &Value) -> Option<Media> {
    if told["type"] == "photo" {
        let url = context.told(&page.link, told["url"].as_str()?)?;
        return Some(json::sized(Media::image(url), told));
    }
    let url = context.told(&page.link, told["thumbnail_url"].as_str()?)?;
    Some(Media::image(url).sized(json::count(&told["thumbnail_width"]), json::count(&told["thumbnail_height"])))
}

/// Where the page says that its JSON is.
pub(super) fn discovered(context: &Context<'_>, page: &Page) -> Option<String> {
    let text = page.text();
    let is_json = |kind: &str| kind.eq_ignore_ascii_case("application/json+oembed");
    let (link, _) = html::tags(&text, "link").find(|(link, _)| link.get("type").is_some_and(is_json))?;
    context.told(&page.link, link.get("href")?)
}
