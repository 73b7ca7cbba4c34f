//! Where each topic and partition stands. The writer works on its own copy, the shared copy says
//! what is visible, and the tables say enough to find the rest by reading a short tail.

use rusqlite::{Connection, params};

/// Records of a topic between two marks. On opening, at most about so many are read to learn the
/// heads; a look-up by time reads at most about so many.
pub(super) const MARK_RECORDS: i64 = 10_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PartitionHead {
    /// One past the last record that retention removed of this partition.
    pub(super) earliest: i64,
    /// One past the last record.
    pub(super) next: i64,
    /// Records ever appended; the last record's ordinal.
    pub(super) count: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TopicHead {
    /// Offset of the topic's next record. Never given twice, also after deletions.
    pub(super) next: i64,
    /// The greatest timestamp below `next`.
    pub(super) max_timestamp_ms: i64,
    /// `next` when the tables were last told.
    pub(super) marked: i64,
    /// Compaction has passed everything below.
    pub(super) compacted: i64,
    pub(super) partitions: Vec<PartitionHead>,
}

impl TopicHead {
    /// Counts a record in; answers its offset and its ordinal in the partition.
    pub(super) fn append(&mut self, partition: usize, timestamp_ms: i64) -> (i64, i64) {
        let offset = self.next;
        self.next += 1;
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        let head = &mut self.partitions[partition];
        head.next = self.next;
        head.count += 1;
        (offset, head.count)
    }

    /// Tells the tables, in the caller's transaction.
    pub(super) fn save(&mut self, db: &Connection, topic: i64) -> rusqlite::Result<()> {
        db.prepare_cached("update topics set next = ?2, max_timestamp = ?3, compacted = ?4 where id = ?1")?
            .execute(params![topic, self.next, self.max_timestamp_ms, self.compacted])?;
        let mut upsert = db.prepare_cached(
            "insert into partitions(topic, partition, earliest, next, count) values (?1, ?2, ?3, ?4, ?5)
             on conflict do update set earliest = excluded.earliest, next = excluded.next, count = excluded.count",
        )?;
        for (partition, head) in self.partitions.iter().enumerate() {
            upsert.execute(params![topic, partition as i64, head.earliest, head.next, head.count])?;
        }
        db.prepare_cached("insert or ignore into marks(topic, offset, max_timestamp) values (?1, ?2, ?3)")?
            .execute(params![topic, self.next, self.max_timestamp_ms])?;
        self.marked = self.next;
        Ok(())
    }

    /// Reads the tables and the tail behind the last mark.
    pub(super) fn load(db: &Connection, topic: i64, partitions: usize) -> rusqlite::Result<Self> {
        let mut head =
            db.query_row("select next, max_timestamp, compacted from topics where id = ?1", [topic], |row| {
                Ok(Self {
                    next: row.get(0)?,
                    max_timestamp_ms: row.get(1)?,
                    marked: row.get(0)?,
                    compacted: row.get(2)?,
                    partitions: vec![PartitionHead::default(); partitions],
                })
            })?;
        let mut saved =
            db.prepare_cached("select partition, earliest, next, count from partitions where topic = ?1")?;
        let mut rows = saved.query([topic])?;
        while let Some(row) = rows.next()? {
            if let Some(partition) = head.partition(row.get(0)?) {
                *partition = PartitionHead { earliest: row.get(1)?, next: row.get(2)?, count: row.get(3)? };
            }
        }
        let mut tail = db.prepare(&format!(
            "select partition, max(offset), max(ordinal), max(timestamp) from topic_{topic} where offset >= ?1 group by partition"
        ))?;
        let mut rows = tail.query([head.marked])?;
        while let Some(row) = rows.next()? {
            let (offset, count, timestamp): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
            head.next = head.next.max(offset + 1);
            head.max_timestamp_ms = head.max_timestamp_ms.max(timestamp);
            if let Some(partition) = head.partition(row.get(0)?) {
                partition.next = offset + 1;
                partition.count = count;
            }
        }
        Ok(head)
    }

    pub(super) fn partition(&mut self, partition: i64) -> Option<&mut PartitionHead> {
        usize::try_from(partition).ok().and_then(|partition| self.partitions.get_mut(partition))
    }
}
