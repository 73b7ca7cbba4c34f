//! Nothing but the link: where a site tells nothing to those who are not logged in, its posts still have an
//! address. Asks nobody.

use super::{Context, Page, Stage, Step, Strategy, Verdict};

pub(super) const REDDIT: Strategy = Strategy { id: "reddit.link", version: 1, yields: &[], start, read };
pub(super) const INSTAGRAM: Strategy = Strategy { id: "instagram.link", version: 1, yields: &[], start, read };

fn start(context: &Context<'_>) -> Option<Step> {
    Some(Step::found(context.post()))
}

fn read(_: &Context<'_>, _: &Stage, _: &Page) -> Result<Step, Verdict> {
    Err(Verdict::Shape("nothing was asked"))
}
