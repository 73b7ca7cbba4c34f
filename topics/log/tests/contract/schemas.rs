//! Records of other versions, and every schema against its predecessors.

use std::path::PathBuf;

use apache_avro::Schema;
use miso_log::catalogue::{ALL, SCHEMAS};
use miso_log::{Append, Schemas};
use miso_model::{HandlerGroup, LogRecord, RecordError, SchemaRecord, all_codecs, fingerprint_of};

use crate::embedded::Embedded;
use crate::engine::{Engine, now_ms, within};

const OLDER: &str = r#"{"type":"record","name":"HandlerGroup","namespace":"miso.proxy","fields":[
    {"name":"name","type":"string"},
    {"name":"secrets","type":{"type":"array","items":"string"}},
    {"name":"start","type":"string"},
    {"name":"ack_grace_ms","type":"long"},{"name":"resume_grace_ms","type":"long"},
    {"name":"balance","type":"string"},
    {"name":"events","type":{"type":"array","items":"string"}},
    {"name":"created_ms","type":"long"}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_an_unknown_schema_waits_until_somebody_has_written_it() {
    let log = Embedded::new().open(ALL).await;
    let schema = Schema::parse_str(OLDER).expect("a schema");
    let fingerprint = fingerprint_of(&schema);
    let mut bytes = vec![0xC3, 0x01];
    bytes.extend_from_slice(&fingerprint.to_le_bytes());
    // "a", no secrets, "latest", 1, 2, "guild", no events, 3
    bytes.extend_from_slice(b"\x02a\x00\x0clatest\x02\x04\x0aguild\x00\x06");

    let schemas = Schemas::open(log.clone()).await.expect("opens");
    let unknown = schemas.decode::<HandlerGroup>(&bytes);
    assert!(matches!(unknown, Err(RecordError::UnknownSchema(print)) if print == fingerprint), "{unknown:?}");
    assert_eq!(schemas.name_of(&bytes), None);
    let write = async {
        let written = SchemaRecord { name: "miso.proxy.HandlerGroup".into(), schema: OLDER.into() };
        let key = format!("{fingerprint:016x}").into_bytes();
        log.append(vec![Append::keyed(SCHEMAS, 0, key, written.to_bytes(), now_ms())]).await.expect("appended");
    };
    let (resolved, ()) = within("the schema", async { tokio::join!(schemas.resolve(fingerprint), write) }).await;
    assert_eq!(resolved.expect("known").name, "HandlerGroup");
    assert_eq!(schemas.name_of(&bytes).as_deref(), Some("HandlerGroup"));
    let group: HandlerGroup = schemas.decode(&bytes).expect("reads");
    assert_eq!((group.name.as_str(), group.intents), ("a", None));
    let of_this_version: HandlerGroup = schemas.decode(&group.to_bytes()).expect("reads");
    assert_eq!(of_this_version, group);
    log.close().await;
}

/// Every schema of an earlier version, kept in `predecessors/NAME.N.avsc`, can read what this
/// version writes and the other way round.
#[test]
fn schemas_are_compatible_with_all_their_predecessors_in_both_directions() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../model/predecessors");
    for file in std::fs::read_dir(&folder).expect("the folder of predecessors") {
        let path = file.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "avsc") {
            continue;
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.split('.').next()) else { continue };
        let text = std::fs::read_to_string(&path).expect("read");
        let older = Schema::parse_str(&text).expect("a schema");
        let codec = all_codecs().into_iter().find(|codec| codec.name == name).expect("a record of this name");
        compatible(codec.schema, &older).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn compatible(a: &Schema, b: &Schema) -> Result<(), String> {
    apache_avro::schema_compatibility::SchemaCompatibility::mutual_read(a, b)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[test]
fn the_compatibility_check_finds_a_field_without_default() {
    let older = Schema::parse_str(OLDER).expect("a schema");
    let added = OLDER.replace(
        r#"{"name":"created_ms","type":"long"}"#,
        r#"{"name":"created_ms","type":"long"},{"name":"new","type":"string"}"#,
    );
    assert!(compatible(&older, &Schema::parse_str(&added).expect("a schema")).is_err());
    let field = r#"{"name":"new","type":"string"}"#;
    let defaulted = added.replace(field, r#"{"name":"new","type":"string","default":""}"#);
    compatible(&older, &Schema::parse_str(&defaulted).expect("a schema")).expect("with a default");
    for codec in all_codecs() {
        compatible(codec.schema, codec.schema).expect("itself");
    }
}
