//! Thirty days of a guild's life, out of a seed: who spoke when and where. One plan makes both the
//! messages of the world and what Miso would have observed meanwhile. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::snowflake::{Mix, iso8601};

/// Days of a history, at most.
pub const MAX_HISTORY_DAYS: u32 = 90;
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;
/// How lively each hour (UTC) is.
const HOURS: [u64; 24] = [5, 3, 2, 1, 1, 2, 4, 6, 8, 9, 9, 10, 12, 11, 10, 11, 13, 16, 20, 22, 21, 17, 12, 8];
/// XP of a member in one entry: the most that five minutes give.
const MAX_XP: u64 = 150;

/// Somebody said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) at_ms: u64,
    /// Index of the person.
    pub(crate) user: usize,
    /// Index of the channel.
    pub(crate) channel: usize,
    /// A number that picks the words.
    pub(crate) line: u64,
}

/// What was said in the `days` before `until_ms` (Unix milliseconds), the day of `until_ms` included, in
/// order of time. Empty without people, channels or days.
pub(crate) fn plan(people: usize, channels: usize, seed: u64, days: u32, until_ms: u64) -> Vec<Said> {
    let mut said = Vec::new();
    if people == 0 || channels == 0 {
        return said;
    }
    let mut mix = Mix::new(seed ^ 0x0048_1516_2342);
    let today = until_ms / DAY_MS;
    let total: u64 = HOURS.iter().sum();
    for back in (0..u64::from(days.min(MAX_HISTORY_DAYS))).rev() {
        let day = today.saturating_sub(back);
        // 1970-01-01 was a Thursday: days 2 and 3 of a week are the weekend.
        let weekend = matches!(day % 7, 2 | 3);
        let messages = 50 + mix.below(60) + if weekend { 40 } else { 0 };
        for _ in 0..messages {
            let mut left = mix.below(total);
            let mut hour = 0;
            while left >= HOURS[hour] {
                left -= HOURS[hour];
                hour += 1;
            }
            let at_ms = day * DAY_MS + hour as u64 * HOUR_MS + mix.below(HOUR_MS);
            // The smaller of two draws: the first ones speak most.
            let user = usize::try_from(mix.below(people as u64).min(mix.below(people as u64))).unwrap_or(0);
            let channel = usize::try_from(mix.below(channels as u64).min(mix.below(channels as u64))).unwrap_or(0);
            let line = mix.next();
            if at_ms < until_ms {
                said.push(Said { at_ms, user, channel, line });
            }
        }
    }
    said.sort_by_key(|said| said.at_ms);
    said
}

/// A request of Miso's commands API, as its consumers would have made it on that day.
#[derive(Debug, Clone, PartialEq)]
pub struct SeededRequest {
    /// The same for the same guild, day and kind: repeated, it has no effect.
    pub request_id: String,
    /// `guild/<id>`.
    pub aggregate: String,
    /// `CountsObserved` or `ActivityObserved`.
    pub kind: &'static str,
    /// The request's body.
    pub body: Value,
    /// When it would have been made, Unix milliseconds.
    pub at_ms: u64,
}

/// What Miso would have observed in a guild in the `days` (at most [`MAX_HISTORY_DAYS`]) before
/// `until_ms` (Unix milliseconds), oldest first: per day the counts, and the activity of its members by
/// hour. `users` and `channels` are ids, the liveliest first. The same arguments give the same requests.
#[must_use]
pub fn seeded_history(
    guild: u64,
    users: &[u64],
    channels: &[u64],
    seed: u64,
    days: u32,
    until_ms: u64,
) -> Vec<SeededRequest> {
    let mut by_day: BTreeMap<u64, Vec<Said>> = BTreeMap::new();
    for said in plan(users.len(), channels.len(), seed ^ guild, days, until_ms) {
        by_day.entry(said.at_ms / DAY_MS).or_default().push(said);
    }
    let mut mix = Mix::new(seed ^ guild ^ 0x10_10);
    let mut requests = Vec::with_capacity(by_day.len() * 2);
    for (day, said) in by_day {
        let at_ms = said.last().map_or(day * DAY_MS, |said| said.at_ms);
        let mut request = |kind: &'static str, body: Value| {
            let request_id = format!("seeded:{seed}:{day}:{kind}");
            requests.push(SeededRequest { request_id, aggregate: format!("guild/{guild}"), kind, body, at_ms });
        };
        request("CountsObserved", json!({"counts": counts(day, &said, &mut mix)}));
        request("ActivityObserved", json!({"members": activity(users, channels, &said)}));
    }
    requests
}

fn counts(day: u64, said: &[Said], mix: &mut Mix) -> Vec<Value> {
    let date = iso8601(day * DAY_MS).get(..10).unwrap_or_default().to_owned();
    let mut hours: BTreeMap<u64, u64> = BTreeMap::new();
    for said in said {
        *hours.entry(said.at_ms / HOUR_MS % 24).or_default() += 1;
    }
    let hours = hours.into_iter().map(|(hour, messages)| {
        json!({
            "day": date, "hour": hour, "messages": messages, "joins": mix.below(4) / 3, "leaves": mix.below(9) / 8,
            "commands": mix.below(messages / 3 + 1),
        })
    });
    hours.collect()
}

fn activity(users: &[u64], channels: &[u64], said: &[Said]) -> Vec<Value> {
    // By member and hour: messages, XP, the last channel and time.
    let mut entries: BTreeMap<(usize, u64), (u64, u64, usize, u64)> = BTreeMap::new();
    for said in said {
        let entry = entries.entry((said.user, said.at_ms / HOUR_MS % 24)).or_default();
        entry.0 += 1;
        entry.1 += 4 + said.line % 20;
        entry.2 = said.channel;
        entry.3 = said.at_ms;
    }
    let members = entries.into_iter().filter_map(|((user, hour), (messages, xp, channel, at_ms))| {
        let (user, channel) = (users.get(user)?, channels.get(channel)?);
        Some(json!({
            "user": user.to_string(), "xp": xp.min(MAX_XP), "messages": messages, "hour": hour,
            "channel": channel.to_string(), "at_ms": at_ms,
        }))
    });
    members.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_516_200_000;

    #[test]
    fn a_seed_is_a_history_and_nothing_in_it_is_yet_to_come() {
        let one = plan(8, 3, 1, 30, NOW);
        assert_eq!(one, plan(8, 3, 1, 30, NOW));
        assert_ne!(one, plan(8, 3, 2, 30, NOW));
        assert!(one.len() > 1_000, "{}", one.len());
        assert!(one.iter().all(|said| said.at_ms < NOW && said.at_ms / DAY_MS + 30 > NOW / DAY_MS));
        assert!(one.is_sorted_by_key(|said| said.at_ms));
        assert!(
            plan(0, 3, 1, 30, NOW).is_empty() && plan(3, 0, 1, 30, NOW).is_empty() && plan(3, 3, 1, 0, NOW).is_empty()
        );
    }

    #[test]
    fn requests_count_every_message_once_and_stay_below_the_cap() {
        let (users, channels) = ([11, 12, 13], [21, 22]);
        let requests = seeded_history(7, &users, &channels, 1, 30, NOW);
        assert_eq!(requests, seeded_history(7, &users, &channels, 1, 30, NOW));
        let of = |kind: &str, list: &str| -> Vec<Value> {
            let requests = requests.iter().filter(|request| request.kind == kind);
            requests.flat_map(|request| request.body[list].as_array().cloned().unwrap_or_default()).collect()
        };
        let (counts, members) = (of("CountsObserved", "counts"), of("ActivityObserved", "members"));
        let messages = |entries: &[Value]| entries.iter().filter_map(|entry| entry["messages"].as_u64()).sum::<u64>();
        assert_eq!(messages(&counts), messages(&members));
        assert_eq!(messages(&counts), plan(3, 2, 1 ^ 7, 30, NOW).len() as u64);
        assert!(members.iter().all(|entry| entry["xp"].as_u64().is_some_and(|xp| (1..=MAX_XP).contains(&xp))));
        assert!(counts.iter().all(|entry| entry["day"].as_str().is_some_and(|day| day.len() == 10)));
        let ids: std::collections::BTreeSet<_> = requests.iter().map(|request| &request.request_id).collect();
        assert_eq!(ids.len(), requests.len());
    }
}
