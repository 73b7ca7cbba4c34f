//! Every page: that it is there, sound, and leads nowhere that is not.

use std::collections::{BTreeSet, VecDeque};

use serde_json::json;

use crate::browser::{Site, fields};
use crate::fake::{ANN, BOB};
use crate::html::{Tag, tags};

/// Every page, as an operator sees it who manages the guild.
pub(crate) const ALL: &[&str] = &[
    "/",
    "/commands",
    "/commands/fun",
    "/status",
    "/privacy",
    "/terms",
    "/lb/100/xp",
    "/me",
    "/me/time",
    "/me/notifications",
    "/me/reminders",
    "/me/privacy",
    "/me/lastfm",
    "/g",
    "/g/100",
    "/g/100/general",
    "/g/100/access",
    "/g/100/commands",
    "/g/100/commands?rule=rng",
    "/g/100/commands?user=2&run=rng&channel=111",
    "/g/100/custom-commands",
    "/g/100/greeting",
    "/g/100/greeting?tab=goodbye",
    "/g/100/logs",
    "/g/100/starboard",
    "/g/100/roles",
    "/g/100/activity",
    "/g/100/leaderboards",
    "/g/100/audit",
    "/g/100/audit?module=greeting",
    "/g/100/transfer",
    "/g/100/embeds",
    "/g/100/lastfm",
    "/g/100/messages",
    "/g/100/role-menus",
    "/ops",
    "/ops/health",
    "/ops/replays",
    "/ops/topics",
    "/ops/topics/rest.actions",
    "/ops/groups",
    "/ops/handlers/new",
    "/ops/shards",
    "/ops/actions",
    "/ops/parked",
    "/ops/tail",
    "/ops/trace",
    "/play",
];

async fn furnished() -> Site {
    let (site, log) = Site::operated().await;
    crate::operations::fill(&log).await;
    site.fake.change(
        "greeting",
        "user/2",
        &json!({"enabled": true, "channel": "112", "message": "Hi {mention} {nobody}"}),
    );
    site.fake.change("greeting", "user/1", &json!({"message": "Hello {mention}"}));
    site.fake.change("activity", "user/1", &json!({"enabled": true, "rewards": [{"level": 5, "role": "120"}]}));
    site.fake.change("roles", "user/1", &json!({"autoroles": ["121", "555"], "mute_role": "121"}));
    site.fake.change("custom-commands", "user/1", &json!({"commands": [{"name": "hi", "text": "Hello {user}"}]}));
    site.fake.change(
        "commands",
        "user/2",
        &json!({"rules": [{"command": "Fun", "enabled": false}], "ignored_members": ["2"]}),
    );
    site.fake.world().reminders.push(json!({"id": "r1", "text": "tea", "due_ms": 4_000_000_000_000_i64}));
    site.fake.world().said.push(json!({"content": "**hi**", "user": "2"}));
    site
}

#[tokio::test]
async fn every_page_is_sound_and_can_be_used_by_all() {
    let site = furnished().await;
    let mut browser = site.as_user(ANN).await;
    for path in ALL {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        sound(path, &tags(&page.text));
    }
    for path in ["/nowhere", "/g/999"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 404);
        sound(path, &tags(&page.text));
    }
}

fn sound(path: &str, tags: &[Tag]) {
    let count = |name: &str| tags.iter().filter(|tag| tag.name == name).count();
    assert_eq!((count("h1"), count("main"), count("title") >= 1), (1, 1, true), "{path}");
    let html = tags.iter().find(|tag| tag.name == "html").expect("html");
    assert_eq!(html.get("lang"), Some("en"), "{path}");
    let mut ids = BTreeSet::new();
    for tag in tags {
        if let Some(id) = tag.get("id") {
            assert!(ids.insert(id.to_owned()), "{path}: id {id} is there twice");
        }
    }
    let labels: BTreeSet<&str> =
        tags.iter().filter(|tag| tag.name == "label").filter_map(|tag| tag.get("for")).collect();
    for tag in tags {
        let control = matches!(tag.name.as_str(), "input" | "select" | "textarea") && tag.get("type") != Some("hidden");
        if control {
            let labelled = tag.has("aria-label") || tag.get("id").is_some_and(|id| labels.contains(id));
            assert!(labelled, "{path}: no label for {tag:?}");
        }
        for name in ["aria-labelledby", "aria-describedby", "aria-controls"] {
            for id in tag.get(name).unwrap_or_default().split_whitespace() {
                assert!(ids.contains(id), "{path}: {name}={id} leads nowhere");
            }
        }
        if let Some(id) = tag.get("href").and_then(|href| href.strip_prefix('#')) {
            assert!(ids.contains(id), "{path}: #{id} leads nowhere");
        }
        if tag.name == "a" || tag.name == "button" || tag.name == "summary" {
            assert!(!tag.has("style") && tag.get("tabindex").is_none_or(|index| index == "-1"), "{path}");
        }
        if tag.name == "img" {
            assert!(tag.has("alt"), "{path}: a picture without words");
        }
    }
    for (index, tag) in tags.iter().enumerate() {
        if tag.name == "button" || tag.name == "a" || tag.name == "summary" {
            let end =
                tags[index + 1..].iter().position(|other| other.name == format!("/{}", tag.name)).expect("closes");
            let inside = &tags[index..index + 1 + end];
            let said = inside.iter().any(|tag| !tag.text.trim().is_empty() || tag.has("aria-label"));
            assert!(said, "{path}: nothing names {tag:?}");
        }
    }
}

#[tokio::test]
async fn no_link_is_dead() {
    let site = furnished().await;
    let mut browser = site.as_user(ANN).await;
    let mut open: VecDeque<String> = ALL.iter().map(|path| (*path).to_owned()).collect();
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    let mut streams = 0;
    while let Some(path) = open.pop_front() {
        let page = browser.get(&path).await;
        let fine = page.status == 200 || page.status == 303;
        assert!(fine, "{path}: {}", page.status);
        for tag in tags(&page.text) {
            streams += usize::from(tag.has("sse-connect"));
            let address = tag.get("href").or(tag.get("src")).or(tag.get("hx-get")).or(tag.get("data-search"));
            let Some(address) = address.filter(|address| address.starts_with('/')) else { continue };
            let address = address.split('#').next().expect("a path");
            // The login and the theme would change who looks.
            let skip = address.starts_with("/login") || address.starts_with("/theme");
            if !skip && seen.insert(address.to_owned()) {
                open.push_back(address.to_owned());
            }
        }
    }
    assert!(seen.len() > 60 && streams > 0, "{} pages", seen.len());
}

#[tokio::test]
async fn my_servers_are_in_order_and_adding_asks_for_exactly_what_is_needed() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let page = browser.get("/g").await;
    let at = |text: &str| page.text.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("Miso Club") < at("New place") && at("New place") < at("Elsewhere"));
    let add =
        "https://discord.example/oauth2/authorize?client_id=9&amp;scope=bot&amp;permissions=268954689&amp;guild_id=300";
    assert!(page.text.contains(add) && page.text.contains("needs Manage Server"), "{}", page.text);
}

#[tokio::test]
async fn the_overview_says_what_does_not_work_and_leads_there() {
    let site = furnished().await;
    let mut browser = site.as_user(ANN).await;
    let page = browser.get("/g/100").await;
    assert!(
        page.text.contains("Miso cannot write in #secret: Send Messages, Embed Links are missing."),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("/g/100/greeting#f-channel")
            && page.text.contains("Miso cannot give @Owner: above Miso's role.")
    );
    assert!(page.text.contains("A role of “Roles for new members” was deleted."));
    assert!(page.text.contains("1 of 3 done") || page.text.contains("of 3 done"), "{}", page.text);
    assert!(page.text.contains("2026-11-30: 90"), "charts have titles");
    assert!(page.text.contains("Bob") && page.text.contains("Ann"), "changes have names");
}

#[tokio::test]
async fn the_test_box_says_who_may_run_what_and_why() {
    let site = furnished().await;
    let mut browser = site.as_user(ANN).await;
    let page = browser.get("/g/100/commands?user=2&run=rng&channel=111").await;
    assert!(page.text.contains("No: ") && page.text.contains("no command works for this member"), "{}", page.text);
    let page = browser.get("/g/100/commands?user=1&run=rng&channel=111").await;
    assert!(
        page.text.contains("No: ") && page.text.contains("off in this server") && page.text.contains("fun"),
        "{}",
        page.text
    );
    let page = browser.get("/g/100/commands?user=1&run=help&channel=111").await;
    assert!(page.text.contains("Yes: "), "{}", page.text);
    for wrong in ["user=x&run=help&channel=111", "user=1&run=help&channel=999", "user=9&run=help&channel=111"] {
        assert_eq!(browser.get(&format!("/g/100/commands?{wrong}")).await.status, 200, "{wrong}");
    }
}

#[tokio::test]
async fn operations_are_for_operators_and_members_are_found_by_name() {
    let site = Site::start().await;
    let (mut ann, mut bob) = (site.as_user(ANN).await, site.as_user(BOB).await);
    assert_eq!(ann.get("/ops").await.status, 200);
    let page = bob.get("/ops").await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("MISO_PANEL_OPERATORS"));
    let found = ann.get("/g/100/pick/members?query=bo").await;
    assert_eq!(found.text, r#"{"options":[{"note":"bob","text":"Bob","value":"2"}]}"#);
    assert_eq!(bob.get("/g/100/pick/members?query=bo").await.status, 403);
}

#[tokio::test]
async fn the_playground_speaks_for_whom_one_chooses_and_is_only_in_the_demo() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let csrf = browser.csrf().await;
    let say = fields(&[("_csrf", &csrf), ("channel", "111"), ("guild", "100"), ("as", "2"), ("content", ">ping")]);
    let page = browser.post("/play/say", &say).await;
    assert_eq!((page.status, page.header("location")), (303, "/play?channel=111&as=2"));
    assert_eq!(site.fake.world().said[0], json!({"channel": "111", "user": "2", "content": ">ping"}));
    assert!(browser.get("/play?channel=111&as=2").await.text.contains("&gt;ping"));
    assert_eq!(browser.post("/play/join", &say).await.status, 303);
    assert_eq!(site.fake.world().said[1]["guild"], json!("100"));
    let mut act = say.clone();
    act.push(("message".to_owned(), "77".to_owned()));
    assert_eq!(browser.post("/play/act", &act).await.status, 200);
    act.push(("button".to_owned(), "page:2".to_owned()));
    assert_eq!(browser.post("/play/act", &act).await.status, 200);
    let said = site.fake.world().said.clone();
    assert_eq!((&said[2]["emoji"], &said[2]["message"]), (&json!("⭐"), &json!("77")));
    assert_eq!((&said[3]["name"], &said[3]["user"]), (&json!("page:2"), &json!("2")));
    let real = Site::start_with(|config| config.simulator_control_url = None).await;
    let mut browser = real.as_user(ANN).await;
    assert_eq!(browser.get("/play").await.status, 404);
    assert!(!browser.get("/").await.text.contains("/play"));
}

#[tokio::test]
async fn a_watched_channel_is_sent_anew_when_somebody_speaks() {
    let site = Site::start().await;
    site.fake.world().said.push(json!({"content": "first <@1>", "user": "2"}));
    let browser = site.as_user(ANN).await;
    let mut stream = browser.stream("/play/events?channel=111").await;
    let mut text = String::new();
    let within = std::time::Duration::from_secs(20);
    for wanted in ["first", "second"] {
        while !text.contains(wanted) {
            let next =
                tokio::time::timeout(within, stream.chunk()).await.expect("in time").expect("a part").expect("goes on");
            text.push_str(&String::from_utf8_lossy(&next));
        }
        site.fake.world().said.push(json!({"content": "second", "user": "1"}));
    }
    assert!(text.contains("event: chat") && text.contains("@Ann"), "{text}");
}
