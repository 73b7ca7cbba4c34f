//! Pages that mean harm: without end, packed, slow. All are cut off within bounds.

use reqwest::StatusCode;
use serde_json::Value;

use crate::rig::{Rig, slug};

/// Bytes that one page may cost: the service's bound, and what stands in the sockets between.
const PER_PAGE: u64 = (2 << 20) + (8 << 20);

#[tokio::test]
async fn bombs_endless_and_slow_bodies_end_with_the_right_problem() {
    let rig = Rig::start().await;
    let harm = [
        ("/bomb", 413, "too_large"),
        ("/endless", 413, "too_large"),
        ("/huge", 413, "too_large"),
        ("/empty-members", 413, "too_large"),
        ("/slow-body", 504, "provider_slow"),
        ("/slow-head", 504, "provider_slow"),
        ("/brotli", 502, "provider_broken"),
        ("/not-gzip", 502, "provider_broken"),
        ("/large-head", 502, "provider_broken"),
        ("/loop", 502, "provider_broken"),
        ("/chain?n=6", 502, "provider_broken"),
    ];
    for (path, status, problem) in harm {
        let (got, answer) = rig.media(&format!("https://trouble.example.org{path}")).await;
        assert_eq!((got.as_u16(), slug(&answer)), (status, problem), "{path}: {answer}");
    }
    let (status, _) = rig.media("https://trouble.example.org/chain?n=5").await;
    assert_eq!(status, StatusCode::OK, "five redirects are followed");
    let flowed = rig.order("GET", "sites", Value::Null)["flowed_bytes"].as_u64().expect("a count");
    assert!(flowed < 5 * PER_PAGE, "{flowed} bytes left the site");
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1_024
}

#[tokio::test]
async fn memory_stays_flat_under_many_bombs_at_once() {
    let rig = Rig::start().await;
    let _warm = rig.media("https://trouble.example.org/bomb?n=0").await;
    let before = resident();
    let read_before = read_bytes(&rig).await;
    let urls: Vec<String> = (1..=48)
        .map(|n| format!("https://trouble.example.org/{}?n={n}", ["bomb", "endless", "empty-members"][n % 3]))
        .collect();
    let answers = futures_util::future::join_all(urls.iter().map(|url| rig.media(url))).await;
    for (status, answer) in answers {
        assert!([413, 504, 429].contains(&status.as_u16()), "{status} {answer}");
    }
    // 48 pages at their bound would be 96 MiB, unpacked without one many gigabytes.
    let grown = resident().saturating_sub(before);
    assert!(grown < 256 << 20, "grew by {grown} bytes");
    let read = read_bytes(&rig).await - read_before;
    assert!(read <= 48 * ((2 << 20) + (1 << 20)), "{read} bytes were read");
}

async fn read_bytes(rig: &Rig) -> u64 {
    let (_, health) = crate::rig::sent(rig.http.get(rig.url("/v1/health"))).await;
    health["fetches"]["bytes"].as_u64().expect("a count")
}

#[tokio::test]
async fn nothing_of_one_host_is_sent_to_another() {
    let rig = Rig::start().await;
    let (status, answer) = rig.media("https://trouble.example.org/cookie").await;
    let sent = answer["text"].as_str().expect("the names of the headers");
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(
        sent.contains("user-agent") && !["cookie", "authorization", "referer"].iter().any(|name| sent.contains(name)),
        "{sent}"
    );
}
