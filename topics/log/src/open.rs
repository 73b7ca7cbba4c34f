use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::embedded::{EmbeddedConfig, EmbeddedLog, EmbeddedReader};
use crate::kafka::{KafkaConfig, KafkaLog};
use crate::{LogError, SharedLog, register_schemas};

/// Opens the log that an address names, with the whole catalogue: `file:PATH` for the embedded
/// engine, `kafka://HOST:PORT,HOST:PORT` for Kafka (see [`KafkaConfig::from_address`] for its
/// options). The schemas of this version are in the log before anything else is written.
/// `process` is what a broker calls this process in its own logs.
///
/// # Errors
/// [`LogError::Refused`] for any other address; else as the adapter.
pub async fn open(address: &str, process: &str) -> Result<SharedLog, LogError> {
    if let Some(brokers) = address.strip_prefix("kafka://") {
        let mut config = KafkaConfig::from_address(brokers)?;
        process.clone_into(&mut config.process_name);
        let log: SharedLog = Arc::new(KafkaLog::open(config).await?);
        register_schemas(&*log, now_ms()).await?;
        return Ok(log);
    }
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

/// Opens the log for reading only: also while another process writes the embedded file, and without
/// writing schemas. Groups cannot be joined on it.
///
/// # Errors
/// As [`open`]; [`LogError::Refused`] also when the embedded file is not there yet.
pub async fn open_reader(address: &str, process: &str) -> Result<SharedLog, LogError> {
    if let Some(brokers) = address.strip_prefix("kafka://") {
        let mut config = KafkaConfig::from_address(brokers)?;
        process.clone_into(&mut config.process_name);
        return Ok(Arc::new(KafkaLog::open(config).await?));
    }
    match address.split_once(':') {
        Some(("file", path)) if !path.is_empty() => {
            let path = std::path::Path::new(path.trim_start_matches("//"));
            Ok(Arc::new(EmbeddedReader::open(path, crate::catalogue::ALL).await?))
        }
        _ => open(address, process).await,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
