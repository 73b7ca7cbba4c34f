//! X, as it offers its posts to other sites.

use super::{Context, Stage, Step, Strategy, Verdict, oembed};
use crate::answer::Post;
use crate::fetch::{Ask, Page};
use crate::html;

pub(super) const STRATEGY: Strategy = Strategy { id: "x.oembed", version: 1, yields: &["text"], start, read };

fn start(context: &Context<'_>) -> Option<Step> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("url", &context.url())
        .append_pair("omit_script", "1")
        .append_pair("lang", context.lang)
        .finish();
    Step::first(Ask::get(format!("{}?{query}", context.setting("endpoint"))))
}

fn read(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    let told = oembed::of(page)?;
    let markup = told["html"].as_str().ok_or(Verdict::Shape("html"))?;
    let start = markup.find("<p").ok_or(Verdict::Shape("html"))?;
    let length = markup[start..].find("</p>").ok_or(Verdict::Shape("html"))?;
    let (text, text_facets) = html::to_text(&markup[start..start + length]);
    Ok(Step::found(Post { author: oembed::author(&told), text: Some(text), text_facets, ..context.post() }))
}
