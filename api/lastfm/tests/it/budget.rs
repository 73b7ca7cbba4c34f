//! How often Last.fm is asked, by its own count.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::rig::{Rig, read, sent};

#[tokio::test]
async fn a_hundred_who_ask_for_the_same_at_once_make_one_request() {
    let rig = Rig::start().await;
    rig.break_down(json!({"what": "user.getRecentTracks", "kind": "slow", "ms": 300}));
    let asked = (0..100).map(|_| rig.get("/users/ann/now", &[]));
    let answers = join_all(asked).await;
    assert!(answers.iter().all(|(status, body)| status.is_success() && body["data"] == answers[0].1["data"]));
    assert_eq!(rig.calls(""), 1);
    rig.clock.advance(5_001);
    join_all((0..100).map(|_| rig.get("/users/ann/now", &[]))).await;
    assert_eq!(rig.calls(""), 2, "one more when five seconds have passed");
    join_all((0..100).map(|_| rig.get("/users/ann/now", &[("details", "1")]))).await;
    assert_eq!(rig.calls(""), 4, "with details: one for the track and one for the album's page");
}

#[tokio::test]
async fn the_budget_is_never_exceeded_and_who_waits_too_long_is_told() {
    let rig = Rig::with(|config| config.per_second = 4).await;
    let began = Instant::now();
    let asked = (0..120).map(|number| {
        let path = format!("/users/{}", ["ann", "quiet", "newcomer"][number % 3]);
        let name = format!("Artist {number:05}");
        let request = if number < 3 {
            rig.asked(&path, &[])
        } else {
            rig.asked("/track", &[("artist", &name), ("name", "Vivid")])
        };
        async move { read(sent(request).await).await.0.as_u16() }
    });
    let statuses = join_all(asked).await;
    let elapsed = began.elapsed();
    // Places for 64 beside the burst; those beyond are refused at once, and those of them who wait too long after five seconds.
    let busy = statuses.iter().filter(|status| **status == 429).count();
    let answered = statuses.iter().filter(|status| [200, 404].contains(*status)).count();
    assert_eq!(busy + answered, 120, "{statuses:?}");
    assert!(busy >= 40 && answered >= 20, "{busy} busy, {answered} answered");
    assert!(elapsed < Duration::from_secs(15), "{elapsed:?}");
    let calls = rig.order("GET", "calls", Value::Null);
    let times: Vec<u64> = calls["times_ms"].as_array().expect("times").iter().filter_map(Value::as_u64).collect();
    assert_eq!(times.len(), answered, "by the simulator's count");
    for (at, first) in times.iter().enumerate() {
        for (later, last) in times.iter().enumerate().skip(at) {
            let (count, window_ms) = (later - at + 1, last - first);
            // A request may be on its way for a while: that of the first counts.
            assert!(count as u64 <= 10 + (window_ms + 500) * 4 / 1_000, "{count} in {window_ms} ms");
        }
    }
}

#[tokio::test]
async fn who_waits_for_an_answer_goes_before_the_index() {
    let rig = Rig::with(|config| config.per_second = 4).await;
    let index = (0..30).map(|number| {
        let name = format!("Artist {number:05}");
        let request = rig.asked("/track", &[("artist", &name), ("name", "Vivid")]).header("miso-lane", "index");
        async move { read(sent(request).await).await.0.as_u16() }
    });
    let person = async {
        // Once the burst is used up and some of the index wait.
        while rig.calls("") < 10 {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        rig.ok("/users/ann", &[]).await;
        (began.elapsed(), rig.calls(""))
    };
    let ((waited, asked), statuses) = tokio::join!(person, join_all(index));
    assert!(waited < Duration::from_secs(2) && asked < 20, "waited {waited:?}, {asked} asked before");
    assert!(statuses.iter().all(|status| [200, 404].contains(status)), "the index waits its turn: {statuses:?}");
}

#[tokio::test]
async fn after_too_much_for_last_fm_nothing_is_asked_for_a_while() {
    let rig = Rig::start().await;
    rig.break_down(json!({"kind": "code", "code": 29, "count": 1}));
    assert_eq!(rig.refused("/users/ann", &[]).await, (429, "rate-limited".to_owned()));
    let began = Instant::now();
    rig.ok("/users/quiet", &[]).await;
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}
