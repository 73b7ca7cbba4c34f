//! Each attack is refused, and nothing of it is left.

use serde_json::{Value, json};

use crate::browser::{Site, fields};
use crate::fake::{ANN, BOB, EVE};
use crate::html::{form, set, tags};

/// A greeting's form with its channel changed.
async fn greeting(site: &Site, browser: &mut crate::browser::Browser) -> Vec<(String, String)> {
    let page = browser.get("/g/100/greeting").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let mut sent = form(&page.text, "/g/100/greeting", None);
    set(&mut sent, "channel", Some("111"));
    assert_eq!(site.fake.version("greeting"), 0);
    sent
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let sent = greeting(&site, &mut browser).await;
    for headers in [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example")],
        [("origin", "null")],
    ] {
        let page = browser.post_with("/g/100/greeting", &sent, &headers).await;
        assert_eq!(page.status, 403, "{headers:?}");
    }
    let mut without = sent.clone();
    set(&mut without, "_csrf", None);
    assert_eq!(browser.post("/g/100/greeting", &without).await.status, 403);
    set(&mut without, "_csrf", Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(browser.post("/g/100/greeting", &without).await.status, 403);
    for path in [
        "/logout",
        "/logout/everywhere",
        "/me/privacy/delete",
        "/play/say",
        "/play/kill",
        "/g/100/undo",
        "/g/100/test",
        "/g/100/audit/1/revert",
        "/g/100/transfer",
        "/g/100/transfer/reset",
        "/ops/tail",
        "/ops/handlers/new",
        "/ops/groups/x/rotate",
    ] {
        assert_eq!(browser.post(path, &[]).await.status, 403, "{path}");
    }
    assert_eq!(site.fake.version("greeting"), 0);
    assert_eq!(browser.post("/g/100/greeting", &sent).await.status, 303, "the own form passes");
    assert_eq!(site.fake.version("greeting"), 1);
}

#[tokio::test]
async fn the_token_of_another_login_is_refused() {
    let site = Site::start().await;
    let (mut ann, mut bob) = (site.as_user(ANN).await, site.as_user(BOB).await);
    let mut sent = greeting(&site, &mut ann).await;
    let bobs = bob.csrf().await;
    set(&mut sent, "_csrf", Some(&bobs));
    assert_eq!(ann.post("/g/100/greeting", &sent).await.status, 403);
    assert_eq!(site.fake.version("greeting"), 0);
}

#[tokio::test]
async fn a_forged_cookie_is_nobody() {
    let site = Site::start().await;
    let other = Site::start_with(|config| config.cluster_key = "another".to_owned()).await;
    let ann = site.as_user(ANN).await;
    let real = ann.cookies["miso"].clone();
    let mut changed = real.clone();
    changed.replace_range(20..21, if &real[20..21] == "A" { "B" } else { "A" });
    for value in ["", "x", "%7B%22user%22%3A%221%22%7D", &changed, &real[..real.len() - 4]] {
        let mut browser = site.browser();
        browser.cookies.insert("miso".to_owned(), value.to_owned());
        assert_eq!(browser.get("/g").await.status, 303, "{value}");
    }
    // A cookie of another deployment, and one under another name.
    let mut browser = other.browser();
    browser.cookies.insert("miso".to_owned(), real.clone());
    assert_eq!(browser.get("/g").await.status, 303);
    let mut browser = site.browser();
    browser.cookies.insert("miso-login".to_owned(), real);
    assert_eq!(browser.get("/callback?code=1-x&state=x").await.status, 400);
}

#[tokio::test]
async fn a_guild_of_others_does_not_exist() {
    let site = Site::start().await;
    let (mut ann, mut eve) = (site.as_user(ANN).await, site.as_user(EVE).await);
    let csrf = ann.csrf().await;
    for path in [
        "/g/200",
        "/g/200/greeting",
        "/g/200/audit",
        "/g/200/transfer/file",
        "/g/200/pick/members?query=",
        "/lb/200/xp",
        "/g/abc",
        "/g/0",
    ] {
        assert_eq!(ann.get(path).await.status, 404, "{path}");
    }
    assert_eq!(eve.get("/g/100").await.status, 404);
    for path in [
        "/g/200/greeting",
        "/g/200/commands",
        "/g/200/undo",
        "/g/200/audit/1/revert",
        "/g/200/transfer",
        "/g/200/preview/greeting",
    ] {
        let page = ann.post(path, &fields(&[("_csrf", &csrf), ("module", "greeting"), ("version", "1")])).await;
        assert_eq!(page.status, 404, "{path}");
    }
    assert!(site.fake.world().settings.is_empty());
}

#[tokio::test]
async fn ids_of_another_guild_are_refused_in_every_picker() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    for (module, field) in [
        ("greeting", "channel"),
        ("logs", "ignored"),
        ("roles", "autoroles"),
        ("roles", "mute_role"),
        ("access", "write"),
    ] {
        let path = format!("/g/100/{module}");
        let mut sent = form(&browser.get(&path).await.text, &path, None);
        set(&mut sent, field, Some("999"));
        let page = browser.post(&path, &sent).await;
        assert_eq!(page.status, 422, "{module}.{field}");
        assert!(page.text.contains("this server has no such"), "{}", page.text);
        assert_eq!(site.fake.version(module), 0);
    }
}

#[tokio::test]
async fn a_permission_that_was_lost_since_the_login_is_lost_here_too() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let sent = greeting(&site, &mut browser).await;
    site.fake.world().ann_manages = false;
    let page = browser.get("/g/100/greeting").await;
    assert_eq!(page.status, 403);
    assert!(
        page.text.contains("Manage Server") && page.text.contains("Bob"),
        "names what is missing and who has it: {}",
        page.text
    );
    assert_eq!(browser.post("/g/100/greeting", &sent).await.status, 403);
    assert_eq!(site.fake.version("greeting"), 0);
}

#[tokio::test]
async fn who_may_look_may_not_change() {
    let site = Site::start().await;
    site.fake.change("access", "user/1", &json!({"read": ["121"]}));
    let mut bob = site.as_user(BOB).await;
    assert_eq!(bob.get("/g/100/greeting").await.status, 403);
    site.fake.world().bob_roles = vec!["121".to_owned()];
    let page = bob.get("/g/100/greeting").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("You may look, but not change anything"));
    let csrf = bob.csrf().await;
    let sent = fields(&[("_csrf", &csrf), ("_base", "channel:0"), ("channel", "111"), ("_version", "0")]);
    assert_eq!(bob.post("/g/100/greeting", &sent).await.status, 403);
    assert_eq!(site.fake.version("greeting"), 0);
    site.fake.change("access", "user/1", &json!({"write": ["121"]}));
    assert_eq!(bob.post("/g/100/greeting", &sent).await.status, 303);
    // Who else may is for those alone who manage the guild at Discord.
    let before = site.fake.version("access");
    let grant = fields(&[("_csrf", &csrf), ("_base", "write:0"), ("write", "122"), ("_version", "2")]);
    assert_eq!(bob.post("/g/100/access", &grant).await.status, 403);
    let file = r#"{"modules": {"access": {"write": ["122"]}}}"#;
    let import = fields(&[("_csrf", &csrf), ("file", file), ("do", "import")]);
    assert_eq!(bob.post("/g/100/transfer", &import).await.status, 403);
    assert_eq!(site.fake.version("access"), before);
}

#[tokio::test]
async fn nothing_that_people_name_or_write_becomes_markup() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    let (site, _log) = Site::operated().await;
    // Every text field of every module, said by whoever may say it.
    for module in miso_settings::MODULES.iter().filter(|module| module.scope == miso_settings::Scope::Guild) {
        let values: serde_json::Map<String, Value> = module
            .fields
            .iter()
            .filter_map(|field| Some((field.key.to_owned(), hostile_value(field, hostile)?)))
            .collect();
        if !values.is_empty() {
            site.fake.change(module.key, hostile, &Value::Object(values));
        }
    }
    {
        let mut world = site.fake.world();
        world.hostile = Some(hostile.to_owned());
        world.reminders.push(json!({"id": hostile, "text": hostile, "due_ms": 5}));
        world.said.push(json!({"content": hostile, "user": "1"}));
        let keywords = json!([{"word": hostile, "guild": hostile}]);
        let kept = world.settings.entry(("users/1".to_owned(), "notifications".to_owned())).or_default();
        kept.values.insert("keywords".to_owned(), keywords);
        let kept = world.settings.entry(("users/1".to_owned(), "time".to_owned())).or_default();
        kept.values.insert("timezone".to_owned(), json!(hostile));
    }
    let mut browser = site.as_user(ANN).await;
    let mut looked = 0;
    for path in crate::pages::ALL {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        safe(path, &page.text);
        looked += usize::from(page.text.contains("&lt;script&gt;alert(1)"));
    }
    assert!(looked > 15, "the hostile text was on {looked} pages only");
    let csrf = browser.csrf().await;
    let page = browser
        .post(
            "/g/100/preview/greeting",
            &fields(&[
                ("_csrf", &csrf),
                ("field", "message"),
                ("message", &format!("{hostile} {{user}} [a](javascript:alert(1))")),
            ]),
        )
        .await;
    assert_eq!(page.status, 200);
    safe("preview", &page.text);
    let page =
        browser.post("/g/100/transfer", &fields(&[("_csrf", &csrf), ("file", hostile), ("do", "compare")])).await;
    assert_eq!(page.status, 422);
    safe("transfer", &page.text);
}

/// No tag of the hostile text's, no handler, no script address.
fn safe(path: &str, html: &str) {
    assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "{path}: {html}");
    for tag in tags(html) {
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on"), "{path}: <{} {name}>", tag.name);
            let address = matches!(name.as_str(), "href" | "src" | "action");
            assert!(!address || !value.trim().to_lowercase().starts_with("javascript:"), "{path}: {value}");
            assert!(name != "style", "{path}: the policy takes no inline styles");
        }
    }
}

fn hostile_value(field: &miso_settings::Field, text: &str) -> Option<Value> {
    use miso_settings::Kind;
    Some(match field.kind {
        Kind::Text { .. }
        | Kind::Template { .. }
        | Kind::Timezone
        | Kind::Emoji
        | Kind::Choice { .. }
        | Kind::Channel { .. }
        | Kind::Role => json!(text),
        Kind::Words { .. } | Kind::Channels { .. } | Kind::Roles { .. } | Kind::Members { .. } => json!([text]),
        Kind::Table { columns, .. } => {
            let row: serde_json::Map<String, Value> = columns
                .iter()
                .filter_map(|column| Some((column.key.to_owned(), hostile_value(column, text)?)))
                .collect();
            json!([row])
        }
        Kind::Switch => json!(true),
        Kind::Integer { .. } => return None,
    })
}

#[tokio::test]
async fn after_the_login_nobody_is_led_elsewhere() {
    let site = Site::start().await;
    for next in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "%09//evil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
    ] {
        let mut browser = site.browser();
        let page = browser.login(ANN, &format!("/login?next={next}")).await;
        assert_eq!((page.status, page.header("location")), (303, "/g"), "{next}");
        let page = browser.get(&format!("/theme?to=dark&next={next}")).await;
        assert_eq!((page.status, page.header("location")), (303, "/g"), "{next}");
    }
}

#[tokio::test]
async fn a_session_that_was_planted_before_the_login_is_not_the_one_after_it() {
    let site = Site::start().await;
    let eve = site.as_user(EVE).await;
    let mut victim = site.browser();
    victim.cookies = eve.cookies.clone();
    let page = victim.login(ANN, "/login").await;
    assert_eq!(page.status, 303);
    assert_ne!(victim.cookies["miso"], eve.cookies["miso"]);
    assert!(victim.get("/me").await.text.contains("Ann"));
    let mut eve = eve;
    assert!(!eve.get("/me").await.text.contains("Ann"), "the planted cookie stays who it was");
    // A login that Eve began is not finished in Ann's browser.
    let mut ann = site.browser();
    let there = eve.get("/login").await;
    let state = there.header("location").split_once("state=").expect("a state").1;
    let page = ann.get(&format!("/callback?code=3-{state}&state={state}")).await;
    assert_eq!(page.status, 400);
    assert!(!ann.cookies.contains_key("miso"));
}

#[tokio::test]
async fn no_page_may_be_framed() {
    let (site, _log) = Site::operated().await;
    let mut browser = site.as_user(ANN).await;
    for path in crate::pages::ALL.iter().copied().chain(["/nowhere", "/g/200", "/login", "/ops/nothing"]) {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn a_state_is_used_once_and_in_its_own_browser() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let there = browser.get("/login").await;
    let state = there.header("location").split_once("state=").expect("a state").1.to_owned();
    let before = browser.clone();
    let wrong = browser.clone().get(&format!("/callback?code=1-{state}&state=0{state}")).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(browser.get(&format!("/callback?code=1-{state}&state={state}")).await.status, 303);
    // Again, with the cookie that the login took away, and with another code.
    let mut again = before;
    assert_eq!(again.get(&format!("/callback?code=3-{state}&state={state}")).await.status, 400);
    assert!(!again.cookies.contains_key("miso"));
    assert_eq!(browser.get(&format!("/callback?code=1-{state}&state={state}")).await.status, 400);
    assert_eq!(site.fake.world().codes.len(), 1);
}
