//! The simulated Last.fm over HTTP: its API's quirks, its pages, its pictures, and what goes wrong on order.

use miso_simulator::Running;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::client::{quick, start};

async fn call(simulator: &Running, method: &str, query: &[(&str, &str)]) -> (StatusCode, Value) {
    let request = Client::new().get(format!("http://{}/lastfm/2.0/", simulator.address()));
    let request = request.query(&[("method", method), ("api_key", "key"), ("format", "json")]).query(query);
    let response = request.send().await.expect("an answer");
    (response.status(), response.json().await.expect("JSON"))
}

async fn page(simulator: &Running, path: &str) -> (StatusCode, Vec<u8>) {
    let response = reqwest::get(format!("http://{}/lastfm/{path}", simulator.address())).await.expect("an answer");
    (response.status(), response.bytes().await.expect("bytes").to_vec())
}

fn order(simulator: &Running, method: &str, path: &str, body: Value) -> Value {
    simulator.order(method, &format!("lastfm/{path}"), body).expect("done")
}

#[tokio::test]
async fn lastfm_s_api_has_the_quirks_of_the_real_one() {
    let simulator = start(quick()).await;
    let (_, user) = call(&simulator, "user.getInfo", &[("user", "ann")]).await;
    assert_eq!(user["user"]["playcount"], "12000", "numbers as text");
    assert_eq!(
        user["user"]["registered"]["#text"].to_string(),
        user["user"]["registered"]["unixtime"].as_str().unwrap_or_default()
    );
    order(&simulator, "POST", "listener", json!({"name": "single", "listens": 1, "playing": false}));
    let (_, recent) = call(&simulator, "user.getRecentTracks", &[("user", "single")]).await;
    let track = &recent["recenttracks"]["track"];
    assert!(track.is_object() && track["artist"]["#text"].is_string() && track["date"]["uts"].is_string(), "{recent}");
    let (_, extended) =
        call(&simulator, "user.getRecentTracks", &[("user", "ann"), ("extended", "1"), ("limit", "1")]).await;
    let tracks = extended["recenttracks"]["track"].as_array().expect("what plays comes on top");
    assert_eq!((tracks.len(), &tracks[0]["@attr"]["nowplaying"]), (2, &json!("true")));
    assert!(tracks[1]["artist"]["name"].is_string() && tracks[1]["loved"].is_string());
    for (user, status, code) in [("nobody", StatusCode::NOT_FOUND, 6), ("quiet", StatusCode::FORBIDDEN, 17)] {
        let (found, refused) = call(&simulator, "user.getRecentTracks", &[("user", user)]).await;
        assert_eq!((found, refused["error"].as_u64()), (status, Some(code)), "{user}");
    }
    let (_, refused) = call(&simulator, "user.getInfo", &[("user", "ann"), ("api_key", "wrong")]).await;
    assert!(refused["error"].is_null(), "the first of two keys counts");
    let (_, artist) = call(&simulator, "artist.getInfo", &[("artist", "salt/pepper"), ("username", "ann")]).await;
    assert_eq!((&artist["artist"]["name"], &artist["artist"]["tags"]), (&json!("Salt/Pepper"), &json!("")));
    assert!(artist["artist"]["stats"]["userplaycount"].is_string());
}

#[tokio::test]
async fn lastfm_goes_wrong_on_order_as_often_as_asked_and_counts_what_it_was_asked() {
    let simulator = start(quick()).await;
    order(&simulator, "POST", "faults", json!({"what": "user.getInfo", "kind": "code", "code": 8, "count": 1}));
    let (status, refused) = call(&simulator, "user.getInfo", &[("user", "ann")]).await;
    assert_eq!((status, refused["error"].as_u64()), (StatusCode::OK, Some(8)));
    assert!(call(&simulator, "user.getInfo", &[("user", "ann")]).await.1["user"].is_object());
    assert_eq!(order(&simulator, "GET", "faults", Value::Null)["struck"], 1);
    let (status, body) = page(&simulator, "site/music/Plus+%252B+Minus/+images").await;
    let body = String::from_utf8(body).expect("text");
    let picture = body.split("/lastfm/").nth(1).and_then(|rest| rest.split('"').next()).expect("a picture").to_owned();
    assert_eq!((status, body.contains("image-list-image")), (StatusCode::OK, true));
    let (status, png) = page(&simulator, &picture).await;
    assert!(status == StatusCode::OK && png.starts_with(b"\x89PNG"));
    assert_eq!(page(&simulator, "site/music/Nobody/+images").await.0, StatusCode::NOT_FOUND);
    let calls = order(&simulator, "GET", "calls", Value::Null);
    assert_eq!(
        (&calls["by"]["user.getinfo"], &calls["by"]["page:images"], &calls["by"]["image"]),
        (&json!(2), &json!(2), &json!(1))
    );
    assert_eq!((&calls["total"], &calls["budgeted"]), (&json!(5), &json!(4)), "pictures come from elsewhere");
    order(&simulator, "DELETE", "calls", Value::Null);
    assert_eq!(order(&simulator, "GET", "calls", Value::Null)["total"], 0);
    let wrong = simulator.order("POST", "lastfm/faults", json!({"kind": "surprise"}));
    assert!(wrong.is_err_and(|error| error.to_string().contains("code, html")), "what may be ordered is named");
}
