//! `schemas/*.avsc` are the record types' schemas, whole and up to date.

use std::collections::BTreeSet;
use std::path::PathBuf;

use miso_model::{HandlerGroup, LogRecord, RecordError, Sent, all_codecs};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

/// `MISO_WRITE_SCHEMAS=1 cargo test -p miso-model` writes the files anew.
#[test]
fn every_record_has_its_avsc_file_and_every_file_its_record() {
    let write = std::env::var_os("MISO_WRITE_SCHEMAS").is_some();
    let mut expected = BTreeSet::new();
    for codec in all_codecs() {
        let path = folder().join(format!("{}.avsc", codec.name));
        let schema = serde_json::to_string_pretty(codec.schema).expect("a schema is JSON") + "\n";
        if write {
            std::fs::write(&path, &schema).expect("write schema");
        }
        let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(on_disk, schema, "{} is stale: run with MISO_WRITE_SCHEMAS=1", path.display());
        expected.insert(format!("{}.avsc", codec.name));
    }
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("schemas folder")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("utf-8"))
        .collect();
    assert_eq!(files, expected);
}

#[test]
fn no_two_records_share_a_fingerprint() {
    let prints: BTreeSet<u64> = all_codecs().iter().map(|codec| codec.fingerprint).collect();
    assert_eq!(prints.len(), all_codecs().len());
}

#[test]
fn a_record_of_an_older_version_reads_with_its_own_schema_and_defaults() {
    let older = apache_avro::Schema::parse_str(
        r#"{"type":"record","name":"HandlerGroup","namespace":"miso.proxy","fields":[
            {"name":"name","type":"string"},
            {"name":"secrets","type":{"type":"array","items":"string"}},
            {"name":"start","type":"string"},
            {"name":"ack_grace_ms","type":"long"},{"name":"resume_grace_ms","type":"long"},
            {"name":"balance","type":"string"},
            {"name":"events","type":{"type":"array","items":"string"}},
            {"name":"created_ms","type":"long"}]}"#,
    )
    .expect("schema");
    let mut bytes = vec![0xC3, 0x01];
    bytes.extend_from_slice(&miso_model::fingerprint_of(&older).to_le_bytes());
    // "a", no secrets, "latest", 1, 2, "guild", no events, 3
    bytes.extend_from_slice(b"\x02a\x00\x0clatest\x02\x04\x0aguild\x00\x06");
    assert!(matches!(HandlerGroup::from_bytes(&bytes), Err(RecordError::UnknownSchema(_))));
    let group = HandlerGroup::from_bytes_written_with(&bytes, &older).expect("reads");
    assert_eq!((group.name.as_str(), group.intents, group.accept_wait_ms), ("a", None, None));
}

#[test]
fn bytes_that_are_no_record_are_an_error() {
    for bytes in [&b""[..], b"{}", b"\xC3\x01short"] {
        assert!(matches!(Sent::from_bytes(bytes), Err(RecordError::NotSingleObject(_))));
    }
    let mut cut = vec![0xC3, 0x01];
    cut.extend_from_slice(&Sent::codec().fingerprint.to_le_bytes());
    assert!(matches!(Sent::from_bytes(&cut), Err(RecordError::Malformed { .. })));
}
