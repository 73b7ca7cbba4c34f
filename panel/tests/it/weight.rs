use std::io::Write as _;

use crate::browser::Site;
use crate::fake::ANN;
use crate::html::tags;

/// Bytes of a page with its styles and scripts, compressed.
const FIRST_PAGE_BYTES: usize = 150_000;

fn compressed(text: &str) -> usize {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("writes");
    encoder.finish().expect("ends").len()
}

#[tokio::test]
async fn a_first_page_weighs_little() {
    let site = Site::start().await;
    let mut browser = site.as_user(ANN).await;
    for path in ["/", "/g/100/greeting", "/g/100/commands"] {
        let page = browser.get(path).await;
        let mut bytes = compressed(&page.text);
        let mut files = 0;
        for tag in tags(&page.text) {
            let style = tag.name == "link" && tag.get("rel") == Some("stylesheet");
            let address = if style { tag.get("href") } else { tag.get("src").filter(|_| tag.name == "script") };
            let Some(address) = address else { continue };
            let file = browser.get(address).await;
            // What is fetched by `make panel-assets` may be missing here.
            assert!(file.status == 200 || address.contains("/vendor/"), "{address}");
            bytes += compressed(&file.text);
            files += 1;
        }
        for module in ["picker", "editor", "save-bar", "filter", "file", "when", "amount", "time", "swaps", "menu"] {
            let script = page.text.split("src=\"").find(|part| part.contains("/panel.js")).expect("a script");
            let address = script.split('"').next().expect("an address").replace("panel.js", &format!("js/{module}.js"));
            let file = browser.get(&address).await;
            assert_eq!(file.status, 200, "{address}");
            bytes += compressed(&file.text);
        }
        assert!(files >= 5, "{path}: {files} files");
        assert!(bytes <= FIRST_PAGE_BYTES, "{path} weighs {bytes} bytes");
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_hash_and_only_there() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = browser.get("/").await;
    let address = tags(&page.text)
        .iter()
        .find_map(|tag| tag.get("href").filter(|href| href.ends_with("tokens.css")).map(str::to_owned));
    let file = browser.get(&address.expect("a style")).await;
    assert_eq!((file.status, file.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(file.header("cache-control").contains("immutable"));
    let file = browser.get("/assets/0/tokens.css").await;
    assert_eq!((file.status, file.header("cache-control")), (200, "no-cache"));
    for wrong in
        ["/assets/0/nothing.css", "/assets/0/../Cargo.toml", "/assets/0/%2e%2e/Cargo.toml", "/assets/0/..%2fCargo.toml"]
    {
        assert_eq!(browser.get(wrong).await.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn pages_and_texts_are_compressed_for_who_takes_it() {
    let site = Site::start().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for path in ["/", "/assets/0/parts.css"] {
        let get =
            |encoding: &str| client.get(format!("{}{path}", site.base)).header("accept-encoding", encoding).send();
        let plain = get("identity").await.expect("an answer");
        let small = get("br, gzip").await.expect("an answer");
        assert_eq!(small.headers()["content-encoding"], "gzip", "{path}");
        assert!(!plain.headers().contains_key("content-encoding"));
        let (plain, small) = (plain.bytes().await.expect("bytes"), small.bytes().await.expect("bytes"));
        assert!(small.len() * 2 < plain.len(), "{path}: {} of {}", small.len(), plain.len());
    }
}
