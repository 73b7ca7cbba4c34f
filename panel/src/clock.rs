/// Unix seconds.
pub(crate) fn now_s() -> i64 {
    miso_http::now_ms() / 1_000
}
