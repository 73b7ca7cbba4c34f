use std::sync::Arc;

use crate::embedded::{EmbeddedConfig, EmbeddedLog};
use crate::{LogError, SharedLog};

/// Opens the log that an address names, with the whole catalogue: `file:PATH` for the embedded
/// engine.
///
/// # Errors
/// [`LogError::Refused`] for any other address; else as the adapter.
pub async fn open(address: &str, _process: &str) -> Result<SharedLog, LogError> {
    match address.split_once(':') {
        Some(("file", path)) if !path.is_empty() => {
            let config = EmbeddedConfig::new(path.trim_start_matches("//"));
            Ok(Arc::new(EmbeddedLog::open(config).await?))
        }
        _ => Err(LogError::Refused(format!(
            "{address:?} names no log: use file:PATH (embedded) or kafka://HOST:PORT,HOST:PORT"
        ))),
    }
}
