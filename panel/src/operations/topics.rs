use miso_log::{Topic, catalogue};

use super::{Operations, within};
use crate::failure::Failure;

/// A topic as it stands.
#[derive(Debug, Clone)]
pub(crate) struct TopicSeen {
    pub(crate) topic: Topic,
    /// Records that it holds; on Kafka an upper bound.
    pub(crate) records: i64,
}

/// A partition as it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartitionSeen {
    pub(crate) partition: i32,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
    /// Records of the last minute and of the last hour.
    pub(crate) last_minute: i64,
    pub(crate) last_hour: i64,
}

impl Operations {
    /// Every topic of the catalogue that this log was opened with.
    pub(crate) async fn topics(&self) -> Result<Vec<TopicSeen>, Failure> {
        let mut seen = Vec::new();
        for &topic in catalogue::ALL.iter().filter(|topic| self.log.topics().contains(topic)) {
            let bounds = self.bounds(topic).await?;
            let records = bounds.iter().map(|(_, bounds)| bounds.latest - bounds.earliest).sum();
            seen.push(TopicSeen { topic, records });
        }
        Ok(seen)
    }

    /// The partitions of one that hold anything.
    pub(crate) async fn partitions(&self, topic: Topic, now_ms: i64) -> Result<Vec<PartitionSeen>, Failure> {
        let mut seen = Vec::new();
        for (partition, bounds) in self.bounds(topic).await? {
            if bounds.latest <= bounds.earliest {
                continue;
            }
            let (minute, hour) = (now_ms - 60_000, now_ms - 3_600_000);
            let minute = within(self.log.offset_at(topic, partition, minute)).await?;
            let hour = within(self.log.offset_at(topic, partition, hour)).await?;
            seen.push(PartitionSeen {
                partition,
                earliest: bounds.earliest,
                latest: bounds.latest,
                last_minute: (bounds.latest - minute).max(0),
                last_hour: (bounds.latest - hour).max(0),
            });
        }
        Ok(seen)
    }
}
