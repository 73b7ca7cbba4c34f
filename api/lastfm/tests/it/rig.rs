//! A simulated Last.fm, and the middleware in front of it.

use std::net::SocketAddr;
use std::time::Duration;

use miso_lastfm::{Clock, Lastfm, LastfmConfig, LastfmError};
use miso_simulator::{Running, Simulator, SimulatorConfig};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const KEY: &str = "the-deployment-s-key";

pub(crate) struct Rig {
    pub(crate) simulator: Running,
    pub(crate) clock: Clock,
    pub(crate) http: Client,
    pub(crate) address: SocketAddr,
    _stop: CancellationToken,
    _task: JoinSet<Result<(), LastfmError>>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut LastfmConfig)) -> Self {
        let world = SimulatorConfig { global_per_second: 0, ..SimulatorConfig::default() };
        let simulator = Simulator::start(world).await.expect("the simulator starts");
        let clock = Clock::default();
        let mut config = LastfmConfig {
            cluster_key: KEY.to_owned(),
            api_key: "a-key-of-no-value".to_owned(),
            api_url: format!("http://{}/lastfm/2.0/", simulator.address()),
            site_url: format!("http://{}/lastfm/site", simulator.address()),
            // Tests of the budget set their own.
            per_second: 100,
            clock: clock.clone(),
            ..LastfmConfig::default()
        };
        configure(&mut config);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut task = JoinSet::new();
        task.spawn(Lastfm::start(config, stop.clone()).expect("starts").serve(listener));
        let http = Client::builder().no_proxy().build().expect("a client");
        Self { simulator, clock, http, address, _stop: stop, _task: task }
    }

    pub(crate) fn order(&self, method: &str, path: &str, body: Value) -> Value {
        self.simulator.order(method, &format!("lastfm/{path}"), body).expect("done")
    }

    /// From now on this goes wrong, until [`Rig::mend`].
    pub(crate) fn break_down(&self, rule: Value) {
        self.order("POST", "faults", rule);
    }

    pub(crate) fn mend(&self) {
        self.order("DELETE", "faults", Value::Null);
    }

    /// How often the simulator was asked for this; nothing: for all but pictures.
    pub(crate) fn calls(&self, what: &str) -> u64 {
        let calls = self.order("GET", "calls", Value::Null);
        if what.is_empty() { calls["budgeted"].as_u64() } else { calls["by"][what].as_u64() }.unwrap_or(0)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/v1{path}", self.address)
    }

    pub(crate) fn asked(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        self.http.get(self.url(path)).query(query).bearer_auth(KEY)
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> (StatusCode, Value) {
        read(sent(self.asked(path, query)).await).await
    }

    /// The answer, which is 200.
    pub(crate) async fn ok(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let (status, body) = self.get(path, query).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// The status and the last part of the problem's type.
    pub(crate) async fn refused(&self, path: &str, query: &[(&str, &str)]) -> (u16, String) {
        let (status, problem) = self.get(path, query).await;
        (status.as_u16(), slug(&problem))
    }
}

pub(crate) fn slug(problem: &Value) -> String {
    let kind = problem["type"].as_str().and_then(|kind| kind.strip_prefix("urn:miso:problem:"));
    assert!(kind.is_some() && problem["trace_id"].is_string() && problem["detail"].is_string(), "{problem}");
    kind.unwrap_or_default().to_owned()
}

pub(crate) async fn sent(request: RequestBuilder) -> Response {
    timeout(DEADLINE, request.send()).await.expect("in time").expect("an answer")
}

pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, response.json().await.expect("JSON"))
}

pub(crate) fn degraded(answer: &Value) -> Value {
    answer["meta"]["degraded"].clone()
}

/// What goes wrong: `kind` of `what`.
pub(crate) fn fault(what: &str, kind: &str) -> Value {
    json!({"what": what, "kind": kind})
}
