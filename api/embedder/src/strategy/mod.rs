//! Strategies: how a site's post is asked for and read. All of them are pure: they say what to fetch next
//! and read what was fetched; the chain does it.

mod bluesky;
mod instagram;
mod json;
mod link;
mod mastodon;
mod oembed;
mod opengraph;
mod reddit;
mod reddit_rss;
mod threads;
mod tiktok;
mod web;
mod x_configured;
mod x_graphql;
mod x_oembed;
mod x_syndication;
mod youtube;

use crate::answer::Post;
use crate::failure::Failure;
use crate::fetch::{Ask, Page};
use crate::guard::{Link, Ports};
use crate::providers::{Settings, Target};

/// One way to read one site.
#[derive(Debug)]
pub(crate) struct Strategy {
    /// `<provider>.<way>`.
    pub(crate) id: &'static str,
    /// Counts up when what it reads or asks changes.
    pub(crate) version: u32,
    /// What it can tell, beside the link itself.
    pub(crate) yields: &'static [&'static str],
    /// The first step; `None`: it is not for this link, or not configured.
    pub(crate) start: fn(&Context<'_>) -> Option<Step>,
    /// The step after a page was read, which was asked for in the stage given.
    pub(crate) read: fn(&Context<'_>, &Stage, &Page) -> Result<Step, Verdict>,
}

impl Strategy {
    pub(crate) fn name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }
}

/// What a strategy is told.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) target: &'a Target,
    pub(crate) settings: &'a Settings,
    /// BCP 47.
    pub(crate) lang: &'a str,
    pub(crate) ports: &'a Ports,
}

impl Context<'_> {
    /// A setting of the table; empty where there is none.
    pub(crate) fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A post with what the link itself tells.
    pub(crate) fn post(&self) -> Post {
        let id = Some(self.target.part("id")).filter(|id| !id.is_empty()).map(str::to_owned);
        let Target { provider, kind, url, .. } = self.target;
        Post { provider: provider.clone(), kind: *kind, url: url.clone(), id, ..Post::default() }
    }

    /// The link as it is asked for.
    pub(crate) fn url(&self) -> String {
        self.target.url.clone()
    }

    /// A URL of a page as one that may be told and fetched; `None`: it may not.
    pub(crate) fn told(&self, page: &Link, reference: &str) -> Option<String> {
        Some(page.join(reference, self.ports).ok()?.to_string())
    }
}

/// Where a strategy is: which of its requests it waits for, and what it keeps in mind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) number: u8,
    pub(crate) note: String,
}

/// What a strategy wants.
#[derive(Debug)]
pub(crate) enum Step {
    /// Something to fetch.
    Fetch(Ask, Stage),
    /// Nothing more: here it is.
    Found(Box<Post>),
}

impl Step {
    pub(crate) fn first(ask: Ask) -> Option<Self> {
        Some(Self::Fetch(ask, Stage::default()))
    }

    pub(crate) fn then(ask: Ask, note: impl Into<String>) -> Self {
        Self::Fetch(ask, Stage { number: 1, note: note.into() })
    }

    pub(crate) fn found(post: Post) -> Self {
        Self::Found(Box::new(post))
    }
}

/// Why a page does not lead to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The provider's own word: [`Failure::Gone`], [`Failure::Private`], [`Failure::LoginRequired`] or
    /// [`Failure::AgeRestricted`].
    Word(Failure),
    /// A status that is nobody's word: a block, an outage, an odd 404.
    Status(u16),
    /// The page has another shape than this version reads: what is missing.
    Shape(&'static str),
}

impl Verdict {
    pub(crate) const GONE: Self = Self::Word(Failure::Gone);
    pub(crate) const PRIVATE: Self = Self::Word(Failure::Private);
    pub(crate) const LOGIN: Self = Self::Word(Failure::LoginRequired);
    pub(crate) const AGE: Self = Self::Word(Failure::AgeRestricted);
}

/// Only a plain success is read on.
fn success(page: &Page) -> Result<(), Verdict> {
    if page.status == 200 { Ok(()) } else { Err(Verdict::Status(page.status)) }
}

/// The strategy of this id.
pub(crate) fn find(id: &str) -> Option<&'static Strategy> {
    ALL.iter().find(|strategy| strategy.id == id)
}

/// Every strategy.
pub(crate) const ALL: &[Strategy] = &[
    x_syndication::STRATEGY,
    x_configured::STRATEGY,
    x_graphql::STRATEGY,
    x_oembed::STRATEGY,
    bluesky::APPVIEW,
    bluesky::OPENGRAPH,
    mastodon::API,
    mastodon::OEMBED,
    mastodon::OPENGRAPH,
    reddit::OAUTH,
    reddit_rss::RSS,
    link::REDDIT,
    youtube::OEMBED,
    youtube::OPENGRAPH,
    tiktok::PAGE,
    tiktok::DETAIL,
    tiktok::OEMBED,
    instagram::GRAPHQL,
    instagram::PAGE,
    instagram::EMBED,
    link::INSTAGRAM,
    threads::GRAPHQL,
    threads::OPENGRAPH,
    web::OEMBED,
    web::OPENGRAPH,
    web::CARD,
];
