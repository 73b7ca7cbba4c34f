//! A host that means harm: whatever a fetcher must survive.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::{Asked, Paced, Reply, Sites, files};

const LABEL: &str = "trouble";
/// A piece of a body without end.
const PIECE: usize = 64 * 1_024;
/// Zeros that one member of a bomb unpacks to.
const MEMBER: usize = 1 << 20;

pub(super) fn answer(sites: &Sites, asked: &Asked) -> Reply {
    let flow = |piece: Bytes, times, rest_ms| {
        Paced::again(piece, times, Duration::from_millis(rest_ms), Arc::clone(&sites.flowed))
    };
    let page = |body| Reply { body, ..Reply::html(LABEL, 200, "") };
    match asked.path.as_str() {
        "/redirect" => Reply::redirect(LABEL, asked.query("to")),
        "/loop" => Reply::redirect(LABEL, "/loop"),
        "/chain" => match asked.query("n").parse::<u64>() {
            Ok(n @ 1..) => Reply::redirect(LABEL, &format!("/chain?n={}", n - 1)),
            _ => Reply::html(LABEL, 200, "<meta property=\"og:title\" content=\"the end of the chain\">"),
        },
        "/endless" => page(flow(Bytes::from(vec![b' '; PIECE]), None, 0)),
        "/huge" => page(flow(Bytes::from(vec![b' '; PIECE]), None, 0)).with("content-length", "9000000000"),
        "/slow-body" => page(flow(Bytes::from_static(b" "), None, 100)),
        "/slow-head" => page(flow(Bytes::from_static(b" "), Some(1), 60_000)),
        "/bomb" => page(flow(zeros(), None, 0)).with("content-encoding", "gzip"),
        "/empty-members" => page(flow(packed(&[]), None, 0)).with("content-encoding", "gzip"),
        "/brotli" => Reply::html(LABEL, 200, "not what was asked for").with("content-encoding", "br"),
        "/not-gzip" => Reply::html(LABEL, 200, "not what it says").with("content-encoding", "gzip"),
        "/large-head" => Reply::html(LABEL, 200, "").with("x-large", "a".repeat(300_000)),
        "/cookie" => Reply::redirect(LABEL, "https://blog.example.org/echo").with("set-cookie", "secret=1"),
        // Files that are something else, or have no end.
        "/page.mp4" => Reply { kind: "video/mp4", ..Reply::html(LABEL, 200, "<html><script>alert(1)</script></html>") },
        "/endless.mp4" => {
            Reply { kind: "video/mp4", body: flow(files::video().into(), None, 0), ..Reply::html(LABEL, 200, "") }
        }
        "/posts-file" => {
            let to = asked.query("to");
            let page = format!(
                "<meta property=\"og:title\" content=\"A file\"><meta property=\"og:video\" content=\"{to}\">\
                 <meta property=\"og:video:type\" content=\"video/mp4\"><meta property=\"og:image\" content=\"{to}\">"
            );
            Reply::html(LABEL, 200, page)
        }
        _ => Reply::html(LABEL, 404, "<html><title>Nothing here</title></html>"),
    }
}

fn packed(data: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let _in_memory = encoder.write_all(data);
    encoder.finish().unwrap_or_default().into()
}

/// About a thousand bytes that become a million.
fn zeros() -> Bytes {
    packed(&vec![0; MEMBER])
}
