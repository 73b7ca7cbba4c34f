use miso_model::{LogRecord, RecordError};

use crate::Schemas;

impl Schemas {
    /// As [`Schemas::decode`], but waits for a schema that nobody has written yet. Cancel-safe.
    ///
    /// # Errors
    /// Bytes that are no record, or a record of another kind: park them. When the log is closed
    /// meanwhile, [`RecordError::UnknownSchema`] stands.
    pub async fn decode_waiting<T: LogRecord>(&self, bytes: &[u8]) -> Result<T, RecordError> {
        match self.decode(bytes) {
            Err(RecordError::UnknownSchema(fingerprint)) if !self.is_of_this_version(bytes) => {
                if self.resolve(fingerprint).await.is_err() {
                    return Err(RecordError::UnknownSchema(fingerprint));
                }
                self.decode(bytes)
            }
            result => result,
        }
    }

    /// Whether some record of this version has this schema: then waiting for it changes nothing.
    fn is_of_this_version(&self, bytes: &[u8]) -> bool {
        miso_model::all_codecs().into_iter().any(|codec| codec.wrote(bytes))
    }
}
