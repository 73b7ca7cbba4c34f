//! Under the form of the embeds: how each provider does now, and a box to try a link.

use maud::{Markup, html};

use super::guild::GuildPage;
use crate::app::App;
use crate::clients::{ClientError, Medium, Post, Provider};
use crate::view::{banner, dot, icon, markdown};

/// Characters of a link that is tried; the rest is cut.
const LINK_CHARS: usize = 2_000;
/// Providers that are shown, at most.
const PROVIDERS: usize = 40;

/// What a visitor tries, where they do.
pub(super) async fn section(app: &App, guild: &GuildPage, tried: Option<&str>) -> Markup {
    let Some(embedder) = &app.embedder else {
        return banner("info", &html! { p { "Links cannot be looked up here: this deployment runs no embedder." } });
    };
    let link = tried.map(str::trim).filter(|link| !link.is_empty());
    let link: Option<String> = link.map(|link| link.chars().take(LINK_CHARS).collect());
    let asked = async {
        match &link {
            Some(link) => Some(embedder.post(link).await),
            None => None,
        }
    };
    let (found, providers) = tokio::join!(asked, embedder.providers());
    html! {
        section aria-labelledby="try" {
            h2 #try { "Try a link" }
            form.ops-filter method="get" action={ (format!("/g/{}/embeds", guild.id)) "#try" } {
                div.grow {
                    label for="link" { "Link to a post" }
                    input.text #link type="url" name="try" value=[link.as_deref()] maxlength=(LINK_CHARS) placeholder="https://…" autocomplete="off" required;
                }
                button type="submit" { (icon("search")) "Try" }
            }
            @match &found {
                None => {}
                Some(Ok(post)) => { (post_shown(post, guild)) }
                Some(Err(error)) => { (banner("danger", &html! { p { (sentence(error)) } })) }
            }
        }
        section aria-labelledby="providers" {
            h2 #providers { "Providers now" }
            @match &providers {
                Ok(providers) => { (health(providers)) }
                Err(_) => { p.muted { "The embedder does not answer. Links wait for nothing: messages with them are left as they are." } }
            }
        }
    }
}

/// Why there is no post, as one sentence.
fn sentence(error: &ClientError) -> String {
    let ClientError::Refused { problem, .. } = error else {
        return "The embedder does not answer, or the site did not in time. Try again in a moment.".to_owned();
    };
    let known = match problem.slug().replace('-', "_").as_str() {
        "gone" => "The site says that this post is gone.",
        "private" => "This post is private.",
        "login_required" => "The site shows this post only to who is logged in there.",
        "age_restricted" => "The site shows this post only to adults who are logged in.",
        "unsupported_url" => "This is no link to a post that Miso knows.",
        "blocked_address" => "This address is not one that may be fetched.",
        "too_large" => "What is behind this link is too large.",
        "busy" | "rate_limited" => "The embedder has too much to do. Try again in a moment.",
        "provider_broken" => "The site does not answer as it used to. This is not about this post.",
        _ => return problem.detail.clone(),
    };
    known.to_owned()
}

fn post_shown(post: &Post, guild: &GuildPage) -> Markup {
    let author = post.author.clone().unwrap_or_default();
    html! {
        div.preview {
            p.preview-title { "Preview" }
            div.embed {
                div.embed-body {
                    p.embed-author {
                        (author.name.as_deref().unwrap_or("Somebody"))
                        @if let Some(handle) = &author.handle { " (@" (handle) ")" }
                        " · " (post.provider)
                    }
                    @if let Some(text) = &post.text { div.md { (markdown(text, &guild.choices.names)) } }
                    @if post.sensitive { p { span.tag { "sensitive" } } }
                    ul.plain { @for one in &post.media { li { (medium(one)) } } }
                    @if post.media.is_empty() { p.muted { "No picture and no video." } }
                }
            }
        }
        p.muted {
            @if let Some(strategy) = &post.meta.strategy { "Found by " code { (strategy) } }
            @if !post.meta.tried.is_empty() { ", tried: " (post.meta.tried.join(", ")) }
            @if let Some(age) = post.meta.age_s.filter(|age| *age > 0) { ", known for " (age) " s" }
            @if !post.meta.degraded.is_empty() { ". Missing: " (post.meta.degraded.join(", ")) }
            "."
        }
    }
}

/// `Video, 720 × 1280, 9 s, 3.4 MB: what it shows`.
fn medium(one: &Medium) -> String {
    let kind = match one.kind.as_str() {
        "video" => "Video",
        "gif" => "Animation",
        "audio" => "Sound",
        _ => "Picture",
    };
    let mut text = kind.to_owned();
    if let Some((width, height)) = one.width.zip(one.height) {
        text.push_str(&format!(", {width} × {height}"));
    }
    if let Some(ms) = one.duration_ms {
        text.push_str(&format!(", {} s", ms.div_ceil(1_000)));
    }
    if let Some(bytes) = one.bytes {
        text.push_str(&format!(", {}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000));
    }
    if let Some(alt) = one.alt.as_deref().filter(|alt| !alt.is_empty()) {
        text.push_str(&format!(": {alt}"));
    }
    text
}

/// State and words of a provider: as well as its ways that are turned on.
fn state(provider: &Provider) -> (&'static str, String) {
    let ways: Vec<_> = provider.strategies.iter().filter(|way| way.enabled).collect();
    let working = ways.iter().filter(|way| way.health != "red").count();
    if !provider.enabled {
        ("off", "turned off by the operator".to_owned())
    } else if working == 0 {
        ("danger", "does not work now".to_owned())
    } else if working < ways.len() {
        ("warn", format!("{working} of {} ways work", ways.len()))
    } else {
        ("ok", "works".to_owned())
    }
}

fn health(providers: &[Provider]) -> Markup {
    html! {
        @if providers.is_empty() { p.muted { "The embedder names no provider." } }
        ul.health {
            @for provider in providers.iter().take(PROVIDERS) {
                @let (state, says) = state(provider);
                li.(state) { (dot(state, &says)) span { strong { (provider.name) } " " (says) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_as_well_as_its_ways() {
        let of = |enabled: bool, ways: &[(&str, bool)]| {
            let way = |(health, enabled): &(&str, bool)| crate::clients::Strategy {
                enabled: *enabled,
                health: (*health).to_owned(),
            };
            let provider = Provider { enabled, strategies: ways.iter().map(way).collect(), ..Provider::default() };
            state(&provider).0
        };
        assert_eq!(of(true, &[("green", true), ("red", true)]), "warn");
        assert_eq!(of(true, &[("red", true), ("green", false)]), "danger");
        assert_eq!(of(false, &[("green", true)]), "off");
        assert_eq!(of(true, &[("amber", true), ("unknown", true), ("red", false)]), "ok");
    }

    #[test]
    fn a_medium_is_told_in_words() {
        let video = Medium {
            kind: "video".to_owned(),
            width: Some(720),
            height: Some(1_280),
            duration_ms: Some(8_400),
            bytes: Some(3_400_112),
            alt: Some("a cat".to_owned()),
        };
        assert_eq!(medium(&video), "Video, 720 × 1280, 9 s, 3.4 MB: a cat");
        assert_eq!(medium(&Medium::default()), "Picture");
    }
}
