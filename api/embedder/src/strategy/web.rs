//! Any page: what it tells of itself for other sites to show.

use super::{Context, Stage, Step, Strategy, Verdict, json, oembed, opengraph, success};
use crate::answer::Post;
use crate::fetch::{Ask, Page};
use crate::html;

pub(super) const OEMBED: Strategy =
    Strategy { id: "web.oembed", version: 1, yields: &["text", "media"], start, read: read_oembed };
pub(super) const OPENGRAPH: Strategy = Strategy {
    id: "web.opengraph",
    version: 1,
    yields: &["text", "media", "lang", "created_at"],
    start,
    read: |context, _, page| Ok(Step::found(opengraph::of(context, page)?)),
};
pub(super) const CARD: Strategy = Strategy {
    id: "web.card",
    version: 1,
    yields: &["text", "media"],
    start,
    read: |context, _, page| Ok(Step::found(opengraph::card(context, page)?)),
};

pub(super) fn start(context: &Context<'_>) -> Option<Step> {
    Step::first(Ask::get(context.url()))
}

/// The page says where its oEmbed is; that is asked, and what it leaves out is taken from the page.
pub(super) fn read_oembed(context: &Context<'_>, stage: &Stage, page: &Page) -> Result<Step, Verdict> {
    if stage.number == 0 {
        success(page)?;
        let url = oembed::discovered(context, page).ok_or(Verdict::Shape("oembed link"))?;
        let text = page.text();
        let description = html::meta(&text, &["og:description"]).unwrap_or_default();
        return Ok(Step::then(Ask::get(url), description));
    }
    let told = oembed::of(page)?;
    let title = json::text(&told["title"]);
    let description = Some(stage.note.clone()).filter(|description| !description.is_empty());
    let text = match (title, description) {
        (Some(title), Some(description)) => Some(format!("{title}\n{description}")),
        (title, description) => title.or(description),
    };
    let media = oembed::picture(context, page, &told).into_iter().collect();
    if text.is_none() && json::text(&told["author_name"]).is_none() {
        return Err(Verdict::Shape("title"));
    }
    Ok(Step::found(Post { author: oembed::author(&told), text, media, ..context.post() }))
}
