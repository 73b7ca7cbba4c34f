//! Charts over HTTP.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::rig::{KEY, Rig, fault, read, sent, slug};

async fn picture(response: Response) -> (String, Vec<u8>) {
    assert_eq!(response.status(), StatusCode::OK);
    let mime = response.headers()["content-type"].to_str().expect("text").to_owned();
    (mime, response.bytes().await.expect("bytes").to_vec())
}

fn size(bytes: &[u8]) -> (u32, u32) {
    let read = image::load_from_memory(bytes).expect("a picture");
    (read.width(), read.height())
}

#[tokio::test]
async fn a_chart_has_its_size_and_format_and_is_drawn_once() {
    let rig = Rig::start().await;
    for (format, magic) in [("jpeg", &b"\xff\xd8\xff"[..]), ("png", b"\x89PNG"), ("webp", b"RIFF")] {
        let query = [("user", "ann"), ("size", "3x2"), ("period", "1m"), ("format", format)];
        let (mime, bytes) = picture(sent(rig.asked("/charts", &query)).await).await;
        assert_eq!((mime, size(&bytes)), (format!("image/{format}"), (900, 600)));
        assert!(bytes.starts_with(magic));
    }
    let (pictures, budgeted) = (rig.calls("image"), rig.calls(""));
    assert!((4..=6).contains(&pictures) && budgeted == 1, "{pictures} pictures, {budgeted} requests");
    let query = [("user", "ann"), ("size", "3x2"), ("period", "1m"), ("format", "jpeg")];
    let again = sent(rig.asked("/charts", &query)).await;
    let tag = again.headers()["etag"].clone();
    assert!(again.headers()["cache-control"].to_str().is_ok_and(|text| text.starts_with("private, max-age=")));
    let unchanged = sent(rig.asked("/charts", &query).header("if-none-match", tag)).await;
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert_eq!((rig.calls("image"), rig.calls("")), (pictures, budgeted));
}

#[tokio::test]
async fn every_kind_and_form_is_drawn_and_the_body_says_the_same_as_the_query() {
    let rig = Rig::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for kind in ["albums", "artists", "tracks", "recent"] {
        for (name, value) in [("titles", "1"), ("titles", "0"), ("padded", "1"), ("topster", "1"), ("color", "rainbow")]
        {
            let query = [("user", "ann"), ("size", "3x3"), ("kind", kind), ("format", "png"), (name, value)];
            let (_, bytes) = picture(sent(rig.asked("/charts", &query)).await).await;
            assert!(seen.insert(bytes), "{kind} {name}={value} looks like another");
        }
    }
    let query = [("user", "ann"), ("size", "2x2"), ("kind", "artists"), ("padded", "1")];
    let body = json!({"user": "ann", "width": 2, "height": 2, "kind": "artists", "padded": true});
    let posted = rig.http.post(rig.url("/charts")).bearer_auth(KEY).json(&body);
    assert_eq!(picture(sent(posted).await).await, picture(sent(rig.asked("/charts", &query)).await).await);
}

#[tokio::test]
async fn a_chart_of_named_items_fetches_pictures_from_last_fm_only() {
    let rig = Rig::start().await;
    let outside = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let elsewhere = format!("http://{}/a.png", outside.local_addr().expect("an address"));
    let own = format!("http://{}/lastfm/images/i/u/300x300/{:032x}.png", rig.simulator.address(), 7);
    let body = json!({"width": 2, "height": 1, "items": [
        {"name": "夜明けの街", "artist": {"name": "달빛소년"}, "image": own}, {"name": "Elsewhere", "plays": 3, "image": elsewhere}]});
    let response = sent(rig.http.post(rig.url("/charts")).bearer_auth(KEY).json(&body)).await;
    assert_eq!(response.headers()["miso-degraded"], "items.image");
    assert_eq!(size(&picture(response).await.1), (600, 300));
    assert_eq!(rig.calls("image"), 1);
    let accepted = tokio::time::timeout(std::time::Duration::from_millis(1), outside.accept()).await;
    assert!(accepted.is_err(), "nobody connected elsewhere");
}

#[tokio::test]
async fn pictures_that_fail_leave_their_tiles_and_a_colour_nobody_has_is_said() {
    let rig = Rig::start().await;
    rig.break_down(fault("image", "status"));
    let query = [("user", "ann"), ("size", "4x4"), ("period", "12m")];
    let response = sent(rig.asked("/charts", &query)).await;
    assert_eq!(response.headers()["miso-degraded"], "items.image");
    assert_eq!(size(&picture(response).await.1), (1_200, 1_200));
    let coloured = [("user", "ann"), ("size", "4x4"), ("period", "12m"), ("color", "red")];
    assert_eq!(rig.refused("/charts", &coloured).await, (404, "nothing-listened".to_owned()), "no picture, no colour");
    rig.mend();
    assert_eq!(rig.refused("/charts", &[("user", "newcomer")]).await, (404, "nothing-listened".to_owned()));
    assert_eq!(rig.refused("/charts", &[("user", "nobody")]).await, (404, "user-not-found".to_owned()));
    assert_eq!(
        rig.refused("/charts", &[("user", "quiet"), ("kind", "recent")]).await,
        (403, "listening-private".to_owned())
    );
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused() {
    let rig = Rig::start().await;
    let many: Vec<Value> = (0..145).map(|number| json!({"name": number.to_string()})).collect();
    for (body, status, kind) in [
        (json!({"items": []}), 400, "invalid-body"),
        (json!({"items": many}), 400, "invalid-body"),
        (json!({"items": [{"name": " "}]}), 400, "invalid-query"),
        (json!({"items": "x"}), 400, "invalid-body"),
        (json!({"user": "ann", "width": 13}), 400, "invalid-query"),
        (json!({"user": "ann", "width": -1}), 400, "invalid-body"),
        (json!({"user": "x".repeat(300_000)}), 413, "too-large"),
    ] {
        let response = sent(rig.http.post(rig.url("/charts")).bearer_auth(KEY).json(&body)).await;
        let (found, problem) = read(response).await;
        assert_eq!((found.as_u16(), slug(&problem).as_str()), (status, kind), "{problem}");
    }
}
