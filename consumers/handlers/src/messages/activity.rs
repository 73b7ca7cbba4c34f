//! Experience for what members write: gathered in memory and told to the decider in the transaction
//! that passes the messages. Pure.

use std::collections::HashMap;

use miso_log::Append;
use miso_model::{Aggregate, ChannelId, GuildId, UserId};
use serde_json::{Value, json};

use crate::ask::request;
use crate::clock::HOUR_MS;

/// Least and most that one message gives.
const MESSAGE_XP: std::ops::RangeInclusive<usize> = 1..=50;
/// What a file gives.
const ATTACHMENT_XP: usize = 10;
/// Members in one request, at most (the decider takes as many); more go into further requests.
const REQUEST_MEMBERS: usize = 2_000;
/// The decider caps experience by windows of this length, milliseconds: what is of two is told apart.
const WINDOW_MS: i64 = 5 * 60 * 1_000;

/// What a message is worth: its words longer than one letter, and its files.
pub(crate) fn worth(content: &str, attachments: usize) -> u64 {
    let words = content.split_whitespace().filter(|word| word.chars().nth(1).is_some()).count();
    let xp = words.saturating_add(attachments.saturating_mul(ATTACHMENT_XP));
    xp.clamp(*MESSAGE_XP.start(), *MESSAGE_XP.end()) as u64
}

#[derive(Debug, Default)]
struct Wrote {
    xp: u64,
    messages: u64,
    channel: ChannelId,
    at_ms: i64,
}

/// By member and window.
type Members = HashMap<(u64, i64), Wrote>;

/// What members wrote, by partition and guild. No more than the messages of one commit
/// ([`LAZY_COMMIT_EVENTS`](crate::LAZY_COMMIT_EVENTS)).
#[derive(Debug, Default)]
pub(crate) struct Writing {
    /// By guild in each.
    partitions: HashMap<i32, HashMap<u64, Members>>,
}

impl Writing {
    /// A member wrote a message worth `xp`.
    pub(crate) fn add(
        &mut self,
        partition: i32,
        guild: GuildId,
        (user, channel): (UserId, ChannelId),
        xp: u64,
        at_ms: i64,
    ) {
        let members = self.partitions.entry(partition).or_default().entry(guild.0).or_default();
        let wrote = members.entry((user.0, at_ms.div_euclid(WINDOW_MS))).or_default();
        wrote.xp += xp;
        wrote.messages += 1;
        wrote.channel = channel;
        wrote.at_ms = at_ms;
    }

    /// Whether nobody wrote.
    pub(crate) fn is_empty(&self, partition: i32) -> bool {
        !self.partitions.contains_key(&partition)
    }

    /// Takes what was gathered of a partition, as requests; `next` is where its records now stand.
    pub(crate) fn take(&mut self, group: &str, partition: i32, next: i64, now_ms: i64) -> Vec<Append> {
        let mut guilds: Vec<_> = self.partitions.remove(&partition).unwrap_or_default().into_iter().collect();
        guilds.sort_unstable_by_key(|(guild, _)| *guild);
        let mut requests = Vec::with_capacity(guilds.len());
        for (guild, members) in guilds {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_unstable_by_key(|((user, window), _)| (*window, *user));
            let members: Vec<Value> = members.into_iter().map(|((user, _), wrote)| told(user, &wrote)).collect();
            for (part, members) in members.chunks(REQUEST_MEMBERS).enumerate() {
                let id = format!("activity/{partition}/{next}/{part}");
                let (guild, body) = (Aggregate::Guild(GuildId(guild)), json!({"members": members}));
                requests.push(request(group, guild, "ActivityObserved", id, &body, now_ms));
            }
        }
        requests
    }

    /// What was gathered of a partition is void.
    pub(crate) fn forget(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }
}

fn told(user: u64, wrote: &Wrote) -> Value {
    json!({
        "user": UserId(user), "xp": wrote.xp, "messages": wrote.messages, "hour": wrote.at_ms.div_euclid(HOUR_MS).rem_euclid(24),
        "channel": wrote.channel, "at_ms": wrote.at_ms,
    })
}

#[cfg(test)]
mod tests {
    use miso_model::{LogRecord, Request};

    use super::*;

    #[test]
    fn a_message_is_worth_its_words_and_files_within_bounds() {
        for (content, files, xp) in [
            ("", 0, 1),
            ("a b c", 0, 1),
            ("hello there general", 0, 3),
            ("I am é éé", 0, 2),
            ("look", 2, 21),
            ("", 9, 50),
            (&"word ".repeat(400), 0, 50),
        ] {
            assert_eq!(worth(content, files), xp, "{content} {files}");
        }
    }

    #[test]
    fn members_are_told_once_per_guild_and_window() {
        let mut writing = Writing::default();
        let (guild, place) = (GuildId(1), |user, channel| (UserId(user), ChannelId(channel)));
        assert!(writing.is_empty(3));
        writing.add(3, guild, place(7, 5), 4, 1_000);
        writing.add(3, guild, place(7, 6), 2, 2_000);
        writing.add(3, guild, place(8, 5), 1, 2_000);
        writing.add(3, guild, place(7, 5), 9, WINDOW_MS);
        writing.add(4, guild, place(9, 5), 9, 1);
        writing.forget(4);
        let taken = writing.take("miso.messages", 3, 42, 9);
        assert_eq!(taken.len(), 1);
        let request = Request::from_bytes(taken[0].value.as_deref().expect("a value")).expect("reads");
        assert_eq!((request.kind.as_str(), request.aggregate.as_str()), ("ActivityObserved", "guild/1"));
        assert_eq!(request.request_id, "activity/3/42/0");
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        assert_eq!(
            body["members"],
            json!([
                {"user": "7", "xp": 6, "messages": 2, "hour": 0, "channel": "6", "at_ms": 2_000},
                {"user": "8", "xp": 1, "messages": 1, "hour": 0, "channel": "5", "at_ms": 2_000},
                {"user": "7", "xp": 9, "messages": 1, "hour": 0, "channel": "5", "at_ms": WINDOW_MS},
            ])
        );
        assert!(writing.take("miso.messages", 3, 43, 9).is_empty() && writing.is_empty(4));
    }

    #[test]
    fn more_members_than_a_request_holds_are_told_in_several() {
        let mut writing = Writing::default();
        for user in 0..4_500 {
            writing.add(3, GuildId(1), (UserId(user), ChannelId(5)), 1, 1_000);
        }
        assert_eq!(writing.take("miso.messages", 3, 42, 9).len(), 3);
    }
}
