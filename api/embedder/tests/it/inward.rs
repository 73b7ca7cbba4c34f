//! Links that lead inside: each is refused, and nobody is connected to.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::rig::{Rig, slug};

/// Listens where nobody may come.
struct Canary {
    port: u16,
    came: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Canary {
    async fn listen() -> Self {
        let came = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = first.local_addr().expect("an address").port();
        let mut listeners = vec![first];
        // Where this machine has IPv6 it is watched as well.
        listeners.extend(TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await);
        for listener in listeners {
            let came = Arc::clone(&came);
            tasks.spawn(async move {
                while listener.accept().await.is_ok() {
                    came.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { port, came, _tasks: tasks }
    }
}

/// `PORT` is the canary's, which the operator allowed: only the address stands between.
const ADDRESSES: [&str; 44] = [
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://017700000001:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://127.255.255.254:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://１２７.0.0.1:PORT/",
    "http://10.0.0.1:PORT/",
    "http://172.16.0.1:PORT/",
    "http://192.168.0.1:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]:PORT/",
    "http://[::]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2001::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[ff02::1]/",
    "http://localhost:PORT/",
    "http://LOCALHOST.:PORT/",
    "http://app.localhost:PORT/",
    "http://metadata.google.internal/",
    "http://router.lan/",
    "http://metadata/",
    "http://1.0.0.127.in-addr.arpa/",
];

const OTHER_FORMS: [(&str, StatusCode, &str); 16] = [
    ("http://user@blog.example.org/", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address"),
    ("http://user:word@127.0.0.1:PORT/", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address"),
    ("http://blog.example.org@127.0.0.1:PORT/", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address"),
    ("http://@127.0.0.1:PORT/", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address"),
    ("http://blog.example.org:22/", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address"),
    ("http://blog.example.org:6379/", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address"),
    ("https://blog.example.org:8443/", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address"),
    ("http://blog.example.org:0/", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address"),
    ("http://[fe80::1%25lo]:PORT/", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"),
    ("http://127.0.0.1:PORT\\@blog.example.org/", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"),
    ("http://blog.example.org/ HTTP/1.1\r\nHost: a", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"),
    ("file:///etc/passwd", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"),
    ("ftp://127.0.0.1:PORT/", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"),
    ("gopher://127.0.0.1:PORT/_x", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"),
    ("http:127.0.0.1:PORT", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"),
    ("//127.0.0.1:PORT/", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"),
];

async fn rig() -> (Rig, Canary) {
    let canary = Canary::listen().await;
    let port = canary.port;
    (Rig::with(|config| config.ports = vec![80, 443, port]).await, canary)
}

async fn refused(rig: &Rig, canary: &Canary, url: &str, status: StatusCode, problem: &str) {
    let url = url.replace("PORT", &canary.port.to_string());
    let (got, answer) = rig.media(&url).await;
    assert_eq!((got, slug(&answer)), (status, problem), "{url}: {answer}");
    assert_eq!(canary.came.load(Ordering::SeqCst), 0, "{url} was connected to");
}

#[tokio::test]
async fn the_canary_sings_when_it_is_reached() {
    let canary = Canary::listen().await;
    let _stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, canary.port)).await.expect("connected");
    while canary.came.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_form_of_an_address_inside_is_refused_and_nobody_is_connected_to() {
    let (rig, canary) = rig().await;
    for url in ADDRESSES {
        refused(&rig, &canary, url, StatusCode::UNPROCESSABLE_ENTITY, "blocked_address").await;
    }
    for (url, status, problem) in OTHER_FORMS {
        refused(&rig, &canary, url, status, problem).await;
    }
}

#[tokio::test]
async fn in_the_real_network_the_same_is_refused() {
    let canary = Canary::listen().await;
    let port = canary.port;
    let rig = Rig::with(|config| {
        config.sites_at = None;
        config.ports = vec![80, 443, port];
    })
    .await;
    for url in ADDRESSES {
        refused(&rig, &canary, url, StatusCode::UNPROCESSABLE_ENTITY, "blocked_address").await;
    }
}

#[tokio::test]
async fn redirects_inside_are_refused_on_every_hop() {
    let (rig, canary) = rig().await;
    for to in ADDRESSES.iter().filter(|to| to.is_ascii()).chain(&[
        "file:///etc/passwd",
        "http://user@blog.example.org/",
        "//127.0.0.1:PORT/",
    ]) {
        let to = to.replace("PORT", &canary.port.to_string());
        let url =
            reqwest::Url::parse_with_params("https://trouble.example.org/redirect", [("to", &to)]).expect("a link");
        let (status, problem) = rig.media(url.as_str()).await;
        let slug = slug(&problem);
        assert!(["blocked_address", "unsupported_url"].contains(&slug), "{to}: {status} {problem}");
        assert_eq!(canary.came.load(Ordering::SeqCst), 0, "{to} was connected to");
    }
    // Two hops away.
    let inner = format!("https://trouble.example.org/redirect?to=http://127.0.0.1:{}/", canary.port);
    let url =
        reqwest::Url::parse_with_params("https://trouble.example.org/redirect", [("to", &inner)]).expect("a link");
    refused(&rig, &canary, url.as_str(), StatusCode::UNPROCESSABLE_ENTITY, "blocked_address").await;
}

#[tokio::test]
async fn names_that_lead_inside_are_refused_also_when_only_one_of_their_addresses_does() {
    let (rig, canary) = rig().await;
    let answers = [
        json!([["127.0.0.1"]]),
        json!([["93.184.216.34", "127.0.0.1"]]),
        json!([["::1"]]),
        json!([["::ffff:127.0.0.1"]]),
        json!([["64:ff9b::7f00:1"]]),
        json!([["169.254.169.254"]]),
        json!([["10.1.2.3"]]),
        json!([["fd00::1"]]),
        json!([["0.0.0.0"]]),
    ];
    for (n, answers) in answers.iter().enumerate() {
        let host = format!("inner{n}.example.org");
        rig.order("POST", "sites/dns", json!({"host": host, "answers": answers}));
        refused(&rig, &canary, &format!("http://{host}:PORT/"), StatusCode::UNPROCESSABLE_ENTITY, "blocked_address")
            .await;
    }
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_checked_anew_for_each_connection_and_asked_once_for_each() {
    let (rig, canary) = rig().await;
    // Public when it is checked, inside when anybody asks again: the checked address is the one connected to.
    let answers = json!([["93.184.216.34"], ["127.0.0.1"]]);
    rig.order("POST", "sites/dns", json!({"host": "rebind.example.org", "answers": answers}));
    let (status, problem) = rig.media(&format!("http://rebind.example.org:{}/", canary.port)).await;
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(
        status == StatusCode::BAD_GATEWAY && detail.contains("http 404"),
        "its first answer is public, and there is no such page: {problem}"
    );
    assert_eq!(rig.order("GET", "sites", serde_json::Value::Null)["resolved"]["rebind.example.org"], 1);
    assert_eq!(canary.came.load(Ordering::SeqCst), 0);
    // The second hop is another connection.
    rig.order("POST", "sites/dns", json!({"host": "trouble.example.org", "answers": answers}));
    refused(&rig, &canary, "https://trouble.example.org/loop", StatusCode::UNPROCESSABLE_ENTITY, "blocked_address")
        .await;
}
