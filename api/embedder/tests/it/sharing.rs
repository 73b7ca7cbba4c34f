//! One look-up for many callers: the cache, the flight, the batch.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{KEY, Rig, sent, slug};
use crate::schema;

#[tokio::test]
async fn a_hundred_callers_at_once_are_one_question_to_the_site() {
    let rig = Arc::new(Rig::start().await);
    let url = rig.post("x", "text");
    let callers = (0..100).map(|_| rig.media(&url));
    for (status, answer) in futures_util::future::join_all(callers).await {
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    assert_eq!(rig.asked("x.syndication"), 1);
    let other = url.replace("x.com/ann", "www.twitter.com/i/web") + "?s=20";
    assert_eq!(rig.media(&other).await.0, StatusCode::OK);
    assert_eq!(rig.asked("x.syndication"), 1, "another way to write the link is the same link");
}

#[tokio::test]
async fn what_is_known_is_told_while_the_site_is_down_and_troubles_are_not_asked_for_again_at_once() {
    let rig = Rig::start().await;
    let url = rig.post("mastodon", "text");
    assert_eq!(rig.media(&url).await.0, StatusCode::OK);
    rig.order("POST", "sites/break", json!({"host": "mastodon.social", "kind": "status", "status": 503}));
    assert_eq!(rig.media(&url).await.0, StatusCode::OK);
    let other = rig.post("mastodon", "picture");
    assert_eq!(rig.media(&other).await.0, StatusCode::BAD_GATEWAY);
    let asked = rig.asked("mastodon.api");
    assert_eq!((rig.media(&other).await.0, rig.asked("mastodon.api")), (StatusCode::BAD_GATEWAY, asked));
    let gone = rig.post("bluesky", "gone");
    let (first, second) = (rig.media(&gone).await, rig.media(&gone).await);
    assert_eq!((first.0, second.0, rig.asked("bluesky.appview")), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND, 1));
}

async fn batch(rig: &Rig, urls: &[String]) -> (StatusCode, Value) {
    sent(rig.http.post(rig.url("/v1/media/batch")).bearer_auth(KEY).json(&json!({"urls": urls}))).await
}

#[tokio::test]
async fn a_batch_answers_each_link_for_itself() {
    let rig = Rig::start().await;
    let mut urls =
        vec![rig.post("x", "text"), rig.post("x", "gone"), "http://127.0.0.1/".to_owned(), "nonsense".to_owned()];
    let (status, answer) = batch(&rig, &urls).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    schema::fits("Batch", &answer);
    let said: Vec<&str> = answer["items"].as_array().into_iter().flatten().map(|row| slug(&row["problem"])).collect();
    assert_eq!(said, ["", "gone", "blocked_address", "unsupported_url"]);
    assert_eq!(answer["items"][0]["media"]["provider"], "x");
    urls.resize(11, "https://blog.example.org/".to_owned());
    for urls in [&urls[..], &[]] {
        let (status, problem) = batch(&rig, urls).await;
        assert_eq!((status, slug(&problem)), (StatusCode::BAD_REQUEST, "invalid-body"), "{problem}");
    }
}
