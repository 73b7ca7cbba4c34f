use crate::browser::Site;
use crate::fake::{ANN, BOB};

#[tokio::test]
async fn who_is_not_logged_in_goes_to_discord_and_comes_back_to_the_same_page() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = browser.get("/g/100/greeting?tab=goodbye").await;
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2Fg%2F100%2Fgreeting%3Ftab%3Dgoodbye"));
    let page = browser.login(ANN, page.header("location")).await;
    assert_eq!((page.status, page.header("location")), (303, "/g/100/greeting?tab=goodbye"));
    let page = browser.get("/g/100/greeting?tab=goodbye").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Say goodbye") && page.text.contains("Ann"), "{}", page.text);
}

#[tokio::test]
async fn logging_out_ends_the_login_here_and_at_discord() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    let csrf = browser.csrf().await;
    let page = browser.post("/logout", &[("_csrf".to_owned(), csrf)]).await;
    assert_eq!((page.status, page.header("location")), (303, "/"));
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies.keys());
    assert_eq!(site.fake.world().revoked.len(), 1);
    assert_eq!(browser.get("/g").await.status, 303);
}

#[tokio::test]
async fn a_login_that_discord_has_ended_leads_to_a_new_one() {
    let site = Site::start().await;
    let mut browser = site.as_user(BOB).await;
    assert_eq!(browser.get("/g").await.status, 200);
    let token = site.fake.world().codes[0].clone();
    site.fake.world().revoked.push(format!("token-{token}"));
    let page = browser.get("/g").await;
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2Fg"));
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn a_login_that_was_refused_at_discord_says_so() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let there = browser.get("/login").await;
    let state = there.header("location").split_once("state=").expect("a state").1.to_owned();
    let page = browser.get(&format!("/callback?error=access_denied&state={state}")).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("Log in again"), "{}", page.text);
}

#[tokio::test]
async fn the_theme_is_kept_in_a_cookie() {
    let site = Site::start().await;
    let mut browser = site.browser();
    assert!(browser.get("/").await.text.contains("data-theme=\"auto\""));
    let page = browser.get("/theme?to=dark&next=%2Fcommands").await;
    assert_eq!((page.status, page.header("location")), (303, "/commands"));
    assert!(browser.get("/commands").await.text.contains("data-theme=\"dark\""));
}

#[tokio::test]
async fn tokens_that_end_are_refreshed_once_however_many_pages_ask() {
    let site = Site::start().await;
    site.fake.world().short_tokens = true;
    let mut browser = site.as_user(ANN).await;
    let before = browser.cookies["miso"].clone();
    let mut others: Vec<_> = (0..4).map(|_| browser.clone()).collect();
    let pages = others.iter_mut().map(|browser| browser.get("/g"));
    let pages = futures_util::future::join_all(pages).await;
    assert!(pages.iter().all(|page| page.status == 200));
    assert_eq!(site.fake.world().refreshed, 1);
    assert_eq!(browser.get("/g").await.status, 200, "the old cookie goes on with what was refreshed");
    assert_ne!(browser.cookies["miso"], before);
    assert_eq!(site.fake.world().refreshed, 1);
}
