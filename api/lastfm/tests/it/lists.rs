//! Listens, lists by plays, and the API's quirks on the way.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Rig, sent};

#[tokio::test]
async fn what_plays_is_told_with_its_artist_in_one_request() {
    let rig = Rig::start().await;
    let now = rig.ok("/users/ann/now", &[]).await;
    assert_eq!((&now["data"]["now_playing"], &now["data"]["played_at"]), (&json!(true), &Value::Null));
    assert!(
        now["data"]["track"]["artist"]["name"].is_string() && now["data"]["total"].as_u64() == Some(12_000),
        "{now}"
    );
    assert_eq!(
        now["meta"],
        json!({"source": ["api:user.getRecentTracks"], "age_s": 0, "stale": false, "degraded": []})
    );
    assert_eq!(rig.calls(""), 1);
    let details = rig.ok("/users/ANN/now", &[("details", "1")]).await;
    assert!(details["data"]["user_plays"].is_u64(), "{details}");
    assert_eq!(details["meta"]["source"][1], "api:track.getInfo");
}

#[tokio::test]
async fn an_account_without_listens_plays_nothing_and_has_empty_lists() {
    let rig = Rig::start().await;
    let now = rig.ok("/users/newcomer/now", &[("details", "1")]).await;
    assert_eq!((&now["data"]["track"], &now["data"]["total"]), (&Value::Null, &json!(0)));
    let recent = rig.ok("/users/newcomer/recent", &[]).await;
    assert_eq!(recent["data"], json!({"tracks": [], "total": 0, "cursor": null}));
    for kind in ["artists", "albums", "tracks"] {
        let top = rig.ok(&format!("/users/newcomer/top/{kind}"), &[("images", "1")]).await;
        assert_eq!((&top["data"]["items"], &top["data"]["total"]), (&json!([]), &json!(0)), "{top}");
        let week = rig.ok(&format!("/users/newcomer/weekly/{kind}"), &[]).await;
        assert_eq!(week["data"]["items"], json!([]));
    }
    assert_eq!(rig.refused("/users/newcomer/nth", &[("n", "1")]).await, (404, "not-found".to_owned()));
}

#[tokio::test]
async fn a_listener_of_one_track_has_lists_of_one() {
    let rig = Rig::start().await;
    rig.order("POST", "listener", json!({"name": "single", "listens": 1, "playing": false}));
    let recent = rig.ok("/users/single/recent", &[]).await;
    assert_eq!(recent["data"]["tracks"].as_array().map(Vec::len), Some(1), "{recent}");
    for kind in ["artists", "albums", "tracks"] {
        let top = rig.ok(&format!("/users/single/top/{kind}"), &[]).await;
        assert_eq!((top["data"]["items"][0]["plays"].as_u64(), top["data"]["total"].as_u64()), (Some(1), Some(1)));
        let week = rig.ok(&format!("/users/single/weekly/{kind}"), &[]).await;
        assert_eq!(week["data"]["items"].as_array().map(Vec::len), Some(1), "{week}");
    }
    // An album of one track.
    let album = rig.ok("/album", &[("artist", "Salt/Pepper"), ("name", "Where To? (Deluxe)")]).await;
    assert_eq!(album["data"]["tracks"].as_array().map(Vec::len), Some(1), "{album}");
}

#[tokio::test]
async fn pages_of_listens_meet_without_gap_or_repeat_while_listens_come_in() {
    let rig = Rig::start().await;
    rig.order("POST", "listener", json!({"name": "busy", "listens": 95, "playing": false}));
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = rig.ok("/users/busy/recent", &[("limit", "20"), ("cursor", &cursor)]).await;
        let tracks = page["data"]["tracks"].as_array().cloned().expect("tracks");
        seen.extend(tracks.iter().map(|track| track["played_at"].as_i64().expect("a time")));
        match page["data"]["cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
        // Somebody listens on between the pages.
        rig.order("POST", "listen", json!({"name": "busy", "artist": "Salt/Pepper", "track": "Vivid"}));
    }
    assert_eq!(seen.len(), 95);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "the newest first, each once");
    rig.clock.advance(21_000);
    let newest = rig.ok("/users/busy/recent", &[("limit", "1")]).await;
    assert_eq!(newest["data"]["tracks"][0]["name"], "Vivid");
    assert_eq!(newest["data"]["total"].as_u64(), Some(99));
}

#[tokio::test]
async fn times_bound_listens_and_numbers_find_them() {
    let rig = Rig::start().await;
    let first = rig.ok("/users/ann/recent", &[("limit", "3")]).await;
    let tracks = first["data"]["tracks"].as_array().cloned().expect("tracks");
    assert!(tracks[0]["now_playing"] == json!(true) && tracks.len() == 4, "what plays is not counted");
    let from = tracks[3]["played_at"].as_i64().expect("a time");
    let to = tracks[1]["played_at"].as_i64().expect("a time");
    let between = rig.ok("/users/ann/recent", &[("from", &from.to_string()), ("to", &to.to_string())]).await;
    let found = between["data"]["tracks"].as_array().cloned().expect("tracks");
    assert_eq!(found, tracks[2..].to_vec(), "from then on, before then");
    let total = first["data"]["total"].as_u64().expect("a count");
    let nth = rig.ok("/users/ann/nth", &[("n", &total.to_string())]).await;
    assert_eq!(nth["data"], tracks[1], "the last is the newest");
    let nth = rig.ok("/users/ann/nth", &[("n", "1")]).await;
    assert!(nth["data"]["played_at"].as_i64().is_some_and(|at| at < from));
    let beyond = rig.refused("/users/ann/nth", &[("n", &(total + 50).to_string())]).await;
    assert_eq!(beyond, (404, "not-found".to_owned()));
}

#[tokio::test]
async fn lists_by_plays_are_paged_and_ranked_and_get_pictures_on_request() {
    let rig = Rig::start().await;
    let plain = rig.ok("/users/ann/top/artists", &[("limit", "10"), ("period", "12m")]).await;
    let items = plain["data"]["items"].as_array().cloned().expect("items");
    assert!(items.iter().all(|item| item["image"].is_null() && item.get("artist").is_none()), "{plain}");
    assert!(items.is_sorted_by_key(|item| std::cmp::Reverse(item["plays"].as_u64())));
    assert_eq!((items[9]["rank"].as_u64(), &plain["data"]["period"]), (Some(10), &json!("12m")));
    let cursor = plain["data"]["cursor"].as_str().expect("more").to_owned();
    let next = rig.ok("/users/ann/top/artists", &[("limit", "10"), ("period", "12m"), ("cursor", &cursor)]).await;
    assert_eq!(next["data"]["items"][0]["rank"].as_u64(), Some(11));
    assert_eq!(rig.calls("page:library"), 0);
    for (kind, most) in [("artists", 10), ("tracks", 10), ("albums", 10)] {
        let query = [("limit", "10"), ("period", "12m"), ("images", "1")];
        let pictured = rig.ok(&format!("/users/ann/top/{kind}"), &query).await;
        let items = pictured["data"]["items"].as_array().cloned().expect("items");
        let with =
            items.iter().filter(|item| item["image"].as_str().is_some_and(|url| url.contains("/i/u/300x300/"))).count();
        assert!((5..=most).contains(&with), "{kind}: {pictured}");
        assert_eq!(pictured["meta"]["degraded"], json!([]));
    }
    assert_eq!(rig.calls("page:library"), 2, "the API tells those of albums");
}

#[tokio::test]
async fn weeks_count_what_was_listened_to_in_them() {
    let rig = Rig::start().await;
    let now = rig.ok("/users/ann/recent", &[("limit", "1")]).await["data"]["tracks"][1]["played_at"]
        .as_i64()
        .expect("a time");
    let (from, to) = ((now - 21 * 86_400_000).to_string(), (now - 14 * 86_400_000).to_string());
    let week = rig.ok("/users/ann/weekly/albums", &[("from", &from), ("to", &to)]).await;
    let plays: u64 =
        week["data"]["items"].as_array().expect("items").iter().filter_map(|item| item["plays"].as_u64()).sum();
    let listens = rig.ok("/users/ann/recent", &[("from", &from), ("to", &to), ("limit", "1")]).await;
    assert_eq!(Some(plays), listens["data"]["total"].as_u64());
    let before = rig.calls("");
    rig.clock.advance(20 * 86_400_000);
    rig.ok("/users/ann/weekly/albums", &[("from", &from), ("to", &to)]).await;
    assert_eq!(rig.calls(""), before, "a week that is over does not change");
}

#[tokio::test]
async fn answers_say_their_age_and_are_not_sent_twice() {
    let rig = Rig::start().await;
    let first = sent(rig.asked("/users/ann", &[])).await;
    let tag = first.headers()["etag"].clone();
    assert!(first.headers()["age"] == "0" && first.headers()["cache-control"] == "private, max-age=600");
    rig.clock.advance(100_000);
    let again = sent(rig.asked("/users/ann", &[]).header("if-none-match", tag)).await;
    assert!(again.status() == StatusCode::NOT_MODIFIED && again.headers()["age"] == "100");
    let max_age =
        again.headers()["cache-control"].to_str().expect("text").trim_start_matches("private, max-age=").parse();
    assert!(max_age.is_ok_and(|left: u64| (490..=500).contains(&left)));
    assert_eq!(rig.calls(""), 1);
}

#[tokio::test]
async fn people_of_the_simulated_discord_are_listeners_under_their_names() {
    let rig = Rig::start().await;
    let user = rig.ok("/users/aino", &[]).await;
    assert!(user["data"]["plays"].as_u64().is_some_and(|plays| plays >= 2_000), "{user}");
    assert_eq!(rig.refused("/users/miso", &[]).await, (404, "user-not-found".to_owned()), "the bot is none");
}
