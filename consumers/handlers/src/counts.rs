//! What happens in a guild, counted by the hour: gathered in memory and told to the decider in the
//! transaction that passes the events. Pure.

use std::collections::HashMap;

use miso_log::Append;
use miso_model::{Aggregate, GuildId};
use serde::Serialize;
use serde_json::json;

use crate::ask::request;
use crate::clock::{HOUR_MS, day_and_hour};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Message,
    Join,
    Leave,
    Command,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
struct Hour {
    day: String,
    hour: u8,
    messages: u64,
    joins: u64,
    leaves: u64,
    commands: u64,
}

/// Counts by partition, guild and hour. No more than the events of one commit
/// ([`LAZY_COMMIT_EVENTS`](crate::LAZY_COMMIT_EVENTS)).
#[derive(Debug, Default)]
pub(crate) struct Counts {
    partitions: Vec<HashMap<u64, Vec<(i64, Hour)>>>,
}

impl Counts {
    fn partition(&mut self, partition: i32) -> &mut HashMap<u64, Vec<(i64, Hour)>> {
        let index = usize::try_from(partition).unwrap_or_default();
        if index >= self.partitions.len() {
            self.partitions.resize_with(index + 1, HashMap::new);
        }
        &mut self.partitions[index]
    }

    /// Counts one, which happened at `at_ms`.
    pub(crate) fn add(&mut self, partition: i32, guild: GuildId, at_ms: i64, what: Counted) {
        let number = at_ms.div_euclid(HOUR_MS);
        let hours = self.partition(partition).entry(guild.0).or_default();
        let index = hours.iter().position(|(of, _)| *of == number).unwrap_or_else(|| {
            let (day, hour) = day_and_hour(number);
            hours.push((number, Hour { day, hour, ..Hour::default() }));
            hours.len() - 1
        });
        let hour = &mut hours[index].1;
        *match what {
            Counted::Message => &mut hour.messages,
            Counted::Join => &mut hour.joins,
            Counted::Leave => &mut hour.leaves,
            Counted::Command => &mut hour.commands,
        } += 1;
    }

    /// Whether nothing was counted of a partition.
    pub(crate) fn is_empty(&self, partition: i32) -> bool {
        let index = usize::try_from(partition).unwrap_or_default();
        self.partitions.get(index).is_none_or(HashMap::is_empty)
    }

    /// Takes what was counted of a partition, as requests; `next` is where its records now stand.
    pub(crate) fn take(&mut self, group: &str, partition: i32, next: i64, now_ms: i64) -> Vec<Append> {
        let mut guilds: Vec<_> = std::mem::take(self.partition(partition)).into_iter().collect();
        guilds.sort_unstable_by_key(|(guild, _)| *guild);
        let requests = guilds.into_iter().map(|(guild, hours)| {
            let counts: Vec<Hour> = hours.into_iter().map(|(_, hour)| hour).collect();
            let id = format!("counts/{group}/{partition}/{next}");
            let guild = Aggregate::Guild(GuildId(guild));
            request(group, guild, "CountsObserved", id, &json!({"counts": counts}), now_ms)
        });
        requests.collect()
    }

    /// What was counted of a partition is void.
    pub(crate) fn forget(&mut self, partition: i32) {
        self.partition(partition).clear();
    }
}

#[cfg(test)]
mod tests {
    use miso_model::{LogRecord, Request};
    use serde_json::Value;

    use super::*;

    #[test]
    fn counts_are_told_once_by_guild_and_hour() {
        let mut counts = Counts::default();
        let (one, two) = (GuildId(1), GuildId(2));
        assert!(counts.is_empty(7));
        for (guild, at_ms, what) in [
            (one, 1, Counted::Message),
            (one, 2, Counted::Message),
            (one, HOUR_MS, Counted::Join),
            (two, 5, Counted::Command),
            (one, HOUR_MS + 1, Counted::Leave),
        ] {
            counts.add(7, guild, at_ms, what);
        }
        counts.add(8, one, 1, Counted::Message);
        counts.forget(8);
        let requests: Vec<Request> = counts
            .take("miso.messages", 7, 42, 9)
            .iter()
            .map(|append| Request::from_bytes(append.value.as_deref().expect("a value")).expect("reads"))
            .collect();
        assert_eq!(requests.len(), 2);
        assert_eq!((requests[0].aggregate.as_str(), requests[0].kind.as_str()), ("guild/1", "CountsObserved"));
        assert_eq!(requests[0].request_id, "counts/miso.messages/7/42");
        let body: Value = serde_json::from_slice(&requests[0].body).expect("JSON");
        assert_eq!(
            body,
            json!({"counts": [
                {"day": "1970-01-01", "hour": 0, "messages": 2, "joins": 0, "leaves": 0, "commands": 0},
                {"day": "1970-01-01", "hour": 1, "messages": 0, "joins": 1, "leaves": 1, "commands": 0},
            ]})
        );
        assert!(counts.take("miso.messages", 7, 43, 9).is_empty());
        assert!(counts.take("miso.messages", 8, 43, 9).is_empty());
    }
}
