//! What the writer does between transactions: retention, compaction, the end of a checkpoint. Each
//! call is one short transaction, so that commits wait for milliseconds at most.

use rusqlite::params;

use super::queue::Chore;
use super::writer::Writer;

/// Records that one chore looks at, at most.
const CHORE_RECORDS: usize = 500;

/// What must fit before a log that could not be written counts as ready again.
const PROBE_BYTES: i64 = 256 * 1_024;

/// Does it; answers whether there is more to do of the same. On an error the caller rolls back.
pub(super) fn perform(writer: &mut Writer, chore: Chore) -> rusqlite::Result<bool> {
    match chore {
        Chore::Retain { topic, before_ms } => retain(writer, topic, before_ms),
        Chore::Compact { topic } => compact(writer, topic),
        Chore::Tombstones { topic, before_ms } => tombstones(writer, topic, before_ms),
        Chore::FinishCheckpoint => {
            writer.db.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))?;
            Ok(false)
        }
        Chore::Probe => {
            let probe = "insert or replace into meta values ('probe', zeroblob(?1))";
            writer.db.execute(probe, [PROBE_BYTES])?;
            Ok(false)
        }
    }
}

/// From the beginning, up to the first record that is young enough: records go in the order in
/// which they came, so what a partition has begins at one offset.
fn retain(writer: &mut Writer, topic: usize, before_ms: i64) -> rusqlite::Result<bool> {
    let id = writer.inner.topics[topic].id;
    let db = &writer.db;
    let head = &mut writer.heads[topic];
    let mut last = None;
    let mut seen = 0;
    {
        let mut oldest = db.prepare_cached(&format!(
            "select offset, partition, timestamp from topic_{id} order by offset limit {CHORE_RECORDS}"
        ))?;
        let mut rows = oldest.query([])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(2)? >= before_ms {
                break;
            }
            let offset: i64 = row.get(0)?;
            if let Some(partition) = head.partition(row.get(1)?) {
                partition.earliest = offset + 1;
            }
            last = Some(offset);
            seen += 1;
        }
    }
    let Some(last) = last else { return Ok(false) };
    db.execute_batch("begin immediate")?;
    db.prepare_cached(&format!("delete from topic_{id} where offset <= ?1"))?.execute([last])?;
    db.prepare_cached("delete from marks where topic = ?1 and offset <= ?2")?.execute(params![id, last])?;
    head.save(db, id)?;
    db.execute_batch("commit")?;
    metrics::counter!("miso_log_retention_records_total").increment(seen as u64);
    writer.show(topic);
    writer.inner.syncer.committed(Vec::new());
    Ok(seen == CHORE_RECORDS)
}

/// Each record that compaction has not passed takes its key's older records away.
fn compact(writer: &mut Writer, topic: usize) -> rusqlite::Result<bool> {
    let id = writer.inner.topics[topic].id;
    let db = &writer.db;
    let head = &mut writer.heads[topic];
    let records: Vec<(i64, i64, Option<Vec<u8>>)> = db
        .prepare_cached(&format!(
            "select offset, partition, key from topic_{id} where offset >= ?1 order by offset limit {CHORE_RECORDS}"
        ))?
        .query_map([head.compacted], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let Some(&(last, ..)) = records.last() else { return Ok(false) };
    db.execute_batch("begin immediate")?;
    let mut removed = 0;
    {
        let mut older =
            db.prepare_cached(&format!("delete from topic_{id} where partition = ?1 and key = ?2 and offset < ?3"))?;
        for (offset, partition, key) in &records {
            removed += older.execute(params![partition, key, offset])?;
        }
    }
    head.compacted = last + 1;
    head.save(db, id)?;
    db.execute_batch("commit")?;
    metrics::counter!("miso_log_compaction_records_total").increment(removed as u64);
    writer.show(topic);
    writer.inner.syncer.committed(Vec::new());
    Ok(records.len() == CHORE_RECORDS)
}

fn tombstones(writer: &mut Writer, topic: usize, before_ms: i64) -> rusqlite::Result<bool> {
    let id = writer.inner.topics[topic].id;
    let removed = writer
        .db
        .prepare_cached(&format!(
            "delete from topic_{id} where offset in (select offset from topic_{id}
             where value is null and timestamp < ?1 and offset < ?2 limit {CHORE_RECORDS})"
        ))?
        .execute(params![before_ms, writer.heads[topic].compacted])?;
    if removed > 0 {
        writer.inner.syncer.committed(Vec::new());
    }
    Ok(removed == CHORE_RECORDS)
}
