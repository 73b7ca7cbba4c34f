//! Pages: what they tell, and what happens when they change.

use serde_json::{Value, json};

use crate::rig::{Rig, degraded, fault};

#[tokio::test]
async fn pages_tell_what_the_api_does_not() {
    let rig = Rig::start().await;
    let album = rig.ok("/album", &[("artist", "달빛소년"), ("name", "새벽")]).await;
    assert!(album["data"]["release_date"].as_str().is_some_and(|date| date.len() == 10), "{album}");
    assert_eq!(album["meta"]["source"], json!(["api:album.getInfo", "scrape:album@3"]));
    let artist = rig.ok("/artist", &[("name", "달빛소년")]).await;
    assert!(artist["data"]["image"].as_str().is_some_and(|url| url.contains("/i/u/300x300/")), "{artist}");
    let images = rig.ok("/artist/images", &[("name", "달빛소년")]).await;
    assert_eq!(images["data"]["images"].as_array().map(Vec::len), Some(4));
    assert_eq!(rig.calls("page:images"), 1, "one page for both");
    let none = rig.ok("/artist/images", &[("name", "夜明けの街")]).await;
    assert_eq!((&none["data"]["images"], degraded(&none)), (&json!([]), json!([])), "an artist without pictures");
    let none = rig.ok("/album", &[("artist", "달빛소년"), ("name", "달그림자")]).await;
    assert_eq!(degraded(&none), json!([]), "an album without metadata: {none}");
    assert_eq!(rig.refused("/artist/images", &[("name", "Nobody At All")]).await, (404, "not-found".to_owned()));
}

#[tokio::test]
async fn a_page_that_changed_degrades_a_field_and_never_an_answer() {
    let rig = Rig::start().await;
    rig.break_down(fault("page", "shape"));
    let album = rig.ok("/album", &[("artist", "달빛소년"), ("name", "새벽")]).await;
    assert_eq!((&album["data"]["release_date"], degraded(&album)), (&Value::Null, json!(["release_date"])));
    assert!(album["data"]["duration_ms"].is_u64(), "the sum of its tracks");
    let artist = rig.ok("/artist", &[("name", "달빛소년")]).await;
    assert_eq!((&artist["data"]["image"], degraded(&artist)), (&Value::Null, json!(["image"])));
    let images = rig.ok("/artist/images", &[("name", "Salt/Pepper")]).await;
    assert_eq!((&images["data"]["images"], degraded(&images)), (&Value::Null, json!(["images"])));
    let plays = rig.ok("/users/ann/plays", &[("artist", "달빛소년"), ("period", "7d")]).await;
    assert_eq!((&plays["data"]["plays"], degraded(&plays)), (&Value::Null, json!(["plays"])));
    let top = rig.ok("/users/ann/top/artists", &[("images", "1"), ("limit", "5")]).await;
    assert_eq!((top["data"]["items"].as_array().map(Vec::len), degraded(&top)), (Some(5), json!(["items.image"])));
}

#[tokio::test]
async fn two_changed_pages_running_open_the_circuit_and_the_page_is_kept() {
    let rig = Rig::start().await;
    rig.break_down(fault("page:album", "shape"));
    let album = |name: &'static str| [("artist", "Salt/Pepper"), ("name", name)];
    for name in ["Vivid", "After the Rain", "Home / Away"] {
        assert_eq!(degraded(&rig.ok("/album", &album(name)).await), json!(["release_date"]), "{name}");
    }
    assert_eq!(rig.calls("page:album"), 2, "the third was not asked for");
    let scrapers = rig.ok("/scrapers", &[]).await;
    let scraper =
        scrapers["scrapers"].as_array().expect("scrapers").iter().find(|one| one["id"] == "album@3").expect("it");
    assert_eq!((&scraper["light"], &scraper["circuit_open"]), (&json!("red"), &json!(true)), "{scraper}");
    assert_eq!(scraper["failing_page"]["error"], "the page has no title");
    assert!(scraper["failing_page"]["html"].as_str().is_some_and(|html| html.contains("redesigned")));
    let health = rig.http.get(rig.url("/health")).send().await.expect("an answer").json::<Value>().await.expect("JSON");
    assert_eq!((&health["status"], &health["scrapers"]["plays@2"]), (&json!("red"), &json!("green")));
    rig.mend();
    rig.clock.advance(miso_lastfm::CIRCUIT_MS - 1_000);
    rig.ok("/album", &album("Vivid")).await;
    assert_eq!(rig.calls("page:album"), 2, "not before its time");
    rig.clock.advance(61_001);
    let mended = rig.ok("/album", &album("Vivid")).await;
    assert_eq!((degraded(&mended), mended["data"]["release_date"].is_string()), (json!([]), true), "{mended}");
    assert_eq!(rig.ok("/scrapers", &[]).await["scrapers"][0]["light"], "green");
}

#[tokio::test]
async fn a_page_that_cannot_be_had_is_asked_for_again_after_a_minute() {
    let rig = Rig::start().await;
    rig.break_down(json!({"what": "page:images", "kind": "status", "status": 503}));
    for _ in 0..3 {
        assert_eq!(degraded(&rig.ok("/artist", &[("name", "달빛소년")]).await), json!(["image"]));
    }
    assert_eq!(rig.calls("page:images"), 1);
    rig.mend();
    rig.clock.advance(60_001);
    assert_eq!(degraded(&rig.ok("/artist", &[("name", "달빛소년")]).await), json!([]));
    let health = rig.ok("/scrapers", &[]).await;
    assert_eq!(health["scrapers"][1]["shape_errors"], 0, "the page was not read, so its shape did not change");
}
