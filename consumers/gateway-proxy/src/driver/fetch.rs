//! Events that a resumed client has missed, read from the log by their places.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::{ReadError, Schemas, SharedLog};

use super::foreign::translated;

/// Values by (partition, offset). What retention has removed is missing.
///
/// # Errors
/// [`ReadError::Unavailable`] or [`ReadError::Closed`].
pub(super) async fn fetch(
    log: &SharedLog,
    schemas: &Schemas,
    places: Vec<(i32, i64)>,
) -> Result<HashMap<(i32, i64), Bytes>, ReadError> {
    let mut wanted: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for (partition, offset) in places {
        wanted.entry(partition).or_default().push(offset);
    }
    for offsets in wanted.values_mut() {
        offsets.sort_unstable();
    }
    let from: Vec<(i32, i64)> = wanted.iter().map(|(&partition, offsets)| (partition, offsets[0])).collect();
    let mut reader = log.reader(GATEWAY_EVENTS, &from);
    let mut found = HashMap::new();
    while !wanted.is_empty() {
        match reader.next().await {
            Ok(batch) => {
                let translated = translated(schemas, batch.iter()).await;
                for record in batch.iter() {
                    let Some(offsets) = wanted.get(&record.partition) else { continue };
                    if let (Ok(_), Some(value)) = (offsets.binary_search(&record.offset), &record.value) {
                        let place = (record.partition, record.offset);
                        found.insert(place, translated.get(&place).unwrap_or(value).clone());
                    }
                    if offsets.last().is_none_or(|&last| record.offset >= last) {
                        wanted.remove(&record.partition);
                        reader.remove(record.partition);
                    }
                }
            }
            Err(ReadError::BehindRetention { partition, earliest, .. }) => {
                let is_gone =
                    wanted.get(&partition).and_then(|offsets| offsets.last()).is_none_or(|&last| last < earliest);
                if is_gone {
                    wanted.remove(&partition);
                    reader.remove(partition);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
