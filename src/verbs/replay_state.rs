//! Discord's objects of now, carried into the log of a replay.

use std::collections::HashMap;

use miso_log::{Append, Range, Schemas, SharedLog, catalogue};
use miso_model::{LogRecord as _, StateEntry};

use crate::verbs::{now_ms, replay};

/// Appended at once.
const TOGETHER: usize = 1_000;

/// Carries the fold's checkpoint over. Its offsets are of the other log: the objects of their guild's present
/// epoch get the first offset, so that every event that is replayed is newer.
pub(crate) async fn carry(source: &SharedLog, schemas: &Schemas, log: &SharedLog) -> anyhow::Result<()> {
    let topic = catalogue::DISCORD_STATE;
    log.append(vec![replay::beginning(now_ms())]).await?;
    let spans = Range::all().resolve(&**source, topic, &[]).await?;
    let mut entries: HashMap<(i32, String), StateEntry> = HashMap::new();
    let mut reader = source.reader(topic, &spans.starts());
    while let Some(batch) = reader.next_before(&spans.ends()).await? {
        for record in batch.iter() {
            let key = (record.partition, String::from_utf8_lossy(&record.key).into_owned());
            match record.value.as_deref() {
                Some(value) => drop(entries.insert(key, schemas.decode::<StateEntry>(value)?)),
                None => drop(entries.remove(&key)),
            }
        }
    }
    let epochs: HashMap<String, (i64, i64)> = entries
        .iter()
        .filter(|((_, key), _)| key.matches('/').count() == 1 && key.starts_with("g/"))
        .map(|((_, key), entry)| (key.clone(), (entry.epoch, entry.snapshot_epoch)))
        .collect();
    let mut appends = Vec::new();
    for ((partition, key), entry) in entries {
        if key == "position" || !is_present(&key, &entry, &epochs) {
            continue;
        }
        let snapshot_epoch = entry.snapshot_epoch.min(0);
        let entry = StateEntry { at: 0, epoch: 0, snapshot_epoch, json: entry.json };
        appends.push(Append::keyed(topic, partition, key, entry.to_bytes(), now_ms()));
        if appends.len() >= TOGETHER {
            log.append(std::mem::take(&mut appends)).await?;
        }
    }
    if !appends.is_empty() {
        log.append(appends).await?;
    }
    Ok(())
}

/// Whether an object belongs to its guild as it is now: of members since the guild's join, of the rest since
/// its last GUILD_CREATE.
fn is_present(key: &str, entry: &StateEntry, epochs: &HashMap<String, (i64, i64)>) -> bool {
    let mut parts = key.split('/');
    let (Some("g"), Some(guild), Some(kind)) = (parts.next(), parts.next(), parts.next()) else { return true };
    let Some(&(presence, snapshot)) = epochs.get(&format!("g/{guild}")) else { return false };
    entry.epoch == if kind == "member" { presence } else { snapshot.max(presence) }
}
