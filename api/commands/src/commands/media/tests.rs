use serde_json::{Value as Json, json};

use super::*;
use crate::embedder::refusal;

const LINK: &str = "https://x.com/mia/status/1";

fn post(more: &Json) -> Media {
    let mut json = json!({
        "provider": "x", "kind": "post", "url": LINK, "text": "Soup is *ready* https://a.io/x_y_z",
        "author": {"name": "Mia [chef]", "handle": "mia", "url": "https://x.com/mia"},
        "created_at": "2026-11-01T10:00:00Z", "metrics": {"likes": 12, "reposts": 3, "replies": null, "views": null},
    });
    for (field, value) in more.as_object().expect("an object") {
        json[field] = value.clone();
    }
    serde_json::from_value(json).expect("reads")
}

fn picture(n: u64) -> Json {
    json!({"kind": "image", "url": format!("https://img.x/{n}"), "file": format!("/v1/file/{n}"), "mime": "image/png", "bytes": 9})
}

fn shown_with(found: &[Result<Media, Problem>], caption: bool, spoiler: bool, quiet: bool) -> Document {
    let links = vec![LINK.to_owned(); found.len()];
    document(&links, found, How { caption, spoiler, text_chars: TEXT_CHARS }, quiet)
}

fn shown(media: Media) -> Document {
    shown_with(&[Ok(media)], true, false, false)
}

fn names(document: &Document) -> Vec<(&str, bool)> {
    document.attachments.iter().map(|file| (file.name.as_str(), file.spoiler)).collect()
}

#[test]
fn a_post_is_shown_with_who_when_what_and_how_many_liked_it() {
    let document = shown(post(&json!({})));
    assert_eq!(
        document.text.as_deref(),
        Some("**[Mia \\[chef\\]](<https://x.com/mia>)** @mia · 2026-11-01\nSoup is \\*ready\\* https://a.io/x_y_z")
    );
    assert_eq!(document.footer.as_deref(), Some("❤ 12  🔁 3"));
    assert_eq!(document.actions, [Link { label: "Open on X".to_owned(), url: LINK.to_owned() }]);
    assert!(document.attachments.is_empty() && document.images.is_empty());
}

#[test]
fn what_a_post_with_files_says_is_its_caption_and_shown_when_it_is_asked_for() {
    let media = post(&json!({"media": [picture(1)]}));
    let silent = shown_with(&[Ok(media.clone())], false, false, false);
    assert!(!silent.text.as_deref().expect("who").contains("Soup"));
    assert!(shown(media).text.as_deref().expect("text").contains("Soup"));
    let only_text = shown_with(&[Ok(post(&json!({})))], false, false, false);
    assert!(only_text.text.as_deref().expect("text").contains("Soup"), "it would say nothing else");
}

#[test]
fn up_to_four_files_go_along_and_one_picture_stands_inside() {
    let one = shown(post(&json!({"media": [picture(1)]})));
    assert_eq!(names(&one), [("x-1.png", false)]);
    assert_eq!(one.attachments[0].url, "embedder:/v1/file/1");
    assert_eq!(one.images[0].url, "attachment://x-1.png");
    let many = shown(post(&json!({"media": [picture(1), picture(2), picture(3), picture(4), picture(5)]})));
    assert!(names(&many).len() == MEDIA_FILES && many.images.is_empty());
    assert!(many.footer.as_deref().expect("told").ends_with("1 more at the site"));
}

#[test]
fn spoilers_and_what_is_sensitive_are_hidden_in_pictures_and_words() {
    let hidden = |document: Document| {
        assert_eq!(names(&document), [("x-1.png", true)]);
        assert!(document.images.is_empty(), "inside it could not be hidden");
        assert!(document.text.as_deref().expect("text").contains("||Soup"));
    };
    hidden(shown_with(&[Ok(post(&json!({"media": [picture(1)]})))], true, true, false));
    hidden(shown(post(&json!({"media": [picture(1)], "sensitive": true}))));
}

#[test]
fn a_video_that_is_too_large_is_linked_to_and_a_smaller_one_of_it_taken() {
    let mut video = json!({
        "kind": "video", "url": "https://v.x/1.mp4", "file": "/v1/file/v", "mime": "video/mp4", "bytes": 45_000_000,
        "thumbnail": "https://v.x/1.jpg",
    });
    let linked = shown(post(&json!({"media": [video]})));
    assert!(linked.attachments.is_empty());
    assert!(linked.text.as_deref().expect("text").contains("[video of 45 MB](<https://v.x/1.mp4>)"));
    assert_eq!(linked.images[0].url, "https://v.x/1.jpg");
    video["variants"] = json!([{"bytes": 900_000, "file": "/v1/file/s"}]);
    let smaller = shown(post(&json!({"media": [video]})));
    assert_eq!(
        (names(&smaller), smaller.attachments[0].url.as_str()),
        (vec![("x-1.mp4", false)], "embedder:/v1/file/s")
    );
}

#[test]
fn a_quoted_post_stands_in_a_quote() {
    let quoted = json!({"provider": "x", "text": "First\nline", "author": {"handle": "ann"}});
    let document = shown(post(&json!({"quoted": quoted})));
    assert!(document.text.as_deref().expect("text").ends_with("\n> **ann**\n> First\n> line"), "{:?}", document.text);
}

#[test]
fn a_poll_is_shown_with_its_votes() {
    let poll = json!({"options": [{"label": "Red", "votes": 7}, {"label": "White", "votes": null}], "closed": true});
    let document = shown(post(&json!({"poll": poll})));
    let text = document.text.expect("text");
    assert!(text.ends_with("📊 Red · 7\n📊 White\nThe poll is over."), "{text}");
}

#[test]
fn a_post_of_which_nothing_is_told_is_no_answer() {
    let nothing = json!({"author": null, "text": " ", "metrics": null});
    assert_eq!(with_something(post(&nothing)).expect_err("nothing").slug(), "nothing_shown");
    assert!(with_something(post(&json!({"author": null}))).is_ok());
    let page = json!({"media": [{"kind": "video", "url": LINK, "thumbnail": "https://v.x/1.jpg"}]});
    let document = shown(post(&page));
    assert!(!document.text.as_deref().expect("text").contains("[video]") && document.images.len() == 1);
}

#[test]
fn of_several_links_those_that_fail_say_why_or_nothing() {
    let found = || vec![Ok(post(&json!({}))), Err(refusal("gone")), Ok(post(&json!({"provider": "new"})))];
    let told = shown_with(&found(), true, false, false);
    assert!(told.text.as_deref().expect("text").contains("does not exist any more"));
    assert_eq!(told.actions.iter().map(|link| link.label.as_str()).collect::<Vec<_>>(), ["Open on X", "Open"]);
    let quiet = shown_with(&found(), true, false, true);
    assert!(!quiet.text.as_deref().expect("text").contains("any more"));
    let none = shown_with(&[Err(refusal("gone")), Err(refusal("private"))], true, false, false);
    assert_eq!((none.colour, none.text.as_deref().map(|text| text.lines().count())), (Colour::Warning, Some(3)));
}

#[test]
fn commands_of_one_site_take_its_links_only() {
    assert!(fits(Provider::X, LINK).is_ok());
    assert!(fits(Provider::Mastodon, "https://any.host/@a/1").is_ok());
    let problem = fits(Provider::Instagram, "https://www.youtube.com/watch?v=1").expect_err("another site");
    assert!(problem.detail.contains("YouTube") && problem.detail.contains("Instagram"), "{}", problem.detail);
    assert!(fits(Provider::Mastodon, LINK).is_err());
    assert_eq!(
        (of_command("twitter"), of_command("embed"), of_command("bluesky")),
        (Some(Provider::X), None, Some(Provider::Bluesky))
    );
}

#[test]
fn other_peoples_words_have_no_power() {
    assert_eq!(escaped("# [a](https://evil.io) **b**"), "\\# \\[a\\](https://evil.io) \\*\\*b\\*\\*");
    assert_eq!(escaped("x_y\n||z||"), "x\\_y\n\\|\\|z\\|\\|");
    let unsafe_author = json!({"name": "A", "url": "https://x.com/a) [b](https://evil.io"});
    let document = shown(post(&json!({"author": unsafe_author})));
    assert!(!document.text.as_deref().expect("text").contains("evil"));
}
