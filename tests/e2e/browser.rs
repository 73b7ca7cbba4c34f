//! The panel in a real browser, against a demo: `tests/browser/panel.mjs` says what is done.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::harness::{ANY_PORT, DEADLINE, eventually, free_address, miso};

/// Clicking through the flows and running axe on every page, twice two times.
const BROWSER_TIME: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sets_a_greeting_a_member_is_greeted_and_every_page_is_accessible() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("target/browser/panel.mjs");
    assert!(script.is_file(), "{} is missing: run scripts/clients.sh", script.display());
    let data = tempfile::tempdir().expect("a folder");
    let (panel, ops) = (free_address(), free_address());
    let mut demo = miso()
        .arg("demo")
        .env("MISO_DATA_DIR", data.path())
        .env("MISO_PANEL_LISTEN", panel.to_string())
        .env("MISO_OPS_LISTEN", ops.to_string())
        .env("MISO_PROXY_LISTEN", free_address().to_string())
        .env("MISO_COMMANDS_LISTEN", free_address().to_string())
        .env("MISO_DATA_LISTEN", free_address().to_string())
        .env("MISO_LASTFM_LISTEN", ANY_PORT)
        .env("MISO_EMBEDDER_LISTEN", ANY_PORT)
        .stdout(Stdio::null())
        .spawn()
        .expect("the demo starts");
    let http = reqwest::Client::new();
    eventually("the demo is ready", || async {
        http.get(format!("http://{ops}/readyz")).send().await.ok().filter(|answer| answer.status().is_success())
    })
    .await;
    let mut browser = Command::new("node");
    browser.arg(&script).arg(format!("http://{panel}")).kill_on_drop(true);
    // Pictures for the README, when they are wanted.
    if let Some(folder) = std::env::var_os("MISO_WRITE_SCREENSHOTS") {
        browser.arg(folder);
    }
    let done = tokio::time::timeout(BROWSER_TIME, browser.output()).await.expect("the browser is done in time");
    let done = done.expect("node runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
    assert!(said.contains("axe finds nothing on"), "{said}");
    demo.start_kill().expect("it runs");
    tokio::time::timeout(DEADLINE, demo.wait()).await.expect("it ends").expect("a status");
}
