//! Styles, scripts, fonts and icons. Debug builds read `panel/assets` at every request, release builds
//! carry it inside. An address holds a hash of all of them, so browsers keep them for ever.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use xxhash_rust::xxh3::Xxh3;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// Content types that shrink.
const TEXT: &[&str] = &["css", "js", "svg"];

/// Where a file is served, with the hash.
pub(crate) fn url(file: &str) -> String {
    format!("/assets/{}/{file}", hash())
}

/// Whether what others made is there: fonts, icons, htmx. Without it pages work, but look plain.
pub(crate) fn complete() -> bool {
    Files::get("vendor/installed").is_some()
}

/// How long a debug build goes by the hash that it has computed: an edit shows within it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Of all files.
fn hash() -> String {
    static HASH: Mutex<Option<(Instant, String)>> = Mutex::new(None);
    let mut kept = HASH.lock().unwrap_or_else(PoisonError::into_inner);
    match &*kept {
        Some((at, hash)) if !cfg!(debug_assertions) || at.elapsed() < LOOK_AGAIN => hash.clone(),
        _ => kept.insert((Instant::now(), compute())).1.clone(),
    }
}

fn compute() -> String {
    let mut hash = Xxh3::new();
    let mut names: Vec<_> = Files::iter().collect();
    names.sort();
    for name in names {
        hash.update(name.as_bytes());
        if let Some(file) = Files::get(&name) {
            hash.update(&file.data);
        }
    }
    format!("{:016x}", hash.digest())
}

/// Files compressed once, by name; in a release build they never change.
fn compressed(name: &str) -> Option<Vec<u8>> {
    static ALL: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    let compress = |name: &str| Some(gzip(&Files::get(name)?.data, Compression::best()));
    if cfg!(debug_assertions) {
        return compress(name);
    }
    let all = ALL.get_or_init(|| {
        let texts = Files::iter().filter(|name| is_text(name));
        texts.filter_map(|name| Some((name.to_string(), compress(&name)?))).collect()
    });
    all.get(name).cloned()
}

/// Compresses.
pub(crate) fn gzip(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Whether a browser takes gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next() == Some("gzip") && !parts.any(|part| part == "q=0")
    })
}

fn is_text(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|ending| TEXT.contains(&ending))
}

/// `GET /assets/{hash}/{file}`. Of another hash it is answered too, but not kept.
pub(crate) async fn serve(Path((given, file)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(found) = Files::get(&file) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match file.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    let gzipped = if is_text(&file) && takes_gzip(&headers) { compressed(&file) } else { None };
    let mut answer = HeaderMap::new();
    if gzipped.is_some() {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let keep = if given == hash() { "public, max-age=31536000, immutable" } else { "no-cache" };
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let body = gzipped.unwrap_or_else(|| found.data.into_owned());
    (answer, body).into_response()
}
