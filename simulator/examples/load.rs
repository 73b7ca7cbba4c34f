//! How fast the simulator alone is: blasts into one client that only counts, and create-messages over 64 connections.
//! `cargo run --release -p miso-simulator --example load`

use std::time::{Duration, Instant};

use miso_simulator::{Running, Simulator, SimulatorConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;
const SPAN: Duration = Duration::from_secs(5);

fn main() {
    // The simulator has a runtime of its own, so that its threads can be told apart from the client's in a profile.
    let runtime = |name: &str, threads: usize| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name(name)
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let (simulated, clients) = (runtime("simulator", 1), runtime("client", 1));
    let config = SimulatorConfig {
        guilds: 100,
        bucket_limits: false,
        global_per_second: 0,
        identify_window_ms: 0,
        ..SimulatorConfig::default()
    };
    let running = simulated.block_on(Simulator::start(config)).expect("a simulator");
    for compress in ["", "&compress=zlib-stream", "&compress=zstd-stream"] {
        let (events, bytes, busy) = clients.block_on(blast(&running, compress));
        println!("blast{compress}: {events} events/s, {bytes} MB/s on the wire, simulator thread {busy} % busy");
    }
    let requests = clients.block_on(rest(&running));
    println!("create-message over {CONNECTIONS} connections: {requests} requests/s");
    simulated.block_on(running.shutdown());
}

async fn blast(running: &Running, compress: &str) -> (u64, u64, u64) {
    let mut socket = TcpStream::connect(running.address()).await.expect("connected");
    let handshake = format!(
        "GET /?v=10{compress} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(handshake.as_bytes()).await.expect("sent");
    let identify = format!("{{\"op\":2,\"d\":{{\"token\":\"{}\",\"intents\":33281}}}}", running.token());
    let length = u8::try_from(identify.len()).expect("short");
    let mut frame = vec![0x81, 0x80 | 126, 0, length, 0, 0, 0, 0];
    frame.extend_from_slice(identify.as_bytes());
    socket.write_all(&frame).await.expect("sent");
    let mut sink = vec![0; 1 << 20];
    order(running, "POST", "/control/blast", &format!("{{\"seconds\":{}}}", SPAN.as_secs())).await;
    let (start, mut bytes, busy) = (Instant::now(), 0, cpu("simulator"));
    while start.elapsed() < SPAN {
        let left = SPAN.saturating_sub(start.elapsed());
        if let Ok(read) = tokio::time::timeout(left, socket.read(&mut sink)).await {
            bytes += read.expect("read") as u64;
        }
    }
    let busy = (cpu("simulator") - busy) / SPAN.as_secs();
    let status = loop {
        let text = order(running, "GET", "/control/blast", "").await;
        if text.contains("\"done\":true") {
            break text;
        }
    };
    let sent = status
        .split("\"sent\":")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .and_then(|sent| sent.parse::<u64>().ok());
    (sent.unwrap_or(0) / SPAN.as_secs(), bytes / SPAN.as_secs() / 1_000_000, busy)
}

/// CPU time of this process's threads of one name, in hundredths of a second.
fn cpu(name: &str) -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let used = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        let (head, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        head.ends_with(name).then_some(ticks)
    });
    used.sum()
}

async fn order(running: &Running, method: &str, path: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(running.address()).await.expect("connected");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("read");
    answer
}

async fn rest(running: &Running) -> u64 {
    let guilds = order(running, "GET", "/control/guilds", "").await;
    let channels: Vec<String> = guilds
        .split("\"id\":\"")
        .filter(|part| part.contains("\"name\":\"general\""))
        .filter_map(|part| part.split('"').next().map(str::to_owned))
        .collect();
    let mut tasks = Vec::new();
    for index in 0..CONNECTIONS {
        let body = "{\"content\":\"a message of some words, as bots send them\"}";
        let request = format!(
            "POST /api/v10/channels/{}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bot {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            channels[index % channels.len()],
            running.token(),
            body.len(),
        );
        let address = running.address();
        tasks.push(tokio::spawn(async move {
            let mut socket = TcpStream::connect(address).await.expect("connected");
            let (mut buffer, mut done) = (vec![0; 16 << 10], 0_u64);
            let start = Instant::now();
            while start.elapsed() < SPAN {
                socket.write_all(request.as_bytes()).await.expect("sent");
                // An answer is far smaller than the buffer and comes in one piece.
                let read = socket.read(&mut buffer).await.expect("read");
                assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..read]));
                done += 1;
            }
            done
        }));
    }
    let mut total = 0;
    for task in tasks {
        total += task.await.expect("done");
    }
    total / SPAN.as_secs()
}
