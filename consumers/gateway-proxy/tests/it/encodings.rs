//! Every encoding carries the same payloads.

use serde_json::json;

use crate::client::INTENTS;
use crate::rig::{Rig, SECRET};
use crate::upstream::{guild, message};

async fn carries(query: &str, compress: bool, expects_binary: bool) {
    let guilds = [guild(0), guild(1), guild(2)];
    let mut rig = Rig::start(&guilds).await;
    let mut client = rig.connect_with(query).await;
    client.identify_with(SECRET, &json!({"intents": INTENTS, "compress": compress})).await;
    client.ready(3).await;
    rig.upstream.spread(&guilds, 0..50).await;
    let contents = client.contents(50).await;
    assert_eq!(contents, (0..50).map(|n| format!("message {n}")).collect::<Vec<_>>());
    let long = message(guild(0), 50, &"long ".repeat(2_000));
    rig.upstream.event("MESSAGE_CREATE", Some(guild(0)), None, Some(4_194_304), &long).await;
    assert_eq!(client.contents(1).await[0].len(), 10_000);
    assert_eq!(client.binaries > 0, expects_binary, "{query}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_without_compression_is_text() {
    carries("v=10&encoding=json", false, false).await;
    carries("v=10", false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zlib_stream() {
    carries("v=10&encoding=json&compress=zlib-stream", false, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zstd_stream_wins_over_identifys_compress() {
    carries("v=10&encoding=json&compress=zstd-stream", true, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payload_compression() {
    carries("v=9&encoding=json", true, true).await;
}
