//! Logins end everywhere, a copy of a cookie with them.

use crate::browser::{Site, fields};
use crate::fake::{ANN, BOB};

#[tokio::test]
async fn logging_out_everywhere_ends_every_login_of_this_user_and_no_other() {
    let site = Site::start().await;
    let (mut here, mut there, mut bob) = (site.as_user(ANN).await, site.as_user(ANN).await, site.as_user(BOB).await);
    assert_eq!(there.get("/me").await.status, 200);
    let csrf = here.csrf().await;
    let page = here.post("/logout/everywhere", &fields(&[("_csrf", &csrf)])).await;
    assert_eq!((page.status, page.header("location")), (303, "/"));
    assert!(here.cookies.is_empty());
    let page = there.get("/me").await;
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2Fme"));
    assert!(there.cookies.is_empty(), "the browser is told");
    assert_eq!(bob.get("/me").await.status, 200);
    let mut again = site.as_user(ANN).await;
    assert_eq!(again.get("/me").await.status, 200, "a login after that holds");
}

#[tokio::test]
async fn a_copied_cookie_ends_with_its_login() {
    let site = Site::start().await;
    let (mut browser, mut other) = (site.as_user(ANN).await, site.as_user(ANN).await);
    let mut copied = browser.clone();
    let csrf = browser.csrf().await;
    assert_eq!(browser.post("/logout", &fields(&[("_csrf", &csrf)])).await.status, 303);
    for path in ["/me", "/me/time", "/g/100"] {
        let mut thief = copied.clone();
        assert_eq!(thief.get(path).await.status, 303, "{path}");
    }
    let page =
        copied.post("/me/time", &fields(&[("_csrf", &csrf), ("_base", "timezone:0"), ("timezone", "UTC")])).await;
    assert_eq!(page.status, 401);
    assert_eq!(other.get("/me").await.status, 200, "another login goes on");
}

#[tokio::test]
async fn with_the_commands_api_away_a_login_holds_and_one_that_was_ended_stays_ended() {
    let site = Site::start().await;
    let (mut ended, mut holds) = (site.as_user(ANN).await, site.as_user(BOB).await);
    let copied = ended.clone();
    let csrf = ended.csrf().await;
    assert_eq!(ended.post("/logout", &fields(&[("_csrf", &csrf)])).await.status, 303);
    site.fake.world().commands_down = true;
    assert_eq!(copied.clone().get("/me").await.status, 303);
    assert_eq!(holds.get("/me").await.status, 200);
    let csrf = holds.csrf().await;
    let page = holds.post("/logout/everywhere", &fields(&[("_csrf", &csrf)])).await;
    assert_eq!(page.status, 503, "what cannot be kept is not said to be done");
}

#[tokio::test]
async fn who_has_their_data_deleted_is_logged_out_and_no_older_cookie_comes_back() {
    let site = Site::start().await;
    let (mut browser, mut older) = (site.as_user(ANN).await, site.as_user(ANN).await);
    let csrf = browser.csrf().await;
    let page = browser.post("/me/privacy/delete", &fields(&[("_csrf", &csrf), ("confirm", "Ann")])).await;
    assert_eq!(page.status, 200);
    assert!(browser.cookies.is_empty() && page.text.contains("Log in"), "{}", page.text);
    assert_eq!(older.get("/me").await.status, 303);
}

#[tokio::test]
async fn refreshed_tokens_are_kept_although_a_page_sets_another_cookie() {
    let site = Site::start().await;
    site.fake.world().short_tokens = true;
    let mut browser = site.as_user(ANN).await;
    let before = browser.cookies["miso"].clone();
    let page = browser.get("/theme?to=dark&next=%2Fg").await;
    assert_eq!((page.status, browser.cookies["miso-theme"].as_str()), (303, "dark"));
    assert_ne!(browser.cookies["miso"], before);
    assert_eq!(site.fake.world().refreshed, 1);
}
