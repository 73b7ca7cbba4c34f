//! OpenGraph and Twitter-card meta tags as a post. Pure.

use super::{Context, Verdict, success};
use crate::answer::{Author, Media, MediaKind, Post, Variant};
use crate::fetch::Page;
use crate::{html, moment};

/// What a page's OpenGraph tags tell; title and description become the text.
pub(super) fn of(context: &Context<'_>, page: &Page) -> Result<Post, Verdict> {
    success(page)?;
    let text = page.text();
    let metas = html::Metas::of(&text);
    let meta = |names: &[&str]| metas.get(names);
    let title = meta(&["og:title"]).ok_or(Verdict::Shape("og:title"))?;
    let description = meta(&["og:description"]);
    let size = |name: &str| meta(&[name]).and_then(|size| size.parse().ok());
    let alt = meta(&["og:image:alt"]);
    let picture = meta(&["og:image:secure_url", "og:image:url", "og:image"])
        .and_then(|url| context.told(&page.link, &url))
        .map(|url| Media { alt, ..Media::image(url).sized(size("og:image:width"), size("og:image:height")) });
    let video = meta(&["og:video:secure_url", "og:video:url", "og:video"])
        .filter(|_| meta(&["og:video:type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("video/mp4")))
        .and_then(|url| context.told(&page.link, &url))
        .and_then(|url| Media::video(vec![Variant { url, ..Variant::default() }]));
    let media = match (video, picture) {
        (Some(video), picture) => {
            let thumbnail = picture.map(|picture| picture.url);
            vec![Media { thumbnail, ..video }.sized(size("og:video:width"), size("og:video:height"))]
        }
        (None, picture) => picture.into_iter().collect(),
    };
    let (lang, created_at) = (meta(&["og:locale"]), meta(&["article:published_time", "og:published_time"]));
    Ok(Post {
        author: meta(&["article:author", "author", "og:site_name"]).map(|name| Author { name, ..Author::default() }),
        text: Some(joined(title, description)),
        lang: lang.map(|locale| locale.replace('_', "-")),
        created_at: created_at.and_then(|text| moment::of_text(&text)),
        media,
        ..context.post()
    })
}

/// What a page's Twitter-card tags tell, the title and description of the page itself where they are missing.
pub(super) fn card(context: &Context<'_>, page: &Page) -> Result<Post, Verdict> {
    success(page)?;
    let text = page.text();
    let metas = html::Metas::of(&text);
    let meta = |names: &[&str]| metas.get(names);
    let title = meta(&["twitter:title"]).or_else(|| html::title(&text)).ok_or(Verdict::Shape("title"))?;
    let description = meta(&["twitter:description", "description"]);
    let handle = meta(&["twitter:creator", "twitter:site"]).map(|handle| handle.trim_start_matches('@').to_owned());
    let picture = meta(&["twitter:image", "twitter:image:src"]).and_then(|url| context.told(&page.link, &url));
    Ok(Post {
        author: handle.map(|handle| Author { name: handle.clone(), handle: Some(handle), ..Author::default() }),
        text: Some(joined(title, description)),
        media: picture.map(|url| Media { kind: MediaKind::Image, ..Media::image(url) }).into_iter().collect(),
        ..context.post()
    })
}

fn joined(title: String, description: Option<String>) -> String {
    match description.filter(|description| *description != title) {
        Some(description) => format!("{title}\n{description}"),
        None => title,
    }
}
