use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use apache_avro::Schema;
use bytes::Bytes;
use miso_model::{LogRecord, RecordError, SINGLE_OBJECT_HEADER_LEN, SchemaRecord, all_codecs, fingerprint_of};

use crate::catalogue::SCHEMAS;
use crate::{Append, AppendError, Log, LogError, ReadError, SharedLog};

/// Foreign schemas kept in memory, at most. A log has seen as many versions; beyond it the topic is
/// not read further and what is unknown stays unknown.
pub const FOREIGN_SCHEMAS: usize = 4_096;

/// How often `schemas` is read again for a fingerprint that nobody has written yet.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A schema of another version, as found in the topic `schemas`.
#[derive(Debug)]
pub struct Foreign {
    /// The record's name without namespace.
    pub name: String,
    /// What it was written with.
    pub schema: Schema,
}

/// Reads records that other versions wrote: the topic `schemas` holds every schema ever written.
#[derive(Debug)]
pub struct Schemas {
    log: SharedLog,
    foreign: RwLock<HashMap<u64, Arc<Foreign>>>,
}

impl Schemas {
    /// Reads the topic.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] when the topic cannot be read now.
    pub async fn open(log: SharedLog) -> Result<Self, LogError> {
        let schemas = Self { log, foreign: RwLock::default() };
        schemas.read().await?;
        Ok(schemas)
    }

    /// Reads a record of this or a known other version. Never waits.
    ///
    /// # Errors
    /// [`RecordError::UnknownSchema`]: call [`Schemas::resolve`], then again.
    pub fn decode<T: LogRecord>(&self, bytes: &[u8]) -> Result<T, RecordError> {
        match T::from_bytes(bytes) {
            Err(RecordError::UnknownSchema(fingerprint)) => match self.known(fingerprint) {
                Some(foreign) if foreign.name == T::codec().name => T::from_bytes_written_with(bytes, &foreign.schema),
                _ => Err(RecordError::UnknownSchema(fingerprint)),
            },
            result => result,
        }
    }

    /// The name of the record that these bytes hold, this version's or a known other's: what to
    /// dispatch on in a topic of several records. `None`: unknown, or no record at all.
    #[must_use]
    pub fn name_of(&self, bytes: &[u8]) -> Option<String> {
        if let Some(codec) = all_codecs().into_iter().find(|codec| codec.wrote(bytes)) {
            return Some(codec.name.to_owned());
        }
        self.known(fingerprint_in(bytes)?).map(|foreign| foreign.name.clone())
    }

    /// Reads the topic again and again until somebody has written the schema of this fingerprint. A
    /// record is never skipped for want of its schema: that would reorder its partition.
    ///
    /// # Errors
    /// [`LogError::Closed`]. An unavailable log is waited for.
    pub async fn resolve(&self, fingerprint: u64) -> Result<Arc<Foreign>, LogError> {
        let mut alarmed = false;
        loop {
            if let Some(foreign) = self.known(fingerprint) {
                return Ok(foreign);
            }
            match self.read().await {
                Ok(()) | Err(LogError::Unavailable(_)) => {}
                Err(error) => return Err(error),
            }
            if let Some(foreign) = self.known(fingerprint) {
                return Ok(foreign);
            }
            if !std::mem::replace(&mut alarmed, true) {
                metrics::counter!("miso_log_unknown_schemas_total").increment(1);
                tracing::error!(
                    fingerprint = format_args!("{fingerprint:016x}"),
                    "a record's schema is not in the topic schemas; waiting for it"
                );
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// The schema of another version that wrote these bytes.
    pub(crate) fn foreign_of(&self, bytes: &[u8]) -> Result<Option<Arc<Foreign>>, RecordError> {
        let Some(fingerprint) = fingerprint_in(bytes) else { return Ok(None) };
        self.known(fingerprint).map(Some).ok_or(RecordError::UnknownSchema(fingerprint))
    }

    fn known(&self, fingerprint: u64) -> Option<Arc<Foreign>> {
        self.foreign.read().unwrap_or_else(PoisonError::into_inner).get(&fingerprint).cloned()
    }

    async fn read(&self) -> Result<(), LogError> {
        let written = read_schemas(&*self.log).await?;
        let mut foreign = self.foreign.write().unwrap_or_else(PoisonError::into_inner);
        for record in written {
            let Ok(schema) = Schema::parse_str(&record.schema) else {
                tracing::error!(name = record.name, "a schema in the topic schemas cannot be parsed");
                continue;
            };
            let fingerprint = fingerprint_of(&schema);
            if foreign.len() < FOREIGN_SCHEMAS || foreign.contains_key(&fingerprint) {
                let name = record.name.rsplit('.').next().unwrap_or_default().to_owned();
                foreign.insert(fingerprint, Arc::new(Foreign { name, schema }));
            }
        }
        Ok(())
    }
}

/// Writes the schemas of this version that the topic does not have, and waits until they are
/// acknowledged: before that no record may be written.
///
/// # Errors
/// [`LogError::Unavailable`] when the log cannot be read or written now.
pub async fn register_schemas(log: &dyn Log, now_ms: i64) -> Result<(), LogError> {
    let written: Vec<u64> = read_schemas(log)
        .await?
        .iter()
        .filter_map(|record| Schema::parse_str(&record.schema).ok())
        .map(|schema| fingerprint_of(&schema))
        .collect();
    let missing: Vec<Append> = all_codecs()
        .into_iter()
        .filter(|codec| !written.contains(&codec.fingerprint))
        .map(|codec| {
            let schema = serde_json::to_string(codec.schema).expect("a schema is JSON");
            let name = codec.schema.name().map_or_else(|| codec.name.to_owned(), ToString::to_string);
            let value = SchemaRecord { name, schema }.to_bytes();
            let key = Bytes::from(format!("{:016x}", codec.fingerprint));
            Append::keyed(SCHEMAS, 0, key, value, now_ms)
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    log.append(missing).await.map(drop).map_err(|error| match error {
        AppendError::Unavailable(reason) => LogError::Unavailable(reason),
        other => LogError::Refused(other.to_string()),
    })
}

async fn read_schemas(log: &dyn Log) -> Result<Vec<SchemaRecord>, LogError> {
    let bounds = log.bounds(SCHEMAS, 0).await?;
    let mut reader = log.reader(SCHEMAS, &[(0, bounds.earliest)]);
    let mut records = Vec::new();
    loop {
        match reader.next_before(&[(0, bounds.latest)]).await {
            Ok(Some(batch)) => {
                for record in batch.iter() {
                    match record.value.as_deref().map(SchemaRecord::from_bytes) {
                        Some(Ok(schema)) => records.push(schema),
                        Some(Err(error)) => {
                            tracing::error!(offset = record.offset, %error, "a record of schemas cannot be read");
                        }
                        None => {}
                    }
                }
            }
            Ok(None) => return Ok(records),
            Err(ReadError::BehindRetention { .. }) => {}
            Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason)),
            Err(ReadError::Closed) => return Err(LogError::Closed),
        }
    }
}

/// The fingerprint in a record's header.
fn fingerprint_in(bytes: &[u8]) -> Option<u64> {
    let header: [u8; 8] = bytes.get(2..SINGLE_OBJECT_HEADER_LEN)?.try_into().ok()?;
    bytes.starts_with(&[0xC3, 0x01]).then(|| u64::from_le_bytes(header))
}
