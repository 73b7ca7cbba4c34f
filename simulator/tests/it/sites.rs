//! The social sites: told apart by the host that is asked for.

use reqwest::header::{HOST, RANGE};
use serde_json::{Value, json};

use crate::client::{quick, start};

#[tokio::test]
async fn a_host_that_is_a_name_is_a_site_and_the_simulator_s_own_address_stays_discord() {
    let simulator = start(quick()).await;
    let base = format!("http://{}", simulator.address());
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = |host: &'static str, path: &str| http.get(format!("{base}{path}")).header(HOST, host).send();
    let tweet: Value = ask("cdn.syndication.twimg.com", "/tweet-result?id=1900000000000000000&token=a")
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!((&tweet["user"]["screen_name"], &tweet["__typename"]), (&json!("ann"), &json!("Tweet")));
    assert_eq!(ask("nobody.example.net", "/").await.expect("an answer").status(), 404);
    assert_eq!(ask("nobody.example.net", "/api/v10/gateway").await.expect("an answer").status(), 404);
    let gateway = http.get(format!("{base}/api/v10/gateway")).send().await.expect("an answer");
    assert_eq!(gateway.status(), 200, "its own address is Discord's");
    let part = http
        .get(format!("{base}/a.mp4"))
        .header(HOST, "video.twimg.com")
        .header(RANGE, "bytes=4-7")
        .send()
        .await
        .expect("an answer");
    assert_eq!((part.status().as_u16(), part.bytes().await.expect("bytes").as_ref()), (206, &b"ftyp"[..]));
}

#[tokio::test]
async fn breaks_strike_as_often_as_ordered_and_names_are_told_one_after_the_other() {
    let simulator = start(quick()).await;
    let order = |method: &str, path: &str, body: Value| simulator.order(method, path, body);
    order("POST", "sites/break", json!({"strategy": "mastodon.api", "kind": "block", "count": 1})).expect("done");
    assert!(order("POST", "sites/break", json!({"kind": "block"})).is_err(), "what is broken?");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}/api/v1/statuses/115000000000000000", simulator.address());
    for status in [403, 200] {
        let answer = http.get(&url).header(HOST, "mastodon.social").send().await.expect("an answer");
        assert_eq!(answer.status(), status);
    }
    let seen = order("GET", "sites", Value::Null).expect("done");
    assert_eq!(
        (&seen["requests"]["by_strategy"]["mastodon.api"], &seen["breaks"][0]["struck"]),
        (&json!(2), &json!(1))
    );
    order("POST", "sites/dns", json!({"host": "a.example.org", "answers": [["1.2.3.4"], ["127.0.0.1"]]}))
        .expect("done");
    let told = || order("GET", "sites/dns?host=a.example.org", Value::Null).expect("done")["addresses"][0].clone();
    assert_eq!([told(), told(), told()], [json!("1.2.3.4"), json!("127.0.0.1"), json!("127.0.0.1")]);
    let unknown = order("GET", "sites/dns?host=b.example.org", Value::Null).expect("done");
    assert_eq!(unknown["addresses"], json!([]));
}
