//! Synced actions per second: clients → ingress → embedded log → sender → simulator, in one process.
//!
//! `cargo run --release -p miso-rest-ingress --example actions -- [connections] [seconds] [folder]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use miso_discord_state::{DiscordState, StateConfig};
use miso_groups::Groups;
use miso_log::SharedLog;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_rest_ingress::{GetAnswer, GetRefused, Gets, IngressConfig, router};
use miso_sender::{Sender, SenderConfig, SenderHandle};
use miso_simulator::{Simulator, SimulatorConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
struct NoGets(Arc<SenderHandle>);

#[async_trait]
impl Gets for NoGets {
    async fn get(&self, _: &str) -> Result<GetAnswer, GetRefused> {
        Err(GetRefused::Absent)
    }

    async fn predicted_wait(&self, method: &str, path: &str) -> Duration {
        self.0.predicted_wait(method, path).await
    }
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let connections: usize = args.next().and_then(|text| text.parse().ok()).unwrap_or(64);
    let seconds: u64 = args.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let folder = args.next().unwrap_or_else(|| ".".to_owned());
    let folder = tempfile::tempdir_in(folder).expect("a folder");
    let simulator = Simulator::start(SimulatorConfig {
        guilds: 100,
        channels_per_guild: 2,
        global_per_second: 0,
        bucket_limits: false,
        ..SimulatorConfig::default()
    })
    .await
    .expect("simulator");
    let log: SharedLog =
        Arc::new(EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await.expect("log"));
    let (_token, told) = tokio::sync::watch::channel(simulator.token().to_owned());
    let mut config = SenderConfig::new(&simulator.api_url(), told);
    config.global_per_second = 0;
    let cancel = CancellationToken::new();
    let handle = Sender::start(config, Arc::clone(&log), cancel.clone());
    let secret = "a-secret-of-the-demo-group";
    let declared = vec![("demo".to_owned(), secret.to_owned())];
    let groups = Groups::start(Arc::clone(&log), declared, cancel.clone()).await.expect("groups");
    let state = DiscordState::start(Arc::clone(&log), StateConfig::default(), cancel.clone());
    let config = IngressConfig { public_url: "ws://127.0.0.1:1".to_owned(), shards: 1 };
    let app = router(config, log, groups, state, Arc::new(NoGets(handle)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("bind");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("accept");
            stream.set_nodelay(true).expect("nodelay");
            let service = hyper_util::service::TowerToHyperService::new(app.clone());
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(hyper_util::rt::TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    let guilds = simulator.order("GET", "guilds", serde_json::Value::Null).expect("guilds");
    let channels =
        guilds.as_array().expect("guilds").iter().flat_map(|guild| guild["channels"].as_array().expect("channels"));
    let channels: Vec<String> = channels
        .filter(|channel| channel["type"] == 0)
        .map(|channel| channel["id"].as_str().expect("id").to_owned())
        .collect();
    let done = Arc::new(AtomicU64::new(0));
    let stop = CancellationToken::new();
    let mut clients = tokio::task::JoinSet::new();
    for index in 0..connections {
        let (channel, done, stop) = (channels[index % channels.len()].clone(), Arc::clone(&done), stop.clone());
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("connect");
            stream.set_nodelay(true).expect("nodelay");
            let body = r#"{"content":"a message of usual length, as bots answer commands with"}"#;
            let request = format!(
                "POST /api/v10/channels/{channel}/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bot {secret}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut buffer = vec![0; 16_384];
            let mut latencies = Vec::new();
            while !stop.is_cancelled() {
                let begin = Instant::now();
                stream.write_all(request.as_bytes()).await.expect("write");
                let mut filled = 0;
                loop {
                    let read = stream.read(&mut buffer[filled..]).await.expect("read");
                    assert!(read > 0, "closed");
                    filled += read;
                    let text = std::str::from_utf8(&buffer[..filled]).expect("text");
                    let Some(end) = text.find("\r\n\r\n") else { continue };
                    let lower = text[..end].to_ascii_lowercase();
                    assert!(lower.starts_with("http/1.1 200"), "{text}");
                    let length =
                        lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).expect("a length");
                    if filled >= end + 4 + length.parse::<usize>().expect("a number") {
                        break;
                    }
                }
                latencies.push(begin.elapsed());
                done.fetch_add(1, Ordering::Relaxed);
            }
            latencies
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, begin) = (done.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let count = done.load(Ordering::Relaxed) - before;
    let rate = f64::from(u32::try_from(count).expect("fits")) / begin.elapsed().as_secs_f64();
    stop.cancel();
    let mut latencies = Vec::new();
    while let Some(more) = clients.join_next().await {
        latencies.extend(more.expect("a client"));
    }
    latencies.sort_unstable();
    let at = |part: usize| latencies[(latencies.len() - 1) * part / 100];
    println!("{connections} connections: {rate:.0} actions/s, p50 {:?}, p99 {:?}", at(50), at(99));
}
