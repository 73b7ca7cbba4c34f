//! How fast the panel answers in the demo: each page as a browser asks for it, logged in.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, header};

use crate::harness::{DEADLINE, eventually, free_address, miso};

/// 95 of 100 answers take no longer.
const P95: Duration = Duration::from_millis(50);
/// Requests of one measurement, at least.
const REQUESTS: usize = 300;
/// The machine may be busy with something else for a while: so many measurements are made, and one has to hold.
const MEASUREMENTS: usize = 3;

/// A browser that has logged in.
struct Visitor {
    http: Client,
    base: String,
    cookie: String,
}

impl Visitor {
    /// Logs in as the first user that the simulated Discord offers.
    async fn log_in(panel: SocketAddr) -> Self {
        let http = Client::builder().redirect(Policy::none()).no_proxy().build().expect("a client");
        let mut visitor = Self { http, base: format!("http://{panel}"), cookie: String::new() };
        let discord = visitor.go("/login").await;
        let page = visitor.http.get(&discord).send().await.expect("Discord's page").text().await.expect("text");
        let (_, rest) = page.split_once("<li><a href=\"").expect("somebody to be");
        let (link, _) = rest.split_once('"').expect("a link");
        let consent = reqwest::Url::parse(&discord).expect("an address").join(&link.replace("&amp;", "&"));
        let callback = visitor.go(consent.expect("an address").as_str()).await;
        assert_eq!(visitor.go(&callback).await, "/g", "after the login one sees one's guilds");
        visitor
    }

    /// Follows to where an address sends on; keeps the cookies.
    async fn go(&mut self, to: &str) -> String {
        let url = if to.starts_with('/') { format!("{}{to}", self.base) } else { to.to_owned() };
        let answer = self.http.get(&url).header(header::COOKIE, &self.cookie).send().await.expect("an answer");
        assert!(answer.status().is_redirection(), "{url}: {}", answer.status());
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
            self.cookie = if self.cookie.is_empty() { cookie.to_owned() } else { format!("{}; {cookie}", self.cookie) };
        }
        answer.headers()[header::LOCATION].to_str().expect("an address").to_owned()
    }

    async fn page(&self, path: &str, encoding: &str) -> Vec<u8> {
        let request = self.http.get(format!("{}{path}", self.base)).header(header::COOKIE, &self.cookie);
        let answer = request.header(header::ACCEPT_ENCODING, encoding).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.bytes().await.expect("a whole page").to_vec()
    }

    /// How long a page takes as browsers ask for it, compressed.
    async fn timed(&self, path: &str) -> Duration {
        let began = Instant::now();
        self.page(path, "gzip").await;
        began.elapsed()
    }

    /// The pages that a page links to, of those under a path.
    async fn linked(&self, from: &str, under: &str) -> Vec<String> {
        let page = self.page(from, "identity").await;
        let text = String::from_utf8_lossy(&page);
        let links = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let pages = links.filter(|link| link.starts_with(under) && !link.contains(['?', '#']));
        pages.map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_answers_within_50_ms_in_95_of_100_requests_in_the_demo() {
    let data = tempfile::tempdir().expect("a folder");
    let (panel, ops) = (free_address(), free_address());
    let mut demo = miso()
        .arg("demo")
        .env("MISO_DATA_DIR", data.path())
        .env("MISO_PANEL_LISTEN", panel.to_string())
        .env("MISO_OPS_LISTEN", ops.to_string())
        .env("MISO_PROXY_LISTEN", free_address().to_string())
        .env("MISO_COMMANDS_LISTEN", free_address().to_string())
        .env("MISO_DATA_LISTEN", free_address().to_string())
        .env("MISO_LASTFM_LISTEN", "127.0.0.1:0")
        .env("MISO_EMBEDDER_LISTEN", "127.0.0.1:0")
        .stdout(Stdio::null())
        .spawn()
        .expect("the demo starts");
    let http = Client::new();
    eventually("the demo is ready", || async {
        http.get(format!("http://{ops}/readyz")).send().await.ok().filter(|answer| answer.status().is_success())
    })
    .await;
    let visitor = Visitor::log_in(panel).await;
    let guild = visitor.linked("/g", "/g/").await.into_iter().find(|link| link.split('/').count() == 3);
    let guild = guild.expect("a guild that one may manage");
    let mut pages: Vec<String> = ["/", "/commands", "/status", "/g", "/me", "/play"].map(str::to_owned).into();
    pages.extend(visitor.linked(&guild, &guild).await);
    pages.extend(visitor.linked("/me", "/me/").await);
    // What is given as a file is no page.
    pages.retain(|page| !page.ends_with("/export") && !page.ends_with("/file"));
    pages.sort_unstable();
    pages.dedup();
    assert!(pages.len() >= 20, "{pages:?}");
    for page in &pages {
        visitor.timed(page).await;
    }
    let rounds = REQUESTS.div_ceil(pages.len());
    let mut best = Duration::MAX;
    for _ in 0..MEASUREMENTS {
        let mut times = Vec::new();
        for page in std::iter::repeat_n(&pages, rounds).flatten() {
            times.push((visitor.timed(page).await, page));
        }
        times.sort_unstable();
        let (p50, p95) = (times[times.len() / 2].0, times[times.len() * 95 / 100].0);
        eprintln!(
            "{} requests of {} pages: p50 {p50:?}, p95 {p95:?}, longest {:?}",
            times.len(),
            pages.len(),
            times.last()
        );
        best = best.min(p95);
        if best <= P95 {
            break;
        }
    }
    assert!(best <= P95, "95 of 100 answers come within {best:?}");
    demo.start_kill().expect("it runs");
    tokio::time::timeout(DEADLINE, demo.wait()).await.expect("it ends").expect("a status");
}
