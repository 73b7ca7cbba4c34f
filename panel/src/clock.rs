use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Unix seconds.
pub(crate) fn now_s() -> i64 {
    now_ms() / 1_000
}

/// 16 random bytes in hexadecimal.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
