use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::embedded::{EmbeddedConfig, EmbeddedLog};
use crate::{LogError, SharedLog, register_schemas};

/// Opens the log that an address names, with the whole catalogue: `file:PATH` for the embedded
/// engine. The schemas of this version are in the log before anything else is written.
///
/// # Errors
/// [`LogError::Refused`] for any other address; else as the adapter.
pub async fn open(address: &str, _process: &str) -> Result<SharedLog, LogError> {
    match address.split_once(':') {
        Some(("file", path)) if !path.is_empty() => {
            let config = EmbeddedConfig::new(path.trim_start_matches("//"));
            let log: SharedLog = Arc::new(EmbeddedLog::open(config).await?);
            register_schemas(&*log, now_ms()).await?;
            Ok(log)
        }
        _ => Err(LogError::Refused(format!(
            "{address:?} names no log: use file:PATH (embedded) or kafka://HOST:PORT,HOST:PORT"
        ))),
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
