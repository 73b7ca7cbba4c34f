use proptest::prelude::*;

use super::*;

#[test]
fn posts_are_told_from_profiles_and_from_other_sites() {
    use Provider::{Bluesky, Instagram, Mastodon, Other, Reddit, Threads, Tiktok, X, Youtube};
    for (link, provider, post) in [
        ("https://x.com/mia/status/1234567890", X, true),
        ("https://twitter.com/mia/status/12/photo/1?s=20", X, true),
        ("https://x.com/i/web/status/12", X, true),
        ("https://x.com/mia", X, false),
        ("https://x.com/mia/status/abc", X, false),
        ("HTTPS://X.COM/mia/status/12", X, true),
        ("https://bsky.app/profile/mia.bsky.social/post/3l6oveex3ii2l", Bluesky, true),
        ("https://bsky.app/profile/mia.bsky.social", Bluesky, false),
        ("https://mastodon.social/@mia/112233445566778899", Mastodon, true),
        ("https://example.social/@mia@other.host/112233445566778899", Mastodon, true),
        ("https://example.social/users/mia/statuses/112233445566778899", Mastodon, true),
        ("https://medium.com/@mia/12", Other, false),
        ("https://www.reddit.com/r/rust/comments/abc/title_of_it/", Reddit, true),
        ("https://reddit.com/r/rust/s/AbC", Reddit, true),
        ("https://redd.it/abc", Reddit, true),
        ("https://reddit.com/r/rust", Reddit, false),
        ("https://www.youtube.com/watch?v=abc", Youtube, true),
        ("https://youtu.be/abc?t=4", Youtube, true),
        ("https://youtube.com/shorts/abc", Youtube, true),
        ("https://youtube.com/@mia/112233445566778899", Youtube, false),
        ("https://www.tiktok.com/@mia/video/7300000000000000000", Tiktok, true),
        ("https://vm.tiktok.com/ZM123/", Tiktok, true),
        ("https://www.tiktok.com/@mia", Tiktok, false),
        ("https://www.instagram.com/p/AbC_1/", Instagram, true),
        ("https://instagram.com/mia/reel/AbC/?igsh=x", Instagram, true),
        ("https://instagram.com/mia", Instagram, false),
        ("https://www.threads.net/@mia/post/AbC", Threads, true),
        ("https://www.threads.com/@mia/post/AbC", Threads, true),
        ("https://mia.tumblr.com/post/1/x", Other, true),
        ("https://nottumblr.com/post/1", Other, false),
        ("https://example.com/a", Other, false),
    ] {
        assert_eq!(Provider::of(link), Some(provider), "{link}");
        assert_eq!(Provider::of_post(link), post.then_some(provider), "{link}");
    }
    for none in [
        "x.com/mia/status/1",
        "ftp://x.com/a",
        "https://",
        "https://localhost/a",
        "https://x.com:80/a/status/1",
        "https://a@x.com/b/status/1",
        "https://x..com/a",
    ] {
        assert_eq!(Provider::of(none), None, "{none}");
    }
    for provider in Provider::ALL {
        assert_eq!(Provider::of_key(provider.key()), Some(*provider));
    }
}

fn found(text: &str) -> Vec<(&str, bool)> {
    links_in(text, |_| true).into_iter().map(|link| (link.url, link.spoiler)).collect()
}

#[test]
fn links_are_found_where_people_mean_them_to_be_seen() {
    let a = "https://x.com/mia/status/1";
    for (text, expected) in [
        (format!("look: {a}, nice"), vec![(a, false)]),
        (format!("({a})"), vec![(a, false)]),
        (format!("[see]({a})."), vec![(a, false)]),
        (format!("**{a}**"), vec![(a, false)]),
        (format!("||{a}||"), vec![(a, true)]),
        (format!("|| a {a} b || {a}x"), vec![(a, true), ("https://x.com/mia/status/1x", false)]),
        (format!("|| {a}"), vec![(a, false)]),
        (format!("<{a}>"), vec![]),
        (format!("< {a}"), vec![(a, false)]),
        (format!("`{a}`"), vec![]),
        (format!("`` ` {a} ``"), vec![]),
        (format!("```\n{a}\n```"), vec![]),
        (format!("`open {a}"), vec![(a, false)]),
        (format!("{a} {a}"), vec![(a, false)]),
        (format!("no{a}"), vec![]),
        ("https://x.com/wiki/A_(b)".to_owned(), vec![("https://x.com/wiki/A_(b)", false)]),
        ("nothing at all".to_owned(), vec![]),
    ] {
        assert_eq!(found(&text), expected, "{text}");
    }
    let many: String = (0..9).map(|n| format!("https://x.com/a/status/{n} ")).collect();
    assert_eq!(found(&many).len(), MAX_LINKS);
    let one = links_in(&many, |url| url.ends_with("/7"));
    assert_eq!(one.len(), 1, "the bound counts what is wanted");
}

#[test]
fn a_word_is_a_link_with_its_marks_taken_off() {
    for (word, expected) in [
        ("https://x.com/a", Some("https://x.com/a")),
        ("<https://x.com/a>", Some("https://x.com/a")),
        ("||https://x.com/a||", Some("https://x.com/a")),
        ("x.com/a", Some("https://x.com/a")),
        ("hello", None),
        ("-c", None),
        ("ftp://x.com/a", None),
        ("", None),
    ] {
        assert_eq!(link_of(word).as_deref(), expected, "{word}");
    }
    assert_eq!(link_of(&format!("https://x.com/{}", "a".repeat(LINK_BYTES))), None);
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "[a`|<>() é.*\n]{0,30}", more in "\\PC{0,20}") {
        let text = format!("{text}https://x.com/a/status/1{more}`||<https://y.com>{text}");
        for link in links_in(&text, |_| true) {
            prop_assert!(without_scheme(link.url).is_some() && !link.url.contains(char::is_whitespace));
        }
    }
}
