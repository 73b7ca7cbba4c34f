//! Forms work by plain POST, keep what was entered, and merge with what others change.

use serde_json::json;

use crate::browser::{Site, fields};
use crate::fake::ANN;
use crate::html::{form, set};

#[tokio::test]
async fn a_greeting_is_set_without_scripts_and_taken_back() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let page = browser.get("/g/100/greeting").await;
    assert!(
        page.text.contains("optgroup label=\"Text\"") && page.text.contains("Send Messages, Embed Links missing"),
        "{}",
        page.text
    );
    let mut sent = form(&page.text, "/g/100/greeting", None);
    set(&mut sent, "enabled", Some("on"));
    set(&mut sent, "channel", Some("111"));
    set(&mut sent, "message", Some("Hi {mention},\r\n**welcome**"));
    let page = browser.post("/g/100/greeting", &sent).await;
    assert_eq!((page.status, page.header("location")), (303, "/g/100/greeting?saved=1"));
    assert_eq!(site.fake.value("greeting", "message"), json!("Hi {mention},\n**welcome**"));
    assert_eq!(site.fake.value("greeting", "enabled"), json!(true));
    let page = browser.get("/g/100/greeting?saved=1").await;
    assert!(
        page.text.contains("Saved as version 1.") && page.text.contains("<strong>welcome</strong>"),
        "{}",
        page.text
    );
    assert!(page.text.contains("@Ann"), "the preview names the visitor");
    let undo = form(&page.text, "/g/100/undo", None);
    let page = browser.post("/g/100/undo", &undo).await;
    assert_eq!((page.status, page.header("location")), (303, "/g/100/greeting?saved=2"));
    assert_eq!(site.fake.value("greeting", "enabled"), json!(null));
}

#[tokio::test]
async fn a_form_sent_as_it_is_changes_nothing() {
    let site = Site::start().await;
    site.fake.change(
        "activity",
        "user/2",
        &json!({"enabled": true, "rewards": [{"level": 5, "role": "121"}], "ignored": ["111"]}),
    );
    site.fake.change("commands", "user/2", &json!({"ignored_members": ["2"]}));
    let mut browser = site.as_user(ANN).await;
    for module in
        ["general", "access", "custom-commands", "greeting", "logs", "starboard", "roles", "activity", "commands"]
    {
        let path = format!("/g/100/{module}");
        let sent = form(&browser.get(&path).await.text, &path, None);
        let before = site.fake.version(module);
        let page = browser.post(&path, &sent).await;
        assert!(page.status == 200 || page.status == 303, "{module}: {}", page.status);
        assert_eq!(site.fake.version(module), before, "{module}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_said_at_its_field_and_what_was_entered_stays() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let mut sent = form(&browser.get("/g/100/starboard").await.text, "/g/100/starboard", None);
    set(&mut sent, "amount", Some("many"));
    set(&mut sent, "channel", Some("112"));
    let page = browser.post("/g/100/starboard", &sent).await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("href=\"#f-amount\"") && page.text.contains("must be a whole number"), "{}", page.text);
    assert!(page.text.contains("value=\"many\"") && page.text.contains("value=\"112\" selected"), "{}", page.text);
    assert!(page.text.contains("aria-invalid=\"true\"") && page.text.contains("id=\"f-amount-error\""));
    assert_eq!(site.fake.version("starboard"), 0);
    let mut sent = form(&page.text, "/g/100/starboard", None);
    set(&mut sent, "amount", Some("7"));
    assert_eq!(browser.post("/g/100/starboard", &sent).await.status, 303);
    assert_eq!(
        (site.fake.value("starboard", "amount"), site.fake.value("starboard", "channel")),
        (json!(7), json!("112"))
    );
}

#[tokio::test]
async fn rows_are_added_and_removed_without_scripts() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let path = "/g/100/activity";
    let mut html = browser.get(path).await.text;
    for _ in 0..3 {
        let sent = form(&html, path, Some(("_add", "rewards")));
        let page = browser.post(path, &sent).await;
        assert_eq!(page.status, 200);
        html = page.text;
    }
    let mut sent = form(&html, path, Some(("_remove", "rewards.1")));
    for (name, value) in [
        ("rewards.0.level", "5"),
        ("rewards.0.role", "121"),
        ("rewards.1.level", "6"),
        ("rewards.2.level", "10"),
        ("rewards.2.role", "121"),
    ] {
        set(&mut sent, name, Some(value));
    }
    let page = browser.post(path, &sent).await;
    assert_eq!(site.fake.version("activity"), 0, "nothing is saved yet");
    let sent = form(&page.text, path, None);
    assert_eq!(browser.post(path, &sent).await.status, 303);
    assert_eq!(
        site.fake.value("activity", "rewards"),
        json!([{"level": 5, "role": "121"}, {"level": 10, "role": "121"}])
    );
}

#[tokio::test]
async fn what_others_change_meanwhile_is_kept_where_it_is_another_field() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let mut sent = form(&browser.get("/g/100/greeting").await.text, "/g/100/greeting", None);
    site.fake.change("greeting", "user/2", &json!({"channel": "112"}));
    set(&mut sent, "message", Some("Mine"));
    assert_eq!(browser.post("/g/100/greeting", &sent).await.status, 303);
    assert_eq!(
        (site.fake.value("greeting", "channel"), site.fake.value("greeting", "message")),
        (json!("112"), json!("Mine"))
    );
}

#[tokio::test]
async fn the_same_field_changed_by_two_shows_mine_and_theirs_and_either_can_be_kept() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let path = "/g/100/greeting";
    let mut sent = form(&browser.get(path).await.text, path, None);
    site.fake.change("greeting", "user/2", &json!({"message": "Theirs", "channel": "112"}));
    set(&mut sent, "message", Some("Mine"));
    set(&mut sent, "enabled", Some("on"));
    let stale = browser.post(path, &sent).await;
    assert_eq!(stale.status, 409);
    assert!(stale.text.contains("Bob changed 1 field") || stale.text.contains("changed 1 field"), "{}", stale.text);
    assert!(stale.text.contains("Theirs") && stale.text.contains(">\nMine<"), "{}", stale.text);
    assert_eq!(site.fake.version("greeting"), 1);
    // Theirs is taken for the message; the switch is still mine, the channel untouched.
    let mut sent = form(&stale.text, path, None);
    sent.push(("_theirs".to_owned(), "message".to_owned()));
    assert_eq!(browser.post(path, &sent).await.status, 303);
    let now = |field| site.fake.value("greeting", field);
    assert_eq!((now("message"), now("enabled"), now("channel")), (json!("Theirs"), json!(true), json!("112")));
    // Or mine is kept.
    let sent = form(&stale.text, path, None);
    site.fake.world().settings.get_mut(&("guilds/100".to_owned(), "greeting".to_owned())).expect("kept").version = 1;
    assert_eq!(browser.post(path, &sent).await.status, 303);
    assert_eq!((now("message"), now("channel")), (json!("Mine"), json!("112")));
}

#[tokio::test]
async fn adding_a_row_does_not_hide_what_others_changed_meanwhile() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let path = "/g/100/activity";
    let mut sent = form(&browser.get(path).await.text, path, Some(("_add", "rewards")));
    set(&mut sent, "channel", Some("111"));
    site.fake.change("activity", "user/2", &json!({"channel": "112"}));
    let page = browser.post(path, &sent).await;
    let mut sent = form(&page.text, path, None);
    set(&mut sent, "rewards.0.level", Some("5"));
    set(&mut sent, "rewards.0.role", Some("121"));
    assert_eq!(browser.post(path, &sent).await.status, 409, "the channel was changed by two");
    assert_eq!(site.fake.value("activity", "channel"), json!("112"));
}

#[tokio::test]
async fn a_rule_of_a_command_is_set_and_removed_beside_others() {
    let site = Site::start().await;
    site.fake.change(
        "commands",
        "user/2",
        &json!({"rules": [{"command": "ping", "enabled": false, "roles": ["121"]}, {"command": "help"}]}),
    );
    let mut browser = site.as_user(ANN).await;
    let page = browser.get("/g/100/commands?rule=rng").await;
    let mut sent = form(&page.text, "/g/100/commands", None);
    assert!(sent.iter().any(|(name, value)| name == "_rule" && value == "rng"), "{sent:?}");
    set(&mut sent, "rules.0.channels", Some("111"));
    set(&mut sent, "rules.0.cooldown_s", Some("30"));
    let page = browser.post("/g/100/commands", &sent).await;
    assert_eq!(page.status, 303, "{}", page.text);
    let rules = site.fake.value("commands", "rules");
    assert_eq!(rules[0]["enabled"], json!(false), "{rules}");
    assert_eq!(rules[0]["roles"], json!(["121"]));
    assert_eq!((&rules[1]["command"], &rules[1]["enabled"]), (&json!("help"), &json!(true)));
    assert_eq!(
        (&rules[2]["command"], &rules[2]["channels"], &rules[2]["cooldown_s"]),
        (&json!("rng"), &json!(["111"]), &json!(30))
    );
    let page = browser.get("/g/100/commands?rule=ping").await;
    let sent = form(&page.text, "/g/100/commands", Some(("_inherit", "1")));
    assert_eq!(browser.post("/g/100/commands", &sent).await.status, 303);
    let rules = site.fake.value("commands", "rules");
    assert_eq!((rules.as_array().map(Vec::len), &rules[0]["command"]), (Some(2), &json!("help")));
    let mut sent = sent;
    set(&mut sent, "_rule", Some("no such command"));
    assert_eq!(browser.post("/g/100/commands", &sent).await.status, 404);
}

#[tokio::test]
async fn with_scripts_the_form_alone_is_answered() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let mut sent = form(&browser.get("/g/100/general").await.text, "/g/100/general", None);
    let htmx = [("sec-fetch-site", "same-origin"), ("hx-request", "true")];
    set(&mut sent, "prefix", Some("way too long for a prefix, it has more than 32 characters"));
    let page = browser.post_with("/g/100/general", &sent, &htmx).await;
    assert_eq!(page.status, 422);
    assert!(!page.text.contains("<html") && page.text.contains("id=\"form-general\""), "{}", page.text);
    set(&mut sent, "prefix", Some("miso "));
    let page = browser.post_with("/g/100/general", &sent, &htmx).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Saved as version 1.") && page.text.contains("value=\"miso \""), "{}", page.text);
    assert_eq!(site.fake.value("general", "prefix"), json!("miso "), "spaces at the end are kept");
}

#[tokio::test]
async fn with_the_commands_api_away_pages_show_the_last_read_and_save_nothing() {
    let site = Site::start().await;
    site.fake.change("general", "user/1", &json!({"prefix": "!"}));
    let mut browser = site.as_user(ANN).await;
    assert_eq!(browser.get("/g/100/general").await.status, 200);
    site.fake.world().commands_down = true;
    let page = browser.get("/g/100/general").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("does not answer") && page.text.contains("value=\"!\""), "{}", page.text);
    let save = page.text.rfind("class=\"primary\"").expect("a button");
    assert!(page.text[save..save + 60].contains("disabled"), "{}", &page.text[save..save + 60]);
    let page = browser.get("/me/time").await;
    assert_eq!(page.status, 503);
    assert!(page.text.contains("Trace") && page.text.contains("Try again"), "{}", page.text);
}

#[tokio::test]
async fn own_settings_reminders_and_data_are_the_visitors() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let mut sent = form(&browser.get("/me/time").await.text, "/me/time", None);
    set(&mut sent, "timezone", Some("Europe/Helsinki"));
    let page = browser.post("/me/time", &sent).await;
    assert_eq!((page.status, page.header("location")), (303, "/me/time?saved=1"));
    let mut sent = form(&browser.get("/me/reminders").await.text, "/me/reminders", None);
    set(&mut sent, "text", Some("tea"));
    set(&mut sent, "when", Some("1999-01-01T00:00"));
    let page = browser.post("/me/reminders", &sent).await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("has passed") && page.text.contains("tea"), "{}", page.text);
    set(&mut sent, "when", Some("2999-01-01T00:00"));
    assert_eq!(browser.post("/me/reminders", &sent).await.status, 303);
    assert_eq!(site.fake.world().reminders[0]["text"], json!("tea"));
    let csrf = browser.csrf().await;
    assert_eq!(browser.post("/me/reminders", &fields(&[("_csrf", &csrf), ("snooze", "r1:60")])).await.status, 303);
    assert_eq!(browser.post("/me/reminders", &fields(&[("_csrf", &csrf), ("cancel", "r1")])).await.status, 303);
    assert!(site.fake.world().reminders.is_empty());
    let page = browser.post("/me/privacy/delete", &fields(&[("_csrf", &csrf), ("confirm", "Bob")])).await;
    assert_eq!((page.status, site.fake.world().deleted.len()), (422, 0));
    let page = browser.post("/me/privacy/delete", &fields(&[("_csrf", &csrf), ("confirm", "Ann")])).await;
    assert_eq!((page.status, site.fake.world().deleted.clone()), (200, vec![ANN.to_owned()]));
    assert!(page.text.contains("messages in the event log"), "{}", page.text);
}

#[tokio::test]
async fn a_file_is_compared_before_it_is_taken_in_and_a_change_can_be_taken_back() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let mut sent = form(&browser.get("/g/100/transfer").await.text, "/g/100/transfer", Some(("do", "compare")));
    set(&mut sent, "file", Some(r#"{"guild_id": "9", "modules": {"general": {"prefix": "?"}}}"#));
    let page = browser.post("/g/100/transfer", &sent).await;
    assert_eq!((page.status, site.fake.version("general")), (200, 0));
    assert!(page.text.contains("What would change") && page.text.contains("Take in 1 change"), "{}", page.text);
    set(&mut sent, "do", Some("import"));
    assert_eq!(browser.post("/g/100/transfer", &sent).await.status, 200);
    assert_eq!(site.fake.value("general", "prefix"), json!("?"));
    let page = browser.get("/g/100/audit").await;
    assert!(page.text.contains("import") && page.text.contains("Ann"), "{}", page.text);
    let revert = form(&page.text, "/g/100/audit/1/revert", None);
    assert_eq!(browser.post("/g/100/audit/1/revert", &revert).await.status, 303);
    assert_eq!(site.fake.value("general", "prefix"), json!(null));
}

#[tokio::test]
async fn after_a_save_the_next_read_of_the_same_server_waits_for_it() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let mut sent = form(&browser.get("/g/100/general").await.text, "/g/100/general", None);
    set(&mut sent, "prefix", Some("!"));
    assert!(site.fake.world().waited.is_empty());
    assert_eq!(browser.post("/g/100/general", &sent).await.status, 303);
    browser.get("/me/time").await;
    assert!(site.fake.world().waited.is_empty(), "another's settings wait for nothing");
    browser.get("/g/100/general?saved=1").await;
    assert_eq!(site.fake.world().waited, ["3:7"]);
}
