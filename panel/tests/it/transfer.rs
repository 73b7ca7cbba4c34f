//! Settings carried from another server, and modules reset.

use serde_json::{Value, json};

use crate::browser::{Site, fields};
use crate::fake::ANN;
use crate::html::{form, set};

const FILE: &str = r#"{"modules": {
    "greeting": {"enabled": true, "channel": "911"},
    "logs": {"members": "911", "bans": "912"},
    "roles": {"autoroles": ["921", "922"]}
  }, "names": {"channels": {"911": "Welcome", "912": "mod-log"}, "roles": {"921": "@member", "922": "Elder"}}}"#;

#[tokio::test]
async fn what_is_not_here_is_matched_by_name_or_picked_and_goes_into_all_modules_at_once() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let mut sent = form(&browser.get("/g/100/transfer").await.text, "/g/100/transfer", Some(("do", "compare")));
    set(&mut sent, "file", Some(FILE));
    let page = browser.post("/g/100/transfer", &sent).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.text.contains("#mod-log") && page.text.contains("Greeting: Channel, Logs: Joins and leaves"),
        "{}",
        page.text
    );
    assert!(page.text.contains("name=\"map.911\" value=\"111\""), "{}", page.text);
    assert!(page.text.contains("name=\"map.921\" value=\"121\"") && page.text.contains("name=\"map.912\" value=\"\""));
    assert_eq!(site.fake.version("greeting"), 0, "nothing is taken in yet");
    let file = fields(&[("_csrf", &browser.csrf().await), ("file", FILE), ("do", "import")]);
    let mut picked = file.clone();
    for (id, to) in [("911", "111"), ("912", "111"), ("921", "121"), ("922", "")] {
        picked.push((format!("map.{id}"), to.to_owned()));
    }
    assert_eq!(browser.post("/g/100/transfer", &picked).await.status, 200);
    let now = |module: &str, field: &str| site.fake.value(module, field);
    assert_eq!(
        (now("greeting", "channel"), now("logs", "bans"), now("roles", "autoroles")),
        (json!("111"), json!("111"), json!(["121"]))
    );
    // What is picked must be here.
    let mut elsewhere = file;
    elsewhere.push(("map.911".to_owned(), "999".to_owned()));
    assert_eq!(browser.post("/g/100/transfer", &elsewhere).await.status, 200);
    assert_eq!(now("greeting", "channel"), Value::Null);
}

#[tokio::test]
async fn a_file_gives_no_role_that_is_not_below_ones_own() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let csrf = browser.csrf().await;
    let file = r#"{"modules": {"roles": {"autoroles": ["121", "120"]}}}"#;
    let page = browser.post("/g/100/transfer", &fields(&[("_csrf", &csrf), ("file", file), ("do", "import")])).await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("@Owner is at or above your own highest role"), "{}", page.text);
    assert_eq!(site.fake.version("roles"), 0);
    let path = "/g/100/roles";
    let mut sent = form(&browser.get(path).await.text, path, None);
    set(&mut sent, "autoroles", Some("120"));
    let page = browser.post(path, &sent).await;
    assert_eq!((page.status, site.fake.version("roles")), (422, 0));
    set(&mut sent, "autoroles", Some("121"));
    assert_eq!(browser.post(path, &sent).await.status, 303);
    // What somebody higher has set may stay, and is not taken back by who is lower.
    site.fake.change("roles", "user/2", &json!({"mute_role": "120"}));
    site.fake.change("roles", "user/2", &json!({"mute_role": null}));
    let audit = site.fake.world().audit.len();
    let page = browser.post(&format!("/g/100/audit/{audit}/revert"), &fields(&[("_csrf", &csrf)])).await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("your own highest role"), "{}", page.text);
}

#[tokio::test]
async fn a_module_is_reset_after_it_was_shown_what_goes() {
    let site = Site::start().await;
    site.fake.change("greeting", "user/2", &json!({"enabled": true, "message": "Hello there"}));
    let mut browser = site.as_user(ANN).await;
    let sent = form(&browser.get("/g/100/transfer").await.text, "/g/100/transfer/reset", Some(("do", "ask")));
    assert!(sent.contains(&("module".to_owned(), "greeting".to_owned())), "{sent:?}");
    let page = browser.post("/g/100/transfer/reset", &sent).await;
    assert!(page.text.contains("Reset Greeting?") && page.text.contains("2 changes would fall back"), "{}", page.text);
    assert_eq!(site.fake.value("greeting", "enabled"), json!(true));
    let csrf = browser.csrf().await;
    let reset =
        |version: &str| fields(&[("_csrf", &csrf), ("module", "greeting"), ("do", "reset"), ("version", version)]);
    let page = browser.post("/g/100/transfer/reset", &reset("1")).await;
    assert_eq!(page.status, 200);
    assert_eq!(
        (site.fake.value("greeting", "enabled"), site.fake.value("greeting", "message")),
        (Value::Null, Value::Null)
    );
    site.fake.change("greeting", "user/2", &json!({"enabled": true}));
    let page = browser.post("/g/100/transfer/reset", &reset("1")).await;
    assert_eq!(page.status, 409, "somebody changed it since it was shown");
    let user = fields(&[("_csrf", &csrf), ("module", "time"), ("do", "reset")]);
    assert_eq!(browser.post("/g/100/transfer/reset", &user).await.status, 404);
}

#[tokio::test]
async fn no_more_is_taken_in_than_the_commands_api_takes_and_a_form_that_is_too_large_keeps_its_input() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let csrf = browser.csrf().await;
    let commands = |bytes: usize| {
        let texts: Vec<Value> =
            (0..bytes / 1_900).map(|n| json!({"name": format!("c{n}"), "text": "x".repeat(1_860)})).collect();
        json!({"modules": {"custom-commands": {"commands": texts}}}).to_string()
    };
    for (bytes, status) in [
        (miso_settings::SETTINGS_BYTES - 4_000, 200),
        (miso_settings::SETTINGS_BYTES + 8_000, 422),
        (miso_settings::FILE_BYTES + 4_000, 422),
    ] {
        let file = commands(bytes);
        let page =
            browser.post("/g/100/transfer", &fields(&[("_csrf", &csrf), ("file", &file), ("do", "compare")])).await;
        assert_eq!(page.status, status, "{bytes}");
        assert_eq!(status == 422, page.text.contains("too large"), "{bytes}");
    }
    site.fake.world().too_large = true;
    let path = "/g/100/general";
    let mut sent = form(&browser.get(path).await.text, path, None);
    set(&mut sent, "prefix", Some("!!"));
    let page = browser.post(path, &sent).await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("value=\"!!\"") && page.text.contains("fake: too-large"), "{}", page.text);
}
