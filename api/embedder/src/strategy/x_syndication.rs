//! X, as its own embedded posts ask for it.

use serde_json::Value;

use super::{Context, Stage, Step, Strategy, Verdict, json};
use crate::answer::{Author, Facet, FacetKind, Media, MediaKind, Metrics, Post, Variant};
use crate::fetch::{Ask, Page};

pub(super) const STRATEGY: Strategy = Strategy {
    id: "x.syndication",
    version: 2,
    yields: &[
        "text",
        "author.avatar",
        "created_at",
        "lang",
        "sensitive",
        "quoted",
        "parent",
        "media",
        "metrics.likes",
        "metrics.replies",
    ],
    start,
    read,
};

fn start(context: &Context<'_>) -> Option<Step> {
    let id = context.target.part("id");
    let (endpoint, lang) = (context.setting("endpoint"), context.lang);
    Step::first(Ask::get(format!("{endpoint}?id={id}&lang={lang}&token={}", token(id))))
}

/// What the site's script computes of the id: id / 10¹⁵ · π in base 36, without zeros and the point.
fn token(id: &str) -> String {
    let value = id.parse::<f64>().unwrap_or_default() / 1e15 * std::f64::consts::PI;
    let mut whole = value.trunc() as u64;
    let mut digits = Vec::new();
    while whole > 0 {
        digits.push(whole % 36);
        whole /= 36;
    }
    digits.reverse();
    // As many digits as tell the number from the next one, the last one rounded, as browsers write it.
    let point = digits.len();
    let mut fraction = value.fract();
    // Never none: of 0 there would be digits for ever.
    let mut delta = ((value.next_up() - value) / 2.0).max(f64::from_bits(1));
    while fraction >= delta {
        fraction *= 36.0;
        delta *= 36.0;
        digits.push(fraction as u64);
        fraction = fraction.fract();
        if fraction > 0.5 && fraction + delta > 1.0 {
            while digits.len() > point && digits.last() == Some(&35) {
                digits.pop();
            }
            if let Some(last) = digits.last_mut() {
                *last += 1;
            }
            break;
        }
    }
    digits.into_iter().filter(|digit| *digit != 0).filter_map(|digit| char::from_digit(digit as u32, 36)).collect()
}

fn read(context: &Context<'_>, _: &Stage, page: &Page) -> Result<Step, Verdict> {
    let tweet = json::of(page)?;
    if tweet["__typename"] == "TweetTombstone" {
        return Err(tombstone(tweet["tombstone"]["text"]["text"].as_str().unwrap_or_default()));
    }
    if !tweet["user"].is_object() {
        return Err(Verdict::Shape("user"));
    }
    let mut post = of_tweet(context, &tweet);
    let nested = |tweet: &Value| tweet["user"].is_object().then(|| Box::new(of_tweet(context, tweet)));
    post.quoted = nested(&tweet["quoted_tweet"]);
    post.parent = nested(&tweet["parent"]);
    Ok(Step::found(post))
}

/// What stands where a post was: the site's word.
pub(super) fn tombstone(text: &str) -> Verdict {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["Age-restricted", "age-restricted"]) {
        Verdict::AGE
    } else if says(&["limits who can view", "protected"]) {
        Verdict::PRIVATE
    } else if says(&["deleted", "no longer exists", "no longer available", "suspended", "unavailable"]) {
        Verdict::GONE
    } else {
        Verdict::Shape("tombstone")
    }
}

fn of_tweet(context: &Context<'_>, tweet: &Value) -> Post {
    let handle = json::text(&tweet["user"]["screen_name"]);
    let (text, text_facets) = shown(tweet["text"].as_str().unwrap_or_default(), &tweet["entities"]);
    let id = json::text(&tweet["id_str"]);
    Post {
        url: format!("https://x.com/{}/status/{}", handle.as_deref().unwrap_or("i"), id.as_deref().unwrap_or_default()),
        id,
        author: Some(author(&tweet["user"], handle)),
        text: Some(text),
        text_facets,
        lang: json::text(&tweet["lang"]),
        created_at: json::moment(&tweet["created_at"]),
        sensitive: tweet["possibly_sensitive"].as_bool().unwrap_or(false),
        metrics: Metrics {
            likes: json::count(&tweet["favorite_count"]),
            replies: json::count(&tweet["conversation_count"]),
            ..Metrics::default()
        },
        media: json::list(&tweet["mediaDetails"]).filter_map(media).collect(),
        ..context.post()
    }
}

pub(super) fn author(user: &Value, handle: Option<String>) -> Author {
    Author {
        name: json::text(&user["name"]).or_else(|| handle.clone()).unwrap_or_default(),
        url: handle.as_ref().map(|handle| format!("https://x.com/{handle}")),
        avatar: json::text(&user["profile_image_url_https"]),
        handle,
    }
}

/// The text as people see it: short links as they were meant, the link to the media taken off.
pub(super) fn shown(raw: &str, entities: &Value) -> (String, Vec<Facet>) {
    let mut text = crate::html::unescape(raw);
    for media in json::list(&entities["media"]) {
        if let Some(short) = media["url"].as_str().filter(|short| !short.is_empty()) {
            text = text.replace(short, "");
        }
    }
    let mut facets = Vec::new();
    for url in json::list(&entities["urls"]) {
        let (Some(short), Some(long)) = (url["url"].as_str(), url["expanded_url"].as_str()) else { continue };
        let Some(at) = text.find(short).filter(|_| !short.is_empty()) else { continue };
        let label = url["display_url"].as_str().unwrap_or(long);
        text.replace_range(at..at + short.len(), label);
        facets.push((FacetKind::Url, label.to_owned(), long.to_owned()));
    }
    for mention in json::list(&entities["user_mentions"]) {
        let Some(name) = mention["screen_name"].as_str() else { continue };
        facets.push((FacetKind::Mention, format!("@{name}"), format!("https://x.com/{name}")));
    }
    for tag in json::list(&entities["hashtags"]) {
        let Some(tag) = tag["text"].as_str() else { continue };
        facets.push((FacetKind::Tag, format!("#{tag}"), format!("https://x.com/hashtag/{tag}")));
    }
    let text = text.trim().to_owned();
    let place = |(kind, label, href): (FacetKind, String, String)| {
        let at = text.find(&label)?;
        let start = text[..at].chars().count();
        Some(Facet { kind, start, end: start + label.chars().count(), href })
    };
    let mut facets: Vec<Facet> = facets.into_iter().filter_map(place).collect();
    facets.sort_by_key(|facet| facet.start);
    (text, facets)
}

/// A picture or video of `mediaDetails`, which are as those of `extended_entities`.
pub(super) fn media(detail: &Value) -> Option<Media> {
    let picture = json::text(&detail["media_url_https"])?;
    let size = &detail["original_info"];
    let alt = json::text(&detail["ext_alt_text"]);
    if detail["type"] == "photo" {
        return Some(Media { alt, ..json::sized(Media::image(picture), size) });
    }
    let info = &detail["video_info"];
    let duration_ms = json::count(&info["duration_millis"]);
    let mut variants: Vec<Variant> = json::list(&info["variants"])
        .filter(|variant| variant["content_type"] == "video/mp4")
        .filter_map(|variant| {
            let bitrate = json::count(&variant["bitrate"]);
            Some(Variant { bytes: None, bitrate, file: None, url: json::text(&variant["url"])? })
        })
        .collect();
    variants.sort_by_key(|variant| std::cmp::Reverse(variant.bitrate));
    let kind = if detail["type"] == "animated_gif" { MediaKind::Gif } else { MediaKind::Video };
    let video = Media { kind, alt, duration_ms, thumbnail: Some(picture), ..Media::video(variants)? };
    Some(json::sized(video, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_token_is_what_the_site_s_script_computes() {
        assert_eq!(token("1629307668568633344"), "3y6mctgwzxo");
        assert_eq!(token("20"), "6dq1a2xwd93");
        // Anybody may write these: they must end.
        for none in ["0", "00000000000000000000", "", "99999999999999999999"] {
            assert!(token(none).len() < 1_100, "{none}");
        }
    }

    #[test]
    fn short_links_are_shown_as_meant() {
        let entities = json!({"urls": [{"url": "https://t.co/a", "expanded_url": "https://long.example/", "display_url": "long.example"}],
            "user_mentions": [{"screen_name": "ann"}], "media": [{"url": "https://t.co/m"}], "hashtags": []});
        let (text, facets) = shown("ö @ann &amp; https://t.co/a https://t.co/m", &entities);
        assert_eq!(text, "ö @ann & long.example");
        assert_eq!(facets.iter().map(|facet| (facet.start, facet.end)).collect::<Vec<_>>(), [(2, 6), (9, 21)]);
    }
}
