//! Signed files: what they are, how much of them, and who may have them.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};

use crate::rig::{Rig, sent, slug};

async fn file_of(rig: &Rig, url: &str, max_bytes: Option<u64>) -> String {
    let (status, answer) = rig.media_within(url, max_bytes).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["media"][0]["file"].as_str().expect("a file").to_owned()
}

#[tokio::test]
async fn a_file_streams_whole_and_in_ranges_without_a_key() {
    let rig = Rig::start().await;
    let file = rig.url(&file_of(&rig, &rig.post("x", "video"), None).await);
    let whole = rig.http.get(&file).send().await.expect("an answer");
    assert_eq!((whole.status(), whole.headers()[CONTENT_TYPE].as_bytes()), (StatusCode::OK, &b"video/mp4"[..]));
    assert_eq!(whole.headers()["x-content-type-options"], "nosniff");
    let whole = whole.bytes().await.expect("bytes");
    assert_eq!(whole.len(), 24_000);
    for (range, part, told) in [
        ("bytes=100-199", &whole[100..200], "bytes 100-199/24000"),
        ("bytes=0-15", &whole[..16], "bytes 0-15/24000"),
        ("bytes=23990-", &whole[23_990..], "bytes 23990-23999/24000"),
        ("bytes=-5", &whole[23_995..], "bytes 23995-23999/24000"),
    ] {
        let answer = rig.http.get(&file).header(RANGE, range).send().await.expect("an answer");
        assert_eq!(
            (answer.status(), answer.headers()[CONTENT_RANGE].to_str().expect("text")),
            (StatusCode::PARTIAL_CONTENT, told)
        );
        assert_eq!(answer.headers()[CONTENT_TYPE], "video/mp4", "the middle tells nothing, the start does");
        assert_eq!(answer.bytes().await.expect("bytes"), part, "{range}");
    }
    let beyond = rig.http.get(&file).header(RANGE, "bytes=24000-").send().await.expect("an answer");
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let picture = rig.url(&file_of(&rig, &rig.post("bluesky", "picture"), None).await);
    let picture = rig.http.get(&picture).send().await.expect("an answer");
    assert_eq!(picture.headers()[CONTENT_TYPE], "image/png", "told by its bytes, whatever its name");
}

#[tokio::test]
async fn only_what_this_deployment_signed_is_fetched() {
    let rig = Rig::start().await;
    let file = file_of(&rig, &rig.post("x", "picture"), None).await;
    let before = rig.asked("file");
    let mut forged = file.clone();
    let last = forged.pop().expect("a letter");
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for forged in [forged, "/v1/file/AAAA".to_owned(), format!("{file}A")] {
        let (status, problem) = sent(rig.http.get(rig.url(&forged))).await;
        assert_eq!((status, slug(&problem)), (StatusCode::FORBIDDEN, "not-signed"));
    }
    let other = Rig::with(|config| config.cluster_key = "another".to_owned()).await;
    let (status, _) = sent(other.http.get(other.url(&file))).await;
    assert_eq!((status, rig.asked("file"), other.asked("file")), (StatusCode::FORBIDDEN, before, 0));
}

#[tokio::test]
async fn a_file_beyond_its_bound_is_refused_or_cut_off() {
    let rig = Rig::start().await;
    let (_, answer) = rig.media_within(&rig.post("bluesky", "video"), Some(1_000)).await;
    assert!(answer["media"][0]["file"].is_null(), "known to be larger: {answer}");
    let file = file_of(&rig, &rig.post("instagram", "video"), Some(1_000)).await;
    let (status, problem) = sent(rig.http.get(rig.url(&file))).await;
    assert_eq!((status, slug(&problem)), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let endless = "https://trouble.example.org/posts-file?to=https://trouble.example.org/endless.mp4";
    let file = file_of(&rig, endless, Some(100_000)).await;
    let mut answer = rig.http.get(rig.url(&file)).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let mut came = 0;
    let end = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => came += chunk.len(),
            end => break end,
        }
    };
    assert!(end.is_err() && came <= 100_000, "{came} bytes, {end:?}");
}

#[tokio::test]
async fn a_variant_is_chosen_by_what_the_caller_takes() {
    let rig = Rig::start().await;
    let url = rig.post("tiktok", "video");
    let whole = rig.media_within(&url, None).await.1;
    let small = rig.media_within(&url, Some(15_000)).await.1;
    assert_eq!(
        (whole["media"][0]["bytes"].as_u64(), small["media"][0]["bytes"].as_u64()),
        (Some(24_000), Some(12_000))
    );
    assert_eq!(whole["media"][0]["variants"].as_array().map(Vec::len), Some(2));
    assert!(whole["media"][0]["expires_at"].as_str().is_some_and(|ends| ends.starts_with("2100-01-01")), "{whole}");
}

#[tokio::test]
async fn what_is_no_media_or_lies_inside_is_not_passed_on() {
    let rig = Rig::start().await;
    for (to, wanted) in [
        ("https://trouble.example.org/page.mp4", "unsupported_url"),
        ("https://trouble.example.org/redirect?to=http://127.0.0.1/", "blocked_address"),
        ("https://trouble.example.org/loop", "provider_broken"),
    ] {
        let url =
            reqwest::Url::parse_with_params("https://trouble.example.org/posts-file", [("to", to)]).expect("a link");
        let file = file_of(&rig, url.as_str(), None).await;
        let (status, problem) = sent(rig.http.get(rig.url(&file))).await;
        assert_eq!(slug(&problem), wanted, "{to}: {status} {problem}");
    }
}
