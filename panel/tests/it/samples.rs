//! `Send test`.

use serde_json::json;

use crate::browser::{Site, fields};
use crate::fake::{ANN, BOB};
use crate::html::form;

#[tokio::test]
async fn a_test_is_sent_where_the_settings_say_and_the_page_says_so() {
    let site = Site::start().await;
    site.fake.change("greeting", "user/1", &json!({"enabled": true, "channel": "111"}));
    let mut browser = site.as_user(ANN).await;
    let page = browser.get("/g/100/greeting").await;
    let sent = form(&page.text, "/g/100/test", Some(("to", "channel")));
    let page = browser.post("/g/100/test", &sent).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("A test is on its way to #welcome."), "{}", page.text);
    let sent = form(&page.text, "/g/100/test", Some(("to", "me")));
    assert!(browser.post("/g/100/test", &sent).await.text.contains("to you, as a direct message"));
    let asked = site.fake.world().samples.clone();
    assert_eq!(asked, [json!({"what": "greeting", "direct": false}), json!({"what": "greeting", "direct": true})]);
}

#[tokio::test]
async fn what_keeps_a_test_from_being_sent_is_said() {
    let site = Site::start().await;
    site.fake.change("logs", "user/1", &json!({"members": "112", "bans": "111"}));
    let mut browser = site.as_user(ANN).await;
    let csrf = browser.csrf().await;
    let mut send = async |what: &str, to: &str| {
        browser.post("/g/100/test", &fields(&[("_csrf", &csrf), ("what", what), ("to", to)])).await
    };
    let page = send("logs.members", "channel").await;
    assert_eq!(page.status, 422);
    assert!(
        page.text.contains("No test was sent.") && page.text.contains("Miso cannot write in #secret"),
        "{}",
        page.text
    );
    assert_eq!(send("logs.edited", "channel").await.status, 422, "no channel is picked");
    for _ in 0..3 {
        assert_eq!(send("logs.bans", "channel").await.status, 200);
    }
    assert_eq!(send("logs.bans", "channel").await.status, 429);
    for unknown in ["", "logs", "logs.ignored", "roles", "x.y"] {
        assert_eq!(send(unknown, "me").await.status, 404, "{unknown}");
    }
    let mut bob = site.as_user(BOB).await;
    let csrf = bob.csrf().await;
    let page = bob.post("/g/100/test", &fields(&[("_csrf", &csrf), ("what", "logs.bans"), ("to", "me")])).await;
    assert_eq!(page.status, 403);
}

#[tokio::test]
async fn the_amount_of_a_starboard_says_what_it_would_have_caught() {
    let site = Site::start().await;
    site.fake.change("starboard", "user/1", &json!({"amount": 2}));
    let mut browser = site.as_user(ANN).await;
    let page = browser.get("/g/100/starboard").await;
    assert!(page.text.contains("Would have caught 2 messages last week."), "{}", page.text);
    assert!(page.text.contains("data-caught=\"[3,2,1,1,1]\""), "{}", page.text);
}
