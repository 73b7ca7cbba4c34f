//! Records that another version wrote, as this version's.

use std::collections::HashMap;

use bytes::Bytes;
use miso_log::{Record, Schemas};
use miso_model::{GatewayEvent, GatewayGap, LogRecord, ShardReady};

use crate::home::LedgerEntry;

/// Events in this version's encoding, by (partition, offset). Waits for a schema that is not there yet:
/// passing over a record would lose it.
pub(super) async fn translated(
    schemas: &Schemas,
    records: impl Iterator<Item = &Record>,
) -> HashMap<(i32, i64), Bytes> {
    let mut translated = HashMap::new();
    for record in records {
        let Some(value) = record.value.as_ref().filter(|value| !is_of_this_version(value)) else { continue };
        // No record, or one of another kind: the home knows what to do with it.
        if let Ok(event) = schemas.decode_waiting::<GatewayEvent>(value).await {
            translated.insert((record.partition, record.offset), event.to_bytes().into());
        }
    }
    translated
}

fn is_of_this_version(value: &[u8]) -> bool {
    GatewayEvent::codec().wrote(value) || ShardReady::codec().wrote(value) || GatewayGap::codec().wrote(value)
}

/// A record of the ledger, whichever version wrote it. `None`: a lease or a hand-back.
pub(super) fn ledger_entry(schemas: &Schemas, value: &[u8]) -> Option<LedgerEntry> {
    LedgerEntry::decode(value).or_else(|| match schemas.name_of(value)?.as_str() {
        "HomeClaim" => schemas.decode(value).ok().map(LedgerEntry::Claim),
        "Sent" => schemas.decode(value).ok().map(LedgerEntry::Sent),
        "Acked" => schemas.decode(value).ok().map(LedgerEntry::Acked),
        "Ended" => schemas.decode(value).ok().map(LedgerEntry::Ended),
        "Asked" => schemas.decode(value).ok().map(LedgerEntry::Asked),
        _ => None,
    })
}
