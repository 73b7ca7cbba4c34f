//! Last.fm's errors, and what is answered while it fails.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::rig::{DEADLINE, Rig, degraded, fault};

#[tokio::test]
async fn every_error_of_the_api_has_a_word_of_its_own() {
    let rig = Rig::start().await;
    for (code, expected) in [
        (6, (404, "user-not-found")),
        (8, (503, "upstream-down")),
        (10, (500, "bad-key")),
        (11, (503, "upstream-down")),
        (16, (503, "upstream-down")),
        (17, (403, "listening-private")),
        (26, (500, "bad-key")),
        (99, (503, "upstream-down")),
    ] {
        rig.break_down(json!({"kind": "code", "code": code}));
        let user = format!("user{code}");
        let found = rig.refused(&format!("/users/{user}/now"), &[]).await;
        assert_eq!(found, (expected.0, expected.1.to_owned()), "error {code}");
        rig.mend();
    }
    for (kind, expected) in
        [("html", "upstream-down"), ("status", "upstream-down"), ("cut", "upstream-down"), ("shape", "upstream-down")]
    {
        rig.break_down(fault("user.", kind));
        assert_eq!(rig.refused(&format!("/users/{kind}/now"), &[]).await, (503, expected.to_owned()), "{kind}");
        rig.mend();
    }
    rig.break_down(json!({"kind": "code", "code": 29}));
    let (status, problem) = rig.get("/users/user29/now", &[]).await;
    assert_eq!((status.as_u16(), problem["retry_after"].as_u64()), (429, Some(5)), "{problem}");
}

#[tokio::test]
async fn users_and_music_that_are_not_there_are_told_apart_and_remembered() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        assert_eq!(rig.refused("/users/nobody", &[]).await, (404, "user-not-found".to_owned()));
        assert_eq!(rig.refused("/users/quiet/recent", &[]).await, (403, "listening-private".to_owned()));
        assert_eq!(
            rig.refused("/track", &[("artist", "Salt/Pepper"), ("name", "none")]).await,
            (404, "not-found".to_owned())
        );
    }
    assert_eq!(rig.calls(""), 3, "once each");
    rig.clock.advance(10_001);
    assert_eq!(rig.refused("/users/quiet/recent", &[]).await.0, 403);
    assert_eq!(rig.calls("user.getrecenttracks"), 2, "asked again after ten seconds");
    assert_eq!(rig.refused("/users/nobody", &[]).await.0, 404);
    assert_eq!(rig.calls("user.getinfo"), 1, "remembered for ten minutes");
    // A private user's profile and lists are open all the same.
    rig.ok("/users/quiet", &[]).await;
    rig.ok("/users/quiet/top/artists", &[]).await;
}

#[tokio::test]
async fn while_last_fm_is_down_what_was_good_is_answered_and_marked() {
    let rig = Rig::start().await;
    let paths: &[(&str, &[(&str, &str)])] = &[
        ("/users/ann/now", &[]),
        ("/users/ann/recent", &[]),
        ("/users/ann", &[]),
        ("/users/ann/top/albums", &[("period", "7d")]),
        ("/artist", &[("name", "달빛소년"), ("as", "ann")]),
    ];
    let mut before = Vec::new();
    for (path, query) in paths {
        before.push(rig.ok(path, query).await["data"].clone());
    }
    rig.break_down(fault("", "html"));
    // Each in turn beyond the age up to which it is fresh, and not beyond that to which it is good.
    for ((path, query), (data, later_ms)) in paths.iter().zip(before.iter().zip([6_000, 20_000, 600_000, 1, 1])) {
        rig.clock.advance(later_ms);
        let answer = rig.ok(path, query).await;
        assert_eq!((&answer["data"], &answer["meta"]["stale"]), (data, &json!(true)), "{path}");
        assert!(answer["meta"]["age_s"].as_u64().is_some_and(|age| age > 0), "{answer}");
    }
    let asked = rig.calls("");
    rig.ok("/users/ann", &[]).await;
    assert_eq!(rig.calls(""), asked, "asking that has just failed is not repeated at once");
    assert_eq!(
        rig.refused("/users/ann/now", &[]).await,
        (503, "upstream-down".to_owned()),
        "beyond a minute it is no news"
    );
    rig.mend();
    rig.clock.advance(2_000);
    until_fresh(&rig, "/users/ann").await;
}

/// While it failed the old answer comes at once: the new one is asked for behind it.
async fn until_fresh(rig: &Rig, path: &str) {
    let began = Instant::now();
    while rig.ok(path, &[]).await["meta"]["stale"] != json!(false) {
        assert!(began.elapsed() < DEADLINE, "still stale");
        rig.clock.advance(10);
    }
}

#[tokio::test]
async fn while_last_fm_hangs_only_the_first_who_asks_waits_for_it() {
    let rig = Rig::with(|config| config.patience = Duration::from_secs(2)).await;
    rig.ok("/users/ann", &[]).await;
    rig.break_down(json!({"kind": "slow", "ms": 60_000}));
    rig.clock.advance(600_000);
    assert_eq!(rig.ok("/users/ann", &[]).await["meta"]["stale"], json!(true));
    for _ in 0..3 {
        rig.clock.advance(1_001);
        let began = Instant::now();
        assert_eq!(rig.ok("/users/ann", &[]).await["meta"]["stale"], json!(true));
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    rig.mend();
    until_fresh(&rig, "/users/ann").await;
}

#[tokio::test]
async fn slowness_ends_with_a_word_and_a_lookup_goes_on_for_the_next_who_asks() {
    let rig = Rig::with(|config| config.patience = Duration::from_secs(1)).await;
    rig.break_down(json!({"what": "user.getInfo", "kind": "slow", "ms": 5_000}));
    assert_eq!(rig.refused("/users/ann", &[]).await, (504, "upstream-slow".to_owned()));
    rig.mend();
    rig.clock.advance(1_001);
    rig.ok("/users/ann", &[]).await;
}

#[tokio::test]
async fn without_a_key_that_last_fm_takes_the_operator_is_named() {
    for key in ["", "wrong"] {
        let rig = Rig::with(|config| config.api_key = key.to_owned()).await;
        let (status, problem) = rig.get("/users/ann", &[]).await;
        assert_eq!(status.as_u16(), 500);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("LASTFM_API_KEY")), "{problem}");
    }
}

#[tokio::test]
async fn details_that_fail_are_null_and_named_and_the_rest_is_answered() {
    let rig = Rig::start().await;
    rig.break_down(json!({"what": "track.getInfo", "kind": "code", "code": 8}));
    rig.break_down(fault("page:album", "status"));
    let now = rig.ok("/users/ann/now", &[("details", "1")]).await;
    assert_eq!((&now["data"]["user_plays"], &now["data"]["now_playing"]), (&Value::Null, &json!(true)));
    let expected = json!(["track.duration_ms", "user_plays", "tags", "track.album.release_date"]);
    assert_eq!(degraded(&now), expected);
}
