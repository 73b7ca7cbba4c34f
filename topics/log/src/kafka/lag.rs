//! How far groups are behind. Blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catch_up::CatchUp;
use super::client::Clients;
use super::groups::Groups;
use super::meta::Meta;
use crate::{LogError, PartitionLag, Topic};

/// The group's positions against the ends of their partitions.
///
/// Between a position and the end there may be nothing but the marks of transactions. So wherever
/// the two differ the partition is looked into, and a group that has read all has lag 0.
pub(super) fn lag(
    clients: &Clients,
    groups: &Groups,
    meta: &Meta,
    catch_up: &Arc<CatchUp>,
    group: &str,
) -> Result<Vec<PartitionLag>, LogError> {
    let error = |error| clients.log_error(&error);
    let catalogue = &clients.config().catalogue;
    let everywhere = catalogue.iter().flat_map(|&topic| (0..topic.partitions).map(move |partition| (topic, partition)));
    let committed = groups.committed(group, everywhere).map_err(error)?;
    let mut lags = Vec::new();
    for &topic in catalogue {
        let name = clients.topic(topic);
        let positions: BTreeMap<i32, i64> = committed
            .iter()
            .filter(|((committed, _), _)| *committed == name)
            .map(|(&(_, partition), &next)| (partition, next))
            .collect();
        if !positions.is_empty() {
            lags.extend(of_topic(meta, catch_up, topic, &name, &positions).map_err(error)?);
        }
    }
    Ok(lags)
}

fn of_topic(
    meta: &Meta,
    catch_up: &Arc<CatchUp>,
    topic: Topic,
    name: &str,
    positions: &BTreeMap<i32, i64>,
) -> rdkafka::error::KafkaResult<Vec<PartitionLag>> {
    let ends = meta.ends(name, positions.keys().copied())?;
    let behind = positions.iter().any(|(partition, next)| ends.get(partition).is_some_and(|end| next < end));
    let mut from = positions.clone();
    if behind {
        // Where retention was faster than the group, what is left is what it can still read.
        for (partition, beginning) in meta.beginnings(name, positions.keys().copied())? {
            from.entry(partition).and_modify(|next| *next = beginning.max(*next));
        }
    }
    let holes = catch_up.holes(topic, name, &from, &ends)?;
    Ok(positions
        .iter()
        .map(|(&partition, &next)| {
            let end = ends.get(&partition).copied().unwrap_or(next);
            let first = from.get(&partition).copied().unwrap_or(next);
            let records = if holes.contains(&partition) { 0 } else { (end - first).max(0) };
            PartitionLag { topic, partition, next: Some(next), records }
        })
        .collect())
}
