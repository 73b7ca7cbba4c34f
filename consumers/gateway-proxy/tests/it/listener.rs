//! The one listener: gateway and REST, whatever the request line looks like.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{PATIENCE, Rig};
use crate::upstream::guild;

const HANDSHAKE: &str = "Host: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

async fn speak(rig: &Rig, pieces: &[&str], until: &str) -> String {
    let mut stream = TcpStream::connect(rig.address()).await.expect("connects");
    for piece in pieces {
        stream.write_all(piece.as_bytes()).await.expect("sends");
        stream.flush().await.expect("flushes");
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&answer).contains(until) {
            if stream.read_buf(&mut answer).await.expect("reads") == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an answer in time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_answers_on_every_spelling_of_the_root() {
    let rig = Rig::start(&[guild(0)]).await;
    for line in ["GET /?v=10&encoding=json", "GET //?v=10", "GET ?v=10", "GET /", "GET ?v=10&encoding=json&compress="] {
        let answer = speak(&rig, &[line, " HTTP/1.1\r\n", HANDSHAKE], "\"op\":10").await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{line}: {answer}");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{line}: {answer}");
        assert!(!answer.to_lowercase().contains("sec-websocket-extensions"), "permessage-deflate is declined");
        assert!(answer.contains("\"op\":10"), "{line}: {answer}");
    }
    // In pieces, the first of which does not tell yet.
    let answer = speak(&rig, &["GET", " ", "?v=10 HTTP/1.1\r\n", HANDSHAKE], "\"op\":10").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_for_rest() {
    let rig = Rig::start(&[guild(0)]).await;
    for (line, uri) in [("GET /api/v10/gateway/bot", "/api/v10/gateway/bot"), ("POST /x?y=1", "/x?y=1"), ("GET /", "/")]
    {
        let answer = speak(&rig, &[line, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"], "\0").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{line}: {answer}");
        assert!(answer.to_lowercase().contains("\r\ndate: "), "{line}: {answer}");
        assert!(answer.ends_with(&format!("rest {uri}")), "{line}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_handshake_is_refused_with_words() {
    let rig = Rig::start(&[guild(0)]).await;
    let request = "GET /?v=10 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n";
    let answer = speak(&rig, &[request], "needed").await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    let answer = speak(&rig, &["\x16\x03\x01 no HTTP at all\r\n\r\n"], "\0").await;
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
}
