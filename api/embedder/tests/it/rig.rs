//! Simulated sites and the service before them.

use std::net::SocketAddr;
use std::time::Duration;

use miso_embedder::{Embedder, EmbedderConfig, EmbedderError};
use miso_simulator::{Running, Simulator, SimulatorConfig};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) const KEY: &str = "the-deployment-s-key";
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) simulator: Running,
    pub(crate) http: Client,
    address: SocketAddr,
    _stop: tokio_util::sync::DropGuard,
    _task: JoinSet<Result<(), EmbedderError>>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut EmbedderConfig)) -> Self {
        let simulator = Simulator::start(SimulatorConfig::default()).await.expect("the simulator starts");
        let mut config = EmbedderConfig {
            cluster_key: KEY.to_owned(),
            sites_at: Some(simulator.address()),
            ..EmbedderConfig::default()
        };
        configure(&mut config);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut task = JoinSet::new();
        task.spawn(Embedder::start(config, stop.clone()).expect("it starts").serve(listener));
        let http = Client::builder().no_proxy().timeout(DEADLINE).build().expect("a client");
        Self { simulator, http, address, _stop: stop.drop_guard(), _task: task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What `GET /v1/media` says of a link.
    pub(crate) async fn media(&self, url: &str) -> (StatusCode, Value) {
        self.media_within(url, None).await
    }

    pub(crate) async fn media_within(&self, url: &str, max_bytes: Option<u64>) -> (StatusCode, Value) {
        let mut query = vec![("url", url.to_owned())];
        query.extend(max_bytes.map(|bytes| ("max_bytes", bytes.to_string())));
        sent(self.http.get(self.url("/v1/media")).query(&query).bearer_auth(KEY)).await
    }

    pub(crate) fn order(&self, method: &str, path: &str, body: Value) -> Value {
        self.simulator.order(method, path, body).expect("done")
    }

    /// Breaks what a strategy asks for.
    pub(crate) fn break_strategy(&self, strategy: &str, kind: &str) {
        self.order("POST", "sites/break", json!({"strategy": strategy, "kind": kind}));
    }

    pub(crate) fn mend(&self) {
        self.order("DELETE", "sites/break", Value::Null);
    }

    /// How often what a strategy asks for was asked for.
    pub(crate) fn asked(&self, strategy: &str) -> u64 {
        self.order("GET", "sites", Value::Null)["requests"]["by_strategy"][strategy].as_u64().unwrap_or(0)
    }

    /// The simulated posts: provider, scenario, link.
    pub(crate) fn posts(&self) -> Vec<(String, String, String)> {
        let text = |post: &Value, name: &str| post[name].as_str().expect("text").to_owned();
        let posts = self.order("GET", "sites/posts", Value::Null).as_array().cloned().expect("posts");
        posts.iter().map(|post| (text(post, "provider"), text(post, "scenario"), text(post, "url"))).collect()
    }

    pub(crate) fn post(&self, provider: &str, scenario: &str) -> String {
        let fits = |post: &(String, String, String)| post.0 == provider && post.1 == scenario;
        self.posts().into_iter().find(fits).expect("such a post").2
    }
}

pub(crate) async fn sent(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let text = response.text().await.expect("text");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The last part of a problem's kind.
pub(crate) fn slug(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}
