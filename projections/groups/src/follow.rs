//! Reading `proxy.groups`: to its end at the start, then for as long as the process runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use miso_log::{Append, ReadError, Reader, Record, Schemas, SharedLog, catalogue};
use miso_model::HandlerGroup;
use tokio::sync::watch;

use crate::GroupError;

/// Groups by name.
pub(crate) type ByName = BTreeMap<String, Arc<HandlerGroup>>;

/// Wait before a log that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_millis(500);
/// Key of the tombstone that marks the end of the topic for a reader: offsets have holes, so only a
/// record tells that everything before it was read.
const MARK: &str = "mark";

/// What one record says: a group as it is now, or that there is none of this name. Waits for the schema
/// of another version. `None`: it cannot be read, and its group is left as it was.
async fn read(schemas: &Schemas, record: &Record) -> Option<(String, Option<Arc<HandlerGroup>>)> {
    let name = std::str::from_utf8(&record.key).ok()?.to_owned();
    let Some(value) = &record.value else { return Some((name, None)) };
    match schemas.decode_waiting::<HandlerGroup>(value).await {
        Ok(group) => Some((name, Some(Arc::new(group)))),
        Err(error) => {
            tracing::error!(offset = record.offset, %error, "a handler group cannot be read; it is left as it was");
            None
        }
    }
}

fn apply(groups: &mut ByName, (name, group): (String, Option<Arc<HandlerGroup>>)) {
    match group {
        Some(group) => drop(groups.insert(name, group)),
        None => drop(groups.remove(&name)),
    }
}

/// Reads everything that is in the topic now.
pub(crate) async fn read_all(log: &SharedLog, schemas: &Schemas, now_ms: i64) -> Result<(ByName, Reader), GroupError> {
    let topic = catalogue::PROXY_GROUPS;
    let bounds = log.bounds(topic, 0).await?;
    let mut reader = log.reader(topic, &[(0, bounds.earliest)]);
    let marks = log.append(vec![Append::tombstone(topic, 0, MARK, now_ms)]).await?;
    let mark = marks.first().copied().unwrap_or(bounds.latest);
    let mut groups = ByName::new();
    loop {
        let batch = match reader.next().await {
            Ok(batch) => batch,
            // Compaction or retention moved the beginning between the two calls.
            Err(ReadError::BehindRetention { .. }) => continue,
            Err(error) => return Err(GroupError::Read(error)),
        };
        let mut reached = false;
        for record in batch.iter() {
            if let Some(said) = read(schemas, record).await {
                apply(&mut groups, said);
            }
            reached |= record.offset >= mark;
        }
        if reached {
            return Ok((groups, reader));
        }
    }
}

/// Follows the topic until the log is closed; tells the next offset after each batch.
pub(crate) async fn follow(
    mut reader: Reader,
    schemas: Schemas,
    groups: Arc<watch::Sender<ByName>>,
    seen: watch::Sender<i64>,
) {
    loop {
        match reader.next().await {
            Ok(batch) => {
                for record in batch.iter() {
                    if let Some(said) = read(&schemas, record).await {
                        groups.send_modify(|groups| apply(groups, said));
                    }
                    seen.send_replace(record.offset + 1);
                }
            }
            Err(ReadError::BehindRetention { .. }) => {}
            Err(ReadError::Unavailable(reason)) => {
                tracing::warn!(reason, "handler groups cannot be followed now");
                tokio::time::sleep(READ_AGAIN).await;
            }
            Err(ReadError::Closed) => return,
        }
    }
}
