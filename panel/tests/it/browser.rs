//! A browser without scripts, and a panel for it.

use std::collections::BTreeMap;

use miso_groups::Groups;
use miso_log::SharedLog;
use miso_model::UserId;
use miso_panel::{Panel, PanelConfig};
use reqwest::{Client, RequestBuilder, header};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fake::{self, ANN, Fake, KEY};

/// A panel with the fakes behind it; all end with it.
pub(crate) struct Site {
    pub(crate) fake: Fake,
    pub(crate) base: String,
    _ends: DropGuard,
    /// Where its log is, where it has one; goes with it.
    folder: Option<TempDir>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut PanelConfig)) -> Self {
        let cancel = CancellationToken::new();
        let fake = Fake::default();
        fake.world().ann_manages = true;
        let bases = fake.start(&cancel).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let mut config = PanelConfig {
            public_url: base.clone(),
            commands_url: bases.commands,
            data_url: bases.data,
            cluster_key: KEY.to_owned(),
            simulator_control_url: Some(bases.simulator),
            operators: vec![ANN.parse::<UserId>().expect("an id")],
            ..PanelConfig::default()
        };
        change(&mut config);
        tokio::spawn(Panel::serve(config, listener, cancel.clone()));
        Self { fake, base, _ends: cancel.drop_guard(), folder: None }
    }

    /// With a log of its own, an embedder, and handler groups.
    pub(crate) async fn operated() -> (Self, SharedLog) {
        let folder = tempfile::tempdir().expect("a folder");
        let address = format!("file:{}", folder.path().join("log.db").display());
        let log = miso_log::open(&address, "panel test").await.expect("opens");
        let groups = Groups::start(log.clone(), Vec::new(), CancellationToken::new()).await.expect("groups");
        let embedder = fake::embedder(&CancellationToken::new()).await;
        let given = log.clone();
        let mut site = Self::start_with(|config| {
            config.log = Some(given);
            config.groups = Some(groups);
            config.embedder_url = Some(embedder);
        })
        .await;
        site.folder = Some(folder);
        (site, log)
    }

    pub(crate) fn browser(&self) -> Browser {
        let client =
            Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client");
        Browser { client, base: self.base.clone(), cookies: BTreeMap::new() }
    }

    /// A browser in which somebody is logged in.
    pub(crate) async fn as_user(&self, user: &str) -> Browser {
        let mut browser = self.browser();
        let page = browser.login(user, "/login").await;
        assert_eq!(page.status, 303, "{}", page.text);
        browser
    }
}

/// Remembers cookies; follows nothing by itself.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    base: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: header::HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    /// Sends a form as the panel's own page does.
    pub(crate) async fn post(&mut self, path: &str, form: &[(String, String)]) -> Page {
        self.post_with(path, form, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn post_with(&mut self, path: &str, form: &[(String, String)], headers: &[(&str, &str)]) -> Page {
        let mut request = self.client.post(format!("{}{path}", self.base)).form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// An answer that goes on.
    pub(crate) async fn stream(&self, path: &str) -> reqwest::Response {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.get(format!("{}{path}", self.base)).header(header::COOKIE, cookies.join("; "));
        request.send().await.expect("an answer")
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(header::COOKIE, cookies.join("; ")).send().await.expect("an answer");
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("text");
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Page { status, headers, text: response.text().await.expect("text") }
    }

    /// Goes to Discord's page and comes back.
    pub(crate) async fn login(&mut self, user: &str, from: &str) -> Page {
        let there = self.get(from).await;
        let state = there.header("location").split_once("state=").expect("a state").1.to_owned();
        self.get(&format!("/callback?code={user}-{state}&state={state}")).await
    }

    /// The token that this login's forms carry.
    pub(crate) async fn csrf(&mut self) -> String {
        let page = self.get("/me").await;
        let at = page.text.find("name=\"_csrf\" value=\"").expect("a form") + 20;
        page.text[at..].split('"').next().expect("a value").to_owned()
    }
}

/// A form of some fields.
pub(crate) fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
