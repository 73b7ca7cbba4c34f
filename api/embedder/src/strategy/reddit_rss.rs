//! Reddit's feed of a post's comments: the first entry is the post.

use super::{Context, Stage, Step, Strategy, Verdict, success};
use crate::answer::{Author, Media, Post};
use crate::fetch::{Ask, Page};
use crate::html;
use crate::moment;

pub(super) const RSS: Strategy =
    Strategy { id: "reddit.rss", version: 1, yields: &["text", "created_at", "media"], start, read };

fn start(context: &Context<'_>) -> Option<Step> {
    Step::first(Ask::get(context.setting("endpoint").replace("{id}", context.target.part("id"))))
}

fn read(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    success(page)?;
    let feed = page.text();
    let entry = between(&feed, "<entry", "</entry>").ok_or(Verdict::Shape("entry"))?;
    let title = element(entry, "title").ok_or(Verdict::Shape("title"))?;
    let author = element(between(entry, "<author", "</author>").unwrap_or_default(), "name");
    let name = author.map(|name| name.trim_start_matches("/u/").to_owned());
    // Markup inside of markup: escaped once more.
    let content = element(entry, "content").unwrap_or_default();
    let text = match own_words(&content) {
        words if words.is_empty() => title,
        words => format!("{title}\n\n{words}"),
    };
    Ok(Step::found(Post {
        author: name.map(|name| Author {
            url: Some(format!("https://www.reddit.com/user/{name}")),
            handle: Some(name.clone()),
            name,
            avatar: None,
        }),
        text: Some(text),
        created_at: element(entry, "published").and_then(|text| moment::of_text(&text)),
        media: picture(context, page, &content).into_iter().collect(),
        ..context.post()
    }))
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let start = text.find(open)?;
    let inner = start + text[start..].find('>')? + 1;
    let length = text[inner..].find(close)?;
    Some(&text[inner..inner + length])
}

fn element(text: &str, name: &str) -> Option<String> {
    Some(html::unescape(between(text, &format!("<{name}"), &format!("</{name}>"))?.trim()))
}

/// What the author wrote stands between two remarks; links and pictures around it are Reddit's.
fn own_words(content: &str) -> String {
    let written = content.split("<!-- SC_OFF -->").nth(1).and_then(|rest| rest.split("<!-- SC_ON -->").next());
    written.map(|markup| html::to_text(markup).0.trim().to_owned()).unwrap_or_default()
}

/// The picture that the post links to, or else its preview.
fn picture(context: &Context<'_>, page: &Page, content: &str) -> Option<Media> {
    let is_picture = |url: &&str| url.contains("//i.redd.it/");
    let links: Vec<_> = html::tags(content, "a").collect();
    let linked = links.iter().filter_map(|(link, _)| link.get("href")).find(is_picture);
    let previews: Vec<_> = html::tags(content, "img").collect();
    let preview = previews.iter().find_map(|(picture, _)| picture.get("src"));
    Some(Media::image(context.told(&page.link, linked.or(preview)?)?))
}
