//! Avro single-object encoding of records: `C3 01`, the schema's CRC-64-AVRO fingerprint (little
//! endian), then the datum. Written and read through serde directly, never through `Value`.

use apache_avro::rabin::Rabin;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{AvroSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the datum: the marker and the fingerprint.
pub const SINGLE_OBJECT_HEADER_LEN: usize = 10;
const MARKER: [u8; 2] = [0xC3, 0x01];

/// What went wrong with one record's bytes.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The first two bytes are not the marker of single-object encoding, or the header is cut.
    #[error("not Avro single-object encoding: {0} bytes that do not begin with C3 01")]
    NotSingleObject(usize),
    /// The schema is none of those given. A newer writer's: read `schemas` again and wait.
    #[error("no schema is known for fingerprint {0:016x}; read the topic `schemas` again")]
    UnknownSchema(u64),
    /// The bytes do not follow their schema.
    #[error("record {name} cannot be read: {source}")]
    Malformed {
        /// The record's name.
        name: &'static str,
        /// What the Avro library says.
        source: Box<apache_avro::Error>,
    },
}

/// A record type's schema with the writer and reader that were built from it once.
pub struct RecordCodec {
    /// The record's name without namespace; also the name of its `.avsc` file.
    pub name: &'static str,
    /// The schema of this version.
    pub schema: &'static Schema,
    /// CRC-64-AVRO of the schema's canonical form.
    pub fingerprint: u64,
    writer: GenericDatumWriter<'static>,
    reader: GenericDatumReader<'static>,
}

impl RecordCodec {
    /// Builds the codec of `T`. Called once per type, through [`LogRecord::codec`].
    ///
    /// # Panics
    /// When the derived schema is not a valid Avro record, which a test of this crate excludes.
    #[must_use]
    pub fn of<T: AvroSchema>(name: &'static str) -> Self {
        let schema: &'static Schema = Box::leak(Box::new(T::get_schema()));
        Self {
            name,
            schema,
            fingerprint: fingerprint_of(schema),
            writer: GenericDatumWriter::builder(schema)
                .human_readable(false)
                .build()
                .expect("a derived schema resolves"),
            reader: GenericDatumReader::builder(schema)
                .human_readable(false)
                .build()
                .expect("a derived schema resolves"),
        }
    }

    /// Whether these bytes are a record of this very schema.
    #[must_use]
    pub fn wrote(&self, bytes: &[u8]) -> bool {
        bytes.len() >= SINGLE_OBJECT_HEADER_LEN
            && bytes[..2] == MARKER
            && bytes[2..10] == self.fingerprint.to_le_bytes()
    }
}

/// CRC-64-AVRO (Rabin) of the schema's parsing canonical form.
#[must_use]
pub fn fingerprint_of(schema: &Schema) -> u64 {
    let print = schema.fingerprint::<Rabin>();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&print.bytes[..8]);
    u64::from_le_bytes(bytes)
}

/// A type that is a record of some topic.
pub trait LogRecord: Serialize + DeserializeOwned + AvroSchema + Sized + 'static {
    /// The codec, built at first use.
    fn codec() -> &'static RecordCodec;

    /// Single-object encoding of this record.
    ///
    /// # Panics
    /// Never for a type whose schema is derived from itself: the two cannot disagree.
    #[must_use]
    fn to_bytes(&self) -> Vec<u8> {
        let codec = Self::codec();
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&MARKER);
        out.extend_from_slice(&codec.fingerprint.to_le_bytes());
        codec.writer.write_ser(&mut out, self).expect("the schema is derived from the type");
        out
    }

    /// Reads a record that was written with this version's schema.
    ///
    /// # Errors
    /// [`RecordError::UnknownSchema`] when another schema wrote it: the log's codec then looks for
    /// that schema and calls [`LogRecord::from_bytes_written_with`].
    fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let codec = Self::codec();
        if !codec.wrote(bytes) {
            return Err(RecordError::UnknownSchema(written_fingerprint(bytes)?));
        }
        codec
            .reader
            .read_deser(&mut &bytes[SINGLE_OBJECT_HEADER_LEN..])
            .map_err(|source| RecordError::Malformed { name: codec.name, source: Box::new(source) })
    }

    /// Reads a record that another version wrote, with that version's schema; fields that it did
    /// not have take their serde defaults.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] when the bytes do not follow `writer`.
    fn from_bytes_written_with(bytes: &[u8], writer: &Schema) -> Result<Self, RecordError> {
        written_fingerprint(bytes)?;
        let name = Self::codec().name;
        let malformed = |source| RecordError::Malformed { name, source: Box::new(source) };
        GenericDatumReader::builder(writer)
            .human_readable(false)
            .build()
            .map_err(malformed)?
            .read_deser(&mut &bytes[SINGLE_OBJECT_HEADER_LEN..])
            .map_err(malformed)
    }
}

/// The fingerprint in a record's header.
pub(crate) fn written_fingerprint(bytes: &[u8]) -> Result<u64, RecordError> {
    if bytes.len() < SINGLE_OBJECT_HEADER_LEN || bytes[..2] != MARKER {
        return Err(RecordError::NotSingleObject(bytes.len()));
    }
    let mut print = [0; 8];
    print.copy_from_slice(&bytes[2..SINGLE_OBJECT_HEADER_LEN]);
    Ok(u64::from_le_bytes(print))
}

/// Makes types records: one static codec each, named as the type.
macro_rules! log_records {
    ($($name:ident),+ $(,)?) => {$(
        impl $crate::LogRecord for $name {
            fn codec() -> &'static $crate::RecordCodec {
                static CODEC: std::sync::LazyLock<$crate::RecordCodec> =
                    std::sync::LazyLock::new(|| $crate::RecordCodec::of::<$name>(stringify!($name)));
                &CODEC
            }
        }
    )+};
}
pub(crate) use log_records;
