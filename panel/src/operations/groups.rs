use std::collections::BTreeMap;

use miso_log::{LogError, PartitionLag, catalogue};
use miso_model::{LogRecord, SessionCheckpoint};

use super::{Operations, within};
use crate::failure::Failure;

/// Partitions that are read to say how old the next record is, at most: those with the most records.
const LOOKED_INTO: usize = 8;

/// A group of the log as it stands.
#[derive(Debug, Clone)]
pub(crate) struct GroupSeen {
    pub(crate) name: String,
    /// Records that it has not passed.
    pub(crate) records: i64,
    /// How old the oldest of them is, milliseconds; none where it has passed all.
    pub(crate) behind_ms: Option<i64>,
    /// Partitions where it has a position.
    pub(crate) partitions: Vec<PartitionLag>,
}

/// A handler that is connected, or may come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) session: String,
    pub(crate) group: String,
    pub(crate) guilds: usize,
    /// Events that it was sent and has not acknowledged.
    pub(crate) pending: usize,
    /// When it was last heard, Unix milliseconds.
    pub(crate) seen_ms: i64,
    pub(crate) shard: Option<(i32, i32)>,
}

impl Operations {
    /// Every group that has a position anywhere, by name.
    pub(crate) async fn groups_seen(&self, now_ms: i64) -> Result<Vec<GroupSeen>, Failure> {
        let mut names = within(self.log.groups()).await?;
        names.sort();
        let mut seen = Vec::new();
        for name in names {
            seen.push(self.group_seen(&name, now_ms).await?);
        }
        Ok(seen)
    }

    /// One of them; without a position anywhere it has no partitions.
    pub(crate) async fn group_seen(&self, name: &str, now_ms: i64) -> Result<GroupSeen, Failure> {
        let mut partitions = within::<_, LogError>(self.log.lag(name)).await?;
        partitions.sort_by_key(|lag| std::cmp::Reverse(lag.records));
        let records = partitions.iter().map(|lag| lag.records).sum();
        let mut behind_ms = None;
        for lag in partitions.iter().filter(|lag| lag.records > 0).take(LOOKED_INTO) {
            let Some(next) = lag.next else { continue };
            let end = next.saturating_add(lag.records);
            let first = self.read(lag.topic, &[(lag.partition, next, end)], 1).await?;
            if let Some(record) = first.first() {
                behind_ms = behind_ms.max(Some((now_ms - record.timestamp_ms).max(0)));
            }
        }
        Ok(GroupSeen { name: name.to_owned(), records, behind_ms, partitions })
    }

    /// Handlers whose session goes on, of one group or of all, the one that was heard last first.
    pub(crate) async fn members(&self, group: Option<&str>) -> Result<Vec<Member>, Failure> {
        let mut by_key: BTreeMap<String, Option<Member>> = BTreeMap::new();
        for record in self.kept(catalogue::PROXY_SESSIONS).await? {
            let session = String::from_utf8_lossy(&record.key).into_owned();
            let member = record.value.as_deref().and_then(|value| member(&session, value));
            by_key.insert(session, member);
        }
        let mut members: Vec<Member> = by_key.into_values().flatten().collect();
        members.retain(|member| group.is_none_or(|group| member.group == group));
        members.sort_by_key(|member| std::cmp::Reverse(member.seen_ms));
        Ok(members)
    }
}

fn member(session: &str, value: &[u8]) -> Option<Member> {
    if !SessionCheckpoint::codec().wrote(value) {
        return None;
    }
    let of = SessionCheckpoint::from_bytes(value).ok()?;
    Some(Member {
        session: session.to_owned(),
        group: of.group,
        guilds: of.guilds.len(),
        pending: usize::try_from((of.next_sequence - 1 - of.acked).max(0)).unwrap_or(0),
        seen_ms: of.seen_ms,
        shard: of.shard.zip(of.shard_count),
    })
}
